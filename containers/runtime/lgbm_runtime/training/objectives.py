"""The objectives, and the kind of target that each of them needs.

The names and aliases come from LightGBM's documentation of the parameter `objective` (docs/Parameters.rst). The C API
has no list of them: it lists only the aliases of parameter names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lgbm_runtime.core.outputs import BINARY, MULTICLASS
from lgbm_runtime.training.failure import TrainingError

_ALIASES: dict[str, tuple[str, ...]] = {
    "regression": ("regression_l2", "l2", "mean_squared_error", "mse", "l2_root", "root_mean_squared_error", "rmse"),
    "regression_l1": ("l1", "mean_absolute_error", "mae"),
    "huber": (),
    "fair": (),
    "poisson": (),
    "quantile": (),
    "mape": ("mean_absolute_percentage_error",),
    "gamma": (),
    "tweedie": (),
    "binary": (),
    "multiclass": ("softmax",),
    "multiclassova": ("multiclass_ova", "ova", "ovr"),
    "cross_entropy": ("xentropy",),
    "cross_entropy_lambda": ("xentlambda",),
    "lambdarank": (),
    "rank_xendcg": ("xendcg", "xe_ndcg", "xe_ndcg_mart", "xendcg_mart"),
    "custom": ("none", "null", "na"),
}
_CANONICAL = {name: objective for objective, aliases in _ALIASES.items() for name in (objective, *aliases)}
_TWO_CLASSES = frozenset({BINARY, "cross_entropy", "cross_entropy_lambda"})
_FEWEST_CLASSES = 2


def canonical_objective(given: str) -> str:
    """Return LightGBM's main name of the objective. Return an unknown name unchanged.

    LightGBM itself refuses an unknown name. Raises TrainingError for an objective that the container does not support.
    """
    objective = _CANONICAL.get(given, given)
    if objective in ("lambdarank", "rank_xendcg"):
        raise TrainingError(f"objective={given} needs query groups, which the channel files do not have")
    if objective == "custom":
        raise TrainingError(f"objective={given} stands for a custom function, which the container does not support")
    return objective


def num_class(objective: str, classes: Sequence[Any] | None, given: Any) -> int:
    """Return LightGBM's parameter num_class, which is 1 unless the objective is multiclass.

    `classes` are the classes in the schema. They are None if there is no schema or the target is numeric. `given` is
    the hyperparameter num_class, or None. Raises TrainingError if the objective, the classes and num_class contradict
    one another.
    """
    listed = None if classes is None else len(classes)
    if objective in MULTICLASS:
        return _multiclass_num_class(objective, listed, given)
    if given not in (None, 1):
        raise TrainingError(
            f"num_class={given} does not match objective={objective}: only multiclass objectives use it"
        )
    if listed is not None and objective in _TWO_CLASSES:
        _check_two_classes(objective, listed)
    elif listed is not None and objective in _ALIASES:
        _refuse_classes(objective, listed)
    return 1


def _multiclass_num_class(objective: str, listed: int | None, given: Any) -> int:
    if given is None and listed is None:
        raise TrainingError(f"objective={objective} needs num_class, since no schema lists the target's classes")
    if given is not None and listed is not None and given != listed:
        raise TrainingError(f"num_class={given}, but the schema lists {listed} classes of the target")
    count = listed if listed is not None else given
    if not isinstance(count, int) or count < _FEWEST_CLASSES:
        raise TrainingError(f"num_class={count}: objective={objective} needs a whole number of at least 2")
    return count


def _check_two_classes(objective: str, listed: int) -> None:
    if listed != _FEWEST_CLASSES:
        raise TrainingError(
            f"objective={objective} needs 2 classes, but the schema lists {listed}: use objective={_fitting(listed)}"
        )


def _refuse_classes(objective: str, listed: int) -> None:
    raise TrainingError(
        f"objective={objective} needs a numeric target, but the schema lists {listed} classes of it: "
        f"use objective={_fitting(listed)}, or run prepare-data again for a numeric target"
    )


def _fitting(listed: int) -> str:
    return BINARY if listed == _FEWEST_CLASSES else "multiclass"


def check_labels(objective: str, labels: Any, where: str) -> None:
    """Raise TrainingError for labels that LightGBM would misread without an error.

    `labels` is an array of float64 from the channel `where`. With the objective binary, LightGBM takes each label above
    0 for the positive class. So this function allows only 0 and 1.
    """
    if objective != BINARY:
        return
    strange = labels[(labels != 0) & (labels != 1)]
    if len(strange):
        raise TrainingError(
            f"objective=binary needs a target of 0 and 1, but the {where} channel has {strange[0]!r:.40}: "
            "use objective=multiclass, or a schema that lists the two classes"
        )
