"""Of this machine: its Docker engine, ports and files."""

from lgbm_sm.known_issues.issue import Trouble

MACHINE_TROUBLES = (
    Trouble(
        id="port-taken",
        patterns=(
            r"port is already allocated",
            r"address already in use",
            r"Errno (48|98)\b",
            r"ports are not available",
        ),
        cause="Another program has the port, mostly 8080: a server that was left running, or somebody else's.",
        remedy="run `lgbm-sm deploy`, which takes a free port and asks its own container; `lgbm-sm cleanup` ends what "
        "is left of this project",
        source="aws/sagemaker-python-sdk#2020, #260",
    ),
    Trouble(
        id="compose-missing",
        patterns=(
            r"docker-compose['\"]?( is not installed|: (command )?not found)",
            r"No such file or directory: '?docker-compose",
            r"Docker Compose is not installed|'compose' is not a docker command",
            r"Failed to run: \['docker-compose'",
        ),
        cause="The local mode of SageMaker's SDK needs docker compose, in a version that it knows.",
        remedy="run `lgbm-sm train` and `lgbm-sm deploy` with local.backend: docker, which need no compose",
        source="aws/sagemaker-python-sdk#3659, #4137, #5739",
    ),
    Trouble(
        id="engine-refuses",
        patterns=(r"permission denied while trying to connect to the Docker", r"the Docker engine refuses this user"),
        cause="This user may not use the Docker engine.",
        remedy="`sudo usermod -aG docker $USER`, then log in again; without an engine, local.backend: process",
        source="Docker's documentation, Linux post-installation steps",
    ),
    Trouble(
        id="engine-missing",
        patterns=(r"Cannot connect to the Docker daemon", r"no Docker engine answers", r"Is the docker daemon running"),
        cause="No Docker engine runs here.",
        remedy="start Docker; without it, local.backend: process. `lgbm-sm doctor` looks again",
        source="Docker's documentation, Troubleshooting the Docker daemon",
    ),
    Trouble(
        id="files-of-root",
        patterns=(
            r"Failed to delete: \S+ Please remove it manually",
            r"PermissionError: \[Errno 13\] Permission denied: '(/tmp/tmp|sm_drivers|[^']*model\.tar\.gz)",
        ),
        cause="A container that ran as root has left files that belong to root.",
        remedy="`sudo rm -r` the folder that is named; what `lgbm-sm train` writes belongs to you",
        source="aws/sagemaker-python-sdk#301, #4764, #5067",
    ),
)
