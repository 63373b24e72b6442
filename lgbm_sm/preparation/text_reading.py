"""Read a column of text as numbers, booleans, dates or categories."""

from typing import TYPE_CHECKING

from lgbm_sm.preparation.column_settings import ColumnSettings
from lgbm_sm.preparation.columns import AS_MISSING, Column, ColumnKind, Note, Refusal, Settings, some_values
from lgbm_sm.preparation.date_cells import DateChoice, choose_date_format
from lgbm_sm.preparation.different_texts import DifferentTexts, chunked, different_texts, tokens_and_counts
from lgbm_sm.preparation.number_format import FormatChoice, choose_format, signs
from lgbm_sm.preparation.number_notes import note_numbers
from lgbm_sm.wording import counted

if TYPE_CHECKING:
    import pyarrow as pa

_TRUE, _FALSE = ("true", "t", "yes", "y"), ("false", "f", "no", "n")
_PLAIN_NUMBER = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?$"
_NEGATIVE = r"^\(|[-\x{2212}]$"  # without a sign before the number
_MOST_SPELLINGS = 30  # longest text for true or false, with spaces around it
_NEARLY_ALL = 0.9
_FEW_LEADING_ZEROS = 0.1


def read_text(name: str, cells: "pa.ChunkedArray", settings: ColumnSettings, *, keeps_text: bool) -> Column:
    """Return the column. With `keeps_text`, return categories, unless all are plain numbers."""
    texts = different_texts(name, cells, settings)
    others = texts.others
    if len(others) == 0:
        return texts.text_column(_token_notes(texts))
    if boolean := _booleans(texts):
        return boolean
    return _categories(texts) if keeps_text else _numbers_dates_or_categories(texts)


def _categories(texts: DifferentTexts) -> Column:
    """Return the column as categories: numbers if all texts are plain numbers."""
    import pyarrow.compute as pc

    others = texts.trimmed.filter(pc.invert(texts.are_missing))
    numbers = choose_format(others, decimal=".", thousands="")
    are_plain = pc.all(pc.match_substring_regex(others, _PLAIN_NUMBER)).as_py()
    if are_plain and numbers is not None:
        return _number_column(texts, numbers)
    return texts.text_column(_token_notes(texts))


def _numbers_dates_or_categories(texts: DifferentTexts) -> Column:
    settings, others = texts.settings, texts.others
    numbers = choose_format(
        others,
        decimal=settings.decimal,
        thousands=settings.thousands,
        leading_zeros=settings.is_numeric,
        is_doubtful=settings.is_doubtful,
    )
    if settings.is_numeric:
        return _forced_numbers(texts, numbers)
    if numbers is not None and numbers.count == len(others):
        return _checked_numbers(texts, numbers)
    return _leading_zeros(texts, numbers) or _dates_or_categories(texts, numbers)


def _dates_or_categories(texts: DifferentTexts, numbers: FormatChoice | None) -> Column:
    """Return a column that is not all numbers as dates or categories.

    Refuse it if most cells are numbers.
    """
    others = texts.others
    dates = choose_date_format(others)
    if dates is not None and dates.count >= _NEARLY_ALL * len(others):
        return _date_column(texts, dates)
    if numbers is not None and numbers.count > len(others) / 2:
        return texts.text_column(refusal=_odd_cells(texts, numbers))
    return texts.text_column(_token_notes(texts))


def _booleans(texts: DifferentTexts) -> Column | None:
    """Return the column, with one spelling per value, if all texts mean true or false."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(texts.raw) > _MOST_SPELLINGS:
        return None
    words = pc.utf8_lower(texts.trimmed)
    kept = pc.if_else(texts.are_missing, None, words)
    different = set(kept.drop_null().unique().to_pylist())
    if not different or not different <= {*_TRUE, *_FALSE}:
        return None
    spelled = texts.trimmed.filter(pc.invert(texts.are_missing)).unique().to_pylist()
    if different <= {"true", "false"}:
        pass
    elif different <= {*_TRUE} or different <= {*_FALSE}:
        return None
    elif len(spelled) == 2:
        kept = pc.if_else(texts.are_missing, None, texts.trimmed)
    else:
        truth = pc.is_in(words, value_set=pa.array(_TRUE, words.type))
        kept = pc.if_else(texts.are_missing, None, pc.if_else(truth, "true", "false"))
    cells = chunked(kept.cast(pa.large_string()).take(texts.indices))
    note = Note(f"boolean ({', '.join(sorted(spelled))})")
    return Column(texts.name, ColumnKind.TEXT, cells, missing=texts.counts(texts.are_missing), notes=(note,))


def _checked_numbers(texts: DifferentTexts, numbers: FormatChoice) -> Column:
    """Return the column of numbers, unless it can be read in two ways."""
    import pyarrow.compute as pc

    others = texts.others.filter(numbers.fits)
    if numbers.rival is not None:
        return texts.text_column(refusal=_two_readings(texts, numbers, others))
    currencies, percent = signs(others)
    if len(currencies) > 1 or len(percent) > 1:
        what = "several currencies" if len(currencies) > 1 else "numbers with % and without"
        refusal = Refusal(
            f"contains {what} ({some_values(others[:3].to_pylist())})",
            hint="write them in one unit",
            keep=True,
        )
        return texts.text_column(refusal=refusal)
    signed = [f"with {sign}" for sign in sorted(currencies)]
    if percent == {True}:
        first = others[0].as_py()
        signed.append(f"percent, {first} is {numbers.format.numbers(others[:1])[0].as_py()}")
    negative = others.filter(pc.match_substring_regex(others, _NEGATIVE))[:1]
    if len(negative):
        signed.append(f"{negative[0].as_py()} is {numbers.format.numbers(negative)[0].as_py()}")
    return _number_column(texts, numbers, signed)


def _number_column(texts: DifferentTexts, numbers: FormatChoice, signed: list[str] | None = None) -> Column:
    import pyarrow as pa
    import pyarrow.compute as pc

    # for each text, its position among the texts that are numbers
    are_numbers = _spread(texts, numbers)
    places = pc.subtract(pc.cumulative_sum(are_numbers.cast(pa.int64())), 1)
    values = numbers.format.numbers(texts.trimmed.filter(are_numbers))
    cells = values.take(pc.if_else(are_numbers, places, None)).take(texts.indices)
    missing = texts.counts(texts.are_tokens)
    how = list(filter(None, (numbers.format.words, *(signed or ()))))
    if missing:
        how.append(f"missing: {tokens_and_counts(missing)}")
    settings = texts.settings
    is_expected = settings.is_categorical or settings.is_numeric or settings.decimal or settings.thousands
    if not how and not is_expected:
        how.append("from text")
    note = Note(", ".join(("numbers", *how)), other="as categories", key="categorical")
    notes = (note,) if how and not settings.is_categorical else ()
    return note_numbers(Column(texts.name, ColumnKind.NUMBER, chunked(cells), missing=missing, notes=notes))


def _spread(texts: DifferentTexts, numbers: FormatChoice) -> "pa.Array":
    """Return for each text of the column whether it is a number."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    found = np.zeros(len(texts.raw), bool)
    found[pc.indices_nonzero(pc.invert(texts.are_tokens)).filter(numbers.fits).to_numpy()] = True
    return pa.array(found)


def _two_readings(texts: DifferentTexts, numbers: FormatChoice, others: "pa.Array") -> Refusal:
    """Return the refusal of an ambiguous column, with a setting for each of the two readings."""
    rival = numbers.rival
    assert rival is not None  # noqa: S101 - the caller's condition
    one, other = numbers.format.numbers(others), rival.numbers(others)
    differ = next(place for place in range(len(others)) if one[place].as_py() != other[place].as_py())
    text = others[differ].as_py()
    settings: dict[tuple[str, str], tuple[str, str | tuple[str, ...]]] = {}
    for form, value in ((rival, other[differ].as_py()), (numbers.format, one[differ].as_py())):
        key, mark = ("thousands", form.thousands) if form.thousands else ("decimal", form.decimal)
        what = "a thousands separator" if form.thousands else f"a decimal {'comma' if mark == ',' else 'point'}"
        settings[key, f"read {text} as {value}, with {what}"] = (texts.name, mark)
    return Refusal(
        f"can be read in two ways: {text} may be {other[differ].as_py()} or {one[differ].as_py()}", settings=settings
    )


def _forced_numbers(texts: DifferentTexts, numbers: FormatChoice | None) -> Column:
    """Read a column of data.numeric as numbers, or refuse the cells that are not numbers."""
    if numbers is None:
        odd = texts.others.to_pylist()
        refusal = Refusal("is in data.numeric, but contains", odd=tuple(odd), settings=_as_missing(texts, odd))
        return texts.text_column(refusal=refusal)
    if numbers.count < len(texts.others):
        refusal = _odd_cells(texts, numbers)
        return texts.text_column(
            refusal=Refusal("is in data.numeric, but contains", odd=refusal.odd, settings=refusal.settings)
        )
    return _checked_numbers(texts, numbers)


def _leading_zeros(texts: DifferentTexts, numbers: FormatChoice | None) -> Column | None:
    """Return the column as text if its integers have leading zeros, which numbers lose."""
    others = texts.others
    lenient = choose_format(others, decimal=".", thousands="", leading_zeros=True)
    strict = 0 if numbers is None else numbers.count
    if lenient is None or lenient.count <= max(strict, len(others) / 2):
        return None
    import pyarrow.compute as pc

    zeros = others.filter(pc.match_substring_regex(others, "^[-+]?0[0-9]"))
    if not len(zeros):
        return None
    lengths = len(pc.unique(pc.utf8_length(others)))
    first = zeros[0].as_py()
    if len(zeros) >= _FEW_LEADING_ZEROS * len(others) or lengths == 1:
        note = Note(f"text, since {first!r} has a leading zero", other="as numbers", key="numeric")
        return texts.text_column((*_token_notes(texts), note))
    refusal = Refusal(
        f"contains numbers, but also {counted(len(zeros), 'one', 'ones')} with a leading zero, like a code",
        odd=tuple(zeros.to_pylist()),
        keep=True,
        number=True,
    )
    return texts.text_column(refusal=refusal)


def _date_column(texts: DifferentTexts, dates: DateChoice) -> Column:
    import pyarrow.compute as pc

    odd = texts.others.filter(pc.invert(dates.fits)).to_pylist()
    kept = pc.if_else(texts.are_tokens, None, texts.trimmed)
    return Column(
        texts.name,
        ColumnKind.DATE,
        chunked(kept.take(texts.indices)),
        missing=texts.counts(texts.are_tokens),
        dates=dates,
        odd_dates=tuple(odd),
    )


def _odd_cells(texts: DifferentTexts, numbers: FormatChoice) -> Refusal:
    """Return the refusal of a column of numbers that also has other cells."""
    import pyarrow.compute as pc

    odd = texts.others.filter(pc.invert(numbers.fits)).to_pylist()
    return Refusal("contains numbers, but also text", odd=tuple(odd), keep=True, settings=_as_missing(texts, odd))


def _as_missing(texts: DifferentTexts, odd: list[str]) -> Settings:
    few = tuple(odd[:20])
    return {AS_MISSING: (texts.name, few)} if len(odd) == len(few) else {}


def _token_notes(texts: DifferentTexts) -> tuple[Note, ...]:
    """Return a note on categories that would mean a missing cell in a column of numbers."""
    import pyarrow.compute as pc

    counts = texts.counts(pc.and_not(texts.are_tokens, texts.are_missing))
    if not counts:
        return ()
    are = "is a category" if len(counts) == 1 else "are categories"
    return (Note(f"{tokens_and_counts(counts)} {are}", other="as missing", key="missing", value=tuple(counts)),)
