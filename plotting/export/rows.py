"""The tables that are exported: one row a pair, and one row a run. Typed, with null for what was not measured."""

import math
from typing import Any, get_type_hints

import numpy as np
import pandas as pd

from benchmarks.record import MEASURED
from benchmarks.record.sections import Runs
from plotting.metrics.registry import BOUNDS, METRICS
from plotting.table import series
from plotting.table.columns import CONDITIONS, IDENTITY, WHOLE

TEXT, COUNT, NUMBER, TRUTH = "string", "Int64", "float64", "boolean"
"""pandas' names of the types of columns; NaN is the null of NUMBER."""
STATE = ("status", "reason", "planned", "attempted")
OF_METRICS = tuple(column for name in METRICS for column in (name, f"{name}_reason"))
PAIRS = (*IDENTITY, *STATE, *OF_METRICS, *CONDITIONS, *BOUNDS)
"""Columns of a pair. `<metric>_reason` says why a measured pair lacks the metric; `reason` why the whole pair does."""
OF_RUNS = tuple(name for name in get_type_hints(Runs) if name != "reasons")
RUNS = (*IDENTITY, *series.CONDITIONS, "save", "datetime", *OF_RUNS)
"""Columns of a run: its series, which is that of one measured row of the pairs, then those of the Record."""
WHOLE_RUNS = frozenset(name for name, hint in get_type_hints(Runs).items() if hint == list[int])
EXACT = 2**53
"""Whole numbers up to this are exact in the floats that the frame holds."""


def pairs(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each row of the table: measured, failed or skipped, and never attempted."""
    measured = table["status"] == MEASURED
    columns = {}
    for name in PAIRS:
        if pd.api.types.is_bool_dtype(table[name]):
            columns[name] = table[name].astype(TRUTH).where(measured)  # of no run nothing is known
        elif pd.api.types.is_numeric_dtype(table[name]):
            columns[name] = _numbers(table[name], whole=name in WHOLE)
        else:
            columns[name] = _texts(table[name])
    return pd.DataFrame(columns)


def runs(table: pd.DataFrame, problems: list[str]) -> pd.DataFrame:
    """Return one row for each good run of each measured row of the table.

    Adds to `problems` a sentence for each pair whose runs cannot be used, and leaves them out.
    """
    columns: dict[str, list[Any]] = {name: [] for name in RUNS}
    for _, row in table[table["status"] == MEASURED].iterrows():
        try:
            found = _of_pair(row["record"]["runs"])
        except (TypeError, ValueError) as error:
            pair = f"{row['model']} {row['precision']} on {row['device']}"
            problems.append(f"{row['save']}: the runs of {pair} cannot be exported ({error}); left out")
            continue
        count = len(found["run"])
        for name in RUNS:
            columns[name] += found[name] if name in found else [row[name]] * count
    return pd.DataFrame(
        {
            name: _numbers(pd.Series(values, dtype=NUMBER), whole=name in WHOLE_RUNS)
            if name in OF_RUNS
            else _texts(pd.Series(values, dtype=object))
            for name, values in columns.items()
        }
    )


def _of_pair(recorded: dict[str, Any]) -> dict[str, list[float]]:
    """Return the columns of a Record's runs, NaN for null, each with one value for a run.

    Raises:
        TypeError, ValueError: a column is of another length, or holds no numbers.
    """
    lengths = {len(values) for name in OF_RUNS if isinstance(values := recorded.get(name), list)}
    if len(lengths) != 1:
        raise ValueError("its columns are of different lengths")
    (count,) = lengths
    found = {}
    for name in OF_RUNS:
        values = recorded.get(name)
        found[name] = [math.nan] * count if values is None else [_number(value, name) for value in values]
    return found


def _number(value: Any, name: str) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > EXACT:
        raise TypeError(f"{name} holds {str(value)[:20]!r}")
    return float(value)


def _numbers(values: pd.Series, *, whole: bool) -> pd.Series:
    """Return numbers with null for what is none; whole ones as such, unless one of them is not whole."""
    finite = values.astype(NUMBER).replace([np.inf, -np.inf], np.nan)
    known = finite.dropna()
    return finite.astype(COUNT) if whole and ((known == known.round()) & (known.abs() <= EXACT)).all() else finite


def _texts(values: pd.Series) -> pd.Series:
    """Return texts with null for "", which is the frame's word for nothing."""
    return values.astype(object).where(values != "", None).astype(TEXT)
