"""Each step knows what the earlier ones made it from, and says so if that no longer fits."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import CommandLine
from tests.cli.forked import ForkedCommandLine, ForkServer

one_process = pytest.mark.xdist_group("test_what_a_model_was_made_from")  # tests of one trained project


def schema(lgbm_sm: CommandLine) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((lgbm_sm.folder / "data/schema/schema.json").read_text())
    return document


def trained_on(lgbm_sm: CommandLine) -> set[str]:
    """The data files that the last job's log names."""
    log = lgbm_sm("logs", "--training").stdout
    return {
        word.rstrip(",") for line in log.splitlines() if " rows, " in line for word in line.split() if ".csv" in word
    }


def numbers_table(path: Path, rows: int, seed: int = 1) -> None:
    lines = [f"{(index * 7 * seed) % 101},{(index * index) % 17},{index * seed}" for index in range(rows)]
    path.write_text("\n".join(["a,b,price", *lines]) + "\n")


@pytest.fixture
def own(lgbm_sm: CommandLine) -> CommandLine:
    """A project with a table of 60 rows, prepared."""
    numbers_table(lgbm_sm.folder / "houses.csv", 60)
    (lgbm_sm.folder / "config.yaml").write_text("data: {name: houses, file: houses.csv, target: price}\n")
    lgbm_sm("prepare-data")
    return lgbm_sm


@pytest.mark.slow
def test_train_prepares_the_data_again_when_another_data_set_is_configured(lgbm_sm: CommandLine) -> None:
    lgbm_sm("prepare-data")
    trained = lgbm_sm("--set", "data.name=diabetes", "train")
    assert 'data.name was "boston", and is now "diabetes"' in trained.stderr
    assert "It is prepared again" in trained.stderr
    assert trained_on(lgbm_sm) == {"diabetes_train.csv", "diabetes_valid.csv"}


@pytest.mark.slow
def test_train_prepares_the_data_again_when_a_setting_of_it_was_edited(own: CommandLine) -> None:
    config = own.folder / "config.yaml"
    config.write_text("data: {name: houses, file: houses.csv, target: b, drop: [a]}\n")
    trained = own("train")
    assert 'data.target was "price", and is now "b"; data.drop was [], and is now ["a"]' in trained.stderr
    assert schema(own)["target"]["name"] == "b"
    assert [feature["name"] for feature in schema(own)["features"]] == ["price"]
    assert "prepared again" not in own("train").stderr


def test_train_prepares_the_data_again_when_the_objective_now_needs_classes(own: CommandLine) -> None:
    numbers_table(own.folder / "houses.csv", 60)
    text = (own.folder / "houses.csv").read_text().splitlines()
    rows = [f"{line.rpartition(',')[0]},{number % 2}" for number, line in enumerate(text[1:])]
    (own.folder / "houses.csv").write_text("\n".join([text[0], *rows]) + "\n")
    own("prepare-data")
    trained = own("train", "--set", "training.hyperparameters.objective=binary")
    assert (
        'the kind of target (training.hyperparameters.objective) was "number", and is now "classes"' in trained.stderr
    )
    assert schema(own)["target"]["classes"] == [0, 1]


def test_train_prepares_the_data_again_when_the_table_has_changed_on_disk(own: CommandLine) -> None:
    numbers_table(own.folder / "houses.csv", 80)
    trained = own("train")
    assert "houses.csv has changed since prepare-data. It is prepared again" in trained.stderr
    assert sum(file["rows"] for split, file in schema(own)["splits"].items() if split != "test_target") == 80


@pytest.mark.parametrize("name", ["train/houses_train.csv", "test/houses_test.csv", "schema/schema.json"])
def test_train_refuses_to_replace_a_file_that_was_edited_by_hand(name: str, own: CommandLine) -> None:
    path = own.folder / "data" / name
    path.write_text(path.read_text().replace("5", "6", 1))
    edited = path.read_bytes()
    refused = own("train", "--set", "data.random_state=1", exit_code=4)
    assert str(path) in refused.stderr
    assert "hint: run `lgbm-sm prepare-data`" in refused.stderr
    assert path.read_bytes() == edited
    own("prepare-data", "--set", "data.random_state=1")
    assert path.read_bytes() != edited


def test_train_says_unknown_when_an_older_version_prepared_the_data(own: CommandLine) -> None:
    document = schema(own)
    del document["origin"], document["fingerprint"]
    (own.folder / "data/schema/schema.json").write_text(json.dumps(document))
    trained = own("train", "--set", "data.drop=[b]")
    assert "unknown whether the data in" in trained.stderr
    assert [feature["name"] for feature in schema(own)["features"]] == ["a", "b"]


def test_a_dry_run_writes_nothing_when_the_data_does_not_fit(own: CommandLine) -> None:
    before = {path: path.read_bytes() for path in own.folder.rglob("*") if path.is_file()}
    refused = own("train", "--dry-run", "--set", "data.random_state=1", exit_code=4)
    assert "data.random_state was 45, and is now 1" in refused.stderr
    assert {path: path.read_bytes() for path in own.folder.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_predict_names_the_model_its_metric_and_its_data_set_and_a_newer_model(boston: CommandLine) -> None:
    fingerprint = schema(boston)["fingerprint"][:12]
    [served] = jobs(boston)
    line = f"model {served}: trained 2"
    predicted = boston("predict").stderr
    assert line in predicted
    assert f" UTC, validation l2 33.4163, data set boston {fingerprint}" in predicted
    assert "a newer model exists" not in predicted
    boston("train")
    [_, newer] = jobs(boston)
    predicted = boston("predict").stderr
    assert line in predicted
    assert f"a newer model exists: {newer}, validation l2 33.4163; `lgbm-sm deploy` deploys it" in predicted
    deployed = boston("deploy", "--model", served).stderr
    assert line in deployed
    assert f"a newer model exists: {newer}" in deployed
    shown = json.loads(boston("predict", "--output", "json").stdout)["model"]
    assert (shown["training_job"], shown["dataset"], shown["fingerprint"][:12]) == (served, "boston", fingerprint)
    assert shown["metrics"]["validation"]["l2"] == pytest.approx(33.4163, abs=1e-3)


def jobs(lgbm_sm: CommandLine) -> list[str]:
    return [item["name"] for item in items(lgbm_sm) if item["kind"] == "training_job"]


def items(lgbm_sm: CommandLine) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(lgbm_sm("status", "--output", "json").stdout)["items"]
    return found


def test_status_shows_each_model_and_which_endpoint_serves_which(boston: CommandLine) -> None:
    fingerprint = schema(boston)["fingerprint"]
    *trained, endpoint = items(boston)
    for job in trained:
        assert job["model"]["fingerprint"] == fingerprint
        assert job["model"]["metrics"]["validation"]["l2"] == pytest.approx(33.4163, abs=1e-3)
    assert (endpoint["model"]["training_job"], endpoint["model"]["fingerprint"]) == (trained[0]["name"], fingerprint)
    *_, job_line, endpoint_line = boston("status").stdout.splitlines()
    assert f"validation l2 33.4163, data set boston {fingerprint[:12]}" in job_line
    assert f"of {trained[0]['name']}, data set boston {fingerprint[:12]}" in endpoint_line


def served_rows(table: Path, model_seed: int, data_seed: int) -> int:
    """How many test rows of one seed were used to train with the other: scikit-learn's splits of the row numbers."""
    from sklearn.model_selection import train_test_split

    rows = list(range(len(table.read_text().splitlines()) - 1))
    trained, _ = train_test_split(rows, test_size=0.2, random_state=model_seed)
    _, tested = train_test_split(rows, test_size=0.2, random_state=data_seed)
    return len(set(trained) & set(tested))


@pytest.mark.slow
def test_metrics_on_rows_that_the_model_was_trained_on_are_refused_with_their_number(own: CommandLine) -> None:
    own("train")
    own("deploy")
    scored = own("predict").stdout
    count = served_rows(own.folder / "houses.csv", 45, 1)
    own("prepare-data", "--set", "data.random_state=1")
    refused = own("predict", exit_code=4)
    assert f"{count} of the 12 test rows are among the rows that model {jobs(own)[0]} was trained on" in refused.stderr
    assert "data.random_state was 45, and is now 1" in refused.stderr
    assert "hint: `lgbm-sm prepare-data` restores the model's own test rows\n" in refused.stderr
    assert refused.stdout == ""
    own("prepare-data")
    assert own("predict").stdout == scored


@pytest.mark.slow
def test_two_equal_rows_in_different_splits_are_not_taken_for_one(lgbm_sm: CommandLine) -> None:
    pairs = [f"{number},{number % 3},{number}" for number in range(30)]
    (lgbm_sm.folder / "pairs.csv").write_text("\n".join(["a,b,price", *pairs, *pairs]) + "\n")
    options = ("--set", "data.file=pairs.csv", "--set", "data.name=pairs", "--set", "data.target=price")
    for command in ("prepare-data", "train", "deploy"):
        lgbm_sm(command, *options)
    train, test = ((lgbm_sm.folder / f"data/{name}/pairs_{name}.csv").read_text().split() for name in ("train", "test"))
    assert {row.rpartition(",")[0] for row in train} & set(test)
    assert "rmse" in lgbm_sm("predict", *options).stderr


@pytest.mark.slow
def test_metrics_on_rows_that_a_classifier_was_trained_on_are_refused_with_their_number(lgbm_sm: CommandLine) -> None:
    from sklearn.datasets import load_iris
    from sklearn.model_selection import train_test_split

    options = ("--set", "data.name=iris", "--set", "training.hyperparameters.objective=multiclass")
    for command in ("prepare-data", "train", "deploy"):
        lgbm_sm(command, *options)
    classes = load_iris().target
    trained, _ = train_test_split(range(150), test_size=0.2, random_state=45, stratify=classes)
    _, tested = train_test_split(range(150), test_size=0.2, random_state=7, stratify=classes)
    lgbm_sm("prepare-data", *options, "--set", "data.random_state=7")
    refused = lgbm_sm("predict", *options, exit_code=4)
    assert f"{len(set(trained) & set(tested))} of the 30 test rows are among the rows" in refused.stderr
    text = [line for line in refused.stderr.splitlines() if line.startswith("hint: ")]
    assert text == ["hint: `lgbm-sm prepare-data` restores the model's own test rows"]


@pytest.mark.slow
def test_the_hint_restores_the_models_rows_when_the_configuration_has_moved_on(own: CommandLine) -> None:
    own("train")
    own("deploy")
    config = own.folder / "config.yaml"
    config.write_text("data: {name: houses, file: houses.csv, target: price, random_state: 3, drop: []}\n")
    own("prepare-data")
    refused = own("predict", exit_code=4).stderr
    assert "`lgbm-sm prepare-data --set data.random_state=45` restores the model's own test rows; or run" in refused
    own("prepare-data", "--set", "data.random_state=45")
    assert "rmse" in own("predict").stderr


@pytest.mark.slow
def test_predict_says_unknown_when_the_test_rows_are_from_a_changed_table(own: CommandLine) -> None:
    own("train")
    own("deploy")
    numbers_table(own.folder / "houses.csv", 80)
    own("prepare-data")
    predicted = own("predict").stderr
    assert (
        f"unknown whether model {jobs(own)[0]} was trained on some of the test rows: the model was trained on"
        in predicted
    )


@pytest.mark.slow
def test_predict_refuses_test_rows_of_another_target(lgbm_sm: CommandLine) -> None:
    numbers_table(lgbm_sm.folder / "houses.csv", 60)
    table = ("--set", "data.file=houses.csv", "--set", "data.name=houses")
    target = (*table, "--set", "data.target=price", "--set", "data.drop=[b]")
    for command in ("prepare-data", "train", "deploy"):
        lgbm_sm(command, *target)
    lgbm_sm("prepare-data", *table, "--set", "data.target=b", "--set", "data.drop=[price]")
    assert "does not have the same target as the model of" in lgbm_sm("predict", exit_code=4).stderr


@pytest.mark.slow
def test_one_list_of_set_is_accepted_by_every_step(lgbm_sm: CommandLine) -> None:
    numbers_table(lgbm_sm.folder / "houses.csv", 60)
    values = {
        "data.file": "houses.csv",
        "data.name": "houses",
        "data.target": "price",
        "data.drop": "[b]",
        "data.test_size": "0.25",
        "data.random_state": "7",
        "data.folder": "prepared",
        "training.hyperparameters.num_leaves": "63",
        "training.hyperparameters.metric": "[l1, l2]",
        "training.hyperparameters.objective": "mse",
        "training.hyperparameters.boost_from_average": '"True"',
        "training.hyperparameters.min_gain_to_split": "1e-9",
        "training.hyperparameters.lambda_l1": '".5"',
    }
    options = [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
    for command in ("prepare-data", "train", "deploy", "predict", "status"):
        said = lgbm_sm(command, *options).stderr
        assert "prepared again" not in said
        assert "unknown" not in said


@one_process
@pytest.mark.parametrize(
    ("setting", "recorded"),
    [
        ("training.hyperparameters.num_leaves=63", "31"),
        ("training.hyperparameters.min_data_in_leaf=3", "its default"),
        ("data.target=b", "price"),
        ("data.random_state=1", "45"),
        ("data.drop=[b]", "[]"),
    ],
)
def test_a_set_that_differs_from_the_models_is_an_error_of_deploy_and_predict(
    setting: str, recorded: str, trained: CommandLine
) -> None:
    for command, hint in (
        ("deploy", "omit it, or run `lgbm-sm train` with it first"),
        ("predict", "omit it, or run `lgbm-sm train` and `lgbm-sm deploy` with it first"),
    ):
        refused = trained(command, "--set", setting, exit_code=3).stderr
        said = f"has no effect here: model {jobs(trained)[0]} was trained with {recorded}\nhint: {hint}\n"
        assert said in refused
    assert "InService" in [item["state"] for item in items(trained)]


@pytest.fixture(scope="module")
def trained(fork_server: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    lgbm_sm = ForkedCommandLine(tmp_path_factory.mktemp("own"), server=fork_server)
    numbers_table(lgbm_sm.folder / "houses.csv", 60)
    (lgbm_sm.folder / "config.yaml").write_text("data: {name: houses, file: houses.csv, target: price}\n")
    for command in ("prepare-data", "train", "deploy"):
        lgbm_sm(command)
    yield lgbm_sm
    lgbm_sm("cleanup", "--yes")


@one_process
def test_an_edited_configuration_is_for_the_next_training_and_stops_no_step(trained: CommandLine) -> None:
    config = trained.folder / "config.yaml"
    before = config.read_text()
    config.write_text(f"{before}training: {{hyperparameters: {{num_leaves: 63}}}}\n")
    assert "rmse" in trained("predict").stderr
    config.write_text(before)


@one_process
@pytest.mark.slow
def test_a_model_of_an_earlier_version_is_deployed_and_asked_with_unknown_for_what_it_lacks(
    trained: CommandLine, lgbm_sm: CommandLine
) -> None:
    [artifact] = trained.folder.glob(".lgbm-sm/jobs/*/output/model.tar.gz")
    shutil.copytree(trained.folder / "data", lgbm_sm.folder / "data")
    write_as_before(artifact, lgbm_sm.folder / "old.tar.gz")
    deployed = lgbm_sm("deploy", "--model", "old.tar.gz", "--set", "data.drop=[b]").stderr
    assert "old.tar.gz: trained at an unknown time, validation l2 " in deployed
    assert "data set houses (fingerprint unknown)" in deployed
    assert "was trained with this data.drop" in deployed
    predicted = lgbm_sm("predict").stderr
    assert "was trained on some of the test rows: model" in predicted
    assert "rmse" in predicted
    [endpoint] = items(lgbm_sm)
    assert (endpoint["model"]["fingerprint"], endpoint["model"]["trained_at"]) == (None, None)


def write_as_before(artifact: Path, path: Path) -> None:
    """Write the artifact without what the program has added to metadata.json."""
    with tarfile.open(artifact) as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    metadata = json.loads(files["metadata.json"])
    for key in ("training_job", "trained_at"):
        del metadata[key]
    for key in ("origin", "fingerprint"):
        del metadata["schema"][key]
    files["metadata.json"] = json.dumps(metadata).encode()
    del files["lgbm-sm-manifest.json"]
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
