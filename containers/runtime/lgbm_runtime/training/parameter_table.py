"""The types of LightGBM's parameters, and what is known of names that LightGBM does not have.

`lightgbm_parameters.json` is written from LightGBM's source by tools/lightgbm_parameters.py, `other_names.json` by
hand. `lgbm-sm` reads the same files.
"""

from __future__ import annotations

import json
from pathlib import Path

_FOLDER = Path(__file__).parent

# LightGBM's own names, each with its C++ type
TYPES: dict[str, str] = {
    name: rule["type"]
    for name, rule in json.loads((_FOLDER / "lightgbm_parameters.json").read_text(encoding="utf-8")).items()
}
# names of scikit-learn and of other libraries, each with what to do instead
OTHER_NAMES: dict[str, str] = json.loads((_FOLDER / "other_names.json").read_text(encoding="utf-8"))
# parameters that name a file; a job gets the content of the file, which is JSON
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
