"""Run all checks of one image in their order."""

import io
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from lgbm_sm.backends.docker.engine import Engine, engine_errors
from lgbm_sm.errors import ImageError
from lgbm_sm.model.archive import ArchiveError, read_archive
from lgbm_sm.verify import serving
from lgbm_sm.verify.checks import Report, Result, Verdict, archive, image, skip, startup, stopping, training
from lgbm_sm.verify.checks.archive import check_archive
from lgbm_sm.verify.checks.image import COMMANDS, ENTRY_POINT, check_image, environment_of
from lgbm_sm.verify.limits import Limits
from lgbm_sm.verify.sandbox import Sandbox
from lgbm_sm.verify.serving import check_serving
from lgbm_sm.verify.subject import Subject
from lgbm_sm.verify.training import check_training

ALL_CHECKS = (*image.CHECKS, *training.CHECKS, *archive.CHECKS, *serving.CHECKS)
_TRAIN, _SERVE = COMMANDS
_CODE = "code"
# if process 1 is a shell, the program gets no command and no signal, so these checks also fail
_BY_SHELL_FORM = (training.COMPLETES, training.SIGTERM, startup.STARTS, stopping.DRAIN, stopping.SIGTERM)


@dataclass
class Verification:
    """One run of `verify`.

    `tell` gets each result as soon as it is known. Models are written to `folder`.
    """

    engine: Engine
    limits: Limits
    full: bool
    folder: Path
    tell: Callable[[Result], None]
    trained_path: Path | None = field(default=None, init=False)

    def verify(self, subject: Subject) -> Report:
        """Run all checks of an image.

        The image serves the model of `subject`. If `subject` has no model, the image serves the model that it trained,
        or else the model that an earlier image of this run trained.

        Raises:
            EngineError: Docker does not answer.
            ImageError: Docker does not have the image.
        """
        began = time.monotonic()
        report = Report(subject.image)
        with Sandbox(self.engine, subject.image) as sandbox:
            for found in self._check(sandbox, subject):
                result = _without_consequences(found, report)
                self.tell(result)
                report = report.with_result(result)
        return replace(report, seconds=time.monotonic() - began)

    def _check(self, sandbox: Sandbox, subject: Subject) -> Iterator[Result]:
        attributes = attributes_of(self.engine, subject.image)
        startable = yield from check_image(sandbox, subject, attributes)
        reason = dict.fromkeys(COMMANDS, "the program cannot start: see the image checks")
        if not attributes["Config"].get("Entrypoint"):
            reason |= {name: f"the image has no program `{name}`" for name in COMMANDS}
        if subject.only:
            reason |= {name: f"only `{subject.only}` is checked" for name in COMMANDS if name != subject.only}
        if _TRAIN in startable:
            trained = yield from check_training(sandbox, subject, self.limits, self.folder)
            self.trained_path = trained or self.trained_path
        else:
            yield from skip(training.CHECKS, reason[_TRAIN])
        model_path = subject.model_path or self.trained_path
        if _SERVE not in startable:
            yield from skip((*archive.CHECKS, *serving.CHECKS), reason[_SERVE])
            return
        if model_path is not None:
            model_path = with_code(model_path, subject.code, self.folder / "with-code.tar.gz")
        environment = {**environment_of(attributes), **subject.environment}
        is_intact = True
        for result in _archive_results(model_path, environment):
            is_intact = is_intact and result.verdict is not Verdict.FAIL
            yield result
        if is_intact:
            yield from check_serving(sandbox, subject, self.limits, model_path, self.folder, full=self.full)
        else:
            yield from skip(serving.CHECKS, "the model archive is not valid: see the archive checks")


def _without_consequences(result: Result, report: Report) -> Result:
    """Skip a failed check if the shell form of the entry point is the cause of the failure."""
    form_is_broken = any(one.check is ENTRY_POINT and not one.is_met for one in report.results)
    if form_is_broken and not result.is_met and result.check in _BY_SHELL_FORM:
        return result.check.skipped(f"fix {ENTRY_POINT.name} first; result now: {result.seen}")
    return result


def _archive_results(path: Path | None, environment: Mapping[str, str]) -> Iterator[Result]:
    if path is not None:
        yield from check_archive(path, environment)
        return
    yield from skip(archive.CHECKS, "no model: pass --model FILE")


def attributes_of(engine: Engine, image: str) -> Mapping[str, Any]:
    """Return Docker's attributes of an image. Raise ImageError if the image does not exist."""
    if not engine.has_image(image):
        raise ImageError(f"Docker has no image {image}", "build it (`lgbm-sm build`), pull it, or check the name")
    with engine_errors(f"could not inspect image {image}", ImageError):
        return dict(engine.client.images.get(image).attrs)


def with_code(path: Path, code: Mapping[str, Path | str], made_path: Path) -> Path:
    """Add `code` to a copy of the archive, as the folder `code`. Return the path of the copy, `made_path`.

    Return `path` if there is no code to add, or if the archive already has this folder.
    """
    if not code:
        return path
    try:
        has_code = any(PurePosixPath(member.name).parts[0] == _CODE for member in read_archive(path, links=True))
    except ArchiveError:
        return path  # the checks of the archive report the error
    if has_code:
        return path
    with tarfile.open(path, "r:gz") as archive, tarfile.open(made_path, "w:gz", compresslevel=1) as made:
        for member in archive:
            made.addfile(member, archive.extractfile(member) if member.isfile() else None)
        for name, content in code.items():
            data = content.read_bytes() if isinstance(content, Path) else content.encode()
            added = tarfile.TarInfo(f"{_CODE}/{name}")
            added.size, added.mode = len(data), 0o644
            made.addfile(added, io.BytesIO(data))
    return made_path
