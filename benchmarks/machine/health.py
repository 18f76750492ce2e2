"""The machine's health: temperature and clock before and after the runs, throttling during them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from benchmarks.machine import nvml, sysfs
from benchmarks.record.not_measured import explain_nulls
from benchmarks.record.sections import Health

# Bits of nvmlDeviceGetCurrentClocksEventReasons that mean a reduced clock (nvml.h).
THROTTLES = {
    0x4: "software power cap",
    0x8: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "hardware power brake",
}
NOT_READ = "no reading was taken"


@dataclass(frozen=True)
class HealthSnapshot:
    """One reading; `reason` explains what is None."""

    temperature_c: float | None = None
    clock_hz: float | None = None
    reason: str = NOT_READ


def take_snapshot(torch_device: str, gpu_uuid: str | None, root: Path = Path("/")) -> HealthSnapshot:
    """Read the GPU's health from NVML, or the CPU's from sysfs."""
    return _read_gpu(gpu_uuid) if torch_device.startswith("cuda") else _read_cpu(root)


class ThrottleWatch:
    """Reads a GPU's throttling while it works, because the reasons are gone once it is idle."""

    def __init__(self, gpu_uuid: str | None) -> None:
        self.seen: list[str] | None = None  # the reasons so far, in words; None before the first reading
        self.reason = NOT_READ  # why `seen` is None
        self._library: Any = None
        try:
            self._library, device = nvml.open_device(gpu_uuid)
            self._device = nvml.find_board(self._library, device)
        except nvml.NoGpu as error:
            self.reason = str(error)

    def read(self) -> list[None]:
        """Take a reading, for a Sampler; there are no samples to keep."""
        found = None if self._library is None else _list_throttles(self._library, self._device)
        if found is not None:
            self.seen = list(dict.fromkeys([*(self.seen or []), *found]))
        elif self._library is not None:
            self.reason = nvml.NOT_REPORTED
        return []

    def close(self) -> None:
        """Release the GPU; may be repeated."""
        if self._library is not None:
            nvml.close(self._library)
            self._library = None


def build_section(
    before: HealthSnapshot,
    after: HealthSnapshot,
    throttled: list[str] | None,
    throttle_reason: str,
    *,
    finite_logits: bool | None,
) -> Health:
    """Return the Record's health: a snapshot before and one after the runs, and the throttling in between."""
    values: dict[str, Any] = {
        "temperature_before_c": before.temperature_c,
        "temperature_after_c": after.temperature_c,
        "clock_before_hz": before.clock_hz,
        "clock_after_hz": after.clock_hz,
        "throttled": throttled,
        "finite_logits": finite_logits,
    }
    reasons = {name: (before if "before" in name else after).reason for name in values}
    reasons |= {"throttled": throttle_reason, "finite_logits": "not checked, because there was no warm-up run"}
    return cast("Health", {**values, "reasons": explain_nulls(values, reasons)})


def _read_gpu(uuid: str | None) -> HealthSnapshot:
    try:
        with nvml.use_device(uuid) as (library, device):
            board = nvml.find_board(library, device)
            names = ("nvmlDeviceGetTemperatureV", "nvmlDeviceGetTemperature")  # CUDA 14 drops the second
            celsius = _call_first(library, names, board, library.NVML_TEMPERATURE_GPU)
            megahertz = nvml.try_call(library, library.nvmlDeviceGetClockInfo, board, library.NVML_CLOCK_SM)
    except nvml.NoGpu as error:
        return HealthSnapshot(reason=str(error))
    temperature_c = None if celsius is None else float(celsius)
    return HealthSnapshot(temperature_c, None if megahertz is None else megahertz * 1e6, nvml.NOT_REPORTED)


def _list_throttles(library: Any, device: Any) -> list[str] | None:
    names = ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons")
    bits = _call_first(library, names, device)
    return None if bits is None else [word for bit, word in THROTTLES.items() if bits & bit]


def _call_first(library: Any, names: tuple[str, ...], *arguments: Any) -> Any | None:
    """Return the answer of the first function that this library has and this device supports; else None."""
    calls = [getattr(library, name) for name in names if hasattr(library, name)]
    answers = (nvml.try_call(library, call, *arguments) for call in calls)
    return next((answer for answer in answers if answer is not None), None)


def _read_cpu(root: Path) -> HealthSnapshot:
    celsius = [value / 1e3 for value in _read_numbers(root, "sys/class/thermal/thermal_zone*/temp")]
    clocks = _read_numbers(root, "sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq")
    reason = "the kernel does not report it for this CPU"
    return HealthSnapshot(max(celsius, default=None), max((kilo * 1e3 for kilo in clocks), default=None), reason)


def _read_numbers(root: Path, pattern: str) -> list[float]:
    return [number for file in sysfs.find_files(root, pattern) if (number := sysfs.read_number(file)) is not None]
