"""Find, check and call the functions in the user's inference code."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from lgbm_runtime.core.errors import InvocationError, ModelError
from lgbm_runtime.core.misspelt_names import misspelt_names

# SageMaker's inference toolkit and framework images use the same names and arguments.
MODEL_FN = "model_fn"
INPUT_FN = "input_fn"
PREDICT_FN = "predict_fn"
OUTPUT_FN = "output_fn"
TRANSFORM_FN = "transform_fn"
ARGUMENTS = {
    MODEL_FN: ("model_dir",),
    INPUT_FN: ("body", "content_type"),
    PREDICT_FN: ("data", "model"),
    OUTPUT_FN: ("prediction", "accept"),
    TRANSFORM_FN: ("model", "body", "content_type", "accept"),
}
_CONTEXT = "context"
ATTRIBUTES_HEADER = "X-Amzn-SageMaker-Custom-Attributes"
_DEFAULT_PROGRAM = "inference.py"


class RequestContext:
    """The context: the optional last argument of a user's function.

    It has the methods of Multi Model Server's context that work in all patterns. `headers` are the headers of the
    request, or None for model_fn. `attributes` is the value of X-Amzn-SageMaker-Custom-Attributes that the user's code
    has set for the answer.
    """

    def __init__(self, model_path: Path, headers: Mapping[str, str] | None = None) -> None:
        self.system_properties = {"model_dir": str(model_path)}
        self.attributes = ""
        self._headers = {name.lower(): value for name, value in (headers or {}).items()}

    def get_request_header(self, _index: int, name: str) -> str | None:
        return self._headers.get(name.lower())

    def get_all_request_header(self, _index: int) -> dict[str, str]:
        return dict(self._headers)

    def set_response_header(self, _index: int, name: str, value: str) -> None:
        """Set the custom attributes. Ignore other headers, because SageMaker would drop them."""
        if name.lower() == ATTRIBUTES_HEADER.lower():
            self.attributes = value


@dataclass(frozen=True)
class UserFunction:
    """A function of the user's code.

    `takes_context` states whether the last argument of the function is the context.
    """

    name: str
    function: Callable[..., Any]
    takes_context: bool

    def __call__(self, context: Any, *arguments: Any) -> Any:
        """Call the function.

        An exception with a `status_code` becomes an InvocationError. Other exceptions are raised unchanged.
        """
        try:
            return self.function(*arguments, context) if self.takes_context else self.function(*arguments)
        except InvocationError:
            raise
        except Exception as error:
            status = getattr(error, "status_code", None)
            if isinstance(status, int) and 400 <= status <= 599:
                raise InvocationError(status, str(getattr(error, "message", "") or error)) from error
            raise


def code_path(model_path: Path, environment: Mapping[str, str]) -> Path:
    """Return the folder of the user's code. The folder may not exist.

    SAGEMAKER_SUBMIT_DIRECTORY names the folder. The default is `code` in the model's folder.
    """
    submitted = Path(environment.get("SAGEMAKER_SUBMIT_DIRECTORY") or model_path / "code")
    # the variable may be an S3 address: SageMaker has unpacked that archive into the model's folder
    return submitted if submitted.is_absolute() else model_path / "code"


def find_program(model_path: Path, environment: Mapping[str, str]) -> Path | None:
    """Return the file with the user's functions, or None if the model has no user code.

    SAGEMAKER_PROGRAM names the file in `code_path`. The default is inference.py. Raises ModelError if SAGEMAKER_PROGRAM
    names a file that is not in the folder.
    """
    folder = code_path(model_path, environment)
    named = environment.get("SAGEMAKER_PROGRAM")
    program = folder / (named or _DEFAULT_PROGRAM)
    if not program.suffix:
        program = program.with_suffix(".py")
    if program.is_file():
        return program
    if named and folder.is_dir():
        found = ", ".join(sorted(path.name for path in folder.glob("*.py"))) or "no .py file"
        raise ModelError(f"{program} does not exist: SAGEMAKER_PROGRAM is {named!r}, and {folder} has {found}")
    return None


def load_functions(program: Path) -> dict[str, UserFunction]:
    """Run the user's file and return its functions by name.

    The file can import modules from its folder. Raises ModelError if the file fails, if it has none of the functions,
    if the name of a function is misspelt, or if it has transform_fn together with a function that transform_fn
    replaces.
    """
    for misspelt in misspelt_names(program.read_bytes(), ARGUMENTS):
        raise ModelError(
            f"{program}, line {misspelt.line}: {misspelt.name} would be ignored (did you mean {misspelt.meant}?); "
            f"rename it to {misspelt.meant}, or to _{misspelt.name} if it is a function of your own"
        )
    module = _run(program)
    functions = {
        name: _checked(program, name, getattr(module, name))
        for name in ARGUMENTS
        if getattr(module, name, None) is not None
    }
    if not functions:
        raise ModelError(f"{program} has none of the functions {', '.join(ARGUMENTS)}")
    others = [name for name in (INPUT_FN, PREDICT_FN, OUTPUT_FN) if name in functions]
    if TRANSFORM_FN in functions and others:
        raise ModelError(
            f"{program} has transform_fn and {', '.join(others)}: transform_fn replaces them; "
            f"remove transform_fn or {' and '.join(others)}"
        )
    return functions


def describe_failure(error: BaseException, program: Path) -> str:
    """Return one line with the error and the last line of the user's code in the traceback."""
    line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None
    place = str(program)
    for frame in traceback.extract_tb(error.__traceback__):
        if Path(frame.filename).parent == program.parent:
            place, line = f"{frame.filename}", frame.lineno
    where = place if line is None else f"{place}, line {line}"
    message = " ".join(str(error).split())
    return f"{where}: {type(error).__name__}{': ' if message else ''}{message}"


def _run(program: Path) -> ModuleType:
    sys.path.insert(0, str(program.parent))
    spec = importlib.util.spec_from_file_location(program.stem, program)
    if spec is None or spec.loader is None:
        raise ModelError(f"{program} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # register the module as an import does: pickled classes and the user's own imports must find it
    sys.modules[program.stem] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise ModelError(f"the inference code failed in {describe_failure(error, program)}") from error
    return module


def _checked(program: Path, name: str, function: Any) -> UserFunction:
    arguments = ARGUMENTS[name]
    expected = f"{name}({', '.join(arguments)}[, {_CONTEXT}])"
    if not callable(function):
        raise ModelError(f"{program}: {name} is not a function; expected {expected}")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        # compiled functions may have no signature
        return UserFunction(name, function, takes_context=False)
    fits_plain = _takes(signature, len(arguments))
    fits_context = _takes(signature, len(arguments) + 1)
    if not (fits_plain or fits_context):
        raise ModelError(f"{program}: {name}{signature} cannot be called as {expected}")
    takes_context = fits_context and (_CONTEXT in signature.parameters or not fits_plain)
    return UserFunction(name, function, takes_context)


def _takes(signature: inspect.Signature, count: int) -> bool:
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True
