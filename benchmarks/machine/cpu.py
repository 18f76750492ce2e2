"""The CPU's name and last-level cache, read from files."""

import platform
import re
from pathlib import Path

from benchmarks.machine import sysfs
from benchmarks.machine.bounded import call_bounded


def read_cpu_cache_bytes(root: Path = Path("/")) -> int | None:
    """Return the size of the CPU's last-level cache, bytes; None if unknown.

    A shared cache counts once. The caches of several clusters or chiplets are added up, because the
    weights spread over all of them.
    """
    found: dict[tuple[int, str], int] = {}
    for index in sysfs.find_files(root, "sys/devices/system/cpu/cpu[0-9]*/cache/index[0-9]*"):
        size = re.fullmatch(r"(\d{1,9})([KMG]?)", sysfs.read_text(index / "size"))
        if size and sysfs.read_text(index / "type") != "Instruction":
            level = int(sysfs.read_number(index / "level") or 0)
            sharers = sysfs.read_text(index / "shared_cpu_list") or index.parts[-3]
            found[level, sharers] = int(size[1]) * {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}[size[2]]
    last = max((level for level, _ in found), default=0)
    return sum(size for (level, _), size in found.items() if level == last) or None


def read_cpu_name(root: Path = Path("/")) -> str | None:
    """Return the CPU's name from /proc/cpuinfo, else from Python; None if unknown."""
    described = sysfs.read_text(sysfs.locate(root, "proc/cpuinfo"))
    found = re.search(r"^model name\s*:\s*(.+)$", described, re.MULTILINE)
    return " ".join(found[1].split()) if found else (call_bounded(platform.processor, "") or None)
