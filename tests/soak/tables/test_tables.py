"""Tables of other packages give the same predictions as LightGBM on what pandas reads, from init to cleanup."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.cli.conftest import _end_programs
from tests.cli.forked import ForkedCommandLine, ForkServer
from tests.soak.tables.cases import TABLES
from tests.soak.tables.oracle import FIXED, Oracle, train_oracle

# also where the categories are integers
UNSEEN = "999999"
NEW_ROWS = 40

pytestmark = [pytest.mark.soak("tables"), pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize("name", TABLES)
def test_predictions_are_lightgbms_for_what_pandas_reads(
    name: str, seed: int, fork_server: ForkServer, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    case = TABLES[name]
    content = case.content()
    (tmp_path / "table.csv").write_bytes(content)
    lgbm_sm = ForkedCommandLine(tmp_path, timeout_seconds=300, server=fork_server)
    try:
        fixed = [part for key, value in FIXED.items() for part in ("--set", f"training.hyperparameters.{key}={value}")]
        target = ["--data", "table.csv", "--target", case.target]
        lgbm_sm("init", ".", "--name", "thirteen", *target, "--yes", *case.init, *fixed)
        lgbm_sm("prepare-data")
        lgbm_sm("train")
        lgbm_sm("deploy")
        frame = case.read(content)
        features = frame.drop(columns=case.target)
        levels = _levels(tmp_path, features)
        oracle = train_oracle(features, frame[case.target], levels, case.objective)
        _has_predicted(lgbm_sm("predict").stdout, oracle.predict(oracle.test))
        new_rows = _new_rows(oracle, np.random.default_rng(seed))
        new_rows.to_csv(tmp_path / "new.csv", index=False)
        predicted = lgbm_sm("predict", "new.csv")
        _has_predicted(predicted.stdout, oracle.predict(new_rows[features.columns]))
        assert ("unseen categories are treated as missing" in predicted.stderr) == bool(levels)
        if levels:
            assert f"{next(iter(levels))}:{UNSEEN}" in predicted.stderr
        lgbm_sm("cleanup", "--yes")
        assert json.loads(lgbm_sm("status", "--output", "json").stdout)["items"] == []
        assert lgbm_sm.programs() == []
        record_property("rows", len(frame))
        record_property("predictions", len(oracle.test) + NEW_ROWS)
    finally:
        _end_programs(lgbm_sm)


def _levels(project: Path, features: pd.DataFrame) -> dict[str, Sequence[str]]:
    """Return the categories of the columns that pandas reads as text, in the order of the model."""
    described = json.loads((project / "data/schema/schema.json").read_text(encoding="utf-8"))["features"]
    levels: dict[str, Sequence[str]] = {
        one["name"]: [str(level) for level in one["levels"]] for one in described if "levels" in one
    }
    assert [one["name"] for one in described] == list(features.columns)
    texts = [name for name in features.columns if not pd.api.types.is_numeric_dtype(features[name])]
    assert list(levels) == texts
    for name in texts:
        assert set(levels[name]) == set(features[name].dropna())
    return levels


def _new_rows(oracle: Oracle, random: np.random.Generator) -> pd.DataFrame:
    """Return test rows with the columns in another order, missing cells and an unseen category."""
    rows = oracle.test.iloc[:NEW_ROWS].astype(object)
    rows = rows.mask(random.random(rows.shape) < 0.1)
    for name in oracle.levels:
        rows.iloc[0, list(rows.columns).index(name)] = UNSEEN
    return rows[random.permutation(rows.columns)]


def _has_predicted(output: str, expected: list[list[float]]) -> None:
    """Compare to the last bit."""
    found = [[float(number) for number in line.split(",")] for line in output.splitlines()]
    assert len(found) == len(expected)
    different = [row for row, (one, other) in enumerate(zip(found, expected, strict=True)) if one != other]
    assert different == []
