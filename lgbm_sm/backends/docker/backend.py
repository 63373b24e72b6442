"""The Docker backend: run training and serving programs in containers, as SageMaker does.

Labels on each container contain the project's id, and the kind and name of the job or endpoint. The backend finds its
containers by these labels. So two checkouts never see each other's containers, and other containers are never touched.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from lgbm_sm import contract
from lgbm_sm.backends import (
    Consumption,
    Ending,
    RunningProgram,
    TrainingEnding,
    TrainingInputs,
    opt_ml,
    training_ending,
)
from lgbm_sm.backends.docker.engine import KIND_LABEL, NAME_LABEL, Engine, engine_errors
from lgbm_sm.backends.docker.files import bind, give_to_caller, with_public_authorities
from lgbm_sm.backends.docker.inspection import address_of, memory_bytes
from lgbm_sm.backends.docker.names import is_of, is_of_project, labels_of, unique_name
from lgbm_sm.backends.docker.spec import BindMount, ContainerSpec
from lgbm_sm.backends.local import LocalBackend
from lgbm_sm.errors import EndpointError, EngineError, TrainingError
from lgbm_sm.record.entries import Endpoint, Entry, Place, RecordedEntry, TrainingJob
from lgbm_sm.record.record import Record, unrecorded_entry
from lgbm_sm.record.work_folder import leads_through_link

if TYPE_CHECKING:
    from docker.models.containers import Container

CA_BUNDLE_NAME = "ca-bundle.pem"
CA_BUNDLE_PATH = f"/opt/lgbm-sm/{CA_BUNDLE_NAME}"
_KILLED = 137  # the exit code after SIGKILL
_START_HINT = (
    "check that the image has an entry point that accepts train and serve, and that Docker can meet the limits"
)


@dataclass(frozen=True)
class ContainerSettings:
    """The configuration of every container.

    `memory` is a text such as 2g. The file `ca_bundle_path` is mounted read-only.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    memory: str | None = None
    cpus: float | None = None
    network: bool = True
    ca_bundle_path: Path | None = None


class ContainerTrainingRun(NamedTuple):
    """A training container. Its log is also written to the log file of the job."""

    container: "Container"
    job: TrainingJob
    backend: "DockerBackend"

    def lines(self) -> Iterator[str]:
        """Yield each new line of the log, until the container ends."""
        rest = b""
        with (
            engine_errors(f"the log of training job {self.job.name} cannot be read", TrainingError),
            self.job.log_path.open("ab", buffering=0) as log,
        ):
            for chunk in self.container.logs(stream=True, follow=True):
                log.write(chunk)
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (line.decode("utf-8", errors="replace") for line in lines)
        if rest:
            yield rest.decode("utf-8", errors="replace")

    def wait(self) -> TrainingEnding:
        """Wait until the container ends, and remove it. Make the caller the owner of the files that it wrote."""
        import docker.errors

        with engine_errors(f"cannot wait for training job {self.job.name}", TrainingError):
            try:
                self.container.wait()
                self.container.reload()
                ending = self.backend.ending_of(self.container)
            except docker.errors.NotFound:
                ending = Ending(_KILLED, "its container was removed")
        self.backend.stop(self.job)
        return training_ending(ending, opt_ml.failure_reason(self.job.root_path))


class ContainerServer(NamedTuple):
    """A serving container and its address."""

    container: "Container"
    url: str
    backend: "DockerBackend"

    def ending(self) -> Ending | None:
        """Return how the container ended, or None while it runs."""
        import docker.errors

        with engine_errors("cannot inspect the server's container", EndpointError):
            try:
                self.container.reload()
            except docker.errors.NotFound:
                return Ending(_KILLED, "its container was removed")
        return None if self.container.status in ("created", "running") else self.backend.ending_of(self.container)


@dataclass(frozen=True)
class DockerBackend(LocalBackend):
    """A backend that starts containers from `image`.

    Without an image, it only finds, reads and stops existing containers. `project_id` returns the id of the project. If
    the id is empty, containers are found by their folders.
    """

    engine: Engine
    settings: ContainerSettings
    image: str = ""
    project_id: Callable[[], str] = str
    place: ClassVar[Place] = Place.DOCKER
    noun: ClassVar[str] = "a container"
    in_container: ClassVar[bool] = True

    def entry_fields(self) -> dict[str, Any]:
        """See TrainingBackend. The field is the image."""
        return {"image": self.image}

    def describe(self) -> str:
        """See TrainingBackend."""
        return f"a container of {self.image}"

    def start_training(self, job: TrainingJob, inputs: TrainingInputs) -> ContainerTrainingRun:
        """See TrainingBackend."""
        failure = f"training job {job.name}: its container cannot be started"
        with engine_errors(failure, TrainingError, _START_HINT):
            return ContainerTrainingRun(self._start(job, self.training_spec(job, inputs)), job, self)

    def training_spec(self, job: TrainingJob, inputs: TrainingInputs) -> ContainerSpec:
        """Write the /opt/ml folder of a training job, and return the description of its container.

        The channels are mounted read-only.
        """
        opt_ml.lay_out_training(job.root_path, inputs, "eth0" if self.settings.network else "lo")
        mounts = [bind(job.root_path, contract.OPT_ML)]
        for link in sorted((job.root_path / contract.DATA_FOLDER).iterdir()):
            folder = link.resolve()
            if link.is_symlink():  # the target does not exist in the container, so mount the target folder instead
                link.unlink()
                link.mkdir()
            mounts.append(bind(folder, f"{contract.DATA_PATH}/{link.name}", read_only=True))
        return self._spec(job, contract.TRAIN_COMMAND, mounts, opt_ml.training_variables(job.name), contract.FIRST_HOST)

    def start_serving(self, endpoint: Endpoint, variables: Mapping[str, str]) -> ContainerServer:
        """See LocalBackend.

        Docker publishes the server on a free port of the loopback interface. A container without a network cannot
        publish a port. So if `network` is false, the container gets an internal network, which has no access to other
        networks. The server then answers at the container's own address.
        """
        failure = f"endpoint {endpoint.name}: its container cannot be started"
        with engine_errors(failure, EndpointError, _START_HINT):
            container = self._start(endpoint, self.serving_spec(endpoint, variables))
            container.reload()
            address = address_of(container)
            return ContainerServer(container, "http://{}:{}".format(*address) if address else "", self)

    def serving_spec(self, endpoint: Endpoint, variables: Mapping[str, str]) -> ContainerSpec:
        """Return the description of the container that serves the endpoint's existing /opt/ml folder.

        The CA bundle is written next to this folder.
        """
        mounts = [
            bind(endpoint.root_path, contract.OPT_ML),
            bind(endpoint.root_path / contract.MODEL_FOLDER, contract.MODEL_PATH, read_only=True),
        ]
        environment = dict(variables)
        if self.settings.ca_bundle_path:
            path = endpoint.folder / CA_BUNDLE_NAME
            path.write_bytes(with_public_authorities(self.settings.ca_bundle_path))
            mounts.append(bind(path, CA_BUNDLE_PATH, read_only=True))
            environment["PIP_CERT"] = CA_BUNDLE_PATH
        return self._spec(endpoint, contract.SERVE_COMMAND, mounts, environment)

    def _spec(
        self, entry: Entry, command: str, mounts: list[BindMount], environment: Mapping[str, str], hostname: str = ""
    ) -> ContainerSpec:
        settings, serves = self.settings, isinstance(entry, Endpoint)
        return ContainerSpec(
            image=self.image,
            command=command,
            environment={**environment, **settings.environment},  # the user's values take precedence
            mounts=tuple(mounts),
            hostname=hostname,
            is_isolated=not settings.network and not serves,
            internal_network=unique_name(entry, self.project_id()) if serves and not settings.network else "",
            publishes=serves and settings.network,
            memory=settings.memory,
            cpus=settings.cpus,
            labels=labels_of(entry, self.project_id()),
        )

    def _start(self, entry: Entry, spec: ContainerSpec) -> "Container":
        if spec.cpus:
            # Docker refuses a limit above its number of CPUs
            spec = replace(spec, cpus=min(spec.cpus, self.engine.cpus))
        if spec.internal_network:
            self._create_network(spec)
        name = unique_name(entry, self.project_id())
        client = self.engine.client
        container = client.containers.create(spec.image, [spec.command], name=name, **spec.options())
        container.start()
        return container

    def _create_network(self, spec: ContainerSpec) -> None:
        if not self.engine.shares_network():
            raise EndpointError(
                "local.network: false: a container without a network is reachable only if Docker runs directly on "
                "this machine (not in a virtual machine, not on another machine, not rootless)",
                "set local.network: true",
            )
        self.engine.client.networks.create(
            spec.internal_network, driver="bridge", internal=True, labels=dict(spec.labels)
        )

    def ending_of(self, container: "Container") -> Ending:
        """Return how a container ended. Reload the container's attributes before the call."""
        state = container.attrs["State"]
        remark = state.get("Error") or ""
        if state.get("OOMKilled"):
            limit = f"local.memory: {self.settings.memory}" if self.settings.memory else "Docker has"
            remark = f"killed, because it needed more memory than {limit}"
        return Ending(state["ExitCode"], remark)

    def programs(self, entry: Entry) -> list[RunningProgram]:
        """See Backend."""
        return [program for container in self.containers_of(entry) for program in _programs_in(container)]

    def is_running(self, entry: Entry) -> bool:
        """See Backend."""
        return any(container.status == "running" for container in self.containers_of(entry))

    def stop(self, entry: Entry) -> list[str]:
        """See Backend. The container is also removed."""
        import docker.errors

        is_endpoint = isinstance(entry, Endpoint)
        grace_seconds = contract.STOP_SERVING_SECONDS if is_endpoint else contract.STOP_TRAINING_SECONDS
        with engine_errors(f"{entry.name} cannot be stopped", EngineError):
            for container in self.containers_of(entry, helpers=True):
                with suppress(docker.errors.NotFound):  # something else has removed the container
                    container.stop(timeout=int(grace_seconds))
                    self._keep_log(container, entry)
                    container.remove(force=True, v=True)
            project_id = self.project_id()
            for network in self.engine.client.networks.list(filters={"label": _label_of(entry)}):
                if is_of(network.attrs["Labels"], entry, project_id):
                    with suppress(docker.errors.NotFound):
                        network.remove()
            labels = {**labels_of(entry, project_id), KIND_LABEL: "ownership"}
            if not leads_through_link(entry.root_path):
                give_to_caller(entry.root_path, self.engine.client, (entry.image, self.image), labels)
            return [f"container {container.short_id}" for container in self.containers_of(entry, helpers=True)]

    def _keep_log(self, container: "Container", entry: Entry) -> None:
        is_program = container.labels.get(KIND_LABEL) == entry.kind
        is_kept = isinstance(entry, TrainingJob) and entry.folder.is_dir() and not leads_through_link(entry.log_path)
        if is_program and is_kept:
            entry.log_path.write_bytes(container.logs())

    def read_log(self, entry: Entry) -> bytes:
        """See Backend. Without a container, return the saved log file."""
        with engine_errors(f"the log of {entry.name} cannot be read", EngineError):
            for container in self.containers_of(entry):
                return bytes(container.logs())
        return entry.log_path.read_bytes() if entry.log_path.exists() else b""

    def consumption(self, endpoint: Endpoint) -> Consumption | None:
        """See ServingBackend. Docker's statistics give the values. The file cache does not count."""
        with engine_errors(f"the statistics of {endpoint.name} cannot be read", EngineError):
            for container in self.containers_of(endpoint):
                before = time.monotonic()
                statistics: Any = container.stats(stream=False, one_shot=True)
                used = memory_bytes(statistics)
                if used is None:  # the container has ended
                    return None
                seconds = statistics["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9
                return Consumption((before + time.monotonic()) / 2, seconds, used)
        return None

    def find_unrecorded(self, record: Record) -> list[RecordedEntry]:
        """See Backend. Find the project's containers and networks that belong to no entry."""
        project_id = record.project_id

        def is_ours(labels: Mapping[str, str]) -> bool:
            return is_of_project(labels, record.work_path, project_id)

        if not self.engine.may_hold_anything(is_ours):
            return []
        known = {entry.folder for entry in record.entries()}
        label: dict[str, str | list[str] | bool] = {"label": [KIND_LABEL, NAME_LABEL]}
        with engine_errors("containers cannot be listed", EngineError):
            client = self.engine.client
            labels = [found.labels for found in client.containers.list(all=True, filters=label, ignore_removed=True)]
            labels += [network.attrs["Labels"] for network in client.networks.list(filters=label)]
        labels = [one for one in labels if is_ours(one)]
        # only endpoints have networks
        endpoints = {one[NAME_LABEL] for one in labels if one[KIND_LABEL] == "endpoint"}
        names = dict.fromkeys(one[NAME_LABEL] for one in labels)
        folders = [(record.endpoints_path if name in endpoints else record.jobs_path) / name for name in names]
        return [unrecorded_entry(record, folder, self.place) for folder in folders if folder not in known]

    def containers_of(self, entry: Entry, *, helpers: bool = False) -> list["Container"]:
        """Find the containers of a job or an endpoint.

        With `helpers`, include the short-lived containers that change the owner of files.
        """
        with engine_errors("containers cannot be listed", EngineError):
            found = self.engine.client.containers.list(
                all=True, filters={"label": _label_of(entry)}, ignore_removed=True
            )
        project_id = self.project_id()
        ours = [container for container in found if is_of(container.labels, entry, project_id)]
        return [container for container in ours if helpers or container.labels.get(KIND_LABEL) == entry.kind]


def _label_of(entry: Entry) -> list[str]:
    return [f"{NAME_LABEL}={entry.name}"]


def _programs_in(container: "Container") -> list[RunningProgram]:
    if container.status != "running":
        return []
    with engine_errors("the container's processes cannot be listed", EngineError):
        top: Any = container.top(ps_args="-eo pid,ppid,args")
    return [RunningProgram(int(pid), int(parent), command) for pid, parent, command in top["Processes"]]
