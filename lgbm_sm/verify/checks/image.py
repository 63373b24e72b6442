"""Checks of the image itself. They run before any container."""

import posixpath
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from lgbm_sm import contract
from lgbm_sm.aws.image_manifest import OCI_INDEX, OCI_MANIFEST
from lgbm_sm.verify.checks import (
    DEVELOPER_GUIDE_HOSTING,
    DEVELOPER_GUIDE_RUN_TRAINING,
    Check,
    Result,
    advice,
    rule,
)
from lgbm_sm.verify.containers import Started
from lgbm_sm.verify.sandbox import Sandbox
from lgbm_sm.verify.subject import Subject

PLATFORM = rule(
    "image-platform",
    "An image for another type of CPU fails on the instance with `exec format error`.",
    "build with `--platform linux/amd64` (linux/arm64 for Graviton instances)",
    'Docker, "Multi-platform builds"; AWS Machine Learning Blog, "Run machine learning inference workloads on AWS '
    'Graviton-based instances with Amazon SageMaker"',
)
MANIFEST = rule(
    "image-manifest",
    'SageMaker endpoints refuse images in OCI format with "Unsupported manifest media type".',
    "push with `lgbm-sm push`, which converts the manifest, or build with `--provenance=false --sbom=false` and "
    "`--output type=image,oci-mediatypes=false`",
    "aws/amazon-sagemaker-feedback#180; moby/moby#51532",
)
SIZE = advice(
    "image-size",
    "Every instance pulls the image before it starts; serverless endpoints accept at most 10 GB.",
    "keep build tools out of the last stage of the Dockerfile",
    'AWS developer guide, "Deploy models with Amazon SageMaker Serverless Inference"',
)
USER = rule(
    "image-user",
    "SageMaker's folders belong to root, and AWS requires containers that run as root.",
    "remove USER from the Dockerfile",
    DEVELOPER_GUIDE_HOSTING,
)
ENTRY_POINT = rule(
    "image-entry-point-form",
    "In shell form, process 1 is a shell: the program does not get the word `train` or `serve`, and gets no SIGTERM.",
    'write ENTRYPOINT in exec form, such as ENTRYPOINT ["python3", "/opt/program/start.py"]',
    f"{DEVELOPER_GUIDE_RUN_TRAINING}; {DEVELOPER_GUIDE_HOSTING}",
)
PROGRAMS = rule(
    "image-programs",
    'Without an executable program, `docker run IMAGE train` ends with "executable file not found" or "permission '
    'denied".',
    "make the programs executable (RUN chmod 755 …), and provide an ENTRYPOINT, or both `train` and `serve` on PATH",
    f"{DEVELOPER_GUIDE_RUN_TRAINING}; {DEVELOPER_GUIDE_HOSTING}",
)
LINE_ENDINGS = rule(
    "image-line-endings",
    r"A script whose first line ends in \r\n asks for a program named `sh\r`, and cannot start.",
    "keep line endings with .gitattributes (`* text=auto eol=lf`), or RUN sed -i 's/\\r$//' in the image",
    "execve(2)",
)

COMMANDS = (contract.TRAIN_COMMAND, contract.SERVE_COMMAND)
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHELLS = ("sh", "bash", "dash", "ash")
_GO_SYMLINK = 1 << 27
_MOST_LINKS = 10


class State(Enum):
    """Whether a program can start. Each state except STARTABLE is a reason why it cannot."""

    MISSING = auto()
    NOT_EXECUTABLE = auto()
    WRONG_LINE_ENDINGS = auto()
    STARTABLE = auto()


@dataclass(frozen=True)
class ImageProgram:
    """The program that a command starts. `path` is empty if the image does not have the program."""

    command: str
    name: str
    path: str = ""
    mode: int = 0
    has_wrong_endings: bool = False

    @property
    def state(self) -> State:
        if not self.path:
            return State.MISSING
        if not self.mode & 0o111:
            return State.NOT_EXECUTABLE
        return State.WRONG_LINE_ENDINGS if self.has_wrong_endings else State.STARTABLE


@dataclass(frozen=True)
class Inspected:
    """An image to check. `attributes` is the output of `docker image inspect`."""

    attributes: Mapping[str, Any]
    wanted_platform: str | None
    programs: tuple[ImageProgram, ...]

    def programs_that_are(self, state: State) -> list[ImageProgram]:
        return [program for program in self.programs if program.state is state]

    @property
    def entry_point(self) -> list[str]:
        return list(self.attributes["Config"].get("Entrypoint") or ())

    @property
    def user(self) -> str:
        return self.attributes["Config"].get("User") or ""

    @property
    def is_root(self) -> bool:
        return self.user.partition(":")[0] in ("", "root", "0")


def check_image(sandbox: Sandbox, subject: Subject, attributes: Mapping[str, Any]) -> Generator[Result, None, set[str]]:
    """Yield the results. Return the commands, `train` and `serve`, that can start.

    If the image sets another user than root, also change the sandbox: it then runs the containers as root.
    """
    image = Inspected(attributes, subject.platform, _find_programs(sandbox, subject, attributes))
    sandbox.as_root = not image.is_root
    for judge in JUDGES.values():
        yield judge(image)
    return {program.command for program in image.programs_that_are(State.STARTABLE)}


def environment_of(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment variables that the image sets."""
    return dict(line.partition("=")[::2] for line in attributes["Config"].get("Env") or ())


def _judge_platform(image: Inspected) -> Result:
    found, wanted = f"{image.attributes['Os']}/{image.attributes['Architecture']}", image.wanted_platform
    if wanted:
        return PLATFORM.judged(f"{found}; the instance type needs {wanted}", is_met=found == wanted)
    if found == "linux/arm64":
        return PLATFORM.warned(f"{found}: only Graviton instances run it")
    return PLATFORM.judged(found, is_met=found == "linux/amd64")


def _judge_manifest(image: Inspected) -> Result:
    media_type = (image.attributes.get("Descriptor") or {}).get("mediaType")
    if media_type in (OCI_INDEX, OCI_MANIFEST):
        return MANIFEST.warned(f"Docker stores the image as {media_type}, and `docker push` does not convert it")
    if media_type:
        return MANIFEST.passed(str(media_type))
    return MANIFEST.skipped("Docker stores no manifest before a push; `lgbm-sm push` checks the one in ECR")


def _judge_size(image: Inspected) -> Result:
    size = int(image.attributes["Size"])
    return SIZE.judged(f"{size / 1e6:.0f} MB unpacked", is_met=size <= contract.SERVERLESS_IMAGE_BYTES)


def _judge_user(image: Inspected) -> Result:
    if image.is_root:
        return USER.passed("runs as root")
    return USER.broken(f"runs as {image.user}; the following checks run it as root")


def _judge_form(image: Inspected) -> Result:
    entry_point = image.entry_point
    if not entry_point:
        return ENTRY_POINT.passed("no ENTRYPOINT: Docker looks up `train` and `serve` on PATH")
    shell_form = posixpath.basename(entry_point[0]) in _SHELLS and entry_point[1:2] == ["-c"]
    return ENTRY_POINT.judged(f"ENTRYPOINT {entry_point}"[:200], is_met=not shell_form)


def _judge_programs(image: Inspected) -> Result:
    missing = [program.name for program in image.programs_that_are(State.MISSING)]
    present = [program.name for program in image.programs if program.name not in missing]
    if not_executable := image.programs_that_are(State.NOT_EXECUTABLE):
        shown = [f"{program.path} (mode {program.mode & 0o777:o})" for program in not_executable]
        return PROGRAMS.broken(f"not executable: {_listed(shown)}")
    if missing and not present:
        return PROGRAMS.broken(f"not found on PATH: {_listed(missing)}")
    only = f"; no `{missing[0]}`, so the image is checked without it" if missing else ""
    return PROGRAMS.passed(f"executable: {_listed(present)}{only}")


def _judge_line_endings(image: Inspected) -> Result:
    wrong = [program.path for program in image.programs_that_are(State.WRONG_LINE_ENDINGS)]
    return LINE_ENDINGS.broken(rf"\r\n in {_listed(wrong)}") if wrong else LINE_ENDINGS.passed(r"no script with \r\n")


def _listed(names: list[str]) -> str:
    """Join the names, without duplicates. With an ENTRYPOINT, both commands start the same program."""
    return ", ".join(dict.fromkeys(names))


# in the order of the report
JUDGES: Mapping[Check, Callable[[Inspected], Result]] = {
    PLATFORM: _judge_platform,
    MANIFEST: _judge_manifest,
    SIZE: _judge_size,
    USER: _judge_user,
    ENTRY_POINT: _judge_form,
    PROGRAMS: _judge_programs,
    LINE_ENDINGS: _judge_line_endings,
}
CHECKS = tuple(JUDGES)


def _find_programs(sandbox: Sandbox, subject: Subject, attributes: Mapping[str, Any]) -> tuple[ImageProgram, ...]:
    """Inspect the program of each command in a container that never runs."""
    entry_point = list(attributes["Config"].get("Entrypoint") or ())
    path = environment_of(attributes).get("PATH") or _DEFAULT_PATH
    programs = []
    looked_at = sandbox.create(["look"])
    try:
        for command in sorted({subject.only} if subject.only else COMMANDS):
            name = entry_point[0] if entry_point else command
            found, mode = _find_program(looked_at, name, path)
            wrong = bool(found) and _has_wrong_endings(looked_at, found, entry_point)
            programs.append(ImageProgram(command, name, found, mode, wrong))
    finally:
        looked_at.remove()
    return tuple(programs)


def _find_program(looked_at: Started, program: str, path: str) -> tuple[str, int]:
    """Return the path of a program, with links resolved, and its mode. Return "" if the program does not exist."""
    candidates = [program] if "/" in program else [f"{folder}/{program}" for folder in path.split(":") if folder]
    for candidate in candidates:
        name = candidate
        for _ in range(_MOST_LINKS):
            status = looked_at.status(name)
            if status is None:
                break
            if not status["mode"] & _GO_SYMLINK:
                return name, int(status["mode"])
            name = posixpath.normpath(posixpath.join(posixpath.dirname(name), status["linkTarget"]))
    return "", 0


def _has_wrong_endings(looked_at: Started, program: str, entry_point: list[str]) -> bool:
    if posixpath.basename(program) in _SHELLS:
        scripts = [argument for argument in entry_point[1:] if argument.startswith("/")]
        return any(b"\r\n" in (looked_at.read(script) or b"") for script in scripts)
    first_line = (looked_at.read(program, 256) or b"").partition(b"\n")[0]
    return first_line.startswith(b"#!") and first_line.endswith(b"\r")
