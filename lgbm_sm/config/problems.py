"""What is wrong with a configuration, in words: where it stands, what was found, what was wanted, what was meant."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Self, TypeAlias

KeyPath: TypeAlias = tuple[str, ...]
# the names below each key: empty for a key that holds a value, "*" where any name may stand
KnownKeys: TypeAlias = Mapping[str, "KnownKeys"]
# keys from the top down, and the position from 0 in a list
Location: TypeAlias = tuple[str | int, ...]


class Origin(NamedTuple):
    """Where a setting comes from.

    `source` is what `lgbm-sm config` shows, `where` is how a message begins, `order` sorts messages (0 and the line
    for the file, 1 for the environment, 2 for `--set`), `text` is the value as it was written when it is a scalar.
    """

    source: str
    where: str
    order: tuple[int, int]
    text: str = ""


DEFAULT_ORIGIN = Origin(source="default", where="default", order=(-1, 0))


class Problem(NamedTuple):
    """One message, sorted by where its cause stands."""

    order: tuple[int, int]
    message: str

    @classmethod
    def at(cls, origin: Origin, sentence: str) -> Self:
        key = origin.where.removeprefix("--set ")
        return cls(origin.order, f"{origin.where}: {sentence.removeprefix(f'{key}: ')}")


def known_below(known: KnownKeys, path: KeyPath) -> KnownKeys | None:
    """The names that may stand below `path`: empty when it holds a value, None when `path` is unknown."""
    below: KnownKeys | None = known
    for name in path:
        if below is None:
            return None
        below = below.get(name, below.get("*"))
    return below


def unknown_key(path: KeyPath, known: KnownKeys) -> str:
    """A sentence for a key that does not exist, with the key that was probably meant."""
    *parents, name = path
    siblings = list(known_below(known, tuple(parents)) or ())
    dotted = ".".join(path)
    if not siblings:
        return f"{dotted} is not a known key ({'.'.join(parents)} holds a value and no further keys)"
    meant = _meant(name, siblings, list(map(".".join, key_paths(known))))
    remedy = f"did you mean {' or '.join(meant)}?" if meant else f"known here: {', '.join(siblings)}"
    return f"{dotted} is not a known key ({remedy})"


def _meant(name: str, siblings: list[str], everywhere: list[str]) -> list[str]:
    name = name.lower().replace("-", "_")
    if name in siblings:
        return [name]
    by_last_name: dict[str, list[str]] = {}
    for dotted in everywhere:
        by_last_name.setdefault(dotted.rpartition(".")[2], []).append(dotted)
    if name in by_last_name:
        return by_last_name[name]
    if close := _closest(name, siblings, cutoff=0.7):
        return close
    close = _closest(name, by_last_name, cutoff=0.8)
    return by_last_name[close[0]] if close else []


def _closest(name: str, names: Iterable[str], *, cutoff: float) -> list[str]:
    import difflib  # here, since most configurations are without a problem

    return difflib.get_close_matches(name, list(names), n=1, cutoff=cutoff)


def key_paths(known: KnownKeys, prefix: KeyPath = ()) -> Iterator[KeyPath]:
    """Every key that is listed by name, sections excepted."""
    for name, below in known.items():
        if name != "*":
            if prefix:
                yield (*prefix, name)
            yield from key_paths(below, (*prefix, name))


class UnfitValueError(ValueError):
    """A value of another kind, or out of the range, that a key takes.

    `wanted` says what it takes. `takes_text` where a number or a truth value may have been meant as text; `choices`
    where `wanted` lists words, of which one may have been meant.
    """

    def __init__(self, wanted: str, value: object, *, takes_text: bool = False, choices: Sequence[str] = ()) -> None:
        super().__init__(f"{wanted} is wanted, not {value!r}")
        self.wanted = wanted
        self.value = value
        self.takes_text = takes_text
        self.choices = choices


class RefusedPartsError(ValueError):
    """What is wrong with the parts of a value, by key, or by position from 0."""

    def __init__(self, parts: Mapping[str | int, ValueError]) -> None:
        super().__init__("; ".join(f"{part}: {error}" for part, error in parts.items()))
        self.parts = parts

    def refused(self, above: Location = ()) -> Iterator[tuple[Location, ValueError]]:
        """Every part with its location, down to those that have no parts themselves."""
        for part, error in self.parts.items():
            location = (*above, part)
            if isinstance(error, RefusedPartsError):
                yield from error.refused(location)
            else:
                yield location, error


def refused_value(location: Location, error: ValueError, origin: Origin) -> str:
    """A sentence for one refused value: the key, what is wanted there, and what was found."""
    dotted = ".".join(part for part in location if isinstance(part, str))
    places = [f"item {part + 1}: " for part in location if isinstance(part, int)]
    sentence = (
        f"{error.wanted} is wanted, not {_found(error, origin, dotted)}"
        if isinstance(error, UnfitValueError)
        else error
    )
    return f"{dotted}: {''.join(places)}{sentence}"


def _found(error: UnfitValueError, origin: Origin, dotted: str) -> str:
    """The value that was found, with a hint where YAML reads it otherwise than it looks."""
    value = error.value
    shown = _shown(value, origin)
    if error.choices:
        close = _closest(str(value).lower().replace("-", "_"), error.choices, cutoff=0.6)
        return f"{shown} (did you mean {close[0]}?)" if close else shown
    if value is None:
        return f"{shown} (leave the key out for its default)"
    if isinstance(value, str):
        return f"the text {shown}"
    if not error.takes_text or not isinstance(value, bool | int | float):
        return shown
    read = ", a number"
    if isinstance(value, bool):
        word = "true" if value else "false"
        read = "" if origin.text.lower() == word else f", which YAML reads as {word}"
    return f"{shown}{read}: if text is meant, write {_quoted(origin, dotted)}"


def _quoted(origin: Origin, dotted: str) -> str:
    """How the value must be written to be read as text: a shell takes quotes off, so it needs another pair."""
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
