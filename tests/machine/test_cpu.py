"""The CPU's last-level cache, from files in the kernel's layout.

Tests benchmarks.machine.cpu.
"""

from pathlib import Path

import pytest

from benchmarks.machine.cpu import read_cpu_cache_bytes

Cache = tuple[int, str, str, str]  # level, type, size, processors that share it


def machine(root: Path, processors: dict[int, list[Cache]]) -> Path:
    """Write the caches of each processor below `root`."""
    for processor, caches in processors.items():
        for place, cache in enumerate(caches):
            folder = root / f"sys/devices/system/cpu/cpu{processor}/cache/index{place}"
            folder.mkdir(parents=True)
            for name, text in zip(("level", "type", "size", "shared_cpu_list"), cache, strict=True):
                (folder / name).write_text(f"{text}\n")
    return root


def test_a_shared_cache_counts_once(tmp_path: Path) -> None:
    """A shared L3 counts once; smaller levels and instruction caches do not count."""
    caches: list[Cache] = [
        (1, "Data", "32K", "0"),
        (1, "Instruction", "64M", "0"),
        (2, "Unified", "1024K", "0"),
        (3, "Unified", "32768K", "0-1"),
    ]
    assert read_cpu_cache_bytes(machine(tmp_path, {0: caches, 1: caches})) == 32 * 2**20


def test_slices_add_up(tmp_path: Path) -> None:
    """Two clusters with an L3 of 16 MiB each have 32 MiB, as on a GB10."""
    clusters = {0: (3, "Unified", "16M", "0-9"), 10: (3, "Unified", "16384K", "10-19")}

    assert read_cpu_cache_bytes(machine(tmp_path, {n: [cache] for n, cache in clusters.items()})) == 32 * 2**20


def test_instructions_are_no_weights(tmp_path: Path) -> None:
    """If the last level is split in two, only the data half counts."""
    halves: list[Cache] = [(1, "Data", "32K", "0"), (1, "Instruction", "64K", "0")]

    assert read_cpu_cache_bytes(machine(tmp_path / "one", {0: halves})) == 32 * 2**10
    assert read_cpu_cache_bytes(machine(tmp_path / "other", {0: halves[::-1]})) == 32 * 2**10


@pytest.mark.parametrize("size", ["", "unknown", None])
def test_what_the_kernel_does_not_say(tmp_path: Path, size: str | None) -> None:
    """Without a readable size the result is None."""
    if size is not None:
        machine(tmp_path, {0: [(3, "Unified", size, "0")]})

    assert read_cpu_cache_bytes(tmp_path) is None
