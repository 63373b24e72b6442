"""Messages about the problems of a configuration."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Self, TypeAlias

from lgbm_sm.wording import did_you_mean, similar

KeyPath: TypeAlias = tuple[str, ...]
# The names below each key. A key with a value has none below it. "*" means that any name is allowed.
KnownKeys: TypeAlias = Mapping[str, "KnownKeys"]
# The keys from the section down to the value. In a list, the position of the item follows, from 0.
Location: TypeAlias = tuple[str | int, ...]


class Origin(NamedTuple):
    """The origin of a setting.

    `lgbm-sm config` shows `source`. A message begins with `where`. Messages are sorted by `order`: its first number is
    0 for the file, 1 for the environment and 2 for `--set`. `text` is the value as the user wrote it, if it is a
    scalar.
    """

    source: str
    where: str
    order: tuple[int, int]
    text: str = ""


DEFAULT_ORIGIN = Origin(source="default", where="default", order=(-1, 0))


class Problem(NamedTuple):
    """A message. Messages are sorted by their origin.

    `keys` are the keys that it concerns, or that the user may have meant. An empty path is the whole configuration.
    """

    order: tuple[int, int]
    message: str
    keys: tuple[KeyPath, ...] = ((),)

    @classmethod
    def at(cls, origin: Origin, sentence: str, *keys: KeyPath) -> Self:
        key = origin.where.removeprefix("--set ")
        return cls(origin.order, f"{origin.where}: {sentence.removeprefix(f'{key}: ')}", keys or ((),))


def known_below(known: KnownKeys, path: KeyPath) -> KnownKeys | None:
    """Return the names allowed below `path`.

    The result is empty if `path` has a value, and None if `path` is unknown.
    """
    below: KnownKeys | None = known
    for name in path:
        if below is None:
            return None
        below = below.get(name, below.get("*"))
    return below


def unknown_key(path: KeyPath, known: KnownKeys) -> str:
    """Return the message for an unknown key. It suggests a similar key."""
    *parents, name = path
    siblings = list(known_below(known, tuple(parents)) or ())
    dotted = ".".join(path)
    if not siblings:
        return f"{dotted} is not a known key ({'.'.join(parents)} has a value, so it cannot have keys)"
    meant = _meant(name, siblings, list(map(".".join, key_paths(known))))
    remedy = f"did you mean {' or '.join(meant)}?" if meant else f"known keys: {', '.join(siblings)}"
    return f"{dotted} is not a known key ({remedy})"


def meant_keys(path: KeyPath, known: KnownKeys) -> list[KeyPath]:
    """Return the keys that an unknown key may stand for, and itself."""
    *parents, name = path
    siblings = list(known_below(known, tuple(parents)) or ())
    meant = _meant(name, siblings, list(map(".".join, key_paths(known)))) if siblings else []
    return [path, *((*parents, key) if key in siblings else tuple(key.split(".")) for key in meant)]


def _meant(name: str, siblings: list[str], everywhere: list[str]) -> list[str]:
    name = name.lower().replace("-", "_")
    if name in siblings:
        return [name]
    by_last_name: dict[str, list[str]] = {}
    for dotted in everywhere:
        by_last_name.setdefault(dotted.rpartition(".")[2], []).append(dotted)
    if name in by_last_name:
        return by_last_name[name]
    if near := similar(name, siblings, cutoff=0.7):
        return near
    near = similar(name, by_last_name, cutoff=0.8)
    return by_last_name[near[0]] if near else []


def key_paths(known: KnownKeys, prefix: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the full name of each known key. Sections are not included."""
    for name, below in known.items():
        if name != "*":
            if prefix:
                yield (*prefix, name)
            yield from key_paths(below, (*prefix, name))


class UnfitValueError(ValueError):
    """A value of the wrong kind or out of range.

    `expected` completes the words "must be …". If the key expects text, `takes_text` is true: the user may have meant a
    number or a truth value as text. `choices` are the allowed words. Messages suggest one of them.
    """

    def __init__(self, expected: str, value: object, *, takes_text: bool = False, choices: Sequence[str] = ()) -> None:
        super().__init__(f"must be {expected}, got {value!r}")
        self.expected = expected
        self.value = value
        self.takes_text = takes_text
        self.choices = choices


class RefusedPartsError(ValueError):
    """The problems of a mapping by key, or of a list by position from 0."""

    def __init__(self, parts: Mapping[str | int, ValueError]) -> None:
        super().__init__("; ".join(f"{part}: {error}" for part, error in parts.items()))
        self.parts = parts

    def refused(self, above: Location = ()) -> Iterator[tuple[Location, ValueError]]:
        """Yield each problem with its location, including the problems inside a part."""
        for part, error in self.parts.items():
            location = (*above, part)
            if isinstance(error, RefusedPartsError):
                yield from error.refused(location)
            else:
                yield location, error


@contextmanager
def collecting(refused: dict[str | int, ValueError], part: str | int) -> Iterator[None]:
    """Run the block. If it raises ValueError, store the error in `refused` under `part`."""
    try:
        yield
    except ValueError as error:
        refused[part] = error


def refused_value(location: Location, error: ValueError, origin: Origin) -> str:
    """Return the message for an invalid value: the key, the expected and the found value."""
    dotted = ".".join(part for part in location if isinstance(part, str))
    places = [f"item {part + 1}: " for part in location if isinstance(part, int)]
    sentence = (
        f"must be {error.expected}, got {_found(error, origin, dotted)}"
        if isinstance(error, UnfitValueError)
        else error
    )
    return f"{dotted}: {''.join(places)}{sentence}"


def _found(error: UnfitValueError, origin: Origin, dotted: str) -> str:
    """Return the found value for a message. Add a hint if YAML reads it in an unexpected way."""
    value = error.value
    shown = _shown(value, origin)
    if error.choices:
        return shown + did_you_mean(str(value).lower().replace("-", "_"), error.choices)
    if value is None:
        return f"{shown} (to use the default, leave the key out)"
    if isinstance(value, str):
        return f"the text {shown}"
    if not error.takes_text or not isinstance(value, bool | int | float):
        return shown
    read = ", a number"
    if isinstance(value, bool):
        word = "true" if value else "false"
        read = "" if origin.text.lower() == word else f", which YAML reads as {word}"
    return f"{shown}{read} (if you mean text, write {_quoted(origin, dotted)})"


def _quoted(origin: Origin, dotted: str) -> str:
    """Return the value with quotes that make it text.

    On a command line there are two pairs of quotes, because the shell removes one.
    """
    match origin.order[0]:
        case 1:
            return f"""{origin.source}='"{origin.text}"'"""
        case 2:
            return f"""--set '{dotted}="{origin.text}"'"""
    return f'"{origin.text}" in quotes'


def _shown(value: object, origin: Origin) -> str:
    match value:
        case None:
            return "nothing"
        case str():
            return f'"{value}"'
        case list() | tuple():
            return "a list"
        case dict():
            return "a mapping"
    return origin.text or str(value)
