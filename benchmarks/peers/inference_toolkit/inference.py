"""A user's inference code, as in the documentation of the toolkit.

The toolkit's own decoder and encoder do the rest.
"""

from pathlib import Path

import lightgbm
import numpy as np
from numpy.typing import NDArray


def model_fn(model_dir: str) -> lightgbm.Booster:
    return lightgbm.Booster(model_file=str(Path(model_dir) / "lightgbm-regression-model.txt"))


def predict_fn(data: NDArray[np.float64], model: lightgbm.Booster) -> object:
    # the toolkit's decoder returns a vector for a single row
    return model.predict(np.atleast_2d(data))
