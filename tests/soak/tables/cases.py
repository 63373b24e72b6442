"""Thirteen tables, how each is spelled, and what pandas must be told to read it."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

from tests.soak.tables.packages import flights, penguins, r_table

LARGE_ROWS = 500_000


@dataclass(frozen=True)
class TableCase:
    """A table for `lgbm-sm init`.

    `content` writes it. `init` are the options that its kind needs. `told` are the arguments of pandas.read_csv, and
    `corrected` the changes that pandas has no argument for. `dropped` are the columns that the project leaves out.
    """

    content: Callable[[], bytes]
    target: str
    objective: str
    init: tuple[str, ...] = ()
    told: Mapping[str, Any] = field(default_factory=dict)
    corrected: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame
    dropped: tuple[str, ...] = ()

    def read(self, content: bytes) -> pd.DataFrame:
        """Read the table with pandas. Cells without text, and only they, are missing, unless `told` differs."""
        told = {"keep_default_na": False, "na_values": [""], **self.told}
        frame = self.corrected(pd.read_csv(io.BytesIO(content), low_memory=False, **told))
        return frame.drop(columns=list(self.dropped))


def _frame(name: str) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(r_table(name)), index_col=0)


def _csv(frame: pd.DataFrame, **told: Any) -> bytes:
    text: str = frame.to_csv(index=False, **told)
    return text.encode()


def _question_marks() -> bytes:
    return _csv(_frame("MASS/biopsy").convert_dtypes(), na_rep="?")


def _decimal_commas() -> bytes:
    return _csv(_frame("reshape2/tips"), sep=";", decimal=",")


def _currency() -> bytes:
    frame = _frame("Ecdat/Computers")
    return _csv(frame.assign(price=[f"${price:,.2f}" for price in frame["price"]]))


def _without_currency(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(price=[float(price.removeprefix("$").replace(",", "")) for price in frame["price"]])


def _with_parts(frame: pd.DataFrame) -> pd.DataFrame:
    """Replace Date by the columns of `data.dates: parts`."""
    found = frame.drop(columns="Date")
    dates = frame["Date"].dt
    for part in ("year", "month", "day", "day_of_week", "hour", "minute"):
        found[f"Date_{part.replace('day_of_week', 'weekday')}"] = getattr(dates, part)
    return found


def _booleans() -> bytes:
    frame = _frame("Ecdat/Wages")
    for name, yes, no in (("south", "TRUE", "FALSE"), ("union", "true", "false"), ("black", "True", "False")):
        frame[name] = frame[name].map({"yes": yes, "no": no})
    return _csv(frame)


def _booleans_as_text(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(**{name: frame[name].astype(str).str.lower() for name in ("south", "union", "black")})


def _spreadsheet() -> bytes:
    return b"\xef\xbb\xbf" + _csv(_frame("Ecdat/Caschool"), sep=";", decimal=",", lineterminator="\r\n")


def _wide() -> bytes:
    """The 64 pixels of the digits, their differences, and sums: 200 columns."""
    digits = load_digits()
    images: np.ndarray[Any, np.dtype[np.float64]] = digits.images
    rows = len(images)
    parts = [images, np.diff(images, axis=1), np.diff(images, axis=2), images.sum(axis=1), images.sum(axis=2)]
    numbers = np.hstack([part.reshape(rows, -1) for part in parts])
    numbers = np.hstack([numbers, np.round(np.cumsum(images[:, ::2, 0], axis=1) / 3, 2), images[:, 1::2, 7] ** 2])
    frame = pd.DataFrame(numbers, columns=[f"c{position:03}" for position in range(numbers.shape[1])])
    assert frame.shape == (1797, 200)
    return _csv(frame.assign(digit=digits.target))


def _large() -> bytes:
    """Flights drawn with a seed, and whether each was late."""
    frame = pd.read_csv(io.BytesIO(flights())).dropna(subset=["arr_delay"])
    names = ["month", "hour", "carrier", "origin", "dest", "dep_delay", "distance", "air_time"]
    drawn = frame.sample(LARGE_ROWS, replace=True, random_state=1)
    missing = np.random.default_rng(1).random(LARGE_ROWS) < 0.01
    late = drawn["arr_delay"].gt(15).map({True: "late", False: "in time"})
    return _csv(drawn[names].assign(air_time=drawn["air_time"].mask(missing), state=late))


_R_ROWS = "Unnamed: 0"
TABLES: Mapping[str, TableCase] = {
    "diamonds": TableCase(lambda: r_table("ggplot2/diamonds"), "price", "regression", dropped=(_R_ROWS,)),
    "penguins": TableCase(
        penguins,
        "species",
        "multiclass",
        ("--set", "data.missing={sex: [NA]}"),
        {"na_values": ["NA"]},
    ),
    "flights": TableCase(
        flights,
        "arr_delay",
        "regression",
        ("--set", "data.drop_missing_target=true", "--set", "data.missing={tailnum: [NA]}"),
        {"na_values": ["NA"]},
        lambda frame: frame.dropna(subset=["arr_delay"]),
        ("time_hour",),
    ),
    "titanic": TableCase(lambda: r_table("COUNT/titanic"), "survived", "binary", dropped=(_R_ROWS,)),
    "wide": TableCase(_wide, "digit", "multiclass"),
    "question-marks": TableCase(_question_marks, "class", "binary", told={"na_values": ["?"]}),
    "decimal-commas": TableCase(_decimal_commas, "tip", "regression", told={"sep": ";", "decimal": ","}),
    "currency": TableCase(_currency, "price", "regression", corrected=_without_currency),
    "dates": TableCase(
        lambda: r_table("vcd/Bundesliga"),
        "HomeGoals",
        "regression",
        ("--set", "data.dates=parts"),
        {"parse_dates": ["Date"], "na_values": {"Date": ["NA"]}},
        _with_parts,
        (_R_ROWS,),
    ),
    "booleans": TableCase(_booleans, "lwage", "regression", corrected=_booleans_as_text),
    "spreadsheet": TableCase(
        _spreadsheet,
        "testscr",
        "regression",
        ("--drop", "readscr", "--drop", "mathscr"),
        {"sep": ";", "decimal": ",", "encoding": "utf-8-sig"},
        dropped=("distcod", "district", "readscr", "mathscr"),
    ),
    "text-target": TableCase(
        lambda: r_table("lme4/VerbAgg"),
        "resp",
        "multiclass",
        ("--drop", "r2"),
        {"dtype": {"id": "str"}},
        dropped=(_R_ROWS, "r2"),
    ),
    "large": TableCase(_large, "state", "binary"),
}
