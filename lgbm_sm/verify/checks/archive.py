"""The model archive: what the platform unpacks into /opt/ml/model."""

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from lgbm_sm.model.archive import ArchiveError, Kind, Member, read_archive
from lgbm_sm.verify.checks import DEVELOPER_GUIDE_HOSTING, Area, Binding, Check, Result

FORM = Check(
    "archive-form",
    Area.ARCHIVE,
    Binding.RULE,
    "The platform unpacks a gzip-compressed tar; with anything else the endpoint fails before the container starts.",
    "pack with `tar czf model.tar.gz -C FOLDER .`: files and folders only, none outside of it",
    DEVELOPER_GUIDE_HOSTING,
)
TOP_FOLDER = Check(
    "archive-top-folder",
    Area.ARCHIVE,
    Binding.RULE,
    "The archive's root becomes /opt/ml/model: a folder around the files puts them where no server looks.",
    "pack the folder's content and not the folder: `tar czf model.tar.gz -C FOLDER .`",
    DEVELOPER_GUIDE_HOSTING,
)
CODE = Check(
    "archive-code",
    Area.ARCHIVE,
    Binding.RULE,
    "The inference toolkit and AWS's framework images run the file SAGEMAKER_PROGRAM of the folder code.",
    "put the code into the archive as code/inference.py (with code/requirements.txt), and name it in SAGEMAKER_PROGRAM",
    'SageMaker Python SDK, "Using PyTorch with the SageMaker Python SDK": model directory structure; '
    "sagemaker-inference-toolkit, README",
)
LITTER = Check(
    "archive-litter",
    Area.ARCHIVE,
    Binding.ADVICE,
    "What a desktop leaves behind (._name, .DS_Store, __MACOSX) is read as a model by servers that take each file.",
    "on macOS pack with `COPYFILE_DISABLE=1 tar --no-xattrs --exclude .DS_Store …`",
    "bsdtar's manual, on AppleDouble files",
)
CHECKS = (FORM, TOP_FOLDER, CODE, LITTER)

_DEFAULT_PROGRAM = "inference.py"
_CODE = "code"


def check_archive(path: Path, environment: Mapping[str, str]) -> Iterator[Result]:
    """`environment` is what the server is started with, as far as it is known."""
    try:
        members = list(read_archive(path, links=True))
    except ArchiveError as error:
        yield FORM.broken(f"{path.name} {error}")
        for check in CHECKS[1:]:
            yield check.skipped("the archive cannot be read")
        return
    yield _check_members(members)
    names = [_parts(member.name) for member in members if member.kind is Kind.FILE]
    yield _check_top_folder(names)
    yield _check_code({"/".join(parts) for parts in names}, environment.get("SAGEMAKER_PROGRAM", ""))
    litter = ["/".join(parts) for parts in names if any(_is_litter(part) for part in parts)]
    yield LITTER.judged(f"{', '.join(litter[:3])} lie in it" if litter else "nothing of the kind", is_met=not litter)


def _check_members(members: list[Member]) -> Result:
    files = [member for member in members if member.kind is Kind.FILE]
    if not files:
        return FORM.broken("there is no file in it")
    for member in members:
        if not _stays_inside(member):
            return FORM.broken(f"{member.name} is a link that leads out of the archive")
    return FORM.passed(f"{len(files)} files, {sum(file.size for file in files) / 1e6:.1f} MB")


def _stays_inside(member: Member) -> bool:
    """Whether a member that is a link leads to something in the archive."""
    if member.kind not in (Kind.HARD_LINK, Kind.SYMBOLIC_LINK):
        return True
    start = PurePosixPath(member.name).parent if member.kind is Kind.SYMBOLIC_LINK else PurePosixPath()
    depth = 0
    for part in (start / member.target).parts:
        depth += {"..": -1, ".": 0, "/": -1000}.get(part, 1)
        if depth < 0:
            return False
    return True


def _check_top_folder(names: list[tuple[str, ...]]) -> Result:
    tops = {parts[0] for parts in names if parts}
    alone = next(iter(tops)) if len(tops) == 1 and all(len(parts) > 1 for parts in names) else ""
    # TensorFlow Serving wants its models below a number; code may be all that there is
    if alone and alone != _CODE and not alone.isdigit():
        return TOP_FOLDER.broken(f"everything lies in the folder {alone}")
    return TOP_FOLDER.passed("the files lie at the root")


def _check_code(names: set[str], program: str) -> Result:
    wanted = f"{_CODE}/{program or _DEFAULT_PROGRAM}"
    if wanted in names:
        return CODE.passed(f"{wanted} is there")
    if program:
        return CODE.broken(f"SAGEMAKER_PROGRAM is {program}, and there is no {wanted}")
    if _DEFAULT_PROGRAM in names:
        return CODE.broken(f"{_DEFAULT_PROGRAM} lies at the root, and not in the folder {_CODE}")
    if any(name.startswith(f"{_CODE}/") for name in names):
        return CODE.broken(f"there is a folder {_CODE}, and no {wanted} in it")
    return CODE.passed("no code of one's own is in it, and none is asked for")


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part for part in PurePosixPath(name).parts if part not in (".", "/"))


def _is_litter(part: str) -> bool:
    return part.startswith("._") or part in (".DS_Store", "__MACOSX")
