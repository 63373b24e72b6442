"""The texts that mean a missing cell in a column of numbers."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

# in lower case; in a column of text, only the empty text and the texts in data.missing mean a missing cell
NUMBER_TOKENS = frozenset(
    {
        *("", "na", "n/a", "n.a.", "n.a", "<na>", "nan", "-nan", "+nan", "null", "(null)", "<null>", "none", "nil"),
        *("-", "--", "---", "\u2013", "\u2014", "?", "??", ".", "..", "...", "*", "/", "missing", "unknown"),
        *("#n/a", "#n/a n/a", "#na", "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!", "not available"),
        *("not applicable", "no data", "nd", "n.d.", "1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan"),
    }
)


def are_tokens(texts: "pa.Array | pa.ChunkedArray", more: tuple[str, ...], *, of_numbers: bool) -> "pa.Array":
    """Return for each text whether it means a missing cell.

    The empty text does, and so do the texts in `more`. With `of_numbers`, the tokens in NUMBER_TOKENS do too.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(texts)
    found = pc.is_in(trimmed, value_set=pa.array(["", *more], trimmed.type))
    if of_numbers:
        tokens = pa.array(sorted(NUMBER_TOKENS), trimmed.type)
        found = pc.or_(found, pc.is_in(pc.utf8_lower(trimmed), value_set=tokens))
    return found


def is_number_token(text: str) -> bool:
    """Return whether a cell would be missing in a column of numbers."""
    return text.strip().lower() in NUMBER_TOKENS
