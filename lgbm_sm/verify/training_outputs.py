"""Pack the content of /opt/ml/model after a training run, as SageMaker does."""

import tarfile
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from lgbm_sm import contract
from lgbm_sm.wording import counted


@dataclass
class Summary:
    """A summary of a packed folder.

    `problem` describes the first member that SageMaker would not pack. It is empty if there is no such member.
    """

    files: int = 0
    size: int = 0
    owners: set[int] = field(default_factory=set)
    problem: str = ""

    def add(self, member: tarfile.TarInfo, name: str) -> None:
        self.problem = self.problem or _problem_of(member, name)
        if member.isfile():
            self.files += 1
            self.size += member.size
            self.owners.add(member.uid)

    def __str__(self) -> str:
        owner = "root" if self.owners == {0} else f"user {', '.join(map(str, sorted(self.owners)))}"
        return f"{counted(self.files, 'file')}, {self.size / 1e3:.0f} kB, owned by {owner}"


def repack(content: tarfile.TarFile | None, path: Path) -> Summary:
    """Write the folder in `content` to a model.tar.gz. `content` is None if the folder does not exist."""
    summary = Summary()
    if content is not None:
        with content, tarfile.open(path, "w:gz", compresslevel=1) as archive:
            for member in content:
                name = _inside(member.name)
                if name == ".":
                    continue
                summary.add(member, name)
                member.name = name
                if member.islnk():
                    member.linkname = _inside(member.linkname)
                archive.addfile(member, content.extractfile(member) if member.isfile() else None)
    if not summary.files:
        summary.problem = summary.problem or f"{contract.MODEL_PATH} is empty"
    return summary


def _inside(name: str) -> str:
    return str(PurePosixPath(name).relative_to(PurePosixPath(contract.MODEL_PATH).name))


def _problem_of(member: tarfile.TarInfo, name: str) -> str:
    if member.issym():
        target = PurePosixPath("/", name).parent / member.linkname
        inside = not member.linkname.startswith("/") and ".." not in target.parts
        return "" if inside else f"{name} is a link to {member.linkname}, which is not in the archive"
    if not (member.isfile() or member.isdir() or member.islnk()):
        return f"{name} is neither a file nor a folder"
    if not member.mode & 0o400:
        return f"{name} is not readable by its owner (mode {member.mode & 0o777:o})"
    return ""
