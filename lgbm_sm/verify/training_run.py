"""One training run in a container: its conditions and its outcome."""

import io
import json
import tarfile
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lgbm_sm import contract
from lgbm_sm.backends import TrainingInputs, opt_ml
from lgbm_sm.verify.containers import Started, Volume
from lgbm_sm.verify.limits import Limits
from lgbm_sm.verify.sandbox import Sandbox

_GARBAGE = bytes(range(255, 127, -1)) * 8
_DESCRIBES_DATA = ".json"  # such a file in a channel contains no rows, so it is not moved or replaced
_FOLDERS = "2026/part-0"
_PARTS = (contract.CONFIG_FOLDER, contract.MODEL_FOLDER, contract.OUTPUT_FOLDER, contract.CHECKPOINTS_FOLDER)
_JOB = "lgbm-sm-verification"


@dataclass(frozen=True)
class Conditions:
    """The conditions of SageMaker for a training job. Drop one to find out whether it makes an image fail.

    - `nested`: the files of the channels are in sub-folders.
    - `read_only`: the data is mounted read-only.
    - `isolated`: the container has no network.
    - `covered`: a volume is mounted over /opt/ml, which hides files of the image there.
    - `quoted`: each hyperparameter is encoded as JSON a second time.
    - `garbage`: the files of the channels contain random bytes and no rows.
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
    """The end of a training run.

    `exit_code` is None if the run did not end within the time limit. `said` is text that continues a sentence.
    """

    exit_code: int | None
    has_model: bool
    said: str
    seconds: float

    @property
    def is_done(self) -> bool:
        return self.exit_code == 0 and self.has_model

    def __str__(self) -> str:
        if self.exit_code is None:
            return f"did not end within {self.seconds:.0f} s{self.said}"
        if self.exit_code == 0 and not self.has_model:
            return f"exit code 0, but {contract.MODEL_PATH} is empty"
        return f"exit code {self.exit_code}{self.said}"


@dataclass
class CheckedTraining:
    """A training run that was started."""

    started: Started
    limit_seconds: float
    _outcome: TrainingOutcome | None = None

    def outcome(self) -> TrainingOutcome:
        """Wait until the training ends, or until the time limit. Later calls return the same outcome."""
        if self._outcome is None:
            self._outcome = self._wait()
        return self._outcome

    def _wait(self) -> TrainingOutcome:
        if self.started.refusal:
            return TrainingOutcome(127, has_model=False, said=self.started.last_words(), seconds=0.0)
        code = self.started.wait(self.limit_seconds)
        seconds = time.monotonic() - self.started.started_at
        return TrainingOutcome(code, has_model=self._has_model(), said=self.started.last_words(), seconds=seconds)

    def _has_model(self) -> bool:
        archive = self.started.open_archive(contract.MODEL_PATH)
        if archive is None:
            return False
        with archive:
            return any(not member.isdir() for member in archive)


@dataclass
class Training:
    """The inputs of an image's training runs. `conditions` are those that the image has passed so far."""

    sandbox: Sandbox
    inputs: TrainingInputs
    limits: Limits
    environment: Mapping[str, str]
    conditions: Conditions = STRICT
    hyperparameters: Mapping[str, str] = field(default_factory=dict)

    def start(self, conditions: Conditions, hyperparameters: Mapping[str, str]) -> CheckedTraining:
        return start_training(
            self.sandbox,
            self.inputs,
            conditions,
            limit_seconds=self.limits.training,
            hyperparameters=hyperparameters,
            environment=self.environment,
        )

    def run(self, conditions: Conditions) -> TrainingOutcome:
        run = self.start(conditions, self.hyperparameters)
        try:
            return run.outcome()
        finally:
            run.started.remove()


def start_training(
    sandbox: Sandbox,
    inputs: TrainingInputs,
    conditions: Conditions,
    *,
    limit_seconds: float,
    hyperparameters: Mapping[str, str],
    environment: Mapping[str, str],
) -> CheckedTraining:
    """Start a training run on the channels of `inputs`, as SageMaker does."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "ml"
        network = "lo" if conditions.isolated else "eth0"
        opt_ml.lay_out_training(root, TrainingInputs(inputs.channels, _encoded(hyperparameters, conditions)), network)
        data_path = root / contract.DATA_FOLDER
        data = _data_archive(data_path, conditions)
        # the channels get a separate volume, because it may be read-only
        covered = (
            {contract.OPT_ML: root}
            if conditions.covered
            else {f"{contract.OPT_ML}/{name}": root / name for name in _PARTS}
        )
        rest = {path: _archive(below, without=data_path) for path, below in covered.items()}
    volumes = [Volume(path, content) for path, content in rest.items()]
    volumes.append(Volume(contract.DATA_PATH, data, conditions.read_only))
    started = sandbox.create(
        [contract.TRAIN_COMMAND],
        volumes,
        environment={**opt_ml.training_variables(_JOB), **environment},
        hostname=contract.FIRST_HOST,
        **({"network_mode": "none"} if conditions.isolated else {}),
    )
    return CheckedTraining(sandbox.start(started), limit_seconds)


def _encoded(values: Mapping[str, str], conditions: Conditions) -> Mapping[str, str]:
    """Return the hyperparameters, each encoded as JSON if `quoted`."""
    return {name: json.dumps(value) for name, value in values.items()} if conditions.quoted else values


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
                archive.add(path, arcname=str(path.relative_to(folder)), recursive=False, filter=opt_ml.owned_by_root)
    return buffer.getvalue()
