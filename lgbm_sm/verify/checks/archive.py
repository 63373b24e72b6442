"""Checks of the model archive. SageMaker unpacks it into /opt/ml/model."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lgbm_sm import contract
from lgbm_sm.model.archive import ArchiveError, Kind, Member, read_archive
from lgbm_sm.verify.checks import DEVELOPER_GUIDE_HOSTING, Check, Result, advice, rule, skip
from lgbm_sm.wording import counted

FORM = rule(
    "archive-form",
    "SageMaker unpacks a gzip-compressed tar; with anything else the endpoint fails before the container starts.",
    "pack with `tar czf model.tar.gz -C FOLDER .`; put only files and folders into FOLDER, and no links out of it",
    DEVELOPER_GUIDE_HOSTING,
)
TOP_FOLDER = rule(
    "archive-top-folder",
    "The archive is unpacked into /opt/ml/model: servers do not look for the files in an extra folder there.",
    "pack the folder's content, not the folder: `tar czf model.tar.gz -C FOLDER .`",
    DEVELOPER_GUIDE_HOSTING,
)
CODE = rule(
    "archive-code",
    "The inference toolkit and AWS's framework images run the file in the folder `code` that SAGEMAKER_PROGRAM names.",
    "put the code into the archive as code/inference.py (with code/requirements.txt), and set SAGEMAKER_PROGRAM to "
    "inference.py",
    'SageMaker Python SDK, "Using PyTorch with the SageMaker Python SDK": model directory structure; '
    "sagemaker-inference-toolkit, README",
)
LITTER = advice(
    "archive-litter",
    "macOS adds files such as ._name, .DS_Store and __MACOSX, and some servers try to load them as models.",
    "on macOS, pack with `COPYFILE_DISABLE=1 tar --no-xattrs --exclude .DS_Store …`",
    "bsdtar's manual, on AppleDouble files",
)

_DEFAULT_PROGRAM = "inference.py"
_CODE = "code"


@dataclass(frozen=True)
class Packed:
    """The content of an archive, and the environment variables of the server."""

    members: list[Member]
    environment: Mapping[str, str]

    @property
    def files(self) -> list[tuple[str, ...]]:
        """The path of each file, split into its parts."""
        return [_parts(member.name) for member in self.members if member.kind is Kind.FILE]


def check_archive(path: Path, environment: Mapping[str, str]) -> Iterator[Result]:
    """Yield the results for an archive and the environment variables of the server."""
    try:
        packed = Packed(list(read_archive(path, links=True)), environment)
    except ArchiveError as error:
        yield FORM.broken(f"{path.name} {error}")
        yield from skip(CHECKS[1:], "the archive could not be read")
        return
    for judge in JUDGES.values():
        yield judge(packed)


def _judge_form(packed: Packed) -> Result:
    files = [member for member in packed.members if member.kind is Kind.FILE]
    if not files:
        return FORM.broken("the archive contains no file")
    for member in packed.members:
        if not _stays_inside(member):
            return FORM.broken(f"{member.name} is a link to a path outside the archive")
    return FORM.passed(f"{counted(len(files), 'file')}, {sum(file.size for file in files) / 1e6:.1f} MB")


def _stays_inside(member: Member) -> bool:
    """Return False if the member is a link to a path outside the archive."""
    if member.kind not in (Kind.HARD_LINK, Kind.SYMBOLIC_LINK):
        return True
    start = PurePosixPath(member.name).parent if member.kind is Kind.SYMBOLIC_LINK else PurePosixPath()
    depth = 0
    for part in (start / member.target).parts:
        depth += {"..": -1, ".": 0, "/": -1000}.get(part, 1)
        if depth < 0:
            return False
    return True


def _judge_top_folder(packed: Packed) -> Result:
    names = packed.files
    tops = {parts[0] for parts in names if parts}
    alone = next(iter(tops)) if len(tops) == 1 and all(len(parts) > 1 for parts in names) else ""
    # two single folders are allowed: a number (TensorFlow Serving expects its models there), and the folder of the code
    if alone and alone != _CODE and not alone.isdigit():
        return TOP_FOLDER.broken(f"all files are in the folder {alone}")
    return TOP_FOLDER.passed("the files are at the root")


def _judge_code(packed: Packed) -> Result:
    names = {"/".join(parts) for parts in packed.files}
    program = packed.environment.get(contract.PROGRAM_VARIABLE, "")
    wanted = f"{_CODE}/{program or _DEFAULT_PROGRAM}"
    if wanted in names:
        return CODE.passed(f"{wanted} is in the archive")
    if program:
        return CODE.broken(f"SAGEMAKER_PROGRAM is {program}, but {wanted} is missing")
    if _DEFAULT_PROGRAM in names:
        return CODE.broken(f"{_DEFAULT_PROGRAM} is at the root, not in the folder {_CODE}")
    if any(name.startswith(f"{_CODE}/") for name in names):
        return CODE.broken(f"the folder {_CODE} has no {_DEFAULT_PROGRAM}")
    return CODE.passed("the archive has no inference code, and does not need any")


def _judge_litter(packed: Packed) -> Result:
    litter = ["/".join(parts) for parts in packed.files if any(_is_litter(part) for part in parts)]
    return LITTER.judged(", ".join(litter[:3]) if litter else "no files of macOS", is_met=not litter)


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part for part in PurePosixPath(name).parts if part not in (".", "/"))


def _is_litter(part: str) -> bool:
    return part.startswith("._") or part in (".DS_Store", "__MACOSX")


# in the order of the report
JUDGES: Mapping[Check, Callable[[Packed], Result]] = {
    FORM: _judge_form,
    TOP_FOLDER: _judge_top_folder,
    CODE: _judge_code,
    LITTER: _judge_litter,
}
CHECKS = tuple(JUDGES)
