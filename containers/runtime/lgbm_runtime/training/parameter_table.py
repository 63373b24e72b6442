"""The types of LightGBM's parameters, and advice on names from other libraries.

tools/lightgbm_parameters.py writes `lightgbm_parameters.json` from LightGBM's source. `other_names.json` is written by
hand. `lgbm-sm` reads the same files.
"""

from __future__ import annotations

import json
from pathlib import Path

_FOLDER = Path(__file__).parent

# maps LightGBM's main name of each parameter to its C++ type
TYPES: dict[str, str] = {
    name: rule["type"]
    for name, rule in json.loads((_FOLDER / "lightgbm_parameters.json").read_text(encoding="utf-8")).items()
}
# maps names of scikit-learn and of other libraries to advice
OTHER_NAMES: dict[str, str] = json.loads((_FOLDER / "other_names.json").read_text(encoding="utf-8"))
# parameters that name a JSON file; a job gets the content of the file
FILES = frozenset({"forcedsplits_filename", "forcedbins_filename"})
# lists with one item for each feature
PER_FEATURE = frozenset(
    {
        "monotone_constraints",
        "feature_contri",
        "max_bin_by_feature",
        "cegb_penalty_feature_lazy",
        "cegb_penalty_feature_coupled",
    }
)
