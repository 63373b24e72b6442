"""Compare pattern A's server with other servers. The result is a table in README.

All servers serve the same two models and get the same rows. They run on the same two processors as wrk, the program
that sends the requests. In each round, all servers take turns. Before a server is measured, its answers are compared
with `Booster.predict`.

Missing programs are installed. As root, apt installs wrk and nginx. The other servers are installed from PyPI into
separate virtual environments in the cache folder (2 GB). If a server cannot be installed, the result has the reason.
The benchmark runs only on Linux.

Exit code 1: our own server or wrk failed. Exit code 3: the run is void, because the notebook's chain was too slow for a
fair comparison.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.serving_measurements.chain import NotebookChain, nginx_version
from benchmarks.serving_measurements.load import LoadError
from benchmarks.serving_measurements.machine import conditions, take_processors
from benchmarks.serving_measurements.measures import ratios, straw_man
from benchmarks.serving_measurements.mlflow import MLflow
from benchmarks.serving_measurements.mlserver import MLServer
from benchmarks.serving_measurements.models import LARGE, SMALL, trained_model
from benchmarks.serving_measurements.own_server import OwnServer
from benchmarks.serving_measurements.peers import FLOOR, OURS, Peer
from benchmarks.serving_measurements.programs import UnavailableError, system_program
from benchmarks.serving_measurements.rounds import OwnFailureError, Run, say
from benchmarks.serving_measurements.soak import SoakError, soak
from benchmarks.serving_measurements.table import notes, table, write_quote
from benchmarks.serving_measurements.toolkit import InferenceToolkit
from benchmarks.serving_measurements.verification import WrongAnswerError
from lgbm_sm.errors import ExitCode
from lgbm_sm.record.work_folder import remove_tree

_HERE = Path(__file__).resolve().parent
RESULT_PATH = _HERE / "results" / "serving.json"
SOAK_PATH = _HERE / "results" / "soak.json"
# The files that contain the table. With True, the versions and the conditions follow the table.
QUOTES = {_HERE.parent / "README.md": False, _HERE / "README.md": True}

_VOID = 3
_LIMIT_SECONDS = 24 * 60
_SOAK_SECONDS = 600
_PEERS: Sequence[Peer] = (
    OwnServer(),
    NotebookChain(threads=1),
    NotebookChain(threads=None),
    InferenceToolkit(),
    MLServer(),
    MLflow(),
)


def main() -> int:
    options = _options()
    if options.quote:
        _quote()
        return 0
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    workers = take_processors()
    folder = Path(tempfile.mkdtemp(prefix="lgbm-sm-bench-"))
    # the workers of nginx run as another user, who must be able to open gunicorn's socket
    folder.chmod(0o755)
    try:
        if options.soak:
            return _soak(options, folder, workers)
        return _compare(options, folder, workers)
    except (UnavailableError, OwnFailureError, LoadError, WrongAnswerError, SoakError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)
    finally:
        remove_tree(folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=_positive, default=5, help="rounds [5]; no new round begins after 24 minutes")
    parser.add_argument("--window", type=_positive, default=3, help="seconds of the longest measurements [3]")
    parser.add_argument("--quick", action="store_true", help="one round of short measurements, to test the benchmark")
    parser.add_argument("--soak", action="store_true", help="only our own server, at full load for ten minutes")
    parser.add_argument("--soak-seconds", type=_positive, default=_SOAK_SECONDS, help="duration of --soak [600]")
    parser.add_argument("--without", action="append", default=[], metavar="NAME", help="leave a server out; repeatable")
    parser.add_argument(
        "--cache", type=Path, default=_default_cache(), help="folder for environments and models [%(default)s]"
    )
    parser.add_argument("--output", type=Path, help="file for the JSON [a full run: benchmarks/results]")
    parser.add_argument("--quote", action="store_true", help="only write the last full run into the two READMEs")
    options = parser.parse_args()
    unknown = set(options.without) - {peer.name for peer in _PEERS if peer.name != OURS}
    if unknown:
        parser.error(f"--without {unknown.pop()}: the servers are {', '.join(peer.name for peer in _PEERS[1:])}")
    if options.quick:
        options.rounds, options.window = 1, 1
    return options


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lgbm-sm" / "benchmarks"


def _compare(options: argparse.Namespace, folder: Path, workers: int) -> int:
    began = time.monotonic()
    machine = conditions()
    generator = _generator()
    floor = {"how": "no application behind it", "versions": {"nginx": nginx_version(_nginx())}}
    models = {recipe: trained_model(options.cache, recipe, say) for recipe in (SMALL, LARGE)}
    run = Run(folder, models, workers, options.window)
    peers = [peer for peer in _PEERS if peer.name not in options.without]
    subjects = _installed(peers, options.cache, run)
    rounds = _run_rounds(run, [peer for peer in peers if peer.name in subjects], options.rounds, began)
    figures = run.figures.document()
    document = {
        "conditions": machine,
        "generator": generator,
        "workers": workers,
        "rounds": rounds,
        "long_seconds": options.window,
        "subjects": {**subjects, FLOOR: floor},
        "failures": run.failures,
        "figures": figures,
        "ratios": ratios(figures),
    }
    print(f"{table(document)}\n\n{notes(document)}")
    void = straw_man(figures, FLOOR)
    is_full = not (options.quick or options.without or options.output or void)
    output = options.output or (RESULT_PATH if is_full else options.cache / "serving.json")
    output.write_text(json.dumps({**document, **({"void": void} if void else {})}, indent=1) + "\n", encoding="utf-8")
    say(f"written: {output}")
    if void:
        print(f"error: the run is void: {void}", file=sys.stderr)
        return _VOID
    if is_full:
        _quote()
    return 0


def _quote() -> None:
    document = json.loads(RESULT_PATH.read_text(encoding="utf-8"))
    for path, with_notes in QUOTES.items():
        write_quote(path, document, with_notes=with_notes)


def _installed(peers: Sequence[Peer], cache: Path, run: Run) -> dict[str, dict[str, Any]]:
    subjects: dict[str, dict[str, Any]] = {}
    cache.mkdir(parents=True, exist_ok=True)
    for peer in peers:
        try:
            subjects[peer.name] = {"how": peer.how, "versions": peer.install(cache)}
        except UnavailableError as error:
            say(f"{peer.name} IS MISSING: {error}")
            run.failures[peer.name] = str(error)
    return subjects


def _run_rounds(run: Run, peers: Sequence[Peer], rounds: int, began: float) -> int:
    """Run the rounds. Return the number of rounds.

    After the first round, do not begin a round that would probably end after the time limit.
    """
    longest = 0.0
    for number in range(rounds):
        before = time.monotonic()
        if number and before - began + longest > _LIMIT_SECONDS:
            say(f"stopped after round {number}, because another round would exceed the time limit")
            return number
        say(f"round {number + 1} of {rounds}")
        first = number % len(peers)
        run.round([*peers[first:], *peers[:first]])
        longest = max(longest, time.monotonic() - before)
    return rounds


def _soak(options: argparse.Namespace, folder: Path, workers: int) -> int:
    machine = conditions()
    _generator()
    model = trained_model(options.cache, SMALL, say)
    versions = OwnServer().install(options.cache)
    say(f"{options.soak_seconds} s of full load")
    document = {"conditions": machine, "versions": versions, **soak(model, folder, workers, options.soak_seconds)}
    is_full = options.soak_seconds >= _SOAK_SECONDS
    output = options.output or (SOAK_PATH if is_full else options.cache / "soak.json")
    output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({name: document[name] for name in ("seconds", "requests", "failed", "growth_mb")}))
    say(f"written: {output}")
    return 0


def _generator() -> str:
    """Return the name and the version of wrk. wrk prints them and ends with exit code 1."""
    words = subprocess.run([_wrk(), "--version"], capture_output=True, text=True, check=False, timeout=30).stdout
    return words.partition(" [")[0].strip()


def _wrk() -> Path:
    return system_program("wrk", "wrk")


def _nginx() -> Path:
    return system_program("nginx", "nginx-light")


if __name__ == "__main__":
    sys.exit(main())
