"""Read settings from a YAML file, environment variables, and `--set` options.

Each reader adds flat settings with their origins, and the problems that it finds. The readers do not check the values.

Numbers are read by the rules of YAML 1.2: `1e-3` is a number, and `010`, `1_000`, `12:30` and dates are text. The words
`yes`, `no`, `on` and `off` mean true and false, as in YAML 1.1, because people use them in this way.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import cast

import yaml

from lgbm_sm.config.problems import KeyPath, KnownKeys, Origin, Problem, key_paths, known_below, meant_keys, unknown_key
from lgbm_sm.config.settings import ENVIRONMENT_PREFIX, OVERRIDE_SOURCE, Reading, Setting

_TAG = "tag:yaml.org,2002:"
_NULL, _BOOL, _INT, _FLOAT, _STR = (_TAG + name for name in ("null", "bool", "int", "float", "str"))
_DEEPEST_VALUE = 3  # a list of scalars needs less; the limit stops a YAML alias that contains itself
# Escapes in double quotes can produce surrogates, and so can bytes on the command line that are not UTF-8. They cannot
# be written to a file.
_SURROGATE = re.compile("[\ud800-\udfff]")


class _Loader(yaml.SafeLoader):
    """A YAML loader with the rules in the module's docstring. Only its node tree is used."""

    # empty, so that this class does not inherit SafeLoader's octal numbers, base 60 numbers, dates and merge keys
    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML expects this attribute


_Loader.add_implicit_resolver(_NULL, re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver(
    _BOOL,
    re.compile(r"(?:true|True|TRUE|yes|Yes|YES|on|On|ON|false|False|FALSE|no|No|NO|off|Off|OFF)\Z"),
    list("tTyYoOfFnN"),
)
# 300 digits are more than any setting needs, and Python can convert them
_Loader.add_implicit_resolver(_INT, re.compile(r"[-+]?(?:0|[1-9][0-9]{0,299})\Z"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(
        r"(?:[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
    ),
    list("-+.0123456789"),
)


def read_yaml(text: str, file_name: str, known: KnownKeys, reading: Reading) -> None:
    """Add the settings of a file. Messages begin with `file_name:line`."""

    def origin_at(line: int) -> Origin:
        place = f"{file_name}:{line}"
        return Origin(source=place, where=place, order=(0, line))

    try:
        root = _Loader(text).get_single_node()
    except yaml.YAMLError as error:
        line, sentence = _syntax_problem(error, text)
        reading.problems.append(Problem.at(origin_at(line), sentence))
        return
    if root is None or root.tag == _NULL:
        return
    if not isinstance(root, yaml.MappingNode):
        sentence = f"must be a mapping with the sections {', '.join(known)}"
        reading.problems.append(Problem.at(origin_at(_line(root)), sentence))
        return
    _Walk(known, reading, lambda node: origin_at(_line(node))).mapping(root, ())


def read_environment(environ: Mapping[str, str], known: KnownKeys, reading: Reading) -> None:
    """Add the settings of variables such as LGBM_SM_TRAINING__INSTANCE_TYPE.

    A name without two underscores is ignored. If it looks like a setting, there is a warning.
    """
    joined_by_one = {"_".join(path): path for path in key_paths(known)}
    ours: list[tuple[KeyPath, str]] = []
    for name in environ:
        if not name.startswith(ENVIRONMENT_PREFIX):
            continue
        written = name.removeprefix(ENVIRONMENT_PREFIX)
        rest = written.lower()
        if "__" in rest:
            ours.append((_path_of(written, known), name))
        elif rest in joined_by_one:
            meant = ENVIRONMENT_PREFIX + "__".join(joined_by_one[rest]).upper()
            reading.warnings.append(f"{name} is ignored: separate section and key with two underscores, as in {meant}")
    # a variable for a whole mapping comes first, so that variables for single keys of the mapping override it
    for number, (path, name) in enumerate(sorted(ours, key=lambda found: (len(found[0]), found[1]))):
        _read_value(path, environ[name], Origin(source=name, where=name, order=(1, number)), known, reading)


def _path_of(written: str, known: KnownKeys) -> KeyPath:
    """Return the path of SECTION__KEY or SECTION__KEY__NAME.

    Sections, keys and LightGBM's parameters become lower case. The name of an environment variable or of a build
    argument keeps its case.
    """
    path = tuple(written.lower().split("__"))
    if len(path) > 2 and list(known_below(known, path[:2]) or ()) == ["*"]:
        return (*path[:2], written.split("__", 2)[2])
    return path


def read_overrides(overrides: Iterable[str], known: KnownKeys, reading: Reading) -> None:
    """Add the settings of `--set section.key=value` options.

    If two options set the same key, the last one takes precedence.
    """
    for number, override in enumerate(overrides):
        key, equals, text = override.partition("=")
        key = key.strip()
        origin = Origin(
            source=OVERRIDE_SOURCE, where=f"--set {key}" if equals else f"--set {override}", order=(2, number)
        )
        if not equals or not key:
            sentence = "expected section.key=value, as in --set training.instance_type=ml.m4.2xlarge"
            reading.problems.append(Problem.at(origin, sentence))
        else:
            _read_value(tuple(key.split(".")), text, origin, known, reading)


def _read_value(path: KeyPath, text: str, origin: Origin, known: KnownKeys, reading: Reading) -> None:
    """Add the setting of an environment variable or of a `--set` option. `text` is YAML."""

    def refuse(sentence: str, *keys: KeyPath) -> None:
        reading.problems.append(Problem.at(origin, sentence, *(keys or (path,))))

    for depth in range(1, len(path) + 1):
        if known_below(known, path[:depth]) is None:
            refuse(unknown_key(path[:depth], known), *meant_keys(path[:depth], known))
            return
    if len(path) == 1:
        refuse(f"{path[0]} is a section: set one of its keys, such as {path[0]}.{next(iter(known[path[0]]))}")
        return
    try:
        node = _Loader(text).get_single_node()
    except yaml.YAMLError as error:
        refuse(f"{_syntax_problem(error, text)[1]} (put text with special characters in quotes)")
        return
    if text[node.end_mark.index if node else 0 :].strip():
        # without this check, `--set data.target=#id` would do nothing and show no error
        refuse(f"{text} contains a YAML comment: put the value in quotes")
        return
    _Walk(known, reading, lambda _: origin).setting(path, node or yaml.ScalarNode(_NULL, ""), origin)


class _Walk:
    """Walks through a node tree, and collects the settings and the problems."""

    def __init__(self, known: KnownKeys, reading: Reading, origin_of: Callable[[yaml.Node], Origin]) -> None:
        self._known = known
        self._reading = reading
        self._origin_of = origin_of

    def mapping(self, node: yaml.MappingNode, prefix: KeyPath) -> None:
        first_lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            origin = self._origin_of(key_node)
            if not isinstance(key_node, yaml.ScalarNode) or not key_node.value:
                self._refuse(origin, "expected a key before the colon", (*prefix, ""))
                continue
            path = (*prefix, key_node.value)
            if key_node.value in first_lines:
                first = first_lines[key_node.value]
                self._refuse(origin, f"duplicate key {'.'.join(path)} (first defined on line {first})", path)
                continue
            first_lines[key_node.value] = _line(key_node)
            self.setting(path, value_node, origin)

    def setting(self, path: KeyPath, node: yaml.Node, origin: Origin) -> None:
        below = known_below(self._known, path)
        is_section = len(path) == 1
        if below is None:
            self._refuse(origin, unknown_key(path, self._known), *meant_keys(path, self._known))
        elif not below:
            self._value(path, node, origin)
        elif node.tag == _NULL:
            if not is_section:
                self._reading.settings.append(Setting(path, None, origin))
        elif not isinstance(node, yaml.MappingNode):
            kind = "section" if is_section else "mapping"
            self._refuse(origin, f"{'.'.join(path)} is a {kind}: write its keys on indented lines below it", path)
        else:
            if not is_section:
                self._reading.settings.append(Setting(path, {}, origin))
            self.mapping(node, path)

    def _value(self, path: KeyPath, node: yaml.Node, origin: Origin) -> None:
        try:
            _characters(path[-1])
            value = _value(node)
        except _UnreadableValueError as error:
            self._refuse(origin, f"{'.'.join(path)}: {error}", path)
            return
        items = node.value if isinstance(node, yaml.SequenceNode) else ()
        self._reading.settings.append(
            Setting(
                path,
                value,
                origin._replace(text=_text(node)),
                tuple(self._origin_of(item)._replace(text=_text(item)) for item in items),
            )
        )

    def _refuse(self, origin: Origin, sentence: str, *keys: KeyPath) -> None:
        self._reading.problems.append(Problem.at(origin, sentence, *keys))


class _UnreadableValueError(ValueError):
    """A node that cannot be the value of a setting."""


def _value(node: yaml.Node, depth: int = 1) -> object:
    if depth > _DEEPEST_VALUE:
        raise _UnreadableValueError("the value is nested too deeply")
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, depth + 1) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        return {str(_value(key, depth + 1)): _value(value, depth + 1) for key, value in node.value}
    if node.tag == _STR:
        return _characters(str(node.value))
    # a tag that the user has written can contradict the text, as in `!!int abc`
    if node.tag != _Loader("").resolve(yaml.ScalarNode, node.value, (True, False)):  # type: ignore[no-untyped-call]
        raise _UnreadableValueError(f"the tag {node.tag.replace(_TAG, '!!')} is not supported")
    if node.tag == _NULL:
        return None
    if node.tag == _BOOL:
        return node.value.lower() in {"true", "yes", "on"}
    return int(node.value) if node.tag == _INT else float(re.sub(r"\.(?=[a-zA-Z])", "", node.value))


def _characters(text: str) -> str:
    if _SURROGATE.search(text):
        raise _UnreadableValueError("the text contains half of a surrogate pair, which is not a character")
    return text


def _text(node: yaml.Node) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _syntax_problem(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    """Return the line (from 1) and a sentence for an error of PyYAML."""
    if isinstance(error, yaml.reader.ReaderError):
        return text.count("\n", 0, error.position) + 1, f"the character U+{error.character:04X} is not allowed"
    marked = cast("yaml.MarkedYAMLError", error)
    mark = marked.problem_mark or marked.context_mark
    line = mark.line + 1 if mark else 1
    if "'\\t'" in str(marked.problem):
        return line, "found a tab: indent YAML with spaces"
    return line, f"not valid YAML: {marked.problem or marked.context}"
