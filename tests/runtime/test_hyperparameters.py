"""Hyperparameters are strings from SageMaker.

LightGBM's list of parameters gives their types.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lgbm_runtime.training.failure import TrainingError
from lgbm_runtime.training.hyperparameters import (
    Hyperparameters,
    parse_hyperparameters,
    read_hyperparameters,
)
from lgbm_runtime.training.lightgbm_probe import check_parameters
from lgbm_runtime.training.objectives import canonical_objective, num_class
from lgbm_runtime.training.training_api import Lightgbm

LIGHTGBM = Lightgbm()
ALIASES = LIGHTGBM.parameter_aliases()
NOTEBOOK = {
    "boosting_type": "gbdt",
    "objective": "regression",
    "num_leaves": 31,
    "learning_rate": 0.05,
    "feature_fraction": 0.9,
    "bagging_fraction": 0.8,
    "bagging_freq": 5,
    "verbose": 0,
    "num_boost_round": 20,
    "early_stopping_round": 5,
}


def parse(**raw: Any) -> Hyperparameters:
    return parse_hyperparameters(raw, ALIASES)


def refusal(raw: Mapping[str, Any]) -> str:
    with pytest.raises(TrainingError) as refused:
        parse_hyperparameters(raw, ALIASES)
    return str(refused.value)


def library_refusal(params: dict[str, Any], metrics: tuple[str, ...] = ()) -> str:
    with pytest.raises(TrainingError) as refused:
        check_parameters(params, metrics, LIGHTGBM)
    return str(refused.value)


def test_both_encodings_give_the_same_typed_values_when_values_are_quoted_once_more() -> None:
    plain = parse_hyperparameters({key: str(value) for key, value in NOTEBOOK.items()}, ALIASES)
    quoted = parse_hyperparameters({key: json.dumps(str(value)) for key, value in NOTEBOOK.items()}, ALIASES)

    assert plain == quoted
    assert plain.values == {
        "boosting": "gbdt",
        "objective": "regression",
        "num_leaves": 31,
        "learning_rate": 0.05,
        "feature_fraction": 0.9,
        "bagging_fraction": 0.8,
        "bagging_freq": 5,
        "verbosity": 0,
        "num_iterations": 20,
        "early_stopping_round": 5,
    }
    assert (plain.num_iterations, plain.early_stopping_round) == (20, 5)
    assert "num_iterations" not in plain.params
    assert "early_stopping_round" not in plain.params


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("31", 31),
        ('"31"', 31),
        ("-1", -1),
        ("0.05", 0.05),
        (".5", 0.5),
        ("1e-3", 0.001),
        ("true", True),
        ("True", True),
        ('"False"', False),
        ("gbdt", "gbdt"),
        ('"gbdt"', "gbdt"),
        (" gbdt ", "gbdt"),
        ("1_000", "1_000"),
        ("NaN", "NaN"),
        ("l1, l2", "l1,l2"),
    ],
)
def test_a_text_becomes_a_typed_value_when_it_is_read(text: str, value: object) -> None:
    typed = parse(seed=text).values["seed"]

    assert typed == value
    assert type(typed) is type(value)


def test_defaults_hold_when_the_file_is_missing(tmp_path: Path) -> None:
    read = read_hyperparameters(tmp_path / "hyperparameters.json", ALIASES, tmp_path)

    assert read == Hyperparameters({}, 100, 0)


@pytest.mark.parametrize("off", ["0", "-1", "None", "null", '"null"'])
def test_early_stopping_is_off_when_its_rounds_say_nothing(off: str) -> None:
    assert parse(early_stopping_rounds=off).early_stopping_round == 0


def test_the_file_is_refused_when_it_is_no_object(tmp_path: Path) -> None:
    path = tmp_path / "hyperparameters.json"
    for content, words in (("[1]", "one JSON object"), ("{", "not valid JSON")):
        path.write_text(content)
        with pytest.raises(TrainingError, match=words):
            read_hyperparameters(path, ALIASES, tmp_path)


@pytest.mark.parametrize(
    ("key", "suggestion"),
    [("num_leafs", "num_leaf"), ("Learning-Rate", "learning_rate"), ("objectiv", "objective")],
)
def test_an_unknown_key_is_refused_with_a_suggestion_when_one_is_near(key: str, suggestion: str) -> None:
    assert refusal({key: "1"}).startswith(f"hyperparameters: {key} is not a LightGBM parameter (did you mean ")
    assert suggestion in refusal({key: "1"})


def test_an_unknown_key_is_refused_without_a_suggestion_when_none_is_near() -> None:
    assert refusal({"zzzzzz": "1"}) == "hyperparameters: zzzzzz is not a LightGBM parameter"


def test_all_problems_are_named_when_there_are_several() -> None:
    message = refusal({"num_leafs": "1", "num_boost_round": "many", "data": "x.csv", "seed": "{}"})

    for key in ("num_leafs", "num_boost_round must be a whole number, got many", "data cannot be set here", "seed: "):
        assert key in message


def test_both_aliases_are_named_when_they_disagree() -> None:
    message = refusal({"n_estimators": "10", "num_boost_round": "20"})

    assert "n_estimators=10 and num_boost_round=20" in message
    assert parse(n_estimators="10", num_boost_round='"10"').num_iterations == 10


@pytest.mark.parametrize("key", ["data", "valid", "task", "config", "machines", "label", "has_header", "port"])
def test_a_parameter_is_refused_with_the_reason_when_it_makes_no_sense_in_the_container(key: str) -> None:
    assert f"{key} cannot be set here: " in refusal({key: "1"})


def test_keys_of_the_platform_are_left_out_when_the_sdk_or_the_tuner_added_them() -> None:
    parsed = parse(
        sagemaker_program='"train.py"',
        sagemaker_container_log_level="20",
        _tuning_objective_metric="validation:rmse",
        num_leaves="7",
    )

    assert parsed.values == {"num_leaves": 7}
    assert len(parsed.ignored) == 3


@pytest.mark.parametrize("value", ["", '""', "l1 num_leaves=3", "{}"])
def test_a_value_is_refused_when_lightgbm_would_read_it_as_something_else(value: str) -> None:
    assert "metric: " in refusal({"metric": value})


@pytest.mark.parametrize("rounds", ["0", "-3", "2.5", "true"])
def test_the_number_of_rounds_is_refused_when_it_is_no_positive_whole_number(rounds: str) -> None:
    assert "num_round must be " in refusal({"num_round": rounds})


@pytest.mark.parametrize("value", ["maybe", "1", "0", "yes"])
def test_first_metric_only_is_refused_when_it_is_not_true_or_false(value: str) -> None:
    assert refusal({"first_metric_only": value}).startswith(
        "hyperparameters: first_metric_only must be true or false, got "
    )
    assert parse(first_metric_only="true").values == {"first_metric_only": True}
    assert parse(first_metric_only="False").values == {"first_metric_only": False}


@pytest.mark.parametrize(
    ("given", "metrics", "evaluates"),
    [
        ({}, (), True),
        ({"metric": "None"}, (), False),
        ({"metric": "null"}, (), False),
        ({"metric": "l1,l2"}, ("l1", "l2"), True),
        ({"metric": '["auc"]'}, ("auc",), True),
    ],
)
def test_the_metrics_are_known_when_they_are_given_in_any_form(
    given: dict[str, str], metrics: tuple[str, ...], evaluates: bool
) -> None:
    parsed = parse(**given)

    assert (parsed.metrics, parsed.evaluates) == (metrics, evaluates)


def test_lightgbms_own_message_names_the_key_when_a_value_does_not_fit() -> None:
    message = library_refusal({"num_leaves": "abc", "learning_rate": "x", "max_depth": 3, "bagging_fraction": 2})

    assert 'num_leaves=abc: Parameter num_leaves should be of type int, got "abc"' in message
    assert "learning_rate=x: " in message
    assert "bagging_fraction=2: Check failed: (bagging_fraction) <= (1.0)" in message
    assert "max_depth" not in message
    assert "config_auto" not in message


def test_an_unknown_objective_or_metric_is_refused_when_lightgbm_does_not_know_it() -> None:
    assert "Unknown objective type name: regresion" in library_refusal({"objective": "regresion"})
    assert "metric=rmsee is not a LightGBM metric" in library_refusal({"objective": "regression"}, ("rmsee",))
    assert "don't match" in library_refusal({"objective": "multiclass", "num_class": 3}, ("l2",))


@pytest.mark.parametrize("objective", ["regression", "gamma", "tweedie", "binary", "cross_entropy", "mape"])
@pytest.mark.parametrize("metric", ["rmse", "auc", "cross_entropy", "gamma_deviance", "average_precision"])
def test_parameters_pass_when_lightgbm_takes_them(objective: str, metric: str) -> None:
    check_parameters({"objective": objective, "num_class": 1, "num_leaves": 31}, (metric,), LIGHTGBM)


def test_the_number_of_classes_comes_from_the_schema_when_the_objective_is_multiclass() -> None:
    assert num_class("multiclass", ["a", "b", "c"], None) == 3
    assert num_class("multiclassova", None, 4) == 4
    assert num_class("binary", ["no", "yes"], None) == 1
    assert num_class("regression", None, 1) == 1


@pytest.mark.parametrize(
    ("objective", "classes", "given", "words"),
    [
        ("multiclass", None, None, "needs num_class"),
        ("multiclass", ["a", "b", "c"], 4, "num_class=4, but the schema lists 3 classes"),
        ("multiclass", None, "x", "num_class=x"),
        ("regression", None, 3, "does not match"),
        ("regression", ["no", "yes"], None, "use objective=binary"),
        ("poisson", ["a", "b", "c"], None, "use objective=multiclass"),
        ("binary", ["a", "b", "c"], None, "use objective=multiclass"),
    ],
)
def test_an_objective_is_refused_with_the_one_that_fits_when_it_does_not_suit_the_target(
    objective: str, classes: list[str] | None, given: object, words: str
) -> None:
    with pytest.raises(TrainingError, match=words):
        num_class(objective, classes, given)


def test_an_objective_is_refused_when_channel_files_cannot_serve_it() -> None:
    assert canonical_objective("mse") == "regression"
    for objective in ("lambdarank", "xendcg", "none"):
        with pytest.raises(TrainingError):
            canonical_objective(objective)
