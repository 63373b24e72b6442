"""What a training leaves in /opt/ml/model: whether it is complete, and the archive that the platform makes of it."""

import tarfile
from collections.abc import Generator
from pathlib import Path, PurePosixPath

from lgbm_sm.verify.checks import Result
from lgbm_sm.verify.checks.training import ARTIFACTS
from lgbm_sm.verify.containers import Started
from lgbm_sm.verify.training_run import MODEL

_TOP = PurePosixPath(MODEL).name


def check_artifacts(started: Started, folder: Path) -> Generator[Result, None, Path | None]:
    """Returns `folder`/model.tar.gz; None where the model is not complete."""
    path = folder / "model.tar.gz"
    files, size, owners, problem = 0, 0, set(), ""
    content = started.open_archive(MODEL)
    if content is not None:
        with content, tarfile.open(path, "w:gz", compresslevel=1) as archive:
            for member in content:
                name = str(PurePosixPath(member.name).relative_to(_TOP))
                if name == ".":
                    continue
                problem = problem or _problem_of(member, name)
                member.name = name
                if member.islnk():
                    member.linkname = str(PurePosixPath(member.linkname).relative_to(_TOP))
                archive.addfile(member, content.extractfile(member) if member.isfile() else None)
                if member.isfile():
                    files += 1
                    size += member.size
                    owners.add(member.uid)
    if not files:
        problem = problem or "there is nothing in /opt/ml/model"
    if problem:
        yield ARTIFACTS.broken(problem)
        return None
    whose = "root" if owners == {0} else f"user {', '.join(map(str, sorted(owners)))}"
    yield ARTIFACTS.passed(f"{files} files, {size / 1e3:.0f} kB, owned by {whose}")
    return path


def _problem_of(member: tarfile.TarInfo, name: str) -> str:
    if member.issym():
        target = PurePosixPath("/", name).parent / member.linkname
        inside = not member.linkname.startswith("/") and ".." not in target.parts
        return "" if inside else f"{name} is a link to {member.linkname}, which the archive does not hold"
    if not (member.isfile() or member.isdir() or member.islnk()):
        return f"{name} is neither a file nor a folder"
    if not member.mode & 0o400:
        return f"{name} cannot be read by its owner (mode {member.mode & 0o777:o})"
    return ""
