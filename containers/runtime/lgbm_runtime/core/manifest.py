"""Write and check lgbm-sm-manifest.json, the manifest of a model artifact.

The manifest contains the SHA-256 of each file that the training program or `lgbm-sm deploy` wrote into the artifact.
The server compares the files with the manifest once, before it loads the model or runs the user's code.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Mapping

from lgbm_runtime.core.artifact_files import MANIFEST_FILE
from lgbm_runtime.core.errors import ModelError

FORMAT_VERSION = 1
UNCHECKED_VARIABLE = "LGBM_RUNTIME_UNCHECKED"
_REMEDY = (
    "deploy an unchanged archive, or skip this check with `lgbm-sm deploy --unchecked`, which sets "
    f"{UNCHECKED_VARIABLE}=1"
)
_CHUNK_BYTES = 1 << 20
_NAMED = 5


def manifest_text(digests: Mapping[str, str]) -> str:
    """Return the text of the manifest.

    `digests` maps each path below the model's folder to the SHA-256 of the file, in hexadecimal digits.
    """
    return json.dumps({"format_version": FORMAT_VERSION, "members": dict(sorted(digests.items()))}, indent=1) + "\n"


def check_model(model_path: Path, environment: Mapping[str, str]) -> str:
    """Compare the files in `model_path` with the manifest there.

    Returns an empty text if the manifest lists each file. Otherwise returns a line for the log. It names the files that
    the manifest does not list, or states that the manifest is missing, or that LGBM_RUNTIME_UNCHECKED=1 skips the
    check.

    Raises ModelError if a file is changed or missing, or if the manifest cannot be read.
    """
    unchecked = environment.get(UNCHECKED_VARIABLE, "").strip()
    if unchecked not in ("", "0", "1"):
        raise ModelError(f"{UNCHECKED_VARIABLE} must be 0 or 1, got {unchecked!r}")
    if unchecked == "1":
        return f"the files in {model_path} are not checked: {UNCHECKED_VARIABLE}=1"
    digests = _read(model_path / MANIFEST_FILE)
    if digests is None:
        return f"the files in {model_path} could not be checked: there is no {MANIFEST_FILE}"
    problems = [problem for name, digest in digests.items() for problem in _problem(model_path, name, digest)]
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise ModelError(f"{problems[0]}{more}; {_REMEDY}")
    others = sorted(_files(model_path) - {MANIFEST_FILE, *digests})
    if not others:
        return ""
    shown = ", ".join(map(_shown, others[:_NAMED]))
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    return f"these files are served unchecked, because {MANIFEST_FILE} does not list them: {shown}{more}"


def sha256_of(path: Path) -> str:
    """Return the file's SHA-256 in hexadecimal digits. Raises OSError."""
    # this import takes a few milliseconds, and a model without a manifest does not need it
    import hashlib

    digest = hashlib.sha256()
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK_BYTES)
            if not chunk:
                return digest.hexdigest()
            digest.update(chunk)


def _read(path: Path) -> dict[str, str] | None:
    try:
        manifest: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read: {error}; {_REMEDY}") from error
    version = manifest.get("format_version") if isinstance(manifest, dict) else None
    if version != FORMAT_VERSION:
        raise ModelError(f"{path} is not a manifest of format {FORMAT_VERSION}; {_REMEDY}")
    digests: Any = manifest.get("members")
    if not isinstance(digests, dict) or not all(isinstance(digest, str) for digest in digests.values()):
        raise ModelError(f"{path} does not list the SHA-256 of each member; {_REMEDY}")
    return digests


def _problem(model_path: Path, name: str, digest: str) -> list[str]:
    """Return the problem with a file in the manifest, or an empty list if there is none."""
    path = model_path / name
    if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises for a name that no file can have
        return [f"{_shown(str(path))} is missing, but {MANIFEST_FILE} lists it"]
    try:
        is_changed = sha256_of(path) != digest
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    if is_changed:
        return [f"{_shown(str(path))} was changed: its SHA-256 is not the one in {MANIFEST_FILE}"]
    return []


def _files(model_path: Path) -> set[str]:
    """Return the paths of all files below a folder, relative to it."""
    return {
        (Path(folder) / name).relative_to(model_path).as_posix()
        for folder, _, names in os.walk(model_path)
        for name in names
    }


def _shown(name: str) -> str:
    # a name from an archive may contain a line break, or characters that cannot be printed
    return ascii(name)[1:-1]
