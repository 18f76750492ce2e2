"""Check a Record once, completely, so that the rest of `plotting` trusts it."""

import re
import typing
from collections.abc import Iterator
from copy import deepcopy
from functools import reduce
from inspect import formatannotation
from operator import getitem
from types import UnionType
from typing import Any

from benchmarks.record import MEASURED, SCHEMA, STATUSES, Record, add_missing_fields
from benchmarks.record.consistency import PARTS, WORK, find_contradiction
from benchmarks.record.sections import Runs
from benchmarks.record.typecheck import fits, read_hints


class InvalidRecord(Exception):
    """Why a Record is left out: a clause that follows "entry 3"."""


def check_record(raw: object) -> tuple[Record, list[str]]:
    """Return `raw` as a Record of the newest schema, and a clause for each part that contradicts itself.

    Such a part becomes null. So does a column of the runs that lacks a value, such as a NaN, if the schema allows it.

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
    lost = []
    for part in PARTS:
        if why := find_contradiction(record, part):
            if part == WORK:
                raise InvalidRecord(f"contains a Record of {pair} that contradicts itself: {why}")
            record = _drop_part(record, part, f"the save contradicts itself: {why}")
            lost.append(f"contains a Record of {pair} whose {part} contradicts itself: {why}; {part} left out")
    return typing.cast("Record", record), lost


def _drop_part(record: dict[str, Any], part: str, why: str) -> dict[str, Any]:
    """Return a Record with null for a part, and the reason."""
    copied = deepcopy(record)
    for path, names in PARTS[part][1].items():
        if section := reduce(getitem, path, copied):  # without a good run there are no runs
            section |= dict.fromkeys(names)
            section["reasons"] |= dict.fromkeys(names, why)
    return copied


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
    broken = [name for name, column in runs.items() if isinstance(column, list) and None in column]
    return runs | dict.fromkeys(name for name in broken if name != "energy_j")


def _list_errors(record: dict[str, Any]) -> Iterator[str]:
    yield from _list_misfits(record, Record, "")
    if (runs := record["runs"]) is not None:
        columns = [runs[name] for name in Runs.__annotations__ if isinstance(runs[name], list)]
        if len(set(map(len, columns))) > 1:
            yield "the columns of its runs have different lengths"
        if not runs["run"]:
            yield "its runs are empty"


def _list_misfits(value: Any, hint: Any, path: str) -> Iterator[str]:
    """Yield a clause for each field below `value` that is missing or is not of its declared type `hint`."""
    options = typing.get_args(hint) if typing.get_origin(hint) is UnionType else (hint,)
    declared = next(filter(typing.is_typeddict, options), None)
    if declared is None or not isinstance(value, dict):
        if not fits(value, hint):
            yield f"{path} is not {re.sub(r'[a-z]+[.]', '', formatannotation(hint))}"
        return
    for name, inner in read_hints(declared).items():
        place = f"{path}.{name}" if path else name
        if name in value:
            yield from _list_misfits(value[name], inner, place)
        else:
            yield f"{place} is missing"
