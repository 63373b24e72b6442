"""Unpack a model artifact for a server, or only check the artifact."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lgbm_sm.backends import opt_ml
from lgbm_sm.errors import EndpointError
from lgbm_sm.model.archive import ArchiveError
from lgbm_sm.model.artifact import ManifestError, read_artifact
from lgbm_sm.model.code import ModelCode
from lgbm_sm.record.work_folder import storage_errors


def unpack(root_path: Path, artifact_path: Path, code: ModelCode, source: str = "") -> str:
    """Unpack the artifact into the folder of a server, and add the inference code.

    Return a remark about parts that were not checked. Errors show `source` if it is an address in S3, or else the path.

    Raises:
        EndpointError: the artifact is damaged, or its files differ from its manifest.
    """
    with _artifact_errors(artifact_path, source), storage_errors(root_path):
        return opt_ml.lay_out_serving(root_path, artifact_path, code.files, unchecked=code.is_unchecked).remark


def check_artifact(artifact_path: Path, code: ModelCode, source: str) -> None:
    """Check the artifact as `unpack` does, but write no files.

    Raises:
        EndpointError: the artifact is damaged, or its files differ from its manifest.
    """
    with _artifact_errors(artifact_path, source):
        read_artifact(artifact_path, unchecked=code.is_unchecked)


@contextmanager
def _artifact_errors(artifact_path: Path, source: str) -> Iterator[None]:
    """Convert the errors of reading and unpacking an artifact to EndpointError."""
    shown = source if source.startswith("s3://") else artifact_path
    try:
        yield
    except ManifestError as error:
        hint = f"run `lgbm-sm train` again, or deploy the changed file: `lgbm-sm deploy --model {shown} --unchecked`"
        raise EndpointError(f"{shown} {error}", hint) from error
    except ArchiveError as error:
        raise EndpointError(f"{shown} {error}", "run `lgbm-sm train` again, or pass another --model") from error
    except OSError as error:
        where = error.filename or artifact_path
        raise EndpointError(f"{shown} cannot be unpacked: {where}: {error.strerror or error}") from error
