"""The folder `code` of a model artifact, and the variables of the server, by pattern."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lgbm_sm.config.loading import load_config
from lgbm_sm.errors import ConfigError
from lgbm_sm.model.code import ModelCode, model_code
from lgbm_sm.shipped import containers_path

PREDICT = "def predict_fn(data, model):\n    return model.predict(data)\n"


def code_of(folder: Path, *overrides: str, in_container: bool = True) -> ModelCode:
    config = load_config(None, list(overrides), {}).config
    return model_code(config, folder, containers_path(), in_container=in_container)


def text_of(content: Any) -> str:
    return content.read_text() if isinstance(content, Path) else content


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "src"
    (folder / "tables").mkdir(parents=True)
    (folder / "serve.py").write_text(PREDICT)
    (folder / "tables" / "rates.csv").write_text("1\n")
    return folder


MINE = ("endpoint.source_dir=src", "endpoint.entry_point=serve.py")


@pytest.mark.parametrize("pattern", ["byoc", "inference_toolkit"])
def test_nothing_is_added_when_the_user_has_no_code(pattern: str, tmp_path: Path) -> None:
    assert code_of(tmp_path, f"container.pattern={pattern}") == ModelCode()


@pytest.mark.parametrize("pattern", ["byoc", "inference_toolkit"])
def test_the_users_files_are_all_there_is_when_the_image_has_the_program(
    pattern: str, source: Path, tmp_path: Path
) -> None:
    code = code_of(tmp_path, f"container.pattern={pattern}", *MINE)
    assert code.files == {"serve.py": source / "serve.py", "tables/rates.csv": source / "tables" / "rates.csv"}
    assert code.environment == {"SAGEMAKER_PROGRAM": "serve.py"}


def test_lightgbm_comes_by_requirements_when_it_is_not_baked_in(source: Path, tmp_path: Path) -> None:
    (source / "requirements.txt").write_text("tabulate\n")
    code = code_of(tmp_path, "container.pattern=inference_toolkit", "container.build_args.BAKE_LIGHTGBM=0", *MINE)
    lines = text_of(code.files["requirements.txt"]).splitlines()
    assert lines[0] == "tabulate"
    assert lines[1].startswith("lightgbm==")


@pytest.mark.parametrize(
    ("version", "lightgbm"), [("1.5-1", "lightgbm==3.3.5"), ("1.7-1", "lightgbm==4.6.0"), ("3.0-5", "lightgbm==4.7.0")]
)
def test_script_mode_brings_the_program_and_the_lightgbm_that_the_image_can_run(
    version: str, lightgbm: str, tmp_path: Path
) -> None:
    code = code_of(tmp_path, "container.pattern=script_mode", f"container.xgboost_version={version}")
    assert text_of(code.files["requirements.txt"]).splitlines()[-1] == lightgbm
    assert "def transform_fn" in text_of(code.files["inference.py"])
    assert "lgbm_runtime/core/predictor.py" in code.files
    assert {name.rpartition("/")[0] for name in code.files} == {"", "lgbm_runtime/core"}
    assert code.environment["SAGEMAKER_PROGRAM"] == "inference.py"
    assert code.environment["SAGEMAKER_SUBMIT_DIRECTORY"] == "/opt/ml/model/code"


def test_script_mode_runs_the_users_file_from_ours(source: Path, tmp_path: Path) -> None:
    (source / "inference.py").write_text(PREDICT)
    code = code_of(tmp_path, "container.pattern=script_mode", "endpoint.source_dir=src")
    assert code.files["inference.py"] == source / "inference.py"
    assert "def transform_fn" in text_of(code.files["lgbm_sm_inference.py"])
    assert code.environment["SAGEMAKER_PROGRAM"] == "lgbm_sm_inference.py"
    assert code.environment["LGBM_RUNTIME_PROGRAM"] == "inference.py"


@pytest.mark.parametrize(
    ("version", "taken", "refused", "python"),
    [
        ("1.5-1", "(x := 1)", "with (open('a') as a, open('b') as b): pass", r"3\.8"),
        ("1.7-1", "with (open('a') as a, open('b') as b): pass", "match 1:\n    case _: pass", r"3\.9"),
        ("3.0-5", "match 1:\n    case _: pass", "try: pass\nexcept* ValueError: pass", r"3\.10"),
    ],
)
def test_script_mode_refuses_code_that_its_python_cannot_read(
    version: str, taken: str, refused: str, python: str, source: Path, tmp_path: Path
) -> None:
    script_mode = ("container.pattern=script_mode", f"container.xgboost_version={version}", *MINE)
    (source / "serve.py").write_text(f"{PREDICT}\n{refused}\n")
    with pytest.raises(
        ConfigError, match=f"{python}, the version of AWS's XGBoost image {version.replace('.', '[.]')}"
    ):
        code_of(tmp_path, *script_mode)
    (source / "serve.py").write_text(f"{PREDICT}\n{taken}\n")
    assert code_of(tmp_path, *script_mode).files["serve.py"] == source / "serve.py"


@pytest.mark.parametrize("name", ["setup.py", "pyproject.toml", "lgbm_sm_inference.py"])
def test_script_mode_refuses_a_file_in_the_place_of_the_images_own(name: str, source: Path, tmp_path: Path) -> None:
    (source / name).write_text("")
    with pytest.raises(ConfigError, match=f"already has a {name}"):
        code_of(tmp_path, "container.pattern=script_mode", *MINE)
    assert code_of(tmp_path, *MINE).files[name] == source / name


def test_a_process_is_served_as_it_is_whatever_the_pattern(source: Path, tmp_path: Path) -> None:
    code = code_of(tmp_path, "container.pattern=script_mode", *MINE, in_container=False)
    assert set(code.files) == {"serve.py", "tables/rates.csv"}
    assert code.environment == {"SAGEMAKER_PROGRAM": "serve.py"}


@pytest.mark.parametrize("in_container", [False, True])
def test_a_folder_of_the_programs_name_is_refused(in_container: bool, source: Path, tmp_path: Path) -> None:
    (source / "lgbm_runtime").mkdir()
    (source / "lgbm_runtime" / "x.py").write_text("")
    with pytest.raises(ConfigError, match="already has a lgbm_runtime"):
        code_of(tmp_path, *MINE, in_container=in_container)
