"""Measure the containers, and compare them with the notebook's chain of servers.

Measures the size of the images, the builds, the training, the start, the memory and the shutdown. The subjects are
pattern A, pattern B and benchmarks/notebook_chain. They take turns in each round. Prints a table of medians on stderr,
and all values as JSON on stdout. All created resources have labels, and they are removed at the end.

Exit code 5: Docker does not answer, or an image cannot be built. Exit code 1: another error.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from benchmarks.container_measurements.figures import CHAIN, Figures, document, table
from benchmarks.container_measurements.images import (
    build_missing,
    measure_cached_builds,
    measure_first_build,
    measure_sizes,
)
from benchmarks.container_measurements.limits import TimeLimitError
from benchmarks.container_measurements.project import CommandError, Project, opened_project
from benchmarks.container_measurements.serving import first_question, measure_serving
from benchmarks.container_measurements.training import measure_training
from lgbm_sm.backends.docker.engine import Engine
from lgbm_sm.errors import ExitCode, LgbmSmError
from lgbm_sm.model.source import find_completed_job

PARTS = ("first-builds", "cached-builds", "training", "serving")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=_positive, default=5, help="rounds of all measurements except builds [5]")
    parser.add_argument("--build-rounds", type=_positive, default=1, help="rounds of builds without a cache [1]")
    parser.add_argument("--without", action="append", choices=PARTS, default=[], help="leave a part out; repeatable")
    parser.add_argument("--base-image", help="the base image of all images [the one in each Dockerfile]")
    parser.add_argument("--keep-images", action="store_true", help="keep the images for the next run")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        Engine(os.environ).platform  # noqa: B018 - raises if Docker does not answer, before anything is created
        with opened_project(options.base_image, keep_images=options.keep_images) as project:
            figures = Figures()
            conditions = _measured(project, options, figures)
    except LgbmSmError as error:
        return _failed(error.message, int(error.exit_code))
    except (CommandError, TimeLimitError, subprocess.TimeoutExpired) as error:
        return _failed(str(error), 1)
    except KeyboardInterrupt:
        return _failed("interrupted", int(ExitCode.INTERRUPTED))
    rows = figures.rows()
    print(table(rows), file=sys.stderr)
    print(json.dumps(document(rows, conditions), indent=1))
    return 0


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"the number of rounds must be at least 1, got {text}")
    return number


def _failed(message: str, exit_code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return exit_code


def _measured(project: Project, options: argparse.Namespace, figures: Figures) -> dict[str, Any]:
    """Measure everything and fill `figures`. Return the conditions of the run."""
    loads: dict[str, list[float]] = {}

    def rounds(part: str, count: int, measure: Callable[[Figures], None], *, warm_up: bool = True) -> None:
        """Call `measure` in `count` rounds. A warm-up round before them fills the caches."""
        if part in options.without:
            return
        loads[part] = [round(load, 1) for load in os.getloadavg()[:1]]
        for number in range(0 if warm_up else 1, count + 1):
            _say(f"{part}: {f'round {number} of {count}' if number else 'warm-up'}")
            measure(figures if number else Figures())
        loads[part] += [round(load, 1) for load in os.getloadavg()[:1]]

    rounds("first-builds", options.build_rounds, lambda into: measure_first_build(project, into), warm_up=False)
    _say("images")
    tags = build_missing(project)
    measure_sizes(project, tags, figures)
    rounds("cached-builds", options.rounds, lambda into: measure_cached_builds(project, into))
    if not {"training", "serving"} <= set(options.without):
        project.command("prepare-data")
    rounds("training", options.rounds, lambda into: measure_training(project, tags, into))
    if "serving" not in options.without:
        project.command("train", "--set", "local.backend=process")
        job = find_completed_job(project.record, project.config.project.name)
        if job is None:
            raise CommandError("after `lgbm-sm train`, there is no completed job on record")
        path = job.model_artifact_path
        question = first_question(project.workspace.data_path, path)
        rounds("serving", options.rounds, lambda into: measure_serving(project, tags, path, question, into))
    return _conditions(project, options, loads)


def _conditions(project: Project, options: argparse.Namespace, loads: dict[str, list[float]]) -> dict[str, Any]:
    client = project.engine.client
    version, info = client.version(), client.info()
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processors": os.cpu_count(),
        "memory_gb": round(info["MemTotal"] / 1e9, 1),
        "engine": version["Version"],
        "storage_driver": info["Driver"],
        "python_of_bare_program": platform.python_version(),
        "base_image": options.base_image or "as the Dockerfiles name it",
        "rounds": options.rounds,
        "build_rounds": options.build_rounds,
        "load_before_and_after": loads,
        "compared_to": CHAIN,
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
