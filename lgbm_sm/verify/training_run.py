"""One training in a container: under which conditions it runs, and what comes of it."""

import io
import json
import tarfile
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lgbm_sm.backends import TrainingInputs, opt_ml
from lgbm_sm.backends.docker.files import OPT_ML
from lgbm_sm.config.values import HyperparameterValue
from lgbm_sm.verify.containers import Started, Volume
from lgbm_sm.verify.sandbox import Sandbox

DATA = f"{OPT_ML}/input/data"
MODEL = f"{OPT_ML}/model"
_GARBAGE = bytes(range(255, 127, -1)) * 8
_DESCRIBES_DATA = ".json"  # such a file of a channel holds no rows: it stays where it is, and whole
_FOLDERS = "2026/part-0"
_PARTS = ("input/config", "model", "output", "checkpoints")
_JOB = "lgbm-sm-verification"


@dataclass(frozen=True)
class Conditions:
    """What the platform may do to a training; each of them can be left out to find the one that an image fails under.

    `nested`: channel files lie in sub-folders. `read_only`: so does the data. `isolated`: no network. `covered`: all of
    /opt/ml is mounted over. `quoted`: each hyperparameter is encoded once more. `garbage`: no channel file has rows.
    """

    nested: bool = True
    read_only: bool = True
    isolated: bool = True
    covered: bool = True
    quoted: bool = False
    garbage: bool = False


STRICT = Conditions()
LENIENT = Conditions(nested=False, read_only=False, isolated=False, covered=False)


@dataclass(frozen=True)
class TrainingOutcome:
    """`exit_code` is None where it was still running, or was never started; `said` follows a sentence."""

    exit_code: int | None
    has_model: bool
    said: str
    seconds: float

    @property
    def is_done(self) -> bool:
        return self.exit_code == 0 and self.has_model

    def __str__(self) -> str:
        if self.exit_code is None:
            return f"it did not end within {self.seconds:.0f} s{self.said}"
        if self.exit_code == 0 and not self.has_model:
            return "exit code 0, and nothing in /opt/ml/model"
        return f"exit code {self.exit_code}{self.said}"


@dataclass
class TrainingRun:
    """A training that has been started."""

    started: Started
    limit_seconds: float

    def outcome(self) -> TrainingOutcome:
        """How it ends; killed where it does not within its limit."""
        if self.started.refusal:
            return TrainingOutcome(127, has_model=False, said=self.started.last_words(), seconds=0.0)
        code = self.started.wait(self.limit_seconds)
        seconds = time.monotonic() - self.started.started_at
        return TrainingOutcome(code, has_model=self._has_model(), said=self.started.last_words(), seconds=seconds)

    def _has_model(self) -> bool:
        archive = self.started.open_archive(MODEL)
        if archive is None:
            return False
        with archive:
            return any(not member.isdir() for member in archive)


def start_training(
    sandbox: Sandbox,
    inputs: TrainingInputs,
    conditions: Conditions,
    *,
    limit_seconds: float,
    hyperparameters: Mapping[str, HyperparameterValue],
    environment: Mapping[str, str],
) -> TrainingRun:
    """Start `train` on the channels of `inputs` as the platform does, with other hyperparameters."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "ml"
        network = "lo" if conditions.isolated else "eth0"
        opt_ml.lay_out_training(root, TrainingInputs(inputs.channels, _encoded(hyperparameters, conditions)), network)
        data = _data_archive(root / "input" / "data", conditions)
        # the channels lie in a volume of their own, since that may be read-only
        covered = {OPT_ML: root} if conditions.covered else {f"{OPT_ML}/{name}": root / name for name in _PARTS}
        rest = {path: _archive(below, without=root / "input" / "data") for path, below in covered.items()}
    volumes = [Volume(path, content) for path, content in rest.items()]
    volumes.append(Volume(DATA, data, conditions.read_only))
    started = sandbox.create(
        ["train"],
        volumes,
        environment={
            "TRAINING_JOB_NAME": _JOB,
            "TRAINING_JOB_ARN": f"arn:aws:sagemaker:local:000000000000:training-job/{_JOB}",
            **environment,
        },
        hostname="algo-1",
        **({"network_mode": "none"} if conditions.isolated else {}),
    )
    return TrainingRun(sandbox.start(started), limit_seconds)


def _encoded(values: Mapping[str, HyperparameterValue], conditions: Conditions) -> Mapping[str, HyperparameterValue]:
    """What is no string becomes one in the layout; encoded once more it is one already."""
    if not conditions.quoted:
        return values
    return {name: json.dumps(value if isinstance(value, str) else json.dumps(value)) for name, value in values.items()}


def _data_archive(folder: Path, conditions: Conditions) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for channel in sorted(folder.iterdir()):
            archive.add(channel.resolve(), arcname=channel.name, recursive=False)
            for path in sorted(channel.resolve().rglob("*")):
                if path.is_file():
                    _add_data(archive, path, channel.name, str(path.relative_to(channel.resolve())), conditions)
    return buffer.getvalue()


def _add_data(archive: tarfile.TarFile, path: Path, channel: str, name: str, conditions: Conditions) -> None:
    content = path.read_bytes()
    if path.suffix != _DESCRIBES_DATA:
        content = _GARBAGE if conditions.garbage else content
        name = f"{_FOLDERS}/{name}" if conditions.nested else name
    member = tarfile.TarInfo(f"{channel}/{name}")
    member.size, member.mode = len(content), 0o644
    archive.addfile(member, io.BytesIO(content))


def _archive(folder: Path, without: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(folder.rglob("*")):
            if path != without and without not in path.parents:
                archive.add(path, arcname=str(path.relative_to(folder)), recursive=False, filter=_as_root)
    return buffer.getvalue()


def _as_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member
