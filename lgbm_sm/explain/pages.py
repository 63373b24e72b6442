"""The pages of `explain`: one for each step, and an overview."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

from lgbm_sm.backends.docker.build_context import image_tag
from lgbm_sm.config.instance_types import LOCAL
from lgbm_sm.config.sections import Pattern
from lgbm_sm.errors import ConfigError
from lgbm_sm.explain.image_pages import explain_build, explain_push, find_recipes
from lgbm_sm.explain.other_pages import explain_cleanup, explain_prediction, explain_preparation
from lgbm_sm.explain.sections import Section, section
from lgbm_sm.explain.serving_page import explain_serving, find_serving_place
from lgbm_sm.explain.training_page import explain_training, find_training_place
from lgbm_sm.workspace import Workspace


class Step(StrEnum):
    """What has a page, in the order of a model's life."""

    PREPARE_DATA = "prepare-data"
    BUILD = "build"
    PUSH = "push"
    TRAIN = "train"
    DEPLOY = "deploy"
    PREDICT = "predict"
    CLEANUP = "cleanup"


# what else people call a step
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
    Step.CLEANUP: explain_cleanup,
}


def find_step(word: str) -> Step | None:
    """The step that a word names, as the command or as SageMaker calls it."""
    return Step(word) if word in set(Step) else _WORDS.get(word)


def explain_step(workspace: Workspace, step: Step, *, model: str | None, tree_path: Path | None) -> list[Section]:
    """The page of a step; `model` is what `deploy --model` takes, `tree_path` where train and deploy make the tree.

    Raises:
        ConfigError: the user's inference code is not there, or cannot work.
        TrainingError: `model` names none.
        UsageError: there is something at `tree_path`.
    """
    if step is Step.TRAIN:
        return explain_training(workspace, tree_path)
    if step is Step.DEPLOY:
        return explain_serving(workspace, model, tree_path)
    return _OTHERS[step](workspace)


def explain_all(workspace: Workspace) -> list[Section]:
    """A few lines for each step, as the configuration has it."""
    config = workspace.config
    pattern = config.container.pattern
    recipes = find_recipes(workspace)
    tags = [recipes.message] if isinstance(recipes, ConfigError) else [image_tag(recipe) for recipe in recipes]
    on_aws = {config.training.instance_type, config.endpoint.instance_type} != {LOCAL}
    answering = "sagemaker-runtime:InvokeEndpoint" if config.endpoint.instance_type != LOCAL else "POST /invocations"
    return [
        section(
            Step.PREPARE_DATA,
            f"{config.data.file or config.data.name}: split into {workspace.data_path}/train, valid and test, "
            "with the schema that travels on to the model",
        ),
        section(
            Step.BUILD,
            f"pattern {pattern}: {_PATTERNS[pattern]}",
            tags,
        ),
        section(
            Step.PUSH,
            "to ECR, from where SageMaker takes it by its digest"
            if on_aws
            else "not needed: both instance types are local",
        ),
        section(
            Step.TRAIN,
            find_training_place(workspace).lines[0],
            "`IMAGE train` reads /opt/ml/input and writes /opt/ml/model, which becomes model.tar.gz",
        ),
        section(
            Step.DEPLOY,
            find_serving_place(workspace).lines[0],
            "model.tar.gz is unpacked into /opt/ml/model; `IMAGE serve` answers /ping and /invocations on port 8080",
        ),
        section(Step.PREDICT, f"{answering}, the rows in batches; the answers in the order of the rows"),
        section(
            Step.CLEANUP,
            f"{len(workspace.record.entries())} jobs and endpoints on record; stops and deletes them, and looks again",
        ),
        section("More", '`lgbm-sm explain STEP` shows all of a step, `lgbm-sm explain "ERROR"` what an error means'),
    ]


_PATTERNS = {
    Pattern.BYOC: "one image of our own trains and serves, with a server of its own",
    Pattern.INFERENCE_TOOLKIT: "byoc's image trains; one with Multi Model Server and the inference toolkit serves",
    Pattern.SCRIPT_MODE: "byoc's image trains; AWS's XGBoost image serves, and runs our script",
}
