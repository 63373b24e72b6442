"""Tables of models with categories, dates and classes: the predictions are those of LightGBM on the pandas table."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import pytest

from tests.cli.conftest import CommandLine
from tests.cli.forked import ForkedCommandLine, ForkServer

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("predict_tables")]

COLOURS = ["blue", "grün", "red, dark"]
CUSTOMERS = """
data:
  name: customers
  file: customers.csv
  target: churned
  categorical: [size]
  dates: {joined: parts, paid: ordinal}
training:
  hyperparameters: {objective: binary, num_boost_round: 20, min_data_per_group: 5, min_data_in_leaf: 5}
"""
STARS = """
data:
  name: stars
  file: stars.parquet
  target: stars
training:
  hyperparameters: {objective: multiclass, num_boost_round: 5, min_data_in_leaf: 5}
"""
USER_CODE = """
import os
import lightgbm

def model_fn(model_dir):
    return lightgbm.Booster(model_file=os.path.join(model_dir, "lightgbm-regression-model.txt"))

def input_fn(body, content_type):
    return body

def predict_fn(data, model):
    lines = data if isinstance(data, str) else bytes(data).decode()
    return [len(line) for line in lines.splitlines()]
"""


def customers(count: int, seed: int) -> "pd.DataFrame":
    random = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "age": random.integers(18, 90, count),
            "colour": random.choice(np.array([*COLOURS, None], dtype=object), count),
            "size": random.choice([36, 38, 40], count),
            "joined": pd.Timestamp("2020-01-01") + pd.to_timedelta(random.integers(0, 1500, count), "D"),
            "paid": pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 300, count), "D"),
        }
    )
    odds = rows["age"] / 30 + 2 * (rows["colour"] == "blue") + rows["joined"].dt.month / 6 + rows["paid"].dt.month / 6
    rows["churned"] = np.where(odds + rows["size"] / 38 + random.normal(size=count) > 5.5, "yes", "no")
    return rows


def parts_of(joined: "pd.Series[pd.Timestamp]") -> "dict[str, pd.Series[int]]":
    dates = joined.dt
    parts = {"year": dates.year, "month": dates.month, "day": dates.day, "weekday": dates.day_of_week}
    return {f"joined_{part}": values for part, values in parts.items()}


def booster_of(project: CommandLine) -> lightgbm.Booster:
    [artifact] = project.folder.glob(".lgbm-sm/jobs/*/output/model.tar.gz")
    with tarfile.open(artifact) as archive:
        model = archive.extractfile("lightgbm-regression-model.txt")
        assert model
        return lightgbm.Booster(model_str=model.read().decode())


def expected(project: CommandLine, rows: "pd.DataFrame") -> list[float]:
    """Return the predictions of LightGBM, for the numbers that pandas makes of the rows."""
    numbers = pd.DataFrame({"age": rows["age"].astype(float)})
    for name, categories in (("colour", COLOURS), ("size", [36, 38, 40])):
        known = rows[name].where(rows[name].isin(categories))
        codes = pd.Series(pd.Categorical(known, categories).codes, rows.index)
        numbers[name] = codes.where(codes >= 0)
    numbers = numbers.assign(**parts_of(rows["joined"]))
    numbers["paid"] = (rows["paid"] - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
    booster = booster_of(project)
    return list(np.asarray(booster.predict(numbers[booster.feature_name()].to_numpy())))


def project_of(server: ForkServer, folder: Path, config: str) -> CommandLine:
    (folder / "config.yaml").write_text(config)
    project = ForkedCommandLine(folder, server=server)
    project("prepare-data")
    project("train")
    project("deploy")
    return project


@pytest.fixture(scope="module")
def shop(fork_server: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A project with categories, dates and a target of texts."""
    folder = tmp_path_factory.mktemp("shop")
    customers(600, 1).to_csv(folder / "customers.csv", index=False)
    project = project_of(fork_server, folder, CUSTOMERS)
    yield project
    project("stop")


@pytest.fixture(scope="module")
def hotels(fork_server: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """A project whose target has the classes 1.0, 2.0 and 3.0."""
    folder = tmp_path_factory.mktemp("hotels")
    hotel_rows(300, 1).to_parquet(folder / "stars.parquet")
    project = project_of(fork_server, folder, STARS)
    yield project
    project("stop")


def hotel_rows(count: int, seed: int) -> "pd.DataFrame":
    random = np.random.default_rng(seed)
    rows = pd.DataFrame({"rooms": random.integers(5, 300, count), "price": random.normal(100, 20, count).round(2)})
    rows["stars"] = 1.0 + (rows["price"] > 90) + (rows["price"] + random.normal(0, 5, count) > 110)
    return rows


def numbers_of(text: str) -> list[float]:
    return [float(line) for line in text.splitlines()]


def test_tables_with_categories_and_dates_have_the_predictions_of_lightgbm(shop: CommandLine) -> None:
    rows = customers(40, 2).drop(columns="churned")
    rows.loc[3, "colour"] = "purple"
    rows.loc[[4, 5], "colour"] = None
    rows.loc[6, "size"] = 37
    rows.loc[7, ["joined", "paid"]] = pd.NaT
    truth = expected(shop, rows)
    assert len(set(truth)) > 20
    backwards = rows[rows.columns[::-1]]
    rows.to_csv(shop.folder / "rows.csv", index=False)
    backwards.to_csv(shop.folder / "backwards.csv", index=False)
    backwards.to_csv(shop.folder / "semicolons.csv", sep=";", index=False)
    backwards.to_parquet(shop.folder / "rows.parquet")
    backwards.astype({"colour": "category"}).to_parquet(shop.folder / "category.parquet")
    backwards.to_json(shop.folder / "rows.json", orient="records", date_format="iso")
    backwards.to_json(shop.folder / "rows.jsonl", orient="records", lines=True, date_format="iso")
    for name in ("rows.csv", "backwards.csv", "semicolons.csv", "rows.parquet", "category.parquet", "rows.json"):
        predicted = shop("predict", name)
        assert numbers_of(predicted.stdout) == truth, name
        said = "unseen categories are treated as missing: colour:purple, size:37"
        assert said in predicted.stderr, name
    assert numbers_of(shop("predict", "rows.jsonl").stdout) == truth


def test_one_row_with_dates_has_the_prediction_of_lightgbm(shop: CommandLine) -> None:
    row = {"colour": "grün", "size": 38, "age": 44, "joined": "2021-03-04", "paid": "2024-05-06"}
    frame = pd.DataFrame([row]).assign(joined=pd.Timestamp("2021-03-04"), paid=pd.Timestamp("2024-05-06"))
    assert numbers_of(shop("predict", "--json", json.dumps(row)).stdout) == expected(shop, frame)


def test_a_table_without_names_is_read_in_the_order_of_the_features(shop: CommandLine) -> None:
    rows = customers(10, 3).drop(columns="churned")
    in_days = (rows["paid"] - pd.Timestamp("1970-01-01")).dt.days
    numbers = rows.assign(paid=in_days, **parts_of(rows["joined"]))
    names = booster_of(shop).feature_name()
    numbers[names].to_csv(shop.folder / "unnamed.csv", sep=";", header=False, index=False)
    assert numbers_of(shop("predict", "unnamed.csv").stdout) == expected(shop, rows)
    numbers[names[:-1]].to_csv(shop.folder / "narrow.csv", sep=";", header=False, index=False)
    refused = shop("predict", "narrow.csv", exit_code=4).stderr
    assert "has 7 columns without names, but the model has 8 features" in refused


def test_labels_of_texts_are_scored(shop: CommandLine) -> None:
    rows = customers(60, 4)
    rows.loc[0, "churned"] = None
    rows.to_csv(shop.folder / "labelled.csv", index=False)
    truth = np.array(expected(shop, rows))[1:]
    accuracy = ((truth > 0.5) == (rows["churned"][1:] == "yes")).mean()
    metrics = json.loads(shop("predict", "labelled.csv", "--output", "json").stdout)["metrics"]
    assert metrics["accuracy"] == pytest.approx(accuracy)
    rows.assign(churned="maybe").to_csv(shop.folder / "other.csv", index=False)
    other = shop("predict", "other.csv")
    assert "not scored: 'maybe' is a label, but not a class of the model" in other.stderr
    assert len(other.stdout.splitlines()) == 60


def test_labels_1_and_1_0_are_the_same_class(hotels: CommandLine) -> None:
    rows = hotel_rows(50, 2)
    found = np.asarray(booster_of(hotels).predict(rows[["rooms", "price"]].to_numpy()))
    accuracy = (found.argmax(axis=1) + 1 == rows["stars"]).mean()
    whole = rows.assign(stars=rows["stars"].astype("int64"))
    rows.to_csv(hotels.folder / "floats.csv", index=False)
    whole.to_csv(hotels.folder / "integers.csv", index=False)
    whole.astype({"stars": "string"}).to_parquet(hotels.folder / "texts.parquet")
    for name in ("floats.csv", "integers.csv", "texts.parquet"):
        metrics = json.loads(hotels("predict", name, "--output", "json").stdout)["metrics"]
        assert metrics["accuracy"] == pytest.approx(accuracy), name


def test_the_probabilities_have_the_names_of_the_classes(hotels: CommandLine) -> None:
    text = hotels("predict", "--header").stdout
    found = pd.read_csv(io.StringIO(text))
    assert list(found.columns) == ["probability_1.0", "probability_2.0", "probability_3.0"]
    assert np.allclose(found.sum(axis=1), 1)
    labels = hotels("predict", "--header", "--give", "label").stdout.splitlines()
    assert labels[0] == "label"
    assert [f"probability_{label}" for label in labels[1:]] == list(map(str, found.idxmax(axis=1)))


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (
            {"columns": ["rooms", "price"], "index": [0, 1], "data": [[10, 90.5], [20]]},
            "split.json: row 2 of data has 1 value, but columns has 2 names",
        ),
        ({"columns": ["rooms", "price"], "data": [10, 90.5]}, "split.json: row 1 of data is not a list"),
        ({"columns": 2, "data": [[10, 90.5]]}, "split.json: columns is not a list of names"),
        ({"rooms": [10, 20], "price": [90.5]}, "split.json: rooms has 2 values, but price has 1"),
    ],
)
def test_json_of_unequal_lengths_is_refused_with_its_place(
    hotels: CommandLine, document: dict[str, object], said: str
) -> None:
    (hotels.folder / "split.json").write_text(json.dumps(document))
    refused = hotels("predict", "split.json", exit_code=4).stderr
    assert said in refused
    assert "is not JSON" not in refused


def test_files_go_unchanged_to_the_users_own_code(fork_server: ForkServer, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "inference.py").write_text(USER_CODE)
    hotel_rows(300, 1).to_parquet(tmp_path / "stars.parquet")
    project = project_of(fork_server, tmp_path, f"{STARS}endpoint:\n  source_dir: mine\n")
    try:
        (tmp_path / "lines.csv").write_text("a;b\nlonger;line\n")
        assert project("predict", "lines.csv").stdout.split() == ["3", "11"]
        refused = project("predict", "lines.csv", "--keep", "a", exit_code=2).stderr
        assert "--keep: the endpoint runs your own inference code, which gets the file unchanged" in refused
    finally:
        project("stop")
