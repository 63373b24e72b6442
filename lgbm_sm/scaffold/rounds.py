"""Choose the number of iterations for a new project."""

from lgbm_sm.preparation.sources import BOSTON
from lgbm_sm.scaffold.draft import Draft

# With the learning rate 0.05, tables from 150 to 50,000 rows needed 70 to 490 iterations. Early stopping ends the
# training, so a higher maximum takes time only if the table needs it.
_ROUNDS = 1000
# with fewer iterations, a metric that is bad by chance can end the training
_PATIENCE = 50
_SECTION = "training.hyperparameters"


def with_enough_rounds(draft: Draft) -> Draft:
    """Return the draft with as many iterations as a table can need, and early stopping.

    The built-in Boston data keeps the notebook's 20 iterations, so that the results can be compared. A draft also stays
    unchanged if the user has set one of the two parameters.
    """
    data = draft.config.data
    keys = {name: f"{_SECTION}.{name}" for name in ("num_boost_round", "early_stopping_round")}
    is_boston = data.name == BOSTON and data.file is None and data.files is None
    # a parameter that was removed with an empty value is not in the configuration
    parameters = draft.config.training.hyperparameters
    is_given = any(draft.decides(key) or name not in parameters for name, key in keys.items())
    if is_boston or is_given:
        return draft
    why = (f"early stopping ends the training when {_PATIENCE} iterations in a row bring no improvement",)
    return draft.having(keys["num_boost_round"], _ROUNDS, why).having(keys["early_stopping_round"], _PATIENCE, why)
