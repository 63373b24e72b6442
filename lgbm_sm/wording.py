"""Parts of sentences that many messages share."""

from collections.abc import Iterable, Sequence


def similar(name: str, names: Iterable[str], *, most: int = 1, cutoff: float = 0.6) -> list[str]:
    """Return the most similar `names`, best first; `cutoff` is a similarity from 0 to 1."""
    import difflib  # here, since most commands meet no unknown name

    return difflib.get_close_matches(name, list(names), n=most, cutoff=cutoff)


def did_you_mean(name: str, names: Iterable[str], *, most: int = 1, cutoff: float = 0.6) -> str:
    """Return ` (did you mean X?)` for the most similar name; empty if none is similar."""
    found = similar(name, names, most=most, cutoff=cutoff)
    return f" (did you mean {' or '.join(found)}?)" if found else ""


def shortened_list(items: Sequence[object], most: int) -> str:
    """Return the first `most` items, comma-separated, and the total number if there are more."""
    more = f", … ({len(items):,} in total)" if len(items) > most else ""
    return ", ".join(map(str, items[:most])) + more


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return `1 row` or `1,200 rows`; `plural` is for nouns that do not end in s."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"
