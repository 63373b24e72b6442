"""Functions for texts that many messages contain."""

from collections.abc import Iterable, Sequence


def similar(name: str, names: Iterable[str], *, most: int = 1, cutoff: float = 0.6) -> list[str]:
    """Return those `names` that are most similar to `name`, best first. `cutoff` is a similarity from 0 to 1."""
    import difflib  # here, since most commands meet no unknown name

    return difflib.get_close_matches(name, list(names), n=most, cutoff=cutoff)


def did_you_mean(name: str, names: Iterable[str], *, most: int = 1, cutoff: float = 0.6) -> str:
    """Return ` (did you mean X?)` for the most similar name, or "" if no name is similar."""
    found = similar(name, names, most=most, cutoff=cutoff)
    return f" (did you mean {' or '.join(found)}?)" if found else ""


def shortened_list(items: Sequence[object], most: int) -> str:
    """Return the first `most` items, comma-separated. If there are more items, add the total number."""
    more = f", … ({len(items):,} in total)" if len(items) > most else ""
    return ", ".join(map(str, items[:most])) + more


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return text such as `1 row` or `1,200 rows`. `plural` is needed if the plural does not end in s."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"
