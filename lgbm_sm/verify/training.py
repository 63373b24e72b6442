"""Run all checks of the training."""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from lgbm_sm.verify.checks import Result, skip
from lgbm_sm.verify.checks.training import CHECKS, COMPLETES, CONDITIONS, HYPERPARAMETERS, JUDGES, Trained
from lgbm_sm.verify.limits import Limits
from lgbm_sm.verify.sandbox import Sandbox
from lgbm_sm.verify.subject import Subject
from lgbm_sm.verify.training_run import LENIENT, STRICT, CheckedTraining, Conditions, Training, TrainingOutcome
from lgbm_sm.wording import counted

_SEEN = {
    "nested": "trains on files in sub-folders",
    "read_only": "trains on read-only data",
    "isolated": "trains without a network",
    "covered": "trains with a volume mounted over /opt/ml",
}
_NOT_ISOLATED = "not tried, because --network is set"


def check_training(
    sandbox: Sandbox, subject: Subject, limits: Limits, folder: Path
) -> Generator[Result, None, Path | None]:
    """Yield the results. Return the path of the trained model, or None if there is no model."""
    if subject.inputs is None:
        yield from skip(CHECKS, "no data to train on: pass --channels, or set data.* in config.yaml")
        return None
    conditions = replace(STRICT, isolated=not subject.needs_network)
    values = subject.inputs.hyperparameters
    training = Training(sandbox, subject.inputs, limits, subject.environment, conditions, values)
    # start all three at the same time, because most of the time is waiting
    strict = training.start(conditions, values)
    quoted = training.start(replace(conditions, quoted=True), values)
    garbage = training.start(replace(conditions, garbage=True), values)
    run, outcome = strict, strict.outcome()
    if outcome.is_done:
        yield COMPLETES.passed(f"exit code 0 after {outcome.seconds:.1f} s")
        yield HYPERPARAMETERS.passed(counted(len(values), "string"))
        for name, check in CONDITIONS.items():
            yield check.passed(_SEEN[name]) if getattr(conditions, name) else check.skipped(_NOT_ISOLATED)
    else:
        found = yield from _find_cause(training, conditions)
        if found is None:
            return None
        run, outcome = found
    trained = Trained(training, run, outcome, quoted, garbage, folder)
    for judge in JUDGES.values():
        yield judge(trained)
    for one in (strict, quoted, garbage, run):
        one.started.remove()
    return trained.model_path


def _find_cause(
    training: Training, strict: Conditions
) -> Generator[Result, None, tuple[CheckedTraining, TrainingOutcome] | None]:
    """Find the condition that makes a training run fail.

    First train without any condition, then with each condition alone. Return a successful run with its outcome, or None
    if no run succeeds.
    """
    lenient = training.run(LENIENT)
    if not lenient.is_done and training.hyperparameters:
        given, training.hyperparameters = training.hyperparameters, {}
        bare = training.run(LENIENT)
        if bare.is_done:
            yield COMPLETES.passed(f"exit code 0 after {bare.seconds:.1f} s, without hyperparameters")
            yield HYPERPARAMETERS.broken(f"with hyperparameters: {lenient}")
            return (yield from _try_each(training, strict, bare))
        training.hyperparameters = given
    if not lenient.is_done:
        if lenient.exit_code != 0:
            yield COMPLETES.broken(str(lenient))
            yield from skip(CHECKS[1:], "no training succeeds")
            return None
        # the image writes no model, so only the exit code shows whether the training succeeded
        yield COMPLETES.passed(f"exit code 0 after {lenient.seconds:.1f} s")
    else:
        yield COMPLETES.passed(f"exit code 0 after {lenient.seconds:.1f} s, without some conditions of SageMaker")
    yield HYPERPARAMETERS.passed(counted(len(training.hyperparameters), "string"))
    return (yield from _try_each(training, strict, lenient))


def _try_each(
    training: Training, strict: Conditions, lenient: TrainingOutcome
) -> Generator[Result, None, tuple[CheckedTraining, TrainingOutcome]]:
    """Try each condition alone. Then try together all conditions that the image passes."""
    passed = LENIENT
    for name, check in CONDITIONS.items():
        if not getattr(strict, name):
            yield check.skipped(_NOT_ISOLATED)
            continue
        outcome = training.run(replace(LENIENT, **{name: True}))
        same = outcome.exit_code == lenient.exit_code and outcome.has_model == lenient.has_model
        passed = replace(passed, **{name: True}) if same else passed
        yield check.passed(_SEEN[name]) if same else check.broken(str(outcome))
    run = training.start(passed, training.hyperparameters)
    training.conditions = passed
    return run, run.outcome()
