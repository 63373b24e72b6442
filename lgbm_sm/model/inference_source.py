"""Find the user's inference code, and refuse code that would fail in a server.

The names and the arguments of the functions come from AWS's developer guide, "Custom Inference Code with Hosting
Services", and from the README of the SageMaker inference toolkit.
"""

import ast
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from lgbm_sm import contract
from lgbm_sm.config.sections import EndpointSection
from lgbm_sm.errors import ConfigError
from lgbm_sm.model.misspelt_functions import misspelt_functions
from lgbm_sm.wording import did_you_mean

REQUIREMENTS = "requirements.txt"
DEFAULT_ENTRY_POINT = "inference.py"
FUNCTIONS = ("model_fn", "input_fn", "predict_fn", "output_fn", "transform_fn")
_REPLACED_BY_TRANSFORM = ("input_fn", "predict_fn", "output_fn")
# files that editors, version control and Python leave in a folder
_LEFT_BEHIND = {"__pycache__", "node_modules"}


@dataclass(frozen=True)
class InferenceSource:
    """The user's files by their names below `code`. The file `entry_point` has the functions."""

    entry_point: str
    files: Mapping[str, Path]

    @property
    def requirements_path(self) -> Path | None:
        """The path of the user's requirements.txt, or None."""
        return self.files.get(REQUIREMENTS)


def find_source(endpoint: EndpointSection, folder: Path) -> InferenceSource | None:
    """Return the code at `endpoint.source_dir` and `endpoint.entry_point`.

    Returns None if neither key is set. Relative paths start at `folder`.

    Raises:
        ConfigError: a file or folder does not exist, a file is not valid Python, the entry point has none of the
            functions, or the name of a function is misspelt.
    """
    if endpoint.source_dir is None and endpoint.entry_point is None:
        return None
    if endpoint.source_dir is None:
        path = folder / str(endpoint.entry_point)
        source = InferenceSource(path.name, {path.name: path})
        if not path.is_file():
            raise ConfigError(
                f"endpoint.entry_point: {path} is not a file", "check the path, or set endpoint.source_dir"
            )
    else:
        source = _in_folder(folder / endpoint.source_dir, endpoint.entry_point)
    _check_functions(source)
    for number, text in _requirement_lines(source.requirements_path):
        _requirement(text, f"{source.requirements_path}:{number}")
    return source


def _in_folder(source_path: Path, entry_point: Path | None) -> InferenceSource:
    if not source_path.is_dir():
        state = "is not a folder" if source_path.exists() else "does not exist"
        raise ConfigError(f"endpoint.source_dir: {source_path} {state}", "check the path")
    files = dict(_files(source_path))
    name = (entry_point or Path(DEFAULT_ENTRY_POINT)).as_posix()
    if name not in files:
        known = sorted(other for other in files if other.endswith(".py"))
        there = f"it has {', '.join(known[:10])}" if known else "it has no Python file"
        key = "endpoint.entry_point" if entry_point else "endpoint.source_dir"
        remedy = "set endpoint.entry_point to the file that has the functions" if known else "check the path"
        raise ConfigError(f"{key}: {source_path} has no {name} ({there})", remedy)
    return InferenceSource(name, files)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if any(part.startswith(".") or part in _LEFT_BEHIND for part in parts):
            continue
        if path.is_file():
            yield "/".join(parts), path
        elif path.is_symlink():
            raise ConfigError(f"endpoint.source_dir: {path} is a broken link", "remove or correct the link")


def functions_of(source: InferenceSource) -> tuple[str, ...]:
    """Return the functions that the syntax tree of the entry point shows."""
    names = set(_names(_parsed(source.files[source.entry_point]).body))
    return tuple(name for name in FUNCTIONS if name in names)


def _check_functions(source: InferenceSource) -> None:
    path = source.files[source.entry_point]
    body = _parsed(path).body
    for misspelt in misspelt_functions(body, FUNCTIONS):
        raise ConfigError(
            f"{path}:{misspelt.line}: the server would ignore the function {misspelt.name} "
            f"(did you mean {misspelt.meant}?)",
            f"rename it to {misspelt.meant}, or to _{misspelt.name} if it is a function of your own",
        )
    names = set(_names(body))
    found = [name for name in FUNCTIONS if name in names]
    if "*" in names:  # `from x import *`: its names are known only when the file runs
        return
    if not found:
        meant = next(filter(None, (did_you_mean(name, FUNCTIONS, cutoff=0.7) for name in names)), "")
        raise ConfigError(
            f"endpoint.entry_point: {path} has none of the functions {', '.join(FUNCTIONS)}{meant}",
            "define at least one; lgbm-sm provides the others",
        )
    others = [name for name in _REPLACED_BY_TRANSFORM if name in found]
    if "transform_fn" in found and others:
        raise ConfigError(
            f"endpoint.entry_point: {path} has transform_fn and {', '.join(others)}: transform_fn replaces them",
            f"remove transform_fn, or {' and '.join(others)}",
        )


def check_syntax(source: InferenceSource, python_version: tuple[int, int], where: str) -> None:
    """Raise ConfigError if a file is not valid in this version of Python.

    `where` is the part of the message that names the program with this version.
    """
    for name, path in source.files.items():
        if name.endswith(".py"):
            _parsed(path, python_version, where)


def _parsed(path: Path, python_version: tuple[int, int] | None = None, where: str = "") -> ast.Module:
    try:
        return ast.parse(path.read_bytes(), filename=str(path), feature_version=python_version)
    except (SyntaxError, ValueError) as error:  # ValueError: the file is not text
        line = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        version = ".".join(map(str, python_version)) if python_version else ""
        known = f" {version}, the version of {where}" if version else ""
        raise ConfigError(f"{path}{line}: not valid Python{known}: {reason}", "fix the syntax error") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", "check the file's permissions") from error


def _names(body: list[ast.stmt]) -> Iterator[str]:
    """Yield the names that the statements define in their own scope.

    Yield `*` for an import of all names.
    """
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                yield from (alias.asname or alias.name for alias in aliases)
            case ast.If() | ast.Try() | ast.With() | ast.For() | ast.While():
                for inner in ("body", "orelse", "finalbody"):
                    yield from _names(getattr(statement, inner, []))
                for handler in getattr(statement, "handlers", []):
                    yield from _names(handler.body)


def check_as_process(source: InferenceSource) -> None:
    """Check whether the code can run in a process on this machine.

    Raises:
        ConfigError: the code uses a path in /opt/ml, or it needs a package that is not installed here.
    """
    remedy = "run `lgbm-sm build`, and set local.backend: docker"
    for name, path in source.files.items():
        for node in ast.walk(_parsed(path)) if name.endswith(".py") else ():
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and node.value.startswith(contract.OPT_ML)
            ):
                raise ConfigError(
                    f'{path}:{node.lineno}: "{node.value}" exists only in a container, but local.backend selects a '
                    "process here",
                    f"take the path from model_dir, the argument of model_fn; or {remedy}",
                )
    _check_requirements(source, _installed_versions, "a process installs nothing when it starts", remedy)
    _check_imports(source, lambda module: importlib.util.find_spec(module) is not None, f"this Python; {remedy}")


def check_in_byoc_image(source: InferenceSource, pins: Mapping[str, Collection[str]]) -> None:
    """Check whether the image of pattern A has the packages that the code needs.

    The image installs nothing when it starts. `pins` has the versions of its packages (see `pinned_versions`).

    Raises:
        ConfigError: the image lacks a package, or it has another version.
    """
    remedy = "set container.pattern: inference_toolkit, which installs requirements.txt when it starts"
    _check_requirements(
        source, lambda name: pins.get(name, ()), "the image of pattern byoc installs nothing when it starts", remedy
    )
    modules = {name.replace("-", "_") for name in pins}
    _check_imports(source, lambda module: module in modules, f"the image of pattern byoc; {remedy}")


def _check_requirements(
    source: InferenceSource, versions_of: Callable[[str], Collection[str]], because: str, remedy: str
) -> None:
    for number, text in _requirement_lines(source.requirements_path):
        where = f"{source.requirements_path}:{number}"
        requirement = _requirement(text, where)
        if requirement is not None and requirement.marker is not None and not requirement.marker.evaluate():
            continue
        versions = versions_of(requirement.name.lower()) if requirement else ()
        if requirement is None or not any(requirement.specifier.contains(one, prereleases=True) for one in versions):
            there = f", and has {requirement.name} {' or '.join(versions)}" if requirement and versions else ""
            raise ConfigError(f"{where}: {text} is not available: {because}{there}", remedy)


def _installed_versions(name: str) -> tuple[str, ...]:
    try:
        return (importlib.metadata.version(name),)
    except importlib.metadata.PackageNotFoundError:
        return ()


def _check_imports(source: InferenceSource, is_there: Callable[[str], bool], remedy: str) -> None:
    own = {Path(name).parts[0].removesuffix(".py") for name in source.files}
    path = source.files[source.entry_point]
    for line, module in _imports(_parsed(path).body):
        if module not in own and module not in sys.stdlib_module_names and not is_there(module):
            raise ConfigError(f"{path}:{line}: package {module} does not exist", f"it is not in {remedy}")


def _imports(body: list[ast.stmt]) -> Iterator[tuple[int, str]]:
    """Yield the line and the top-level module of each import that always runs with the file."""
    for statement in body:
        match statement:
            case ast.Import(names=aliases):
                yield from ((statement.lineno, alias.name.partition(".")[0]) for alias in aliases)
            case ast.ImportFrom(module=str(module), level=0):
                yield statement.lineno, module.partition(".")[0]


def merged_requirements(ours: str, source: InferenceSource | None) -> str:
    """Return the user's requirements, followed by the lines of `ours` for other packages.

    If the user's line has a package without a version, the line of `ours` replaces it. That line has the newest version
    that works in the image.
    """
    path = source.requirements_path if source else None
    users = path.read_text(encoding="utf-8").splitlines() if path else []
    added = {Requirement(line).name.lower(): line for line in ours.splitlines() if line and not line.startswith("#")}
    for number, text in _requirement_lines(path):
        requirement = _requirement(text, str(path))
        if requirement and requirement.name.lower() in added:
            if requirement.specifier or requirement.url:
                del added[requirement.name.lower()]
            else:
                users[number - 1] = f"# {text}: see below"
    return "".join(f"{line}\n" for line in [*users, *added.values()])


def pinned_versions(text: str) -> dict[str, list[str]]:
    """Return the versions of each package in the lines `name==version` of a requirements file.

    A package has several versions if the version depends on the version of Python.
    """
    versions: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, separator, rest = line.partition("==")
        if separator and line[0].isalnum():
            versions.setdefault(name.lower(), []).append(rest.split()[0])
    return versions


def _requirement_lines(path: Path | None) -> Iterator[tuple[int, str]]:
    """Yield the line number and the text of each requirement in a file. Skip other lines."""
    if path is None:
        return
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", "write it as UTF-8 text") from error
    continued = False
    for number, line in enumerate(lines, start=1):
        text = line.partition(" #")[0].strip().removesuffix("\\").strip()
        if text and not continued and not text.startswith(("#", "-")):
            yield number, text
        continued = line.rstrip().endswith("\\")


def _requirement(text: str, where: str) -> Requirement | None:
    """Parse a requirement. Return None for a path or an address, which pip also accepts."""
    without_options = text.partition(" --")[0]
    try:
        return Requirement(without_options)
    except InvalidRequirement as error:
        if "/" in without_options or without_options.endswith((".whl", ".tar.gz", ".zip")):
            return None
        reason = str(error).splitlines()[0]
        raise ConfigError(f"{where}: {text} is not a requirement: {reason}", "write it as name==version") from error


def check_free_names(source: InferenceSource, taken: Collection[str], where: str) -> None:
    """Raise ConfigError if a file of the user has one of the names in `taken`.

    `where` is the part of the message that names the owner of these names.
    """
    for name, path in source.files.items():
        if Path(name).parts[0] in taken:
            raise ConfigError(f"{path}: {where} already has a {Path(name).parts[0]}", "choose another name")
