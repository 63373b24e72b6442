"""The image itself: what can be seen of it before anything runs."""

import posixpath
from collections.abc import Generator, Mapping
from typing import Any

from lgbm_sm.aws.image_manifest import OCI_INDEX, OCI_MANIFEST
from lgbm_sm.verify.checks import (
    DEVELOPER_GUIDE_HOSTING,
    DEVELOPER_GUIDE_RUN_TRAINING,
    Area,
    Binding,
    Check,
    Result,
)
from lgbm_sm.verify.containers import Started
from lgbm_sm.verify.sandbox import Sandbox
from lgbm_sm.verify.subject import Subject

PLATFORM = Check(
    "image-platform",
    Area.IMAGE,
    Binding.RULE,
    "An image for another processor ends with `exec format error` on the instance.",
    "build with `--platform linux/amd64` (linux/arm64 for Graviton instances)",
    'Docker, "Multi-platform builds"; AWS Machine Learning Blog, "Run machine learning inference workloads on AWS '
    'Graviton-based instances with Amazon SageMaker"',
)
MANIFEST = Check(
    "image-manifest",
    Area.IMAGE,
    Binding.RULE,
    'Hosting refuses OCI indexes and manifests with "Unsupported manifest media type".',
    "push with `lgbm-sm push`, which puts it right, or build with `--provenance=false --sbom=false` and "
    "`--output type=image,oci-mediatypes=false`",
    "aws/amazon-sagemaker-feedback#180; moby/moby#51532",
)
SIZE = Check(
    "image-size",
    Area.IMAGE,
    Binding.ADVICE,
    "Every instance pulls the image before it starts; serverless endpoints take 10 GB at most.",
    "leave build tools out of the last stage",
    'AWS developer guide, "Deploy models with Amazon SageMaker Serverless Inference"',
)
USER = Check(
    "image-user",
    Area.IMAGE,
    Binding.RULE,
    "The platform's folders belong to root, and AWS asks for containers that run as root.",
    "leave USER out of the Dockerfile",
    DEVELOPER_GUIDE_HOSTING,
)
ENTRY_POINT = Check(
    "image-entry-point-form",
    Area.IMAGE,
    Binding.RULE,
    "In shell form a shell is process 1: the word `train` or `serve` is not passed on, and SIGTERM does not arrive.",
    'write ENTRYPOINT in exec form, such as ENTRYPOINT ["python3", "/opt/program/start.py"]',
    f"{DEVELOPER_GUIDE_RUN_TRAINING}; {DEVELOPER_GUIDE_HOSTING}",
)
PROGRAMS = Check(
    "image-programs",
    Area.IMAGE,
    Binding.RULE,
    '`docker run IMAGE train` ends with "executable file not found" or "permission denied" otherwise.',
    "set the modes inside the image (RUN chmod 755 …), and have an ENTRYPOINT or `train` and `serve` on PATH",
    f"{DEVELOPER_GUIDE_RUN_TRAINING}; {DEVELOPER_GUIDE_HOSTING}",
)
LINE_ENDINGS = Check(
    "image-line-endings",
    Area.IMAGE,
    Binding.RULE,
    r"A script whose first line ends in \r\n asks for a program of the name `sh\r`, and cannot be started.",
    "keep line endings with .gitattributes (`* text=auto eol=lf`), or RUN sed -i 's/\\r$//' in the image",
    "execve(2)",
)
CHECKS = (PLATFORM, MANIFEST, SIZE, USER, ENTRY_POINT, PROGRAMS, LINE_ENDINGS)

COMMANDS = ("train", "serve")
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHELLS = ("sh", "bash", "dash", "ash")
_GO_SYMLINK = 1 << 27
_MOST_LINKS = 10
_LARGEST_SERVERLESS_BYTES = 10 * 1000**3


def check_image(sandbox: Sandbox, subject: Subject, attributes: Mapping[str, Any]) -> Generator[Result, None, set[str]]:
    """`attributes` are the engine's of the image. Returns which of `train` and `serve` can be started."""
    yield _check_platform(f"{attributes['Os']}/{attributes['Architecture']}", subject.platform)
    yield _check_manifest(attributes)
    yield _check_size(int(attributes["Size"]))
    config = attributes["Config"]
    user = config.get("User") or ""
    is_root = user.partition(":")[0] in ("", "root", "0")
    yield USER.judged("it runs as root" if is_root else f"it runs as {user}; here as root from now on", is_met=is_root)
    sandbox.as_root = not is_root
    entry_point = list(config.get("Entrypoint") or ())
    yield _check_form(entry_point)
    environment = environment_of(attributes)
    looked_at = sandbox.create(["look"])
    try:
        return (yield from _check_programs(looked_at, entry_point, environment.get("PATH") or _DEFAULT_PATH, subject))
    finally:
        looked_at.remove()


def environment_of(attributes: Mapping[str, Any]) -> dict[str, str]:
    """The environment that the image brings."""
    return dict(line.partition("=")[::2] for line in attributes["Config"].get("Env") or ())


def _check_platform(found: str, wanted: str | None) -> Result:
    if wanted:
        return PLATFORM.judged(f"{found}; the instance type wants {wanted}", is_met=found == wanted)
    if found == "linux/arm64":
        return PLATFORM.warned(f"{found}: only Graviton instances run it")
    return PLATFORM.judged(found, is_met=found == "linux/amd64")


def _check_manifest(attributes: Mapping[str, Any]) -> Result:
    media_type = (attributes.get("Descriptor") or {}).get("mediaType")
    if media_type in (OCI_INDEX, OCI_MANIFEST):
        return MANIFEST.warned(f"the engine holds it as {media_type}, and would push it so")
    if media_type:
        return MANIFEST.passed(str(media_type))
    return MANIFEST.skipped("the engine keeps no manifest before a push; `lgbm-sm push` reads back what has arrived")


def _check_size(size: int) -> Result:
    return SIZE.judged(f"{size / 1e6:.0f} MB unpacked", is_met=size <= _LARGEST_SERVERLESS_BYTES)


def _check_form(entry_point: list[str]) -> Result:
    if not entry_point:
        return ENTRY_POINT.passed("no entry point: the platform's word is looked up on PATH")
    shell_form = posixpath.basename(entry_point[0]) in _SHELLS and entry_point[1:2] == ["-c"]
    return ENTRY_POINT.judged(f"ENTRYPOINT {entry_point}"[:200], is_met=not shell_form)


def _check_programs(
    looked_at: Started, entry_point: list[str], path: str, subject: Subject
) -> Generator[Result, None, set[str]]:
    """Whether what is started is there, may be executed, and has a first line that works."""
    wanted = {subject.only} if subject.only else set(COMMANDS)
    programs = {command: entry_point[0] if entry_point else command for command in sorted(wanted)}
    missing, not_executable, wrong_endings, startable = [], [], [], set()
    for command, program in programs.items():
        found = _find_program(looked_at, program, path)
        if found is None:
            missing.append(program)
            continue
        name, mode = found
        if not mode & 0o111:
            not_executable.append(f"{name} (mode {mode & 0o777:o})")
        elif _has_wrong_endings(looked_at, name, entry_point):
            wrong_endings.append(name)
        else:
            startable.add(command)
    if not_executable:
        yield PROGRAMS.broken(f"not executable: {', '.join(dict.fromkeys(not_executable))}")
    elif missing and (entry_point or len(missing) == len(programs)):
        yield PROGRAMS.broken(f"not found on PATH: {', '.join(dict.fromkeys(missing))}")
    else:
        absent = f"; there is no {missing[0]}, so the image is taken for one without it" if missing else ""
        yield PROGRAMS.passed(
            f"{', '.join(dict.fromkeys(programs[name] for name in programs if name not in missing))} "
            f"can be executed{absent}"
        )
    if wrong_endings:
        yield LINE_ENDINGS.broken(rf"\r\n in {', '.join(dict.fromkeys(wrong_endings))}")
    else:
        yield LINE_ENDINGS.passed("none ends in \\r\\n")
    return startable


def _find_program(looked_at: Started, program: str, path: str) -> tuple[str, int] | None:
    """Where a program lies, links followed, and its mode."""
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
    return None


def _has_wrong_endings(looked_at: Started, program: str, entry_point: list[str]) -> bool:
    if posixpath.basename(program) in _SHELLS:
        scripts = [argument for argument in entry_point[1:] if argument.startswith("/")]
        return any(b"\r\n" in (looked_at.read(script) or b"") for script in scripts)
    first_line = (looked_at.read(program, 256) or b"").partition(b"\n")[0]
    return first_line.startswith(b"#!") and first_line.endswith(b"\r")
