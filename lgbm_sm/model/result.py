"""The result of a training job in a few words: the metric that decided its best iteration."""

from pathlib import Path

from lgbm_sm.errors import TrainingError
from lgbm_sm.model.artifact import read_metadata


def describe_result(artifact_path: Path) -> str:
    """Return the main metric of a model artifact at its best iteration, such as `validation l2 33.4 at iteration 20`.

    It is the first metric on the validation channel, which early stopping uses; without that channel, on the train
    channel. If the artifact cannot be read, return the reason.
    """
    if not artifact_path.exists():
        return "its metrics are not on this machine"
    try:
        metadata = read_metadata(artifact_path)
    except TrainingError as error:
        return f"its metrics cannot be read: {error.message}"
    for split in ("validation", "train"):
        for name, value in (metadata["metrics"].get(split) or {}).items():
            shown = "not finite" if value is None else f"{value:.6g}"
            return f"{split} {name} {shown} at iteration {metadata['best_iteration']}"
    return "without metrics"
