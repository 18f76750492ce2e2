"""The exported tables: one row a pair, and one row a run. Typed; null means not measured."""

import math
from typing import Any, get_type_hints

import numpy as np
import pandas as pd

from benchmarks.record import MEASURED
from benchmarks.record.sections import Runs
from plotting.metrics.registry import BOUNDS, METRICS
from plotting.table import series
from plotting.table.columns import CONDITIONS, IDENTITY, WHOLE

TEXT, COUNT, NUMBER, BOOLEAN = "string", "Int64", "float64", "boolean"
"""pandas' column types; the null of NUMBER is NaN."""
STATE = ("status", "reason", "planned", "attempted")
METRIC_COLUMNS = tuple(column for name in METRICS for column in (name, f"{name}_reason"))
PAIRS = (*IDENTITY, *STATE, *METRIC_COLUMNS, *CONDITIONS, *BOUNDS)
"""Columns of a pair: `<metric>_reason` says why a metric is missing, `reason` why the whole pair is."""
RUN_COLUMNS = tuple(name for name in get_type_hints(Runs) if name != "reasons")
RUNS = (*IDENTITY, *series.CONDITIONS, "save", "datetime", *RUN_COLUMNS)
"""Columns of a run: its series, which is that of one measured pair, then the columns of the Record."""
WHOLE_RUN_COLUMNS = frozenset(name for name, hint in get_type_hints(Runs).items() if hint == list[int])
EXACT = 2**53  # whole numbers up to this are exact as floats


def make_pairs(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each row of the table: measured, failed, skipped or never attempted."""
    measured = table["status"] == MEASURED
    columns = {}
    for name in PAIRS:
        if pd.api.types.is_bool_dtype(table[name]):
            columns[name] = table[name].astype(BOOLEAN).where(measured)  # unknown without a run
        elif pd.api.types.is_numeric_dtype(table[name]):
            columns[name] = _type_numbers(table[name], whole=name in WHOLE)
        else:
            columns[name] = _type_texts(table[name])
    return pd.DataFrame(columns)


def make_runs(table: pd.DataFrame, problems: list[str]) -> pd.DataFrame:
    """Return one row for each good run of each measured row of the table.

    Leaves out pairs whose runs cannot be used, and adds a sentence for each to `problems`.
    """
    columns: dict[str, list[Any]] = {name: [] for name in RUNS}
    for _, row in table[table["status"] == MEASURED].iterrows():
        try:
            found = _read_runs(row["record"]["runs"])
        except TypeError as error:
            pair = f"{row['model']} {row['precision']} on {row['device']}"
            problems.append(f"{row['save']}: the runs of {pair} cannot be exported ({error}); left out")
            continue
        count = len(found["run"])
        for name in RUNS:
            columns[name] += found[name] if name in found else [row[name]] * count
    return pd.DataFrame(
        {
            name: _type_numbers(pd.Series(values, dtype=NUMBER), whole=name in WHOLE_RUN_COLUMNS)
            if name in RUN_COLUMNS
            else _type_texts(pd.Series(values, dtype=object))
            for name, values in columns.items()
        }
    )


def _read_runs(recorded: dict[str, Any]) -> dict[str, list[float]]:
    """Return the columns of a Record's runs, one value a run, NaN for null.

    Raises:
        TypeError: a column holds something other than numbers.
    """
    missing = [None] * len(recorded["run"])
    return {name: [_read_number(value, name) for value in recorded[name] or missing] for name in RUN_COLUMNS}


def _read_number(value: Any, name: str) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > EXACT:
        raise TypeError(f"{name} holds {str(value)[:20]!r}")
    return float(value)


def _type_numbers(values: pd.Series, *, whole: bool) -> pd.Series:
    """Return finite numbers and nulls; as integers if `whole` and all of them are."""
    finite = values.astype(NUMBER).replace([np.inf, -np.inf], np.nan)
    known = finite.dropna()
    return finite.astype(COUNT) if whole and ((known == known.round()) & (known.abs() <= EXACT)).all() else finite


def _type_texts(values: pd.Series) -> pd.Series:
    """Return texts, with null for ""."""
    return values.astype(object).where(values != "", None).astype(TEXT)
