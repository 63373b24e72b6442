"""The formats of numbers: decimal marks, thousands separators, percent, currencies, signs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

# a space, a no-break space, a narrow no-break space, a thin space
_SPACES = " \u00a0\u202f\u2009"
_MINUS = "\u2212-"  # the hyphen is last because the text is used inside a character class
_CURRENCY = r"(?:US\$|[$€£¥]|USD|EUR|GBP|JPY|CHF)"
_GROUPS = {",": ",", ".": r"\.", " ": f"[{_SPACES}]", "'": "['\u2019]"}
_DECIMALS = {".": r"\.", ",": ","}
_SAMPLE = 1000
_WORDS_OF_GROUPS = {",": "a comma", ".": "a dot", " ": "a space", "'": "an apostrophe"}


@dataclass(frozen=True)
class NumberFormat:
    """A decimal mark and a thousands separator. `thousands` is empty if there is no separator."""

    decimal: str = "."
    thousands: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether programs write this format: a decimal point and no thousands separator."""
        return self.decimal == "." and not self.thousands

    @property
    def words(self) -> str:
        parts = ["decimal comma"] if self.decimal == "," else []
        if self.thousands:
            parts.append(f"{_WORDS_OF_GROUPS[self.thousands]} between thousands")
        return ", ".join(parts)

    def pattern(self, *, leading_zeros: bool = False) -> str:
        """Return the regular expression of a whole cell, in the syntax that RE2 and Python share."""
        whole = "[0-9]+" if leading_zeros else "(?:0|[1-9][0-9]*)"
        if self.thousands:
            whole = f"(?:[1-9][0-9]{{0,2}}(?:{_GROUPS[self.thousands]}[0-9]{{3}})+|{whole})"
        mark = _DECIMALS[self.decimal]
        body = f"(?:{whole}(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][-+]?[0-9]+)?"
        blank = f"[{_SPACES}]*"
        sign = f"[+{_MINUS}]?"
        before = f"{sign}{blank}{_CURRENCY}?{blank}{sign}"
        after = f"{blank}(?:{_CURRENCY}|%)?"
        accounting = rf"\({blank}{_CURRENCY}?{blank}{body}{after}\){after}"
        return rf"^(?:{before}{body}{after}|{body}{after}[{_MINUS}]|{accounting})$"

    def fits(self, texts: "pa.Array", *, leading_zeros: bool = False) -> "pa.Array":
        """Return for each trimmed text whether it is a number in this format."""
        import pyarrow.compute as pc

        return pc.match_substring_regex(texts, self.pattern(leading_zeros=leading_zeros))

    def numbers(self, texts: "pa.Array") -> "pa.Array":
        """Convert texts in this format to int64 if all are whole and short, else to float64."""
        import pyarrow as pa
        import pyarrow.compute as pc

        simple = pc.replace_substring(texts, self.thousands, "") if self.thousands in (",", ".") else texts
        simple = pc.replace_substring(simple, self.decimal, ".") if self.decimal != "." else simple
        may_be_whole = not pc.any(pc.match_substring(simple, ".")).as_py()
        for data_type in (pa.int64(), pa.float64()) if may_be_whole else (pa.float64(),):
            try:
                return simple.cast(data_type)
            except pa.ArrowInvalid:  # the texts have decimals or signs; the slower code below removes the signs
                continue
        for pattern, by in (
            (_CURRENCY, ""),
            (f"[{_SPACES}%+]", ""),
            (_GROUPS.get(self.thousands, ""), ""),
            (_DECIMALS[self.decimal], "."),
            ("\u2212", "-"),
            (r"^\((.*)\)$", r"-\1"),
            (r"^(.*)-$", r"-\1"),
        ):
            if pattern:
                texts = pc.replace_substring_regex(texts, pattern, by)
        whole = pc.all(pc.match_substring_regex(texts, "^-?[0-9]{1,18}$")).as_py()
        return texts.cast(pa.int64() if whole else pa.float64())


_FORMATS = (
    *(NumberFormat(), NumberFormat(","), NumberFormat(".", ","), NumberFormat(",", ".")),
    *(NumberFormat(decimal, thousands) for thousands in (" ", "'") for decimal in (".", ",")),
)


@dataclass(frozen=True)
class FormatChoice:
    """The format that fits most texts. `fits` marks these texts.

    `rival` is another format that fits the same texts, but gives other numbers.
    """

    format: NumberFormat
    fits: "pa.Array"
    count: int
    rival: NumberFormat | None = None


def choose_format(
    texts: "pa.Array",
    *,
    decimal: str | None,
    thousands: str | None,
    leading_zeros: bool = False,
    is_doubtful: bool = False,
) -> FormatChoice | None:
    """Return the format that fits most of the trimmed, unique texts, or None if none fits.

    `decimal` and `thousands` are the user's settings, or None. The plain format gets a rival only if `is_doubtful`,
    because it is the format that programs write.
    """
    import pyarrow.compute as pc

    sample = texts[:_SAMPLE]
    best: list[FormatChoice] = []
    for one in _candidates(decimal, thousands):
        complete = bool(best) and best[0].count == len(texts)
        if complete and any(found.format.decimal == one.decimal for found in best):
            continue  # this format gives the same numbers, because no cell contains its separator
        sampled = one.fits(sample, leading_zeros=leading_zeros)
        if not pc.any(sampled).as_py() or (complete and not pc.all(sampled).as_py()):
            continue
        fits = one.fits(texts, leading_zeros=leading_zeros)
        count = pc.sum(fits).as_py()
        if best and count < best[0].count:
            continue
        if best and count > best[0].count:
            best.clear()
        best.append(FormatChoice(one, fits, count))
        if one.is_plain and count == len(texts) and not is_doubtful:
            break
    if not best:
        return None
    first, *others = best
    if not others or (first.format.is_plain and not is_doubtful):
        return first
    chosen = texts.filter(first.fits)
    values = first.format.numbers(chosen)
    for other in others:
        if other.fits.equals(first.fits) and not _same(values, other.format.numbers(chosen)):
            return FormatChoice(first.format, first.fits, first.count, other.format)
    return first


def _candidates(decimal: str | None, thousands: str | None) -> Iterator[NumberFormat]:
    known = [
        one
        for one in _FORMATS
        if decimal in (None, one.decimal) and (thousands is None or one.thousands in ("", thousands))
    ]
    if thousands is None:
        yield from known
        return
    # each format with the set separator also fits cells without a separator
    yield from (one for one in known if one.thousands == thousands)


def _same(one: "pa.Array", other: "pa.Array") -> bool:
    import pyarrow as pa

    return bool(one.cast(pa.float64()).equals(other.cast(pa.float64())))


def signs(texts: "pa.Array") -> tuple[set[str], set[bool]]:
    """Return the currencies in the texts, and whether the texts have percent signs.

    The second set has both values if only some texts have a percent sign.
    """
    import pyarrow.compute as pc

    signed = texts.filter(pc.match_substring_regex(texts, "[^-+0-9.eE]"))
    found = pc.struct_field(pc.extract_regex(signed, f"(?P<sign>{_CURRENCY})"), "sign")
    currencies = {one.replace("US$", "$") for one in found.unique().to_pylist() if one}
    with_percent = pc.sum(pc.match_substring(signed, "%")).as_py() or 0
    return currencies, {True} if with_percent == len(texts) else {False, with_percent > 0}


def looks_like_number(text: str) -> bool:
    """Return whether a cell is a number in any format."""
    return any(pattern.match(text.strip()) for pattern in _patterns())


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(one.pattern(leading_zeros=True)) for one in _FORMATS)
