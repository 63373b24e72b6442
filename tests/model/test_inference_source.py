"""User code that would fail is refused early, with the file, the line and the fix."""

import ast
from pathlib import Path

import pytest

from lgbm_runtime.core.misspelt_names import misspelt_names
from lgbm_runtime.core.user_functions import ARGUMENTS
from lgbm_sm.config.keys import read
from lgbm_sm.config.sections import EndpointSection
from lgbm_sm.errors import ConfigError
from lgbm_sm.model.inference_source import (
    FUNCTIONS,
    InferenceSource,
    check_as_process,
    check_free_names,
    check_in_byoc_image,
    check_syntax,
    find_source,
    merged_requirements,
    pinned_versions,
)
from lgbm_sm.model.misspelt_functions import misspelt_functions

PREDICT = "def predict_fn(data, model):\n    return model.predict(data)\n"
PINS = {"lightgbm": ["4.7.0"], "numpy": ["2.4.6", "2.5.5"]}


def source_of(folder: Path, **files: str) -> InferenceSource:
    """Write inference.py, requirements.txt (`requirements`) and more.py."""
    for name, text in files.items():
        (folder / f"{name}.{'txt' if name == 'requirements' else 'py'}").write_text(text)
    source = find_source(EndpointSection(source_dir=folder), Path("/"))
    assert source is not None
    return source


def test_there_is_no_source_when_none_is_named(tmp_path: Path) -> None:
    assert find_source(EndpointSection(), tmp_path) is None


def test_every_file_of_the_folder_goes_along_but_what_tools_have_left(tmp_path: Path) -> None:
    for name in ("inference.py", "weights/table.csv", "__pycache__/inference.pyc", ".git/HEAD", ".env"):
        path = tmp_path / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PREDICT)
    source = find_source(EndpointSection(source_dir=Path("src")), tmp_path)
    assert source is not None
    assert source.entry_point == "inference.py"
    assert set(source.files) == {"inference.py", "weights/table.csv"}


def test_a_single_file_is_taken_when_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "serve.py").write_text(PREDICT)
    (tmp_path / "secret.txt").write_text("not for the server")
    source = find_source(EndpointSection(entry_point=Path("serve.py")), tmp_path)
    assert source is not None
    assert (source.entry_point, set(source.files)) == ("serve.py", {"serve.py"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def handle(body):\n    pass\n", "none of the functions model_fn, input_fn, predict_fn, output_fn"),
        ("model_fm = print\n", "(did you mean model_fn?)"),
        ("x = 1\ndef model_fn(:\n", "inference.py:2: not valid Python"),
        (
            PREDICT + "def transform_fn(model, body, content_type, accept):\n    pass\n",
            "transform_fn replaces them",
        ),
        ("\0", "inference.py"),
    ],
)
def test_a_file_is_refused_when_it_cannot_serve(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        source_of(tmp_path, inference=text)
    assert said in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "from more import *\n",
        "from more import predict_fn\n",
        "from more import other as predict_fn\n",
        "predict_fn = lambda data, model: model.predict(data)\n",
        "try:\n    from more import predict_fn\nexcept ImportError:\n    pass\n",
        "if True:\n    def predict_fn(data, model):\n        pass\n",
    ],
)
def test_functions_are_found_however_they_come_into_the_file(text: str, tmp_path: Path) -> None:
    assert source_of(tmp_path, inference=text, more=PREDICT).entry_point == "inference.py"


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"source_dir": Path("nowhere")}, "nowhere does not exist"),
        ({"source_dir": Path("src/serve.py")}, "serve.py is not a folder"),
        ({"source_dir": Path("src")}, "has no inference.py (it has serve.py)"),
        ({"source_dir": Path("src"), "entry_point": Path("server.py")}, "has no server.py (it has serve.py)"),
        ({"entry_point": Path("nowhere.py")}, "nowhere.py is not a file"),
    ],
)
def test_a_name_is_refused_when_nothing_has_it(section: dict[str, Path], said: str, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "serve.py").write_text(PREDICT)
    with pytest.raises(ConfigError) as caught:
        find_source(read(EndpointSection, section), tmp_path)
    assert said in caught.value.message


def test_a_link_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").symlink_to(tmp_path / "gone")
    with pytest.raises(ConfigError, match=r"weights\.bin is a broken link"):
        source_of(tmp_path, inference=PREDICT)


# the spellings that deployed next to a correct function, and the server answered with its default instead
MISSPELT = {
    "predict_fm": "predict_fn",
    "predcit_fn": "predict_fn",
    "predict_func": "predict_fn",
    "predictfn": "predict_fn",
    "Predict_FN": "predict_fn",
    "modle_fn": "model_fn",
    "model_fn2": "model_fn",
    "ouput_fn": "output_fn",
    "outptu_fn": "output_fn",
    "imput_fn": "input_fn",
    "inputs_fn": "input_fn",
    "tranform_fn": "transform_fn",
    "transform_fnn": "transform_fn",
}


@pytest.mark.parametrize(("name", "meant"), MISSPELT.items())
@pytest.mark.parametrize("rest", [PREDICT, "from more import *\n"])
def test_a_function_is_refused_when_its_name_is_within_two_edits_of_a_known_one(
    name: str, meant: str, rest: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        source_of(tmp_path, inference=f"{rest}\n\nasync def {name}(*arguments):\n    pass\n", more="")
    line = rest.count("\n") + 3
    assert caught.value.message.startswith(
        f"{tmp_path}/inference.py:{line}: the server would ignore the function {name}"
    )
    assert f"rename it to {meant}, or to _{name} " in str(caught.value.hint)


def test_a_misspelt_function_is_refused_when_it_is_defined_on_a_condition(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"inference\.py:4: .*predit_fn"):
        source_of(tmp_path, inference=f"{PREDICT}try:\n    def predit_fn(): pass\nexcept OSError:\n    pass\n")


def test_functions_of_the_users_own_are_let_through(tmp_path: Path) -> None:
    own = ("_predcit_fn", "predict", "helper_fn", "transform", "model_function", "load_model", "input_data")
    inner = "def outer():\n    def predit_fn(): pass\n"
    source = source_of(tmp_path, inference=PREDICT + inner + "".join(f"def {name}(): pass\n" for name in own))
    assert source.entry_point == "inference.py"


@pytest.mark.parametrize("name", [*MISSPELT, "helper_fn", "predict", "model_fn", "_modle_fn", "x", "output_function"])
def test_the_server_and_deploy_agree_on_misspelt_names(name: str) -> None:
    text = f"def {name}(): pass\n"
    ours = [tuple(one) for one in misspelt_functions(ast.parse(text).body, FUNCTIONS)]
    assert ours == [tuple(one) for one in misspelt_names(text.encode(), ARGUMENTS)]


def test_a_requirement_is_refused_when_pip_could_not_read_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"requirements\.txt:3: pandas== is not a requirement"):
        source_of(tmp_path, inference=PREDICT, requirements="numpy\n# a comment\npandas==\n")


def test_what_pip_takes_besides_requirements_is_let_through(tmp_path: Path) -> None:
    lines = [
        "--index-url https://pypi.example.com/simple",
        "-r more.txt",
        "./wheels/own-1.0-py3-none-any.whl",
        "numpy==2.5.5 \\",
        "    --hash=sha256:00",
        "pandas[parquet]>=2 ; python_version < '3.12'  # why",
    ]
    assert source_of(tmp_path, inference=PREDICT, requirements="\n".join(lines)).requirements_path


class TestInAProcess:
    """A process has no /opt/ml and installs nothing."""

    def test_a_path_below_opt_ml_is_refused_with_its_line(self, tmp_path: Path) -> None:
        text = PREDICT + "def model_fn(model_dir):\n    return open('/opt/ml/model/x.txt')\n"
        with pytest.raises(ConfigError, match=r"inference\.py:4: \"/opt/ml/model/x\.txt\" exists only in a container"):
            check_as_process(source_of(tmp_path, inference=text))

    def test_a_requirement_is_refused_when_it_is_not_installed(self, tmp_path: Path) -> None:
        source = source_of(tmp_path, inference=PREDICT, requirements="numpy\nno-such-package==1\n")
        with pytest.raises(ConfigError, match=r"requirements\.txt:2: no-such-package==1 is not available: a process"):
            check_as_process(source)

    def test_a_requirement_is_refused_when_another_version_is_installed(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"installs nothing when it starts, and has numpy "):
            check_as_process(source_of(tmp_path, inference=PREDICT, requirements="numpy<1\n"))

    def test_an_import_is_refused_when_there_is_no_such_package(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"inference\.py:2: package no_such_package does not exist"):
            check_as_process(source_of(tmp_path, inference="import json\nimport no_such_package\n" + PREDICT))

    def test_code_is_let_through_when_all_that_it_wants_is_there(self, tmp_path: Path) -> None:
        text = "import os, numpy.linalg\nimport more\nfrom lightgbm import Booster\n" + PREDICT
        check_as_process(source_of(tmp_path, inference=text, more="x = 1", requirements="lightgbm>=4\n"))

    def test_an_import_that_may_fail_is_let_through(self, tmp_path: Path) -> None:
        text = "try:\n    import no_such_package\nexcept ImportError:\n    no_such_package = None\n" + PREDICT
        check_as_process(source_of(tmp_path, inference=text))


class TestInPatternAsImage:
    """Pattern A's image installs nothing when it starts."""

    def test_an_import_is_refused_when_the_image_lacks_it(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            check_in_byoc_image(source_of(tmp_path, inference="import pandas\n" + PREDICT), PINS)
        assert "inference.py:1: package pandas does not exist" in caught.value.message
        assert "container.pattern: inference_toolkit" in caught.value.hint

    @pytest.mark.parametrize("line", ["pandas", "lightgbm==3.3.5", "git+https://example.com/x.git"])
    def test_a_requirement_is_refused_when_the_image_lacks_it(self, line: str, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="the image of pattern byoc installs nothing when it starts"):
            check_in_byoc_image(source_of(tmp_path, inference=PREDICT, requirements=f"{line}\n"), PINS)

    def test_requirements_that_the_image_meets_are_let_through(self, tmp_path: Path) -> None:
        text = "lightgbm>=4\nNumPy==2.4.6\nold; python_version < '3'\n"
        check_in_byoc_image(source_of(tmp_path, inference=PREDICT, requirements=text), PINS)


def test_syntax_is_refused_when_the_image_has_an_older_python(tmp_path: Path) -> None:
    source = source_of(tmp_path, inference="def predict_fn(data, model):\n    match data:\n        case _: pass\n")
    check_syntax(source, (3, 10), "an image")
    with pytest.raises(ConfigError, match=r"inference\.py:3: not valid Python 3\.8, the version of an image"):
        check_syntax(source, (3, 8), "an image")


def test_a_file_is_refused_when_it_would_stand_in_the_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "lgbm_runtime").mkdir()
    (tmp_path / "lgbm_runtime" / "x.py").write_text("")
    with pytest.raises(ConfigError, match="the program already has a lgbm_runtime"):
        check_free_names(source_of(tmp_path, inference=PREDICT), ("lgbm_runtime",), "the program")


def test_the_users_requirement_wins_when_both_name_a_version(tmp_path: Path) -> None:
    ours = "# why\nlightgbm==3.3.5\nscipy==1.8\n"
    source = source_of(tmp_path, inference=PREDICT, requirements="-i https://pypi.example.com\nLightGBM==3.3.2\npandas")
    assert merged_requirements(ours, source) == ("-i https://pypi.example.com\nLightGBM==3.3.2\npandas\nscipy==1.8\n")
    assert merged_requirements(ours, None) == "lightgbm==3.3.5\nscipy==1.8\n"


def test_our_version_is_taken_when_the_user_names_none(tmp_path: Path) -> None:
    source = source_of(tmp_path, inference=PREDICT, requirements="lightgbm\npandas\n")
    lines = merged_requirements("lightgbm==3.3.5\n", source).splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["pandas", "lightgbm==3.3.5"]


def test_pins_are_read_from_a_file_with_hashes() -> None:
    text = "# made\nlightgbm==4.7.0 \\\n    --hash=sha256:00\nnumpy==2.4.6 ; python_version < '3.12'\nnumpy==2.5.5\n"
    assert pinned_versions(text) == {"lightgbm": ["4.7.0"], "numpy": ["2.4.6", "2.5.5"]}
