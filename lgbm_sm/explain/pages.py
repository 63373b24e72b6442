"""The pages of `explain`: one for each step, and an overview."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

from lgbm_sm.backends.docker.build_context import image_tag
from lgbm_sm.config.sections import Pattern
from lgbm_sm.errors import ConfigError
from lgbm_sm.explain.image_pages import explain_build, explain_push, find_recipes
from lgbm_sm.explain.other_pages import explain_cleanup, explain_prediction, explain_preparation, explain_stop
from lgbm_sm.explain.places import where_endpoints_run, where_jobs_run
from lgbm_sm.explain.sections import Section, section
from lgbm_sm.explain.serving_page import explain_serving
from lgbm_sm.explain.training_page import explain_training
from lgbm_sm.wording import counted
from lgbm_sm.workspace import Workspace


class Step(StrEnum):
    """The steps with a page, in the order of the lifecycle."""

    PREPARE_DATA = "prepare-data"
    BUILD = "build"
    PUSH = "push"
    TRAIN = "train"
    DEPLOY = "deploy"
    PREDICT = "predict"
    STOP = "stop"
    CLEANUP = "cleanup"


# other names for a step
_WORDS: Mapping[str, Step] = {
    "data": Step.PREPARE_DATA,
    "image": Step.BUILD,
    "training": Step.TRAIN,
    "endpoint": Step.DEPLOY,
    "hosting": Step.DEPLOY,
    "serve": Step.DEPLOY,
    "invocations": Step.PREDICT,
    "invoke": Step.PREDICT,
}
_OTHERS: Mapping[Step, Callable[[Workspace], list[Section]]] = {
    Step.PREPARE_DATA: explain_preparation,
    Step.BUILD: explain_build,
    Step.PUSH: explain_push,
    Step.PREDICT: explain_prediction,
    Step.STOP: explain_stop,
    Step.CLEANUP: explain_cleanup,
}


def find_step(word: str) -> Step | None:
    """Return the step that a word of the user means, or None."""
    return Step(word) if word in set(Step) else _WORDS.get(word)


def explain_step(workspace: Workspace, step: Step, *, model: str | None, tree_path: Path | None) -> list[Section]:
    """Return the page of a step.

    `model` has the same meaning as in `deploy --model`. The pages of train and deploy write files to `tree_path`.

    Raises:
        ConfigError: the user's inference code does not exist, or cannot work.
        TrainingError: the model `model` does not exist.
        UsageError: the folder at `tree_path` is not empty.
    """
    if step is Step.TRAIN:
        return explain_training(workspace, tree_path)
    if step is Step.DEPLOY:
        return explain_serving(workspace, model, tree_path)
    return _OTHERS[step](workspace)


def explain_all(workspace: Workspace) -> list[Section]:
    """Return a short section about each step with this configuration."""
    config = workspace.config
    pattern = config.container.pattern
    recipes = find_recipes(workspace)
    tags = [recipes.message] if isinstance(recipes, ConfigError) else [image_tag(recipe) for recipe in recipes]
    request = "POST /invocations" if config.endpoint.is_local else "sagemaker-runtime:InvokeEndpoint"
    return [
        section(
            Step.PREPARE_DATA,
            f"splits {config.data.file or config.data.name} into {workspace.data_path}/train, valid and test, and "
            "writes the schema, which becomes part of the model artifact",
        ),
        section(Step.BUILD, f"pattern {pattern}: {_PATTERNS[pattern]}", tags),
        section(
            Step.PUSH,
            "not needed: both instance types are local"
            if config.is_local
            else "to ECR, from which SageMaker pulls the image by its digest",
        ),
        section(
            Step.TRAIN,
            where_jobs_run(workspace).lines[0],
            "`IMAGE train` reads /opt/ml/input and writes /opt/ml/model, which becomes model.tar.gz",
        ),
        section(
            Step.DEPLOY,
            where_endpoints_run(workspace).lines[0],
            "model.tar.gz is unpacked into /opt/ml/model; `IMAGE serve` answers /ping and /invocations on port 8080",
        ),
        section(Step.PREDICT, f"{request} with the rows in batches; the predictions are in the order of the rows"),
        section(Step.STOP, "ends the endpoints; models, artifacts and jobs are kept, so that `deploy` can start again"),
        section(
            Step.CLEANUP,
            f"{counted(len(workspace.record.entries()), 'job or endpoint', 'jobs and endpoints')} on record; stops and "
            "deletes them, then checks that nothing is left",
        ),
        section("More", '`lgbm-sm explain STEP` explains one step, `lgbm-sm explain "ERROR"` an error message'),
    ]


_PATTERNS = {
    Pattern.BYOC: "one image trains and serves, with lgbm-sm's own server",
    Pattern.INFERENCE_TOOLKIT: "the byoc image trains; an image with Multi Model Server and inference toolkit serves",
    Pattern.SCRIPT_MODE: "the byoc image trains; AWS's XGBoost image serves and runs lgbm-sm's script",
}
