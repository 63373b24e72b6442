"""The functions that answer a request: the user's functions, or lgbm-sm's if the user has none."""

from lgbm_sm.contract import MODEL_PATH
from lgbm_sm.explain.sections import Section, aligned, section
from lgbm_sm.model.inference_source import FUNCTIONS, REQUIREMENTS, InferenceSource, find_source, functions_of
from lgbm_sm.workspace import Workspace

_TRANSFORM = "transform_fn"
_OURS = {
    "model_fn": f"loads {MODEL_PATH}/lightgbm-regression-model.txt",
    "input_fn": "reads text/csv, application/json or application/jsonlines, and uses the schema to build a matrix",
    "predict_fn": "predicts with the model",
    "output_fn": "writes text/csv, application/json or application/jsonlines, as Accept requests",
}


def functions_section(workspace: Workspace) -> Section:
    """Return the functions in the order of their calls.

    Raises:
        ConfigError: the user's code cannot be read.
    """
    source = find_source(workspace.config.endpoint, workspace.folder)
    title = "Functions that answer"
    if source is None:
        rows = [(name, f"lgbm-sm's: {does}") for name, does in _OURS.items()]
        return section(title, "all functions are lgbm-sm's, because endpoint.source_dir is not set", aligned(rows))
    folder = workspace.config.endpoint.source_dir or source.files[source.entry_point].parent
    file = f"{source.entry_point} in {folder}, which becomes {MODEL_PATH}/code"
    return section(title, file, aligned(_owners(source)), _requirements(source))


def _owners(source: InferenceSource) -> list[tuple[str, str]]:
    users = functions_of(source)
    rows = []
    for name in FUNCTIONS:
        if name in users:
            rows.append((name, f"yours, in {source.entry_point}"))
        elif name == _TRANSFORM:
            rows.append((name, "none, so the three functions above are called"))
        elif _TRANSFORM in users and name != "model_fn":
            rows.append((name, "not called"))
        else:
            rows.append((name, f"lgbm-sm's: {_OURS[name]}"))
    return rows


def _requirements(source: InferenceSource) -> list[str]:
    if source.requirements_path is None:
        return [f"no {REQUIREMENTS}, so no packages are installed for it"]
    lines = source.requirements_path.read_text(encoding="utf-8").splitlines()
    return [f"{REQUIREMENTS}:", *(f"  {line}" for line in lines if line.strip())]
