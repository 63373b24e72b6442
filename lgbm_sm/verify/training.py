"""`train`: what the platform mounts, hands over, takes back and sends."""

import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from lgbm_sm.backends import TrainingInputs
from lgbm_sm.backends.opt_ml import FAILURE_REASON_CHARACTERS
from lgbm_sm.config.values import HyperparameterValue
from lgbm_sm.verify.checks import Check, Result
from lgbm_sm.verify.checks.training import (
    CHECKS,
    COMPLETES,
    FAILURE_EXIT_CODE,
    FAILURE_FILE,
    HYPERPARAMETERS,
    HYPERPARAMETERS_QUOTED,
    NESTED_FILES,
    NETWORK,
    OPT_ML,
    READ_ONLY_INPUTS,
    SIGTERM,
)
from lgbm_sm.verify.limits import Limits
from lgbm_sm.verify.sandbox import Sandbox
from lgbm_sm.verify.subject import Subject
from lgbm_sm.verify.training_outputs import check_artifacts
from lgbm_sm.verify.training_run import (
    LENIENT,
    STRICT,
    Conditions,
    TrainingOutcome,
    TrainingRun,
    start_training,
)

# of each condition: the check that it is about
_CONDITIONS: Mapping[str, Check] = {
    "nested": NESTED_FILES,
    "read_only": READ_ONLY_INPUTS,
    "isolated": NETWORK,
    "covered": OPT_ML,
}
_SEEN = {
    "nested": "it trains on files in sub-folders",
    "read_only": "it trains on read-only data",
    "isolated": "it trains without a network",
    "covered": "it trains with all of /opt/ml mounted over",
}
# LightGBM's names of the number of rounds, and other libraries': a training that is to be stopped must last
_LENGTHS = frozenset(
    (
        *("num_boost_round", "num_iterations", "num_iteration", "n_iter", "num_tree", "num_trees", "num_round"),
        *("num_rounds", "nrounds", "n_estimators", "max_iter", "epochs", "num_epochs"),
    )
)
_EARLY_STOPPING = frozenset(("early_stopping_round", "early_stopping_rounds", "early_stopping", "n_iter_no_change"))
_LONG = 1_000_000
_LEAST_SECONDS_BEFORE_STOP = 1.0
_MOST_SECONDS_BEFORE_STOP = 10.0


@dataclass
class _Training:
    """What has been learnt so far: under which conditions, and with which hyperparameters, this image trains."""

    sandbox: Sandbox
    inputs: TrainingInputs
    limits: Limits
    environment: Mapping[str, str]
    conditions: Conditions = STRICT
    hyperparameters: Mapping[str, HyperparameterValue] = field(default_factory=dict)

    def start(self, conditions: Conditions, hyperparameters: Mapping[str, HyperparameterValue]) -> TrainingRun:
        return start_training(
            self.sandbox,
            self.inputs,
            conditions,
            limit_seconds=self.limits.training,
            hyperparameters=hyperparameters,
            environment=self.environment,
        )

    def run(self, conditions: Conditions) -> TrainingOutcome:
        run = self.start(conditions, self.hyperparameters)
        try:
            return run.outcome()
        finally:
            run.started.remove()


def check_training(
    sandbox: Sandbox, subject: Subject, limits: Limits, folder: Path
) -> Generator[Result, None, Path | None]:
    """Returns the model that it has trained as `folder`/model.tar.gz; None where there is none to go on with."""
    if subject.inputs is None:
        yield from skip_training("there is no data to train on: pass --channels, or configure data")
        return None
    conditions = replace(STRICT, isolated=not subject.needs_network)
    training = _Training(
        sandbox, subject.inputs, limits, subject.environment, conditions, subject.inputs.hyperparameters
    )
    # all at once: what it takes is mostly the waiting
    strict = training.start(conditions, training.hyperparameters)
    quoted = training.start(replace(conditions, quoted=True), training.hyperparameters)
    garbage = training.start(replace(conditions, garbage=True), training.hyperparameters)
    outcome = strict.outcome()
    run = strict
    if outcome.is_done:
        yield COMPLETES.passed(f"exit code 0 after {outcome.seconds:.1f} s")
        yield HYPERPARAMETERS.passed(f"{len(training.hyperparameters)} strings")
        for name, check in _CONDITIONS.items():
            yield check.passed(_SEEN[name]) if getattr(conditions, name) else check.skipped("--network: not tried")
    else:
        found = yield from _find_cause(training, conditions)
        if found is None:
            return None
        run, outcome = found
    yield from _check_quoted(training, quoted)
    path = yield from check_artifacts(run.started, folder)
    yield from _check_failure(garbage)
    yield from _check_sigterm(training, outcome.seconds)
    for one in (strict, quoted, garbage, run):
        one.started.remove()
    return path


def skip_training(reason: str, checks: Iterator[Check] | None = None) -> Iterator[Result]:
    """Every check of the area, or those that are named."""
    for check in checks or iter(CHECKS):
        yield check.skipped(reason)


def _find_cause(
    training: _Training, strict: Conditions
) -> Generator[Result, None, tuple[TrainingRun, TrainingOutcome] | None]:
    """Why a training under all conditions fails: what it does without each of them.

    Returns a run that was done, and how; None where there is none.
    """
    lenient = training.run(LENIENT)
    if not lenient.is_done and training.hyperparameters:
        with_them, training.hyperparameters = training.hyperparameters, {}
        bare = training.run(LENIENT)
        if bare.is_done:
            yield COMPLETES.passed(f"exit code 0 after {bare.seconds:.1f} s, without hyperparameters")
            yield HYPERPARAMETERS.broken(f"with hyperparameters {lenient}")
            return (yield from _try_each(training, strict, bare))
        training.hyperparameters = with_them
    if not lenient.is_done:
        if lenient.exit_code != 0:
            yield COMPLETES.broken(str(lenient))
            yield from skip_training("no training ends well", iter(CHECKS[1:]))
            return None
        # there is no model to judge by, so exit codes must do
        yield COMPLETES.passed(f"exit code 0 after {lenient.seconds:.1f} s")
    else:
        yield COMPLETES.passed(f"exit code 0 after {lenient.seconds:.1f} s, under easier conditions")
    yield HYPERPARAMETERS.passed(f"{len(training.hyperparameters)} strings")
    return (yield from _try_each(training, strict, lenient))


def _try_each(
    training: _Training, strict: Conditions, lenient: TrainingOutcome
) -> Generator[Result, None, tuple[TrainingRun, TrainingOutcome]]:
    """Each condition alone; then all that the image stands at once."""
    stands = LENIENT
    for name, check in _CONDITIONS.items():
        if not getattr(strict, name):
            yield check.skipped("--network: not tried")
            continue
        outcome = training.run(replace(LENIENT, **{name: True}))
        same = outcome.exit_code == lenient.exit_code and outcome.has_model == lenient.has_model
        stands = replace(stands, **{name: True}) if same else stands
        yield check.passed(_SEEN[name]) if same else check.broken(str(outcome))
    run = training.start(stands, training.hyperparameters)
    training.conditions = stands
    return run, run.outcome()


def _check_quoted(training: _Training, quoted: TrainingRun) -> Iterator[Result]:
    if not training.hyperparameters:
        yield HYPERPARAMETERS_QUOTED.skipped("no training ends well with hyperparameters")
        return
    outcome = quoted.outcome()
    if not outcome.is_done and training.conditions != STRICT:
        outcome = training.run(replace(training.conditions, quoted=True))
    plain_has_none = not outcome.has_model and outcome.exit_code == 0
    yield HYPERPARAMETERS_QUOTED.judged(str(outcome), is_met=outcome.is_done or plain_has_none)


def _check_failure(garbage: TrainingRun) -> Iterator[Result]:
    outcome = garbage.outcome()
    said = "data without rows, garbage in its place: "
    yield FAILURE_EXIT_CODE.judged(said + str(outcome), is_met=outcome.exit_code not in (0, None))
    if outcome.exit_code is None:
        yield FAILURE_FILE.skipped("the training did not end")
        return
    reason = (garbage.started.read("/opt/ml/output/failure") or b"").decode("utf-8", errors="replace").strip()
    if not reason:
        yield FAILURE_FILE.broken("/opt/ml/output/failure is empty or not there")
    elif reason.startswith("Traceback"):
        yield FAILURE_FILE.warned(
            f"it begins with a traceback, and only {FAILURE_REASON_CHARACTERS} characters are shown of it"
        )
    else:
        yield FAILURE_FILE.passed(reason.splitlines()[0][:120])


def _check_sigterm(training: _Training, usual_seconds: float) -> Iterator[Result]:
    """A training that would last is stopped in its midst."""
    values = {name: value for name, value in training.hyperparameters.items() if name not in _EARLY_STOPPING}
    values |= {name: _LONG for name in values if name in _LENGTHS}
    run = training.start(training.conditions, values)
    before = min(max(0.5 * usual_seconds, _LEAST_SECONDS_BEFORE_STOP), _MOST_SECONDS_BEFORE_STOP)
    code = run.started.wait(before)
    if code is not None:
        yield SIGTERM.skipped(f"it ended after less than {before:.1f} s, before it could be stopped")
    else:
        run.started.terminate()
        sent_at = time.monotonic()
        code = run.started.wait(training.limits.stop_training)
        seconds = time.monotonic() - sent_at
        if code is None:
            yield SIGTERM.broken(f"still running {seconds:.0f} s after SIGTERM; the platform then kills it")
        else:
            yield SIGTERM.passed(f"ended {seconds:.1f} s after SIGTERM, exit code {code}")
    run.started.remove()
