"""Check a Record once, completely, so that the rest of `plotting` trusts it."""

import re
import typing
from collections.abc import Iterator
from functools import lru_cache
from inspect import formatannotation
from types import UnionType
from typing import Any

from benchmarks.record import MEASURED, SCHEMA, STATUSES, Record, add_missing_fields
from benchmarks.record.sections import Runs
from benchmarks.record.typecheck import fits

DEVICE_TEXTS = ("kind", "cpu", "gpu", "power_mode", "driver")
"""What `plotting` reads of a save's device, besides its label."""


class InvalidRecord(Exception):
    """Why a Record is left out: a clause that follows "entry 3"."""


def check_record(raw: object) -> Record:
    """Return `raw` as a Record of the newest schema.

    A column of the runs that lacks a value, for example a NaN, becomes null if the schema allows it.

    Raises:
        InvalidRecord: `raw` is not a Record, or a value in it cannot be used.
    """
    found = _check_head(raw)
    pair = f"{found['pair']['model']}-{found['pair']['precision']}"
    record = add_missing_fields(found)
    if isinstance(record.get("runs"), dict):
        record = record | {"runs": _drop_broken_columns(record["runs"])}
    if error := next(_list_errors(record), None):
        raise InvalidRecord(f"contains a Record of {pair} with an invalid value: {error}")
    return typing.cast("Record", record)


def find_device_error(device: dict[str, Any]) -> str:
    """Return what is wrong with the description of a device, "" if nothing is."""
    wrong = [name for name in DEVICE_TEXTS if not isinstance(device.get(name), str | None)]
    return f"machine_info.device.{wrong[0]} is not text" if wrong else ""


def _check_head(raw: object) -> dict[str, Any]:
    """Return `raw` if it names its schema, pair and status."""
    if not isinstance(raw, dict) or "schema" not in raw:
        raise InvalidRecord("contains no Record")
    schema, pair = raw["schema"], raw.get("pair")
    if type(schema) is not int or schema < 1:
        raise InvalidRecord(f"contains a Record with the unknown schema {str(schema)[:20]!r}")
    if schema > SCHEMA:
        raise InvalidRecord(
            f"contains a Record of schema {schema}, but this version only reads up to {SCHEMA}: update edge-vlm-bench"
        )
    names = [pair.get(key) for key in ("model", "label", "precision")] if isinstance(pair, dict) else [None]
    if not all(isinstance(name, str) and name for name in names):
        raise InvalidRecord("contains a Record without the name of its pair")
    if raw.get("status") not in STATUSES:
        raise InvalidRecord("contains a Record without a status")
    if raw["status"] == MEASURED and not isinstance(raw.get("runs"), dict):
        raise InvalidRecord("is measured, but has no runs")
    return raw


def _drop_broken_columns(runs: dict[str, Any]) -> dict[str, Any]:
    """Return runs with null for each column that lacks a value; only `energy_j` may lack some."""
    return {
        name: None if name != "energy_j" and isinstance(column, list) and None in column else column
        for name, column in runs.items()
    }


def _list_errors(record: dict[str, Any]) -> Iterator[str]:
    yield from _list_misfits(record, Record, "")
    if (runs := record["runs"]) is not None:
        columns = [runs[name] for name in Runs.__annotations__ if isinstance(runs[name], list)]
        if len(set(map(len, columns))) > 1:
            yield "the columns of its runs have different lengths"
        if not runs["run"]:
            yield "its runs are empty"
        if min(runs["sequences"], default=1) < 1:
            yield "a run has no sequence"


def _list_misfits(value: Any, hint: Any, path: str) -> Iterator[str]:
    """Yield a clause for each field below `value` that is missing or is not of its declared type `hint`."""
    options = typing.get_args(hint) if typing.get_origin(hint) is UnionType else (hint,)
    declared = next(filter(typing.is_typeddict, options), None)
    if declared is None or not isinstance(value, dict):
        if not fits(value, hint):
            yield f"{path} is not {re.sub(r'[a-z]+[.]', '', formatannotation(hint))}"
        return
    for name, inner in _hints(declared).items():
        place = f"{path}.{name}" if path else name
        if name in value:
            yield from _list_misfits(value[name], inner, place)
        else:
            yield f"{place} is missing"


@lru_cache
def _hints(declared: type) -> dict[str, Any]:
    return typing.get_type_hints(declared)
