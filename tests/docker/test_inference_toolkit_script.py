"""Pattern B's entry point without its image. Docker is not needed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from tests.docker.named_images import CONTEXT

SERVE = """
import os, sys
from pathlib import Path
from lgbm_toolkit.serving import serve
sys.exit(serve(Path(sys.argv[1]), os.environ))
"""


def test_nothing_of_a_model_is_used_when_a_file_is_not_what_the_manifest_names(tmp_path: Path) -> None:
    """If a file differs from the manifest, pip does not run, and the user's code does not run."""
    (tmp_path / "code").mkdir()
    requirements = tmp_path / "code" / "requirements.txt"
    digest = hashlib.sha256(b"").hexdigest()
    (tmp_path / "lgbm-sm-manifest.json").write_text(
        json.dumps({"format_version": 1, "members": {"code/requirements.txt": digest}})
    )
    requirements.write_text("something-else\n")
    started = subprocess.run(
        [sys.executable, "-c", SERVE, str(tmp_path)],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(str(CONTEXT / name) for name in ("inference_toolkit", "runtime")),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (started.returncode, started.stdout) == (1, "")
    [line] = started.stderr.splitlines()
    assert line.startswith(f"error: {requirements} was changed: ")
    assert "LGBM_RUNTIME_UNCHECKED=1" in line
