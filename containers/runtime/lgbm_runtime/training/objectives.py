"""Which objective suits which target.

Names and aliases are those of LightGBM's parameter `objective` (docs/Parameters.rst); its C API lists the aliases of
parameter names, not those of their values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
_MULTICLASS = frozenset({"multiclass", "multiclassova"})
_CROSS_ENTROPY = frozenset({"cross_entropy", "cross_entropy_lambda"})


def canonical_objective(given: str) -> str:
    """LightGBM's own name of the objective; an unknown one is returned as it is, for LightGBM to judge.

    Raises TrainingError for an objective that cannot be trained from channel files.
    """
    objective = _CANONICAL.get(given, given)
    if objective in ("lambdarank", "rank_xendcg"):
        raise TrainingError(f"objective={given} needs query groups, which the channel files do not carry")
    if objective == "custom":
        raise TrainingError(f"objective={given} stands for a function of one's own, which the container cannot take")
    return objective


def num_class(objective: str, classes: Sequence[Any] | None, given: Any) -> int:
    """The number of classes that LightGBM is told: 1 unless the objective is a multiclass one.

    `classes` are the schema's (None where there is no schema, or the target is numeric), `given` is the hyperparameter
    num_class or None. Raises TrainingError when objective, classes and number do not go together.
    """
    known = None if classes is None else len(classes)
    fitting = "binary" if known == 2 else "multiclass"
    if objective in _MULTICLASS:
        if given is None and known is None:
            raise TrainingError(f"objective={objective} needs num_class, since no schema lists the target's classes")
        if given is not None and known is not None and given != known:
            raise TrainingError(f"num_class={given}, but the schema lists {known} classes of the target")
        count = known if known is not None else given
        if not isinstance(count, int) or count < 2:
            raise TrainingError(f"num_class={count}: objective={objective} needs a whole number of at least 2")
        return count
    if given not in (None, 1):
        raise TrainingError(f"num_class={given} does not suit objective={objective}: multiclass takes it")
    if known is None:
        return 1
    if known != 2 and (objective == "binary" or objective in _CROSS_ENTROPY):
        raise TrainingError(f"objective={objective} needs 2 classes, the schema lists {known}: use objective={fitting}")
    if objective in _ALIASES and objective != "binary" and objective not in _CROSS_ENTROPY:
        raise TrainingError(
            f"objective={objective} needs a numeric target, but the schema lists {known} classes of it: "
            f"use objective={fitting}, or run prepare-data again for a numeric target"
        )
    return 1


def check_labels(objective: str, labels: Any, where: str) -> None:
    """Refuses labels that LightGBM would take without a word and misread.

    `labels` is an array of float64. LightGBM's binary objective takes every label above 0 for the positive class.
    Raises TrainingError naming the first label at fault; `where` says in which channel it is.
    """
    if objective != "binary":
        return
    strange = labels[(labels != 0) & (labels != 1)]
    if len(strange):
        raise TrainingError(
            f"objective=binary needs a target of 0 and 1, the {where} channel has {strange[0]!r:.40}: "
            "use objective=multiclass, or a schema that lists the two classes"
        )
