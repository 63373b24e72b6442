"""A user's own table: the endpoint predicts the same as the booster in this process."""

import csv
import json
import math
import tarfile
from pathlib import Path

import lightgbm
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import CommandLine

COLOURS = ["blue", "grün", "red, dark", 'a "quoted" one']
Row = dict[str, object]


def customers(count: int) -> list[Row]:
    """Return rows with text categories, missing cells and a text target."""
    random = np.random.default_rng(7)
    rows: list[Row] = []
    for _ in range(count):
        colour = [*COLOURS, None][random.integers(len(COLOURS) + 1)]
        age = None if random.random() < 0.1 else int(random.integers(18, 90))
        income = None if random.random() < 0.1 else float(np.round(random.lognormal(3), 3))
        odds = (0.0 if colour in ("blue", None) else 2.0) + (age or 40) / 30 - 2 + random.normal()
        rows.append({"age": age, "colour": colour, "income": income, "churned": "yes" if odds > 0.5 else "no"})
    return rows


def booster_of(folder: Path) -> tuple[lightgbm.Booster, dict[str, object]]:
    [artifact] = folder.glob(".lgbm-sm/jobs/*/output/model.tar.gz")
    with tarfile.open(artifact) as archive:
        model, metadata = (archive.extractfile(name) for name in ("lightgbm-regression-model.txt", "metadata.json"))
        assert model
        assert metadata
        return lightgbm.Booster(model_str=model.read().decode()), json.load(metadata)


def as_matrix(rows: list[Row]) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """Return the rows as numbers by the rules of the schema.

    The categories are sorted, and the code of a category is its position. A missing cell is NaN.
    """
    levels = sorted(COLOURS)

    def number(value: object) -> float:
        return math.nan if value is None else float(value)  # type: ignore[arg-type]

    return np.array(
        [
            [
                number(row["age"]),
                math.nan if row["colour"] is None else levels.index(str(row["colour"])),
                number(row["income"]),
            ]
            for row in rows
        ]
    )


@pytest.mark.slow
def test_answers_are_the_boosters_when_a_parquet_has_text_missing_cells_and_a_text_target(lgbm_sm: CommandLine) -> None:
    rows = customers(800)
    pq.write_table(pa.Table.from_pylist(rows[:600]), lgbm_sm.folder / "customers.parquet")
    (lgbm_sm.folder / "config.yaml").write_text(
        "data:\n  name: customers\n  file: customers.parquet\n  target: churned\n"
        "training:\n  hyperparameters:\n    objective: binary\n    num_boost_round: 20\n    min_data_per_group: 5\n"
    )
    lgbm_sm("prepare-data")
    lgbm_sm("train")
    lgbm_sm("deploy")
    booster, metadata = booster_of(lgbm_sm.folder)
    assert metadata["schema"]["target"]["classes"] == ["no", "yes"]  # type: ignore[index]
    new_rows = rows[600:]
    with (lgbm_sm.folder / "new.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["income", "colour", "age"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(new_rows)
    predicted = lgbm_sm("predict", "new.csv")
    assert "each number is the probability of yes; `--give label` gives the class" in predicted.stderr
    answered = [float(line) for line in predicted.stdout.splitlines()]
    expected = np.asarray(booster.predict(as_matrix(new_rows)))
    assert answered == expected.tolist()
    assert len(set(answered)) > 10
    labels = lgbm_sm("predict", "new.csv", "--give", "label").stdout.splitlines()
    assert labels == ["yes" if value > 0.5 else "no" for value in expected]
    records = [{name: row[name] for name in ("colour", "income", "age")} for row in new_rows]
    (lgbm_sm.folder / "new.json").write_text(json.dumps(records))
    assert [float(line) for line in lgbm_sm("predict", "new.json").stdout.splitlines()] == answered
    judged = json.loads(lgbm_sm("predict", "--output", "json").stdout)
    assert judged["rows"] == 120
    assert 0.6 < judged["metrics"]["auc"] <= 1
    unseen = lgbm_sm("predict", "-", stdin="age,colour,income\n30,purple,20\n30,,20\n")
    assert "unseen categories are treated as missing: colour:purple" in unseen.stderr
    assert len(set(unseen.stdout.splitlines())) == 1
    unnamed = lgbm_sm("predict", "-", stdin="age,colour\n30,blue\n", exit_code=9)
    assert "income" in unnamed.stderr
    wanted = "hint: expected these columns, comma-separated, and no others: age, colour, income. Without a header"
    for rows_as_exported in ("id,age,colour,income\n1,30,blue,20\n", "30;blue;20\n"):
        assert wanted in lgbm_sm("predict", "-", stdin=rows_as_exported, exit_code=9).stderr


@pytest.mark.slow
def test_three_probabilities_and_the_right_names_are_given_when_the_data_is_iris(lgbm_sm: CommandLine) -> None:
    (lgbm_sm.folder / "config.yaml").write_text(
        "data:\n  name: iris\ntraining:\n  hyperparameters:\n    objective: multiclass\n    num_boost_round: 50\n"
    )
    ran = lgbm_sm("run", "--keep", "--output", "json")
    assert "the probabilities of setosa, versicolor, virginica, in this order" in ran.stderr
    finished = json.loads(ran.stdout)
    probabilities = np.array(finished["predictions"])
    assert probabilities.shape == (30, 3)
    assert np.allclose(probabilities.sum(axis=1), 1)
    names = np.array(["setosa", "versicolor", "virginica"])
    labelled = lgbm_sm("predict", "--give", "label")
    assert "probabilities" not in labelled.stderr
    named = lgbm_sm("predict", "--header").stdout.splitlines()
    assert named[0] == "probability_setosa,probability_versicolor,probability_virginica"
    labels = labelled.stdout.splitlines()
    assert labels == names[probabilities.argmax(axis=1)].tolist()
    truth = (lgbm_sm.folder / "data/test_target/iris_test_target.csv").read_text().splitlines()
    accuracy = sum(label == true for label, true in zip(labels, truth, strict=True)) / len(truth)
    assert finished["metrics"]["test"]["accuracy"] == pytest.approx(accuracy)
    assert accuracy > 0.85


@pytest.mark.slow
def test_predict_asks_for_training_when_the_data_has_changed_since(lgbm_sm: CommandLine) -> None:
    lgbm_sm("run", "--keep")
    lgbm_sm("prepare-data", "--set", "data.drop=[B]")
    refused = lgbm_sm("predict", exit_code=4)
    assert "does not have the same features as the" in refused.stderr
    assert "lgbm-sm train" in refused.stderr


@pytest.mark.slow
def test_namibia_and_decimal_commas_are_understood_from_init_to_predict(lgbm_sm: CommandLine) -> None:
    countries = {"NA": 9, "DE": 1, "FR": 2}
    lines = [
        f"{country};{row / 100:.2f};{value + row / 1000:.4f}"
        for row in range(100)
        for country, value in countries.items()
    ]
    table = "country;x;y\n" + "\n".join(lines).replace(".", ",") + "\n"
    (lgbm_sm.folder / "t.csv").write_text(table, encoding="utf-8")
    init = lgbm_sm("init", ".", "--data", "t.csv", "--target", "y", "--yes")
    said = "country: 'NA' (100 cells) is a category (as missing: --set 'data.missing={country: [NA]}')"
    assert said in init.stderr
    assert "data.drop" not in init.stdout
    ran = lgbm_sm("run", "--keep", "--set", "training.hyperparameters.num_boost_round=200", "--output", "json")
    assert said in ran.stderr
    assert "300 rows read, all kept" in ran.stderr
    assert json.loads(ran.stdout)["metrics"]["test"]["r2"] > 0.95
    predicted = lgbm_sm("predict", "-", stdin="country,x\nNA,0.4\nDE,0.4\nUS,0.4\n,0.4\n")
    namibia, germany, unseen, missing = map(float, predicted.stdout.split())
    assert (namibia, germany) == pytest.approx((9.04, 1.04), abs=0.3)
    assert unseen == missing
    assert "unseen categories are treated as missing: country:US" in predicted.stderr
