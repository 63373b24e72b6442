"""`init` turns a table into a project. It asks only at a terminal."""

import csv
import json
import random
import re
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from lgbm_sm.names import project_name_of
from tests.cli.conftest import CommandLine
from tests.cli.terminal import Terminal

ZIP_CODES = (10115, 10117, 10243, 20095, 80331)
COLUMNS = ("customer_id", "signed_up", "zip", "age", "colour", "churned")
ROWS = 300
TEST_ROWS = 60


def write_customers(path: Path) -> None:
    """Write a table with a text target, an id, a date, a postal code, a number and a text."""
    numbers = random.Random(5)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in range(ROWS):
            age, colour = numbers.randint(18, 90), numbers.choice(("red", "green", "blue"))
            churned = "yes" if age + numbers.gauss(0, 10) + 20 * (colour == "red") > 60 else "no"
            date = f"2024-{numbers.randint(1, 12):02}-{numbers.randint(1, 28):02}"
            writer.writerow([70_000 + 3 * row, date, numbers.choice(ZIP_CODES), age, colour, churned])


def made(stdout: str) -> dict[str, Any]:
    """Return the chosen values by key."""
    document = json.loads(stdout)
    return {choice["key"]: (choice["value"], " | ".join(choice["why"])) for choice in document["choices"]}


def make(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    finished = subprocess.run(
        ["make", f"LGBM_SM={sys.executable} -m lgbm_sm", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
    assert finished.returncode == 0, finished.stderr
    return finished


@pytest.mark.slow
def test_make_run_ends_in_predictions_when_a_table_was_named(lgbm_sm: CommandLine) -> None:
    write_customers(lgbm_sm.folder / "customers.csv")
    finished = lgbm_sm("init", "--data", "customers.csv", "--target", "churned", "--name", "churn", "--output", "json")
    document = json.loads(finished.stdout)
    assert document["folder"] == str(lgbm_sm.folder)
    assert set(document["files"]) == {
        *(".gitignore", ".github/workflows/lgbm-sm.yml", "Makefile", "config.yaml"),
        *(f"examples/src_builtin_container_serve/{name}" for name in ("README.md", "inference.py", "requirements.txt")),
    }
    choices = made(finished.stdout)
    assert choices["project.name"] == ("churn", "given")
    assert choices["data.file"] == ("customers.csv", "given")
    assert choices["training.hyperparameters.objective"][0] == "binary"
    dropped, why = choices["data.drop"]
    assert dropped == ["customer_id", "signed_up"]
    assert "'customer_id' is probably an identifier: it has a different integer in each of its 300 rows" in why
    assert "'signed_up' cannot be used: it contains dates or times" in why
    assert choices["data.categorical"][0] == ["zip"]
    assert choices["aws.prefix"][0] == "churn"
    # without a copy of containers/, the program that trains and serves is the installed one
    run = make(lgbm_sm.folder, "run")
    assert "lgbm_runtime own-" not in run.stderr
    # with it, the copy
    copied = json.loads(lgbm_sm("init", "--containers", "--output", "json").stdout)
    assert {path.partition("/")[0] for path in copied["files"]} == {"containers"}
    version = lgbm_sm.folder / "containers/runtime/lgbm_runtime/__init__.py"
    version.write_text(version.read_text().replace('__version__ = "', '__version__ = "own-'))
    run = make(lgbm_sm.folder, "run")
    predictions = [float(line) for line in run.stdout.splitlines()]
    assert len(predictions) == TEST_ROWS
    assert len(set(predictions)) > TEST_ROWS // 4
    assert "lgbm_runtime own-" in run.stderr
    assert (lgbm_sm.folder / "data/train/customers_train.csv").exists()
    assert json.loads(make(lgbm_sm.folder, "status", "ARGS=--output json").stdout)


@pytest.mark.slow
def test_the_shipped_data_is_taken_and_said_when_nobody_names_a_table(lgbm_sm: CommandLine) -> None:
    write_customers(lgbm_sm.folder / "customers.csv")
    finished = lgbm_sm("init", "houses")
    assert "built-in, since no table was given; use --data FILE for your own" in finished.stdout
    assert "such as customers.csv" not in finished.stdout  # it lies elsewhere
    assert "next: cd houses && make run" in finished.stdout
    assert "  .github/workflows/lgbm-sm.yml\n" in finished.stdout
    run = make(lgbm_sm.folder / "houses", "run")
    assert len(run.stdout.splitlines()) == 102


def test_the_right_questions_are_asked_when_somebody_can_answer(lgbm_sm: CommandLine) -> None:
    write_customers(lgbm_sm.folder / "customers.csv")
    with Terminal(lgbm_sm.folder, "init", "churn", "--output", "json") as terminal:
        terminal.answer("[boston] ", "custmers.csv")
        said = terminal.answer("[boston] ", "customers.csv")
        assert "custmers.csv does not exist (did you mean customers.csv?)" in said
        said = terminal.answer("[churned] ", "churn")
        assert f"The columns are {', '.join(COLUMNS)}." in said
        said = terminal.answer("[churned] ", "churned")
        assert "'churn' is not a column of the table (did you mean 'churned'?)" in said
        said = terminal.answer("[binary] ", "regression")
        assert "the target 'churned' has 2 classes (" in said
        said = terminal.answer("[binary] ", "")
        assert "but objective=regression predicts numbers" in said
        said = terminal.answer("[customer_id,signed_up] ", "customer_id")
        assert "'customer_id' is probably an identifier: it has a different integer in each" in said
        assert "'signed_up' cannot be used: it contains dates or times" in said
        said = terminal.answer("[customer_id,signed_up] ", "signed_up, customer_id")
        assert "warning: column 'signed_up' contains dates" in said
        said = terminal.answer("[zip] ", "none")
        assert "'zip' probably contains codes, whose order has no meaning: it has 5 different integers" in said
        said = terminal.answer("] ", "")
        assert re.search(r"Project name\? .* \[customers-[a-z]{5}\] $", said)
        code, stdout, said = terminal.end()
    assert code == 0, said
    choices = made(stdout)
    assert choices["data.target"] == ("churned", "answered")
    assert choices["data.drop"][0] == ["signed_up", "customer_id"]
    assert "data.categorical" not in choices
    assert choices["data.file"][0] == "tables/customers.csv"
    assert "a copy of ../customers.csv (" in choices["data.file"][1]
    lgbm_sm("prepare-data", "--config", "churn/config.yaml")
    assert (lgbm_sm.folder / "churn/data/train/customers_train.csv").exists()


def test_the_header_is_asked_for_when_it_cannot_be_known(lgbm_sm: CommandLine) -> None:
    rows = "".join(f"{'red' if row % 2 else 'blue'},{'yes' if row % 3 else 'no'}\n" for row in range(60))
    (lgbm_sm.folder / "texts.csv").write_text("colour,bought\n" + rows)
    refused = lgbm_sm("init", "--data", "texts.csv", "--target", "-1", exit_code=4)
    assert "--set data.header=true" in refused.stderr
    with Terminal(lgbm_sm.folder, "init", "--data", "texts.csv", "--output", "json") as terminal:
        said = terminal.answer("yes or no. [yes] ", "perhaps")
        assert "cannot tell whether the first line is a header" in said
        terminal.answer("yes or no. [yes] ", "")
        terminal.answer("[bought] ", "")
        terminal.answer("[binary] ", "")
        terminal.answer("] ", "buyers")
        code, stdout, said = terminal.end()
    assert code == 0, said
    choices = made(stdout)
    assert choices["data.header"] == (True, "answered")
    assert choices["project.name"] == ("buyers", "answered")


def test_the_table_that_lies_there_is_proposed_when_it_is_the_only_one(lgbm_sm: CommandLine) -> None:
    write_customers(lgbm_sm.folder / "customers.csv")
    with Terminal(lgbm_sm.folder, "init") as terminal:
        terminal.answer("[customers.csv] ", "\x04")
        code, _, said = terminal.end()
    assert (code, "no answer: stdin has ended" in said) == (2, True)
    assert [path.name for path in lgbm_sm.folder.iterdir()] == ["customers.csv"]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message", "hint"),
    [
        (["--data", "customers.csv"], 4, "no target column is set; the columns are customer_id", "--target COLUMN"),
        (["--data", "customers.csv", "--target", "churn"], 4, "did you mean 'churned'?", "the columns are"),
        (["--data", "missing.csv", "--target", "y"], 4, "missing.csv does not exist", "relative paths start at"),
        (["--name", "my houses"], 3, "--name: use only letters, digits", ""),
        (
            ["--data", "ids.csv", "--target", "y"],
            4,
            "no column is left to learn from:\ncolumn 'id' is probably an identifier",
            "",
        ),
        (["--objective", "binary"], 4, "objective=binary predicts classes", ""),
        (["--config", "other.yaml"], 2, "init writes a new config.yaml and does not read one", "remove --config"),
        (["customers.csv"], 2, "customers.csv is a file", "name a folder"),
    ],
)
def test_nothing_is_left_when_init_fails(
    lgbm_sm: CommandLine, arguments: list[str], exit_code: int, message: str, hint: str
) -> None:
    write_customers(lgbm_sm.folder / "customers.csv")
    (lgbm_sm.folder / "ids.csv").write_text("id,y\n" + "".join(f"{row},{row % 7}.5\n" for row in range(50)))
    refused = lgbm_sm("init", *arguments, exit_code=exit_code)
    assert message in refused.stderr
    assert hint in refused.stderr
    assert {path.name for path in lgbm_sm.folder.iterdir()} == {"customers.csv", "ids.csv"}


def test_every_file_that_exists_is_named_when_init_refuses(lgbm_sm: CommandLine) -> None:
    for name in ("Makefile", "config.yaml"):
        (lgbm_sm.folder / name).write_text("mine")
    refused = lgbm_sm("init", exit_code=2)
    assert [line.rpartition("/")[2] for line in refused.stderr.splitlines()[:2]] == [
        "Makefile exists",
        "config.yaml exists",
    ]
    assert {path.name for path in lgbm_sm.folder.iterdir()} == {"Makefile", "config.yaml"}


def test_what_set_says_stands_in_the_configuration(lgbm_sm: CommandLine) -> None:
    lgbm_sm("init", "--set", "data.name=iris", "--set", "training.hyperparameters.lambda_l2=0.5")
    values = json.loads(lgbm_sm("config", "--output", "json").stdout)["config"]
    assert values["data.name"]["value"] == "iris"
    assert values["training.hyperparameters.objective"]["value"] == "multiclass"
    assert values["training.hyperparameters.lambda_l2"]["source"].startswith("config.yaml:")


def test_the_last_column_is_the_target_when_none_has_a_name(lgbm_sm: CommandLine) -> None:
    (lgbm_sm.folder / "plain.csv").write_text("".join(f"{row % 7}.5,{row % 11}.25,{row % 3}.5\n" for row in range(99)))
    choices = made(lgbm_sm("init", "--data", "plain.csv", "--output", "json").stdout)
    assert choices["data.target"] == (-1, "the last column, since the columns have no names")
    assert re.fullmatch(r"plain-[a-hjkmnp-z]{5}", choices["project.name"][0])


def test_a_project_works_after_it_was_moved_and_its_table_is_gone(lgbm_sm: CommandLine) -> None:
    write_customers(lgbm_sm.folder / "customers.csv")
    lgbm_sm("init", "churn", "--data", "customers.csv", "--target", "churned")
    (lgbm_sm.folder / "customers.csv").unlink()
    (lgbm_sm.folder / "far").mkdir()
    (lgbm_sm.folder / "churn").rename(lgbm_sm.folder / "far/away")
    prepared = json.loads(lgbm_sm("prepare-data", "--config", "far/away/config.yaml", "--output", "json").stdout)
    assert sum(file["rows"] for file in prepared["files"] if file["split"] != "test_target") == ROWS


def test_a_large_table_stays_where_it_is_under_a_relative_path_and_init_says_so(
    lgbm_sm: CommandLine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("elsewhere") / "large.csv"
    rows = "".join(f"{row % 997},{row % 7},{row % 101}.5,{'x' * 60}{row % 3}\n" for row in range(280_000))
    path.write_text(f"a,b,price,text\n{rows}")
    assert path.stat().st_size > 20_000_000
    shown = lgbm_sm("init", "houses", "--data", str(path), "--target", "price", "--output", "json").stdout
    configured, why = made(shown)["data.file"]
    assert not Path(configured).is_absolute()
    assert (lgbm_sm.folder / "houses" / configured).resolve() == path.resolve()
    assert "outside the project folder, and not copied: it has" in why
    assert "in a moved or cloned project, put the table at this relative path, or change data.file" in why
    assert not (lgbm_sm.folder / "houses/tables").exists()


def test_the_prefix_in_s3_is_the_projects_own_unless_another_was_given(lgbm_sm: CommandLine) -> None:
    choices = made(lgbm_sm("init", "one", "--output", "json").stdout)
    assert choices["aws.prefix"][0] == choices["project.name"][0]
    lgbm_sm("init", "two", "--set", "aws.prefix=ours/models")
    values = json.loads(lgbm_sm("config", "--config", "two/config.yaml", "--output", "json").stdout)["config"]
    assert values["aws.prefix"]["value"] == "ours/models"


def test_init_copies_the_images_files_only_when_asked_and_refuses_to_overwrite_them(lgbm_sm: CommandLine) -> None:
    lgbm_sm("init", "mine", "--containers")
    assert (lgbm_sm.folder / "mine/containers/byoc/Dockerfile").is_file()
    assert "containers exists" in lgbm_sm("init", "mine", "--containers", exit_code=2).stderr
    assert "config.yaml exists" in lgbm_sm("init", "mine", "--containers", "--name", "other", exit_code=2).stderr


@pytest.mark.slow
def test_a_copy_of_another_version_is_named_by_the_commands_that_use_it(lgbm_sm: CommandLine) -> None:
    lgbm_sm("init", "--containers")
    (lgbm_sm.folder / "containers/lgbm-sm-version").write_text("0.0.9\n")
    expected = (
        f"warning: {lgbm_sm.folder}/containers is used, a copy of the files of lgbm-sm 0.0.9; lgbm-sm "
        f"{metadata.version('lgbm-sm')} is installed: to use its own files, move the copy away; "
        "`lgbm-sm init --containers` then makes a new one\n"
    )
    assert lgbm_sm("run").stderr.count(expected) == 1
    assert expected in lgbm_sm("deploy").stderr
    no_engine = CommandLine(lgbm_sm.folder, {"DOCKER_HOST": "unix:///nowhere.sock"})
    assert expected in no_engine("build", exit_code=5).stderr
    assert "a copy of" not in lgbm_sm("status").stderr
    (lgbm_sm.folder / "containers").rename(lgbm_sm.folder / "away")
    assert "a copy of" not in lgbm_sm("deploy").stderr


INTERRUPTED = """
import os, signal, sys
from lgbm_sm.cli import main

def watch(event, arguments):
    if event == "os.rename" and str(arguments[1]).endswith("/Makefile"):
        os.kill(os.getpid(), signal.Signals[wanted])

wanted, sys.argv[1:] = sys.argv[1], ["init"]
sys.addaudithook(watch)
main()
"""


def interrupt_while_placing(folder: Path, signal_name: str) -> int:
    """Return the exit code of an `init` that gets a signal after half of its files."""
    return subprocess.run(
        [sys.executable, "-c", INTERRUPTED, signal_name],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=110,
    ).returncode


@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGTERM"])
def test_nothing_is_left_when_init_is_interrupted(lgbm_sm: CommandLine, signal_name: str) -> None:
    assert interrupt_while_placing(lgbm_sm.folder, signal_name) == 130
    assert list(lgbm_sm.folder.iterdir()) == []


def test_what_a_killed_init_left_is_named_by_the_next(lgbm_sm: CommandLine) -> None:
    assert interrupt_while_placing(lgbm_sm.folder, "SIGKILL") == -signal.SIGKILL
    assert not (lgbm_sm.folder / "config.yaml").exists()
    refused = lgbm_sm("init", exit_code=2)
    assert "src_builtin_container_serve exists" in refused.stderr
    assert "hint: an earlier `lgbm-sm init` was killed" in refused.stderr


@pytest.mark.parametrize("table", ["houses", "a" * 60, "flats.of-2024", "--"])
def test_a_projects_name_has_five_letters_of_its_own_and_fits_the_names_of_sagemaker(table: str) -> None:
    names = {project_name_of(table) for _ in range(20)}
    assert len(names) == 20
    assert all(re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,38}", name) for name in names)
    assert all(re.fullmatch(r"-[a-hjkmnp-z]{5}", name[-6:]) for name in names)


def test_a_project_trains_until_early_stopping_when_the_user_sets_no_number_of_iterations(lgbm_sm: CommandLine) -> None:
    numbers = random.Random(4)
    rows = ((numbers.uniform(20, 140), numbers.gauss(0, 9)) for _ in range(400))
    text = "".join(f"{area:.1f},{area * 14 + noise:.1f}\n" for area, noise in rows)
    (lgbm_sm.folder / "flats.csv").write_text("area,rent\n" + text)
    flats = ("--data", "flats.csv", "--target", "rent", "--output", "json")
    choices = made(lgbm_sm("init", "flats", *flats).stdout)
    assert choices["training.hyperparameters.num_boost_round"][0] == 1000
    value, why = choices["training.hyperparameters.early_stopping_round"]
    assert (value, why) == (50, "early stopping ends the training when 50 iterations in a row bring no improvement")
    lgbm_sm("prepare-data", "--config", "flats/config.yaml")
    trained = json.loads(lgbm_sm("train", "--config", "flats/config.yaml", "--output", "json").stdout)
    assert 20 < trained["best_iteration"] < 950
    assert trained["warnings"] == []


def test_the_number_of_iterations_is_the_users_or_the_notebooks_when_there_is_one(lgbm_sm: CommandLine) -> None:
    (lgbm_sm.folder / "flats.csv").write_text("area,rent\n" + "".join(f"{row / 3},{row * 14}\n" for row in range(40)))
    number = "training.hyperparameters.num_boost_round"
    given = ("--set", "training.hyperparameters.num_boost_round=30")
    choices = made(lgbm_sm("init", "a", "--data", "flats.csv", "--target", "rent", *given, "--output", "json").stdout)
    assert choices[number] == (30, "given")
    assert "training.hyperparameters.early_stopping_round" not in choices
    assert number not in made(lgbm_sm("init", "b", "--output", "json").stdout)
    assert made(lgbm_sm("init", "c", "--data", "diabetes", "--output", "json").stdout)[number][0] == 1000
