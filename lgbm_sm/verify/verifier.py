"""One image through all checks, in their order."""

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
from lgbm_sm.verify.checks import Report, Result, Verdict
from lgbm_sm.verify.checks.archive import CHECKS as ARCHIVE_CHECKS
from lgbm_sm.verify.checks.archive import check_archive
from lgbm_sm.verify.checks.image import COMMANDS, ENTRY_POINT, check_image, environment_of
from lgbm_sm.verify.checks.serving import DRAIN as SERVE_DRAIN
from lgbm_sm.verify.checks.serving import SIGTERM as SERVE_SIGTERM
from lgbm_sm.verify.checks.serving import STARTS as SERVE_STARTS
from lgbm_sm.verify.checks.training import COMPLETES as TRAIN_COMPLETES
from lgbm_sm.verify.checks.training import SIGTERM as TRAIN_SIGTERM
from lgbm_sm.verify.limits import Limits
from lgbm_sm.verify.sandbox import Sandbox
from lgbm_sm.verify.serving import check_serving, skip_serving
from lgbm_sm.verify.subject import Subject
from lgbm_sm.verify.training import check_training, skip_training

_CODE = "code"
# what a shell as process 1 keeps from the program: the platform's word, and its signal
_BY_SHELL_FORM = (TRAIN_COMPLETES, TRAIN_SIGTERM, SERVE_STARTS, SERVE_DRAIN, SERVE_SIGTERM)


@dataclass
class Verification:
    """One run: `tell` hears of each result as it is found. `folder` holds models in the meantime."""

    engine: Engine
    limits: Limits
    full: bool
    folder: Path
    tell: Callable[[Result], None]
    trained_path: Path | None = field(default=None, init=False)

    def verify(self, subject: Subject) -> Report:
        """All checks of an image, each told once.

        Serves the subject's model, or what this image has trained, or what one before it has.

        Raises:
            EngineError: no engine answers, or it has stopped answering.
            ImageError: the engine does not hold the image.
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
        attributes = _attributes(self.engine, subject.image)
        startable = yield from check_image(sandbox, subject, attributes)
        excuse = dict.fromkeys(COMMANDS, "it cannot be started: see the checks of the image")
        if not attributes["Config"].get("Entrypoint"):
            excuse |= {name: f"there is no {name} that could be started" for name in COMMANDS}
        if subject.only:
            excuse |= {name: f"only {subject.only} is asked of this image" for name in COMMANDS if name != subject.only}
        if "train" in startable:
            trained = yield from check_training(sandbox, subject, self.limits, self.folder)
            self.trained_path = trained or self.trained_path
        else:
            yield from skip_training(excuse["train"])
        model_path = subject.model_path or self.trained_path
        if "serve" not in startable:
            for check in ARCHIVE_CHECKS:
                yield check.skipped(excuse["serve"])
            yield from skip_serving(excuse["serve"])
            return
        if model_path is not None:
            model_path = with_code(model_path, subject.code, self.folder / "with-code.tar.gz")
        environment = {**environment_of(attributes), **subject.environment}
        is_whole = True
        for result in _archive_results(model_path, environment):
            is_whole = is_whole and result.verdict is not Verdict.FAIL
            yield result
        if is_whole:
            yield from check_serving(sandbox, subject, self.limits, model_path, self.folder, full=self.full)
        else:
            yield from skip_serving("the archive is not as the platform wants it: see the checks of the archive")


def _without_consequences(result: Result, report: Report) -> Result:
    """What follows from the form of the entry point is that one's failure, and no other one."""
    form_is_broken = any(one.check is ENTRY_POINT and not one.is_met for one in report.results)
    if form_is_broken and not result.is_met and result.check in _BY_SHELL_FORM:
        return result.check.skipped(f"see {ENTRY_POINT.name}; here: {result.seen}")
    return result


def _archive_results(path: Path | None, environment: Mapping[str, str]) -> Iterator[Result]:
    if path is not None:
        yield from check_archive(path, environment)
        return
    for check in ARCHIVE_CHECKS:
        yield check.skipped("there is no model: pass --model FILE")


def _attributes(engine: Engine, image: str) -> Mapping[str, Any]:
    if not engine.has_image(image):
        raise ImageError(f"the engine holds no image {image}", "build it (`lgbm-sm build`), pull it, or check the name")
    with engine_errors(f"image {image} cannot be looked at", ImageError):
        return dict(engine.client.images.get(image).attrs)


def with_code(path: Path, code: Mapping[str, Path | str], made_path: Path) -> Path:
    """An archive with `code` (files and texts by name) as its folder code, at `made_path`; `path` where it has one."""
    if not code:
        return path
    try:
        has_code = any(PurePosixPath(member.name).parts[0] == _CODE for member in read_archive(path, links=True))
    except ArchiveError:
        return path  # the checks of the archive say what is wrong with it
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
