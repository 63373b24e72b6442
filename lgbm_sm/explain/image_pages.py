"""`explain build` and `explain push`."""

import shlex
from dataclasses import replace
from pathlib import Path

from lgbm_sm import lifecycle
from lgbm_sm.aws.ecr_repository import EcrRepository
from lgbm_sm.aws.image_manifest import DOCKER_MANIFEST
from lgbm_sm.backends.docker.build_context import ImageRecipe, image_files, image_tag, xgboost_tag
from lgbm_sm.config.instance_types import LOCAL
from lgbm_sm.config.sections import Pattern
from lgbm_sm.errors import ConfigError
from lgbm_sm.explain.aws_calls import open_unknown_account
from lgbm_sm.explain.images import image_section, look_at_image
from lgbm_sm.explain.noted_engine import NotingEngine
from lgbm_sm.explain.sections import Section, aligned, indented, section
from lgbm_sm.images.build import PROJECT_ARGUMENT
from lgbm_sm.workspace import Workspace

TRAINS, SERVES = "trains", "serves"


def find_recipes(workspace: Workspace) -> list[ImageRecipe] | ConfigError:
    """Of the images that are built here, or why that is not known."""
    try:
        return lifecycle.recipes(replace(workspace, engine=NotingEngine(workspace.engine)), workspace.config)
    except ConfigError as error:
        return error


def explain_build(workspace: Workspace) -> list[Section]:
    """What happens when `lgbm-sm build` is called now."""
    recipes = find_recipes(workspace)
    if isinstance(recipes, ConfigError):
        return [section("Not possible now", recipes.message, recipes.hint)]
    sections = [
        section(
            "Where it runs",
            "in the Docker engine of this machine; nothing is called at AWS"
            + (", but to fetch AWS's image" if workspace.config.container.pattern is Pattern.SCRIPT_MODE else ""),
            _tag_rule(),
        ),
        *(section for recipe in recipes for section in _of_recipe(workspace, recipe)),
    ]
    if workspace.config.container.pattern is Pattern.SCRIPT_MODE:
        sections += [
            section(
                f"{xgboost_tag(workspace.config)}: AWS's XGBoost image, which serves",
                "it is pulled, not built: ecr:GetAuthorizationToken, then `docker pull`, which asks ecr:BatchGetImage "
                "and ecr:GetDownloadUrlForLayer; `--image` takes one that the engine holds instead",
            ),
            image_section(look_at_image(workspace, Pattern.SCRIPT_MODE)),
        ]
    return sections


def _tag_rule() -> str:
    return "a tag is the first characters of a digest over all that decides on the image: the same content is not built"


def _of_recipe(workspace: Workspace, recipe: ImageRecipe) -> list[Section]:
    roles = [TRAINS] if recipe.pattern is Pattern.BYOC else []
    roles += [SERVES] if recipe.pattern is workspace.config.container.pattern else []
    files = image_files(recipe)
    size = sum(path.stat().st_size for _, path in files)
    return [
        section(
            f"{image_tag(recipe)}, which {' and '.join(roles)}",
            "what the engine is told:",
            indented(_command(workspace, recipe)),
            f"the build context: {len(files)} files, {size / 1000:.0f} kB; no file outside it can enter the image",
            indented(name for name, _ in files),
            "the stages of its Dockerfile:",
            indented(_stages(recipe.context_path / recipe.dockerfile)),
        ),
        image_section(look_at_image(workspace, recipe.pattern)),
    ]


def _command(workspace: Workspace, recipe: ImageRecipe) -> list[str]:
    arguments = {**recipe.all_arguments, PROJECT_ARGUMENT: workspace.config.project.name}
    given = [f"--build-arg {shlex.quote(f'{name}={value}')}" for name, value in arguments.items()]
    bundle = workspace.ca_bundle_path or "empty"
    return [
        f"docker build --file containers/{recipe.dockerfile} --platform {recipe.platform} \\",
        *(f"{one} \\" for one in given),
        f"--tag {image_tag(recipe)} containers",
        f"(ca-bundle.pem, which is {bundle}, goes along in the context, and stays out of the image)",
    ]


def _stages(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith(("FROM ", "ENTRYPOINT ", "CMD ", "EXPOSE "))]


def explain_push(workspace: Workspace) -> list[Section]:
    """What happens when `lgbm-sm push` is called now.

    Raises:
        AwsError: AWS_PROFILE names no profile.
    """
    config = workspace.config
    recipes = find_recipes(workspace)
    if isinstance(recipes, ConfigError):
        return [section("Not possible now", recipes.message, recipes.hint)]
    lines = ["from the engine of this machine to ECR, in the account of the credentials"]
    if {config.training.instance_type, config.endpoint.instance_type} == {LOCAL}:
        lines.append("both instance types are local: nothing that is configured now needs it there")
    if config.container.pattern is Pattern.SCRIPT_MODE:
        lines.append("AWS's XGBoost image is in ECR already: only the image that trains is pushed")
    sections = [section("Where it goes", lines)]
    for recipe in recipes:
        tag = image_tag(recipe)
        aws = open_unknown_account(config.aws, config.project.name)
        EcrRepository(aws.account, recipe.repository).create(workspace.tags(), immutable_tags=config.aws.immutable_tags)
        aws.dry_run.note(
            "docker", "push", image=tag, to=aws.pushed_uri(tag).partition("@")[0] + f":{tag.partition(':')[2]}"
        )
        sections += [
            section(
                f"The calls at AWS for {tag}",
                "ecr:DescribeRepositories; where there is none, and only there, the first two that follow:",
                aws.lines(),
                "before the push ecr:GetAuthorizationToken (good for 12 hours, kept nowhere)",
                "after it ecr:BatchGetImage reads back what arrived",
            ),
            image_section(look_at_image(workspace, recipe.pattern)),
        ]
    return [*sections, _what_hosting_takes()]


def _what_hosting_takes() -> Section:
    return section(
        "What must arrive",
        aligned(
            [
                ("manifest", f"{DOCKER_MANIFEST}, for one platform: hosting refuses OCI's manifests and indexes"),
                ("otherwise", "ecr:PutImage gives the same layers a manifest of that kind"),
                ("by digest", "jobs and endpoints name the image by its digest, so that no later push changes them"),
            ]
        ),
    )
