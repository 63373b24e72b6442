"""Recognize the formats of dates and times, and convert dates to numbers."""

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_YEAR, _MONTH, _DAY = "[0-9]{4}", "(?:0?[1-9]|1[0-2])", "(?:0?[1-9]|[12][0-9]|3[01])"
_SHORT_YEAR = "[0-9]{2}(?:[0-9]{2})?"
_NAME = "(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[.]?"
_TIME = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?: ?[AaPp][Mm])?(?: ?(?:Z|UTC|GMT|[-+][0-9]{2}:?[0-9]{2}))?"
_LATER = f"(?:[T ,]+{_TIME})?"
_SECONDS_OF_A_DAY = 86400


@dataclass(frozen=True)
class DateFormat:
    """A format of dates. `words` describe it to the user.

    `day_first` is set if day and month are both numbers, and the year is the last number.
    """

    words: str
    pattern: str
    day_first: bool | None = None


_MONTH_FIRST = DateFormat("month/day/year", f"^{_MONTH}(?:/{_DAY}/|-{_DAY}-){_SHORT_YEAR}{_LATER}$", day_first=False)
_DAY_FIRST = DateFormat(
    "day/month/year", rf"^{_DAY}(?:/{_MONTH}/|-{_MONTH}-|\.{_MONTH}\.){_SHORT_YEAR}{_LATER}$", day_first=True
)
_TIME_OF_DAY = DateFormat("time of day", f"^{_TIME}$")
_FORMATS = (
    DateFormat("year-month-day", rf"^{_YEAR}(?:-{_MONTH}-|/{_MONTH}/|\.{_MONTH}\.){_DAY}{_LATER}$"),
    _MONTH_FIRST,
    _DAY_FIRST,
    DateFormat("with the name of the month", f"^{_DAY}[- .]*{_NAME}[- .,]*{_SHORT_YEAR}{_LATER}$"),
    DateFormat("with the name of the month", f"^{_NAME}[- ]*{_DAY},? {_YEAR}{_LATER}$"),
    _TIME_OF_DAY,
)
_SAMPLE = 1000


@dataclass(frozen=True)
class DateChoice:
    """The format that most texts have, and which of the texts have this format.

    `is_ambiguous` is true if either the day or the month may be the first number.
    """

    format: DateFormat
    fits: "pa.Array"
    count: int
    is_ambiguous: bool = False


def choose_date_format(texts: "pa.Array") -> DateChoice | None:
    """Return the format that most of the trimmed, unique texts have.

    Return None if none of the first texts is a date.
    """
    import pyarrow.compute as pc

    best: DateChoice | None = None
    for one in _FORMATS:
        if not pc.any(pc.match_substring_regex(texts[:_SAMPLE], one.pattern)).as_py():
            continue
        fits = pc.match_substring_regex(texts, one.pattern)
        count = pc.sum(fits).as_py()
        if best is None or count > best.count:
            best = DateChoice(one, fits, count)
        elif count == best.count and one is _DAY_FIRST:
            best = DateChoice(best.format, best.fits, count, is_ambiguous=True)
    return best


def looks_like_date(text: str) -> bool:
    """Return whether a cell is a date or a time in any of the formats."""
    return any(pattern.match(text.strip()) for pattern in _patterns())


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(one.pattern) for one in _FORMATS)


def parsed(texts: "pa.Array", form: DateFormat) -> "pd.Series[Any]":
    """Return the times (UTC) of texts in this format. A date that does not exist becomes NaT."""
    import pandas as pd

    # a time without a date is taken as a time on 1970-01-01
    before = "1970-01-01 " if form is _TIME_OF_DAY else ""
    cells = [before + text for text in texts.to_pylist()]
    return pd.to_datetime(
        pd.Series(cells, dtype=object), format="mixed", dayfirst=bool(form.day_first), utc=True, errors="coerce"
    )


def ordinal(times: "pd.Series[Any]") -> list[float | int | None]:
    """Return days since 1970-01-01, as integers if all times are at midnight."""
    import pandas as pd

    seconds = (times - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    days = [
        None if is_missing else one / _SECONDS_OF_A_DAY for one, is_missing in zip(seconds, times.isna(), strict=True)
    ]
    if all(day is None or day == int(day) for day in days):
        return [None if day is None else int(day) for day in days]
    return days


def parts(times: "pd.Series[Any]") -> dict[str, list[int | None]]:
    """Return year, month, day and weekday (0 is Monday). Add hour and minute if needed.

    Hour and minute are needed if a time is not midnight.
    """
    names = ["year", "month", "day", "weekday"]
    known = times.dropna()
    if (known != known.dt.normalize()).any():
        names += ["hour", "minute"]
    numbers = {name: getattr(times.dt, "day_of_week" if name == "weekday" else name) for name in names}
    return {
        name: [None if is_missing else int(one) for one, is_missing in zip(found, times.isna(), strict=True)]
        for name, found in numbers.items()
    }
