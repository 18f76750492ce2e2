"""Memory during the runs of a pair.

On unified memory (Jetson, GB10) it is MemTotal - MemAvailable of the machine, because no process
shows the GPU's allocations. Elsewhere it is the child's RssAnon + RssShmem, and VmHWM at the peak.
Mapped weights (RssFile) are separate, because the kernel can drop their pages. PSS and USS cost 7 ms
a read, which is too much beside decode steps of 1 ms.
"""

import re
import time
from bisect import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, cast

from benchmarks.machine import nvml, sysfs
from benchmarks.record.not_measured import explain_nulls
from benchmarks.record.sections import Memory

FIELD = re.compile(r"^(\w+):[ \t]+(\d{1,15}) kB", re.MULTILINE)
Windows = Sequence[tuple[int, int]]
RAM = ("ram_avg_bytes", "ram_peak_bytes", "ram_baseline_bytes", "ram_delta_bytes")
SENSOR_RAM = ("sensor_ram_avg_bytes", "sensor_ram_peak_bytes", "sensor_ram_source")
NOT_LINUX = "/proc cannot be read on this system"
NO_GPU = "no discrete GPU was used"


@dataclass(frozen=True, slots=True)
class MemorySample:
    """One reading, bytes; None if unknown, or no size of a memory."""

    time_ns: int
    ram: int | None
    peak: int | None = None  # since the start of the process
    file: int | None = None
    vram: int | None = None

    def __post_init__(self) -> None:
        for name in ("ram", "peak", "file", "vram"):
            if not 0 <= (getattr(self, name) or 0) < 2**50:
                object.__setattr__(self, name, None)


class MemoryReader:
    """Reads the memory of one child, or of the whole machine if memory is unified."""

    def __init__(self, kind: str, pid: int, gpu_uuid: str | None = None, root: Path = Path("/")) -> None:
        self.kind = kind
        self._pid = pid
        self._root = root
        self._nvml: Any = None
        self._gpu: Any = None
        self.vram_reason = NO_GPU
        if kind == "discrete":
            try:
                self._nvml, self._gpu = nvml.open_device(gpu_uuid)
            except nvml.NoGpu as error:
                self.vram_reason = str(error)

    def follow(self, pid: int) -> None:
        """Read another child from now on."""
        self._pid = pid

    def read(self) -> list[MemorySample]:
        """Return one sample, for a Sampler."""
        if self.kind == "unified":
            return [MemorySample(time.monotonic_ns(), read_used_bytes(self._root))]
        status = read_fields(self._root, f"{self._pid}/status")
        anonymous, shared = status.get("RssAnon"), status.get("RssShmem")
        ram = None if anonymous is None or shared is None else anonymous + shared
        return [MemorySample(time.monotonic_ns(), ram, status.get("VmHWM"), status.get("RssFile"), self._vram())]

    def close(self) -> None:
        """Release the GPU."""
        if self._nvml is not None:
            nvml.close(self._nvml)
            self._nvml = None

    def _vram(self) -> int | None:
        """Return the child's memory on the GPU with its CUDA context, as the driver reports it."""
        if self._nvml is None:
            return None
        processes = nvml.try_call(self._nvml, self._nvml.nvmlDeviceGetComputeRunningProcesses, self._gpu)
        used = [p.usedGpuMemory for p in processes or [] if p.pid == self._pid]
        if not used or used[0] is None:
            self.vram_reason = "the driver does not report the memory of this process (in a container, for example)"
            return None
        return int(used[0])


def read_available_bytes(root: Path = Path("/")) -> int | None:
    """Return MemAvailable of /proc/meminfo, bytes; None if unknown."""
    return read_fields(root, "meminfo").get("MemAvailable")


def read_peak_bytes(process: int | str, root: Path = Path("/")) -> int | None:
    """Return the peak of a process's resident memory (VmHWM), bytes; "self" is this process."""
    return read_fields(root, f"{process}/status").get("VmHWM")


def read_used_bytes(root: Path = Path("/")) -> int | None:
    """Return MemTotal - MemAvailable of /proc/meminfo, bytes; None if unknown."""
    found = read_fields(root, "meminfo")
    total, available = found.get("MemTotal"), found.get("MemAvailable")
    return None if total is None or available is None else total - available


def summarise(
    kind: str,
    vram_reason: str,
    samples: Sequence[MemorySample],
    windows: Windows,
    baseline: int | None,
    torch_peak: int | None,
) -> Memory:
    """Return the Record's memory over `windows`, the (start, end) of each good run in ns.

    If they hold too few samples, those of the whole span count, and `method` says so. `baseline` is the
    unified memory in use before the model was loaded, `torch_peak` that of torch's allocator, both in bytes.
    """
    picked, where = _select_samples(samples, windows)
    unified = kind == "unified"
    ram = _mean([s.ram for s in picked])
    peak = max((v for s in picked if (v := s.ram if unified else s.peak) is not None), default=None)
    values: dict[str, int | None] = {
        "ram_avg_bytes": ram,
        "ram_peak_bytes": peak,
        "ram_baseline_bytes": baseline if unified else None,
        "ram_delta_bytes": ram - baseline if unified and ram is not None and baseline is not None else None,
        "ram_file_bytes": _mean([s.file for s in picked]),
        "vram_avg_bytes": _mean([s.vram for s in picked]),
        "vram_peak_bytes": max((s.vram for s in picked if s.vram is not None), default=None),
        "torch_peak_bytes": torch_peak,
    }
    what = "MemTotal - MemAvailable" if unified else "RssAnon + RssShmem of the child, its VmHWM for the peak"
    reasons = explain_nulls(values, _list_reasons(values, kind, vram_reason, has_samples=bool(picked)))
    facts = {"kind": kind, "method": f"{what}, {where}", "sample_count": len(picked), "reasons": reasons}
    return cast("Memory", facts | values)


def summarise_sensor_ram(
    ram_source: str, samples: Sequence[MemorySample], windows: Windows, reason: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return (the Record's memory by a power sensor, the reasons for nulls).

    `ram_source` is how the sensor counts memory, `reason` why it has no readings; see `summarise`.
    """
    sizes = [s.ram for s in _select_samples(samples, windows)[0] if s.ram is not None]
    if not sizes:
        return dict.fromkeys(SENSOR_RAM), dict.fromkeys(SENSOR_RAM, reason)
    return dict(zip(SENSOR_RAM, (_mean([*sizes]), max(sizes), ram_source), strict=True)), {}


def _list_reasons(names: Iterable[str], kind: str, vram_reason: str, *, has_samples: bool) -> dict[str, str]:
    """Return the reason for each name whose value may be missing."""
    missing = NOT_LINUX if has_samples else "no sample was taken during the runs"
    why = dict.fromkeys(names, missing)
    why |= dict.fromkeys(("vram_avg_bytes", "vram_peak_bytes"), vram_reason)
    why["torch_peak_bytes"] = "torch reports its memory on CUDA devices only"
    if kind == "unified":
        why["ram_file_bytes"] = "unified memory is measured for the machine, not for the process"
    else:
        whole = "the memory of a process has no baseline to subtract"
        why |= dict.fromkeys(("ram_baseline_bytes", "ram_delta_bytes"), whole)
    return why


def _select_samples(samples: Sequence[MemorySample], windows: Windows) -> tuple[list[MemorySample], str]:
    """Return (the samples that count, which these are)."""
    if not windows:
        return [], "no run was good"
    starts = [start for start, _ in windows]

    def in_a_run(moment: int) -> bool:
        place = bisect(starts, moment) - 1
        return place >= 0 and moment <= windows[place][1]

    picked = [s for s in samples if in_a_run(s.time_ns)]
    if len(picked) >= len(windows):
        return picked, "mean of samples during the runs"
    first, last = windows[0][0], windows[-1][1]
    span = [s for s in samples if first <= s.time_ns <= last]
    if span:
        return span, "mean of samples from the first run to the last; the runs are shorter than the sampling period"
    nearest = [s for s in samples if s.time_ns < first][-1:] + [s for s in samples if s.time_ns > last][:1]
    return nearest, "mean of the last sample before all runs and the first after them; no sample was taken in between"


def _mean(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return round(fmean(known)) if known else None


def read_fields(root: Path, name: str) -> dict[str, int]:
    """Return {name: bytes} of a file in /proc with values in kB; {} if it cannot be read."""
    shown = sysfs.read_text(sysfs.locate(root, f"proc/{name}"))
    return {field: int(kilobytes) * 1024 for field, kilobytes in FIELD.findall(shown)}
