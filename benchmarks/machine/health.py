"""Whether the machine was itself: temperature and clock before and after the runs, throttling during them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from benchmarks.machine import nvml, sysfs
from benchmarks.record.sections import Health

# Bits of nvmlDeviceGetCurrentClocksEventReasons that mean slower than could be (nvml.h).
THROTTLES = {
    0x4: "software power cap",
    0x8: "hardware slowdown",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "hardware power brake",
}
NOT_TAKEN = "no reading was taken"


@dataclass(frozen=True)
class HealthSnapshot:
    """One look; what is None is not to be had, as `reason` says."""

    temperature_c: float | None = None
    clock_hz: float | None = None
    reason: str = NOT_TAKEN


def take_snapshot(torch_device: str, gpu_uuid: str | None, root: Path = Path("/")) -> HealthSnapshot:
    """Look at what computes: the GPU through NVML, the CPU through sysfs."""
    return _gpu(gpu_uuid) if torch_device.startswith("cuda") else _cpu(root)


class ThrottleWatch:
    """Looks at a GPU's throttling while it works: when it is idle again the reasons are gone.

    Attributes:
        seen: the reasons seen so far, in words; None while no reading has been taken.
        reason: why there may be none.
    """

    def __init__(self, gpu_uuid: str | None) -> None:
        self.seen: list[str] | None = None
        self.reason = NOT_TAKEN
        self._library: Any = None
        try:
            self._library, device = nvml.open_device(gpu_uuid)
            self._device = nvml.find_board(self._library, device)
        except nvml.NoGpu as error:
            self.reason = str(error)

    def read(self) -> list[None]:
        """Take a reading, for a Sampler; there are no samples to keep."""
        found = None if self._library is None else _throttles(self._library, self._device)
        if found is not None:
            self.seen = list(dict.fromkeys([*(self.seen or []), *found]))
        elif self._library is not None:
            self.reason = "NVML does not say"
        return []

    def close(self) -> None:
        """Let go of the GPU; harmless to repeat."""
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
    """Return the Record's health from a look before and one after the runs, and a watch over them."""
    values: dict[str, Any] = {
        "temperature_before_c": before.temperature_c,
        "temperature_after_c": after.temperature_c,
        "clock_before_hz": before.clock_hz,
        "clock_after_hz": after.clock_hz,
        "throttled": throttled,
    }
    reasons = {key: (before if "before" in key else after).reason for key, value in values.items() if value is None}
    if throttled is None:
        reasons["throttled"] = throttle_reason
    if finite_logits is None:
        reasons["finite_logits"] = "no warm-up run looked at them"
    return cast("Health", {**values, "finite_logits": finite_logits, "reasons": reasons})


def _gpu(uuid: str | None) -> HealthSnapshot:
    try:
        library, device = nvml.open_device(uuid)
    except nvml.NoGpu as error:
        return HealthSnapshot(reason=str(error))
    try:
        of_board = nvml.find_board(library, device)
        return HealthSnapshot(_temperature(library, of_board), _clock(library, of_board), "NVML does not say")
    finally:
        nvml.close(library)


def _temperature(library: Any, device: Any) -> float | None:
    kind = library.NVML_TEMPERATURE_GPU
    for name in ("nvmlDeviceGetTemperatureV", "nvmlDeviceGetTemperature"):  # the second goes with CUDA 14
        call = getattr(library, name, None)
        value = None if call is None else nvml.try_call(library, call, device, kind)
        if value is not None:
            return float(value)
    return None


def _clock(library: Any, device: Any) -> float | None:
    megahertz = nvml.try_call(library, library.nvmlDeviceGetClockInfo, device, library.NVML_CLOCK_SM)
    return None if megahertz is None else megahertz * 1e6


def _throttles(library: Any, device: Any) -> list[str] | None:
    for name in ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"):
        call = getattr(library, name, None)
        bits = None if call is None else nvml.try_call(library, call, device)
        if bits is not None:
            return [word for bit, word in THROTTLES.items() if bits & bit]
    return None


def _cpu(root: Path) -> HealthSnapshot:
    hottest = [sysfs.read_number(file) for file in sorted(root.glob("sys/class/thermal/thermal_zone*/temp"))]
    clocks = [
        sysfs.read_number(f) for f in sorted(root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq"))
    ]
    degrees = [value / 1e3 for value in hottest if value is not None]
    hertz = [value * 1e3 for value in clocks if value is not None]
    return HealthSnapshot(max(degrees, default=None), max(hertz, default=None), "the kernel shows none for this CPU")
