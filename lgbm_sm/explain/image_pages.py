"""The pages of `explain build` and `explain push`."""

import shlex
from pathlib import Path

from lgbm_sm import lifecycle
from lgbm_sm.aws.ecr_repository import EcrRepository
from lgbm_sm.aws.image_manifest import DOCKER_MANIFEST
from lgbm_sm.backends.docker.build_context import ImageRecipe, image_files, image_tag, xgboost_tag
from lgbm_sm.config.sections import Pattern
from lgbm_sm.errors import ConfigError
from lgbm_sm.explain.aws_calls import describe_calls_of
from lgbm_sm.explain.images import image_section, look_at_image, platform_of_docker
from lgbm_sm.explain.sections import Section, aligned, indented, section
from lgbm_sm.images.build import PROJECT_ARGUMENT
from lgbm_sm.workspace import Workspace


def find_recipes(workspace: Workspace) -> list[ImageRecipe] | ConfigError:
    """Return the recipes of the images to build, or the error if the configuration allows no image."""
    try:
        return lifecycle.recipes(workspace.config, workspace.containers_path, platform_of_docker(workspace.engine))
    except ConfigError as error:
        return error


def explain_build(workspace: Workspace) -> list[Section]:
    """Return the page of `lgbm-sm build`."""
    recipes = find_recipes(workspace)
    if isinstance(recipes, ConfigError):
        return [section("Not possible now", recipes.message, recipes.hint)]
    pulls = workspace.config.container.pattern is Pattern.SCRIPT_MODE
    sections = [
        section(
            "Where it runs",
            "in Docker on this machine; it calls AWS only to pull AWS's image"
            if pulls
            else "in Docker on this machine; it does not call AWS",
            "the tag is a digest of the image's content, so an unchanged image is not built again",
        ),
        *(section for recipe in recipes for section in _recipe_sections(workspace, recipe)),
    ]
    if pulls:
        sections += [
            section(
                f"{xgboost_tag(workspace.config)}: AWS's XGBoost image, which serves",
                "it is pulled, not built: ecr:GetAuthorizationToken, then `docker pull`, which calls ecr:BatchGetImage "
                "and ecr:GetDownloadUrlForLayer; `lgbm-sm build --image` uses a local image instead",
            ),
            image_section(look_at_image(workspace, Pattern.SCRIPT_MODE)),
        ]
    return sections


def _recipe_sections(workspace: Workspace, recipe: ImageRecipe) -> list[Section]:
    roles = ["trains"] if recipe.pattern is Pattern.BYOC else []
    roles += ["serves"] if recipe.pattern is workspace.config.container.pattern else []
    files = image_files(recipe)
    size = sum(path.stat().st_size for _, path in files)
    return [
        section(
            f"{image_tag(recipe)}, which {' and '.join(roles)}",
            "the command:",
            indented(_command(workspace, recipe)),
            f"the build context: {len(files)} files, {size / 1000:.0f} kB; no other file can be in the image",
            indented(name for name, _ in files),
            "the stages of the Dockerfile:",
            indented(_stages(recipe.context_path / recipe.dockerfile)),
        ),
        image_section(look_at_image(workspace, recipe.pattern)),
    ]


def _command(workspace: Workspace, recipe: ImageRecipe) -> list[str]:
    arguments = {**recipe.all_arguments, PROJECT_ARGUMENT: workspace.config.project.name}
    bundle = workspace.ca_bundle_path
    return [
        f"docker build --file containers/{recipe.dockerfile} --platform {recipe.platform} \\",
        *(f"--build-arg {shlex.quote(f'{name}={value}')} \\" for name, value in arguments.items()),
        f"--tag {image_tag(recipe)} containers",
        (
            f"(the context also has ca-bundle.pem, {f'a copy of {bundle}' if bundle else 'empty'}; it does not "
            "stay in the image)"
        ),
    ]


def _stages(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith(("FROM ", "ENTRYPOINT ", "CMD ", "EXPOSE "))]


def explain_push(workspace: Workspace) -> list[Section]:
    """Return the page of `lgbm-sm push`.

    Raises:
        AwsError: the profile in AWS_PROFILE does not exist.
    """
    config = workspace.config
    recipes = find_recipes(workspace)
    if isinstance(recipes, ConfigError):
        return [section("Not possible now", recipes.message, recipes.hint)]
    lines = ["from Docker on this machine to ECR, in the account of your credentials"]
    if config.is_local:
        lines.append("both instance types are local, so this configuration needs no push")
    if config.container.pattern is Pattern.SCRIPT_MODE:
        lines.append("AWS's XGBoost image is in ECR already, so only the image that trains is pushed")
    return [
        section("Where it goes", lines),
        *(section for recipe in recipes for section in _push_sections(workspace, recipe)),
        section(
            "The image format that SageMaker accepts",
            aligned(
                [
                    ("manifest", f"{DOCKER_MANIFEST} for one platform; endpoints refuse OCI manifests and indexes"),
                    (
                        "otherwise",
                        "if Docker pushes another format, ecr:PutImage adds this manifest for the pushed layers",
                    ),
                    ("by digest", "jobs and endpoints use the image's digest, so a later push does not change them"),
                ]
            ),
        ),
    ]


def _push_sections(workspace: Workspace, recipe: ImageRecipe) -> list[Section]:
    tag = image_tag(recipe)
    return [
        section(
            f"AWS calls for {tag}",
            describe_calls_of(workspace, lambda unknown: _plan_push(unknown, recipe), exists=False),
            "the repository is created only if it does not exist",
            "before the push, ecr:GetAuthorizationToken gets a token, which is valid for 12 hours and is not stored",
            "after the push, ecr:BatchGetImage reads the manifest to check it",
        ),
        image_section(look_at_image(workspace, recipe.pattern)),
    ]


def _plan_push(workspace: Workspace, recipe: ImageRecipe) -> None:
    """Record the calls of a push. Unlike `push --dry-run`, this does not need the image."""
    config, tag = workspace.config, image_tag(recipe)
    repository = EcrRepository(workspace.accounts.get(config.aws.region), recipe.repository)
    uri = repository.find_uri() or repository.create(workspace.tags(), immutable_tags=config.aws.immutable_tags)
    if workspace.dry_run:
        workspace.dry_run.note("docker", "push", image=tag, to=f"{uri}:{tag.partition(':')[2]}")
