"""Read saves: keep every good Record, and name the file and the error of each other one.

A save is pytest-benchmark's JSON. Its benchmarks carry a Record in `extra_info`; pairs without one
good run have theirs in the top-level list `unmeasured`.
"""

import json
import stat
import unicodedata
from dataclasses import dataclass, field
from os.path import isdir
from pathlib import Path
from typing import Any

from benchmarks.record import Record
from plotting.check import InvalidRecord, check_record

LARGEST_BYTES = 1_000_000_000
LONGEST_TEXT = 500
LONGEST_NAME = 60
DEVICE_TEXTS = ("kind", "cpu", "gpu", "power_mode", "driver")  # what is read of a device, besides its label
SKIPPED_FOLDERS = frozenset({".journal", "plots"})


@dataclass(frozen=True)
class Entry:
    """One checked Record and its origin. `device` is the save's machine_info["device"]."""

    save: Path
    datetime: str
    device: dict[str, Any]
    record: Record


@dataclass
class Saves:
    """The Records read. `problems` are sentences, each with its file; `files` hold at least one good Record."""

    entries: list[Entry] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)


def find(folder: Path) -> list[Path]:
    """Return the saves below a results folder, sorted by name, without journals and products."""
    found = folder.rglob("*.json") if isdir(folder) else ()  # a name that is too long is no error
    return sorted(path for path in found if not SKIPPED_FOLDERS & set(path.relative_to(folder).parts))


def load(paths: list[Path]) -> Saves:
    """Read saves file by file. No content of a file makes it raise."""
    saves = Saves()
    for path in paths:
        try:
            entries = _read_entries(path, saves.problems)
        except (_Unreadable, RecursionError) as error:
            why = error if isinstance(error, _Unreadable) else "is nested too deeply"
            saves.problems.append(f"{show(path)}: {why}; left out")
            continue
        if entries:
            saves.entries += entries
            saves.files.append(path)
    return saves


class _Unreadable(Exception):
    """Why a file is left out."""


def _read_entries(path: Path, problems: list[str]) -> list[Entry]:
    save = _parse(path)
    benchmarks, unmeasured = save.get("benchmarks"), save.get("unmeasured", [])
    if not isinstance(benchmarks, list) or not isinstance(unmeasured, list):
        raise _Unreadable("is not a save of pytest-benchmark (it has no list `benchmarks`)")
    device = _read_device(save)
    if not benchmarks and not unmeasured:
        raise _Unreadable("contains no benchmark")
    datetime = clean(save.get("datetime"))
    records = [bench.get("extra_info") if isinstance(bench, dict) else None for bench in benchmarks]
    entries = []
    for number, raw in enumerate([*records, *unmeasured], start=1):
        place = f"{show(path)}: entry {number}"
        try:
            record, lost = check_record(clean(raw))
        except InvalidRecord as error:
            problems.append(f"{place} {error}; left out")
        else:
            problems += [f"{place} {each}" for each in lost]
            entries.append(Entry(path, datetime if isinstance(datetime, str) else "", device, record))
    return entries


def _parse(path: Path) -> dict[str, Any]:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):  # reading a pipe would wait forever
            raise _Unreadable("cannot be read (not a regular file)")
        if status.st_size > LARGEST_BYTES:
            raise _Unreadable("is larger than 1 GB")
        # pytest-benchmark writes NaN and Infinity, which JSON does not allow: read them as not measured
        save = json.loads(path.read_bytes(), parse_constant=lambda _: None)
    except OSError as error:
        raise _Unreadable(f"cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise _Unreadable("is not JSON (empty, cut off or damaged)") from error
    if not isinstance(save, dict):
        raise _Unreadable("is not a save of pytest-benchmark (its top level is not an object)")
    return save


def _read_device(save: dict[str, Any]) -> dict[str, Any]:
    machine = save.get("machine_info")
    device = clean(machine.get("device")) if isinstance(machine, dict) else None
    if not isinstance(device, dict) or not isinstance(device.get("label"), str) or not device["label"]:
        raise _Unreadable("is a save of another benchmark suite (it contains no device name)")
    if wrong := [name for name in DEVICE_TEXTS if not isinstance(device.get(name), str | None)]:
        raise _Unreadable(f"contains invalid device information (machine_info.device.{wrong[0]} is not text)")
    return device | {"label": device["label"][:LONGEST_NAME]}


def show(name: str | Path) -> str:
    """Return a name on one line, with an escape for what is not UTF-8 or cannot be printed."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(name))


def clean(value: Any) -> Any:
    """Return `value` with every text printable and of bounded length, for terminals and figures."""
    if isinstance(value, str):
        printable = "".join(" " if unicodedata.category(c).startswith("C") else c for c in value)
        return " ".join(printable.split())[:LONGEST_TEXT]
    if isinstance(value, list):
        return value if set(map(type, value)) <= {int, float} else [clean(item) for item in value]
    if isinstance(value, dict):
        return {str(key): clean(item) for key, item in value.items()}
    return value
