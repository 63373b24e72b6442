"""Flip one byte of an artifact, and print the answer of its deployment.

Usage: python -m tests.soak.flips ARTIFACT ROWS SEED START STOP

ROWS is a CSV file. This process unpacks and loads the artifact as `deploy` and the server do. A crash of this process
means that the server would crash. For each position from START to STOP, it prints a line of JSON with `position`, and
with `refused` (the message) or `answer` (the predictions).
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from pathlib import Path

from lgbm_runtime.core.errors import ModelError, SchemaError
from lgbm_runtime.core.predictor import Predictor
from lgbm_sm.backends.unpacking import unpack
from lgbm_sm.errors import LgbmSmError
from lgbm_sm.model.code import ModelCode
from lgbm_sm.record.work_folder import remove_tree


def answer_of(artifact: Path, rows: bytes, folder: Path) -> str:
    """Return the predictions as CSV. Raises LgbmSmError, ModelError or SchemaError."""
    try:
        unpack(folder / "ml", artifact, ModelCode())
        predictor = Predictor.load(folder / "ml" / "model", log=lambda _: None)
        predictor.prove()
        return predictor.invoke(rows, "text/csv", None).body.decode()
    finally:
        remove_tree(folder / "ml")


def flipped(content: bytes, position: int, seed: int) -> bytes:
    """Return the content with another byte at the position."""
    byte = content[position] ^ random.Random(f"{seed}-{position}").randint(1, 255)
    return content[:position] + bytes([byte]) + content[position + 1 :]


def main(artifact: Path, rows: bytes, seed: int, positions: range) -> None:
    content = artifact.read_bytes()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        damaged = folder / "model.tar.gz"
        for position in positions:
            damaged.write_bytes(flipped(content, position, seed))
            found: dict[str, object] = {"position": position}
            try:
                found["answer"] = answer_of(damaged, rows, folder)
            except (LgbmSmError, ModelError, SchemaError) as error:
                found["refused"] = str(error)
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]).read_bytes(), int(sys.argv[3]), range(int(sys.argv[4]), int(sys.argv[5])))
