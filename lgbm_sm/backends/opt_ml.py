"""The folder /opt/ml that SageMaker gives to a container, and the archives that it makes when a job ends."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lgbm_sm import contract
from lgbm_sm.backends import TrainingInputs
from lgbm_sm.model.artifact import MANIFEST_FILE, Contents, digest_of, manifest_text, read_artifact
from lgbm_sm.record.entries import TrainingJob

if TYPE_CHECKING:
    import tarfile


def lay_out_training(root: Path, inputs: TrainingInputs, network_interface: str) -> None:
    """Write the /opt/ml folder for a training job.

    It has the hyperparameters, the channel folders, and one host. Channel folders are links, so that no file
    is copied.
    """
    config_path = root / contract.CONFIG_FOLDER
    for folder in (
        config_path,
        root / contract.DATA_FOLDER,
        root / contract.MODEL_FOLDER,
        root / contract.OUTPUT_DATA_FOLDER,
        root / contract.CHECKPOINTS_FOLDER,
    ):
        folder.mkdir(parents=True)
    documents = {
        contract.HYPERPARAMETERS_FILE: inputs.hyperparameters,
        contract.CHANNELS_FILE: {
            name: {
                "ContentType": content_type_of(name),
                "TrainingInputMode": "File",
                "S3DistributionType": "FullyReplicated",
                "RecordWrapperType": "None",
            }
            for name in inputs.channels
        },
        contract.HOSTS_FILE: {
            "current_host": contract.FIRST_HOST,
            "hosts": [contract.FIRST_HOST],
            "network_interface_name": network_interface,
            "current_instance_type": "local",
            "current_group_name": "homogeneousCluster",
            "instance_groups": [
                {"instance_group_name": "homogeneousCluster", "instance_type": "local", "hosts": [contract.FIRST_HOST]}
            ],
        },
    }
    for name, document in documents.items():
        (config_path / name).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    for name, folder in inputs.channels.items():
        (root / contract.DATA_FOLDER / name).symlink_to(folder.resolve(), target_is_directory=True)


def training_variables(job_name: str) -> dict[str, str]:
    """Return the environment variables that SageMaker sets for a training job."""
    job_arn = f"arn:aws:sagemaker:local:000000000000:training-job/{job_name}"
    return {contract.JOB_NAME_VARIABLE: job_name, contract.JOB_ARN_VARIABLE: job_arn}


def content_type_of(channel: str) -> str:
    """Return the content type of a channel."""
    return "application/json" if channel == "schema" else "text/csv"


def failure_reason(root: Path) -> str:
    """Return the first characters of /opt/ml/output/failure, as SageMaker does. Return "" if the file is missing."""
    try:
        with (root / contract.FAILURE_FILE).open(encoding="utf-8", errors="replace") as file:
            return file.read(contract.FAILURE_REASON_CHARACTERS).strip()
    except FileNotFoundError:
        return ""


def collect_outputs(job: TrainingJob) -> bool:
    """Pack /opt/ml/model and /opt/ml/output/data into archives, as SageMaker does.

    If there is no model, pack nothing and return False.
    """
    root, output_path = job.root_path, job.model_artifact_path.parent
    if not (root / contract.MODEL_FOLDER).is_dir() or not any((root / contract.MODEL_FOLDER).iterdir()):
        return False
    output_path.mkdir(parents=True, exist_ok=True)
    pack(root / contract.OUTPUT_DATA_FOLDER, output_path / contract.OUTPUT_ARCHIVE)
    pack(root / contract.MODEL_FOLDER, output_path / contract.MODEL_ARCHIVE)
    return True


def pack(folder: Path, archive_path: Path) -> None:
    """Write a .tar.gz archive of a folder. After an error, there is no archive."""
    import tarfile

    temporary_path = archive_path.with_name(archive_path.name + ".tmp")
    try:
        with tarfile.open(temporary_path, "w:gz", compresslevel=6) as archive:
            for path in sorted(folder.iterdir()):
                archive.add(path, arcname=path.name, filter=owned_by_root)
        temporary_path.replace(archive_path)
    finally:
        temporary_path.unlink(missing_ok=True)


def owned_by_root(member: "tarfile.TarInfo") -> "tarfile.TarInfo":
    """Set the owner to root. The real owner has no meaning on another machine."""
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def lay_out_serving(
    root: Path, model_artifact_path: Path, code: Mapping[str, Path | str], *, unchecked: bool = False
) -> Contents:
    """Unpack the artifact into a read-only /opt/ml/model folder for a server, and return its contents.

    `code` maps names below /opt/ml/model/code to files or texts. They are added to the manifest. With `unchecked`, the
    files need not match the manifest.

    Raises:
        ArchiveError: the archive is damaged or must not be served.
        OSError: a file cannot be written.
    """
    model_path = root / contract.MODEL_FOLDER
    model_path.mkdir(parents=True)
    contents = read_artifact(model_artifact_path, model_path, unchecked=unchecked)
    added = {}
    for name, content in code.items():
        path = model_path / "code" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            shutil.copyfile(content, path)
        else:
            path.write_text(content, encoding="utf-8")
        added[f"code/{name}"] = digest_of(path)
    if added:
        members = {**(contents.manifest or {}), **added}
        (model_path / MANIFEST_FILE).write_text(manifest_text(members), encoding="utf-8")
    for folder, _, file_names in os.walk(model_path, topdown=False):
        for name in file_names:
            (Path(folder) / name).chmod(0o444)
        Path(folder).chmod(0o555)
    return contents
