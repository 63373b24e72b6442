"""Says in the log what each function is given and what it returns, so that the flow of a request can be read there.

    lgbm-sm deploy --set endpoint.source_dir=examples/src_builtin_container_serve
    lgbm-sm predict
    lgbm-sm logs

It runs in every pattern, and in a process too. Python 3.8, for the oldest of AWS's XGBoost images.
"""

import json
from pathlib import Path

import lightgbm
import numpy as np

MODEL_FILE = "lightgbm-regression-model.txt"


def describe(value):
    """Type, and shape or size, of a value."""
    name = type(value).__name__
    if isinstance(value, np.ndarray):
        return f"{name}, shape {value.shape}, {value.dtype}"
    if isinstance(value, (str, bytes)):
        return f"{name}, {len(value)} {'characters' if isinstance(value, str) else 'bytes'}"
    if isinstance(value, lightgbm.Booster):
        return f"{name}, {value.num_feature()} features, {value.num_trees()} trees"
    return name


def log(function, arguments, result):
    """One line: the function, its arguments, its result."""
    described = ", ".join(f"{name}: {describe(value)}" for name, value in arguments.items())
    print(f"{function}({described}) -> {describe(result)}", flush=True)


def model_fn(model_dir):
    """Called once in each worker, before the first request."""
    model = lightgbm.Booster(model_file=str(Path(model_dir) / MODEL_FILE))
    log("model_fn", {"model_dir": model_dir}, model)
    return model


def input_fn(body, content_type):
    """From the body of a request to rows of numbers; an empty cell is a missing one."""
    text = body if isinstance(body, str) else body.decode("utf-8")
    if content_type == "application/json":
        rows = json.loads(text)
        data = np.array(rows if isinstance(rows[0], list) else [rows], dtype=np.float64)
    elif content_type == "text/csv":
        lines = [line.split(",") for line in text.splitlines() if line.strip()]
        data = np.array([[float(cell) if cell.strip() else np.nan for cell in cells] for cells in lines])
    else:
        raise ValueError(f"{content_type} is not supported; send text/csv or application/json")
    log("input_fn", {"body": body, "content_type": content_type}, data)
    return data


def predict_fn(data, model):
    """One prediction a row."""
    prediction = model.predict(data)
    log("predict_fn", {"data": data, "model": model}, prediction)
    return prediction


def output_fn(prediction, accept):
    """From predictions to the body of the answer, and its content type."""
    values = prediction.tolist()
    if accept == "application/json":
        answer = json.dumps({"predictions": values}), accept
    else:
        answer = "".join(f"{value!r}\n" for value in values), "text/csv"
    log("output_fn", {"prediction": prediction, "accept": accept}, answer[0])
    return answer
