"""The only reader of saves. It takes anything, names each problem with its file, and keeps the good.

A save is pytest-benchmark's JSON. Its benchmarks carry a Record in `extra_info`; pairs without one
good run have theirs in the top-level list `unmeasured`.
"""

import json
import stat
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.record import MEASURED, SCHEMA, STATUSES, brought_up

LARGEST_BYTES = 1_000_000_000
LONGEST_TEXT = 500
LONGEST_NAME = 60
SKIPPED_FOLDERS = frozenset({".journal", "plots"})


@dataclass(frozen=True)
class Entry:
    """One Record with where it comes from. `device` is the save's machine_info["device"]."""

    save: Path
    datetime: str
    device: dict[str, Any]
    record: dict[str, Any]


@dataclass
class Saves:
    """What was read. `problems` are sentences, each with its file; `files` held at least one Record."""

    entries: list[Entry] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)


def find(folder: Path) -> list[Path]:
    """Return the saves below a results folder, in order of their names; journals and products are none."""
    found = folder.rglob("*.json")
    return sorted(path for path in found if not SKIPPED_FOLDERS & set(path.relative_to(folder).parts))


def load(paths: list[Path]) -> Saves:
    """Read saves file by file. Never raises for what is in them."""
    saves = Saves()
    for path in paths:
        try:
            entries = _entries(path, saves.problems)
        except _Unreadable as problem:
            saves.problems.append(f"{clean(str(path))}: {problem}")
            continue
        except RecursionError:
            saves.problems.append(f"{clean(str(path))}: is nested too deeply; left out")
            continue
        if entries:
            saves.entries += entries
            saves.files.append(path)
    return saves


class _Unreadable(Exception):
    """Why a file gives nothing."""


def _entries(path: Path, problems: list[str]) -> list[Entry]:
    save = _parse(path)
    benchmarks, unmeasured = save.get("benchmarks"), save.get("unmeasured", [])
    if not isinstance(benchmarks, list) or not isinstance(unmeasured, list):
        raise _Unreadable("is no save of pytest-benchmark (it has no list `benchmarks`); left out")
    device = _device(save)
    if device is None:
        raise _Unreadable("is a save of another suite (it does not say which device); left out")
    records = [bench.get("extra_info") if isinstance(bench, dict) else None for bench in benchmarks]
    entries = []
    datetime = save.get("datetime")
    for place, raw in enumerate([*records, *unmeasured]):
        record = clean(raw)
        fault = _fault(record)
        if fault:
            problems.append(f"{clean(str(path))}: entry {place + 1} {fault}; left out")
        else:
            when = clean(datetime) if isinstance(datetime, str) else ""
            entries.append(Entry(path, when, device, brought_up(record)))
    if not entries and not benchmarks and not unmeasured:
        raise _Unreadable("holds no benchmark; left out")
    return entries


def _parse(path: Path) -> dict[str, Any]:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):  # a pipe would be waited for
            raise _Unreadable("cannot be read (no regular file); left out")
        if status.st_size > LARGEST_BYTES:
            raise _Unreadable("is larger than 1 GB; left out")
        # NaN and Infinity are no JSON, but pytest-benchmark writes them: not measured
        save = json.loads(path.read_bytes(), parse_constant=lambda _: None)
    except OSError as error:
        raise _Unreadable(f"cannot be read ({error.strerror}); left out") from error
    except (ValueError, RecursionError) as error:
        raise _Unreadable("is no JSON (empty, cut off or damaged); left out") from error
    if not isinstance(save, dict):
        raise _Unreadable("is no save of pytest-benchmark (its top level is no object); left out")
    return save


def _device(save: dict[str, Any]) -> dict[str, Any] | None:
    machine = save.get("machine_info")
    device = machine.get("device") if isinstance(machine, dict) else None
    cleaned = clean(device)
    if not isinstance(cleaned, dict) or not isinstance(cleaned.get("label"), str) or not cleaned["label"]:
        return None
    return cleaned | {"label": cleaned["label"][:LONGEST_NAME]}


def _fault(raw: object) -> str | None:
    """Return what keeps `raw` from being a Record; None where it is one."""
    if not isinstance(raw, dict) or "schema" not in raw:
        return "has no Record"
    schema, pair = raw["schema"], raw.get("pair")
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        return f"has a Record of an unknown schema {str(schema)[:20]!r}"
    if schema > SCHEMA:
        return f"has a Record of schema {schema}, and this version reads up to {SCHEMA}: update edge-vlm-bench"
    names = [pair.get(key) for key in ("model", "label", "precision")] if isinstance(pair, dict) else [None]
    if not all(isinstance(name, str) and name for name in names):
        return "has a Record that does not name its pair"
    if raw.get("status") not in STATUSES:
        return "has a Record without a status"
    if raw["status"] == MEASURED and not isinstance(raw.get("runs"), dict):
        return "is measured, but has no runs"
    return None


def clean(value: Any) -> Any:
    """Return `value` with every text printable and of bounded length: it goes to terminals and figures."""
    if isinstance(value, str):
        printable = "".join(c if not unicodedata.category(c).startswith("C") else " " for c in value)
        return " ".join(printable.split())[:LONGEST_TEXT]
    if isinstance(value, list):
        return value if all(type(item) in (int, float) for item in value) else [clean(item) for item in value]
    if isinstance(value, dict):
        return {str(key): clean(item) for key, item in value.items()}
    return value
