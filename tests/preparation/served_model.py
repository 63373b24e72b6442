"""A model of prepared data: trained by the container's training program, answering by its serving code."""

import shutil
from pathlib import Path

import numpy as np

from lgbm_runtime.core.predictor import Predictor
from tests.preparation.data_project import DataProject
from tests.runtime.training_jobs import make_job

TREES = {"num_boost_round": 100, "learning_rate": 0.1, "min_data_in_leaf": 3, "seed": 1}


class ServedModel:
    """Trained on the project's channels, on one thread."""

    def __init__(self, project: DataProject, root: Path, objective: str) -> None:
        job = make_job(root, {**TREES, "objective": objective, "num_threads": 1}, {"train": {}, "validation": {}})
        for channel, folder in (("train", "train"), ("validation", "valid"), ("schema", "schema")):
            shutil.copytree(project.data / folder, root / "input" / "data" / channel)
        assert job.run_here() == 0, job.failure
        self.predictor = Predictor.load(root / "model", 1)

    def answer(self, body: str, content_type: str = "text/csv") -> list[float]:
        """The predictions of a request."""
        answer = self.predictor.invoke(body.encode(), content_type, "text/csv")
        return [float(line) for line in answer.body.decode().split()]

    def unseen(self, body: str) -> str:
        """The attributes of the answer, which name unseen categories."""
        return self.predictor.invoke(body.encode(), "text/csv", "text/csv").attributes

    def r2(self, project: DataProject) -> float:
        """On the test rows without missing cells: what is not known cannot be predicted."""
        test = project.data / project.schema()["splits"]["test"]["file"]
        predicted = np.array(self.answer(test.read_text(encoding="utf-8")))
        truth = np.array([float(cell) for [cell] in project.rows("test_target")])
        complete = np.array([all(row) for row in project.rows("test")])
        truth, predicted = truth[complete], predicted[complete]
        return float(1 - ((truth - predicted) ** 2).sum() / ((truth - truth.mean()) ** 2).sum())
