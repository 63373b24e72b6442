"""Which of the functions that answer a request are the user's, and which ours."""

from lgbm_sm.config.sections import Config
from lgbm_sm.explain.sections import Section, aligned, section
from lgbm_sm.model.inference_source import FUNCTIONS, REQUIREMENTS, InferenceSource, find_source, functions_of
from lgbm_sm.workspace import Workspace

_TRANSFORM = "transform_fn"
_OURS = {
    "model_fn": "loads /opt/ml/model/lightgbm-regression-model.txt",
    "input_fn": "text/csv, application/json or application/jsonlines to a float64 matrix, checked by the schema",
    "predict_fn": "the model's predict",
    "output_fn": "text/csv, application/json or application/jsonlines, as Accept wants it",
}


def functions_section(workspace: Workspace) -> Section:
    """The functions in the order in which they are called.

    Raises:
        ConfigError: the user's code cannot be read.
    """
    source = find_source(workspace.config.endpoint, workspace.folder)
    title = "Whose functions answer"
    if source is None:
        return section(
            title,
            "all are ours: endpoint.source_dir is not set",
            aligned([(name, f"ours: {does}") for name, does in _OURS.items()]),
        )
    return section(title, _named(workspace.config, source), aligned(_owners(source)), _required(source))


def _named(config: Config, source: InferenceSource) -> str:
    where = config.endpoint.source_dir or source.files[source.entry_point].parent
    return f"{source.entry_point} in {where}, which becomes /opt/ml/model/code"


def _owners(source: InferenceSource) -> list[tuple[str, str]]:
    theirs = functions_of(source)
    rows = []
    for name in FUNCTIONS:
        if name in theirs:
            rows.append((name, f"the user's, {source.entry_point}"))
        elif name == _TRANSFORM or (_TRANSFORM in theirs and name != "model_fn"):
            rows.append((name, "not called" if name != _TRANSFORM else "none: the three before it are called"))
        else:
            rows.append((name, f"ours: {_OURS[name]}"))
    return rows


def _required(source: InferenceSource) -> list[str]:
    if source.requirements_path is None:
        return [f"no {REQUIREMENTS}: nothing is installed for it"]
    lines = source.requirements_path.read_text(encoding="utf-8").splitlines()
    return [f"{REQUIREMENTS}:", *(f"  {line}" for line in lines if line.strip())]
