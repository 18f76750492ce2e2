"""NVIDIA GPUs through NVML: GB10, discrete GPUs, Thor.

Power: the instantaneous field if the driver has it, because `nvmlDeviceGetPowerUsage` is an average over 1 s on Ampere
and newer. Energy: the driver's counter (mJ since it was loaded) if it works.
"""

import importlib.metadata
import time
from dataclasses import replace
from typing import Any

from benchmarks.machine import nvml
from benchmarks.power.base import PowerMonitor, PowerSample, PowerTarget, SensorLost, SensorUnavailable
from benchmarks.power.sensors import ranges

POWER_INSTANT = 186  # NVML_FI_DEV_POWER_INSTANT, milliwatts
ARCHITECTURES_WITH_GAIN = (7, 8)  # NVML_DEVICE_ARCH_AMPERE, NVML_DEVICE_ARCH_ADA
SCOPES = {0: "gpu", 1: "module"}  # NVML_POWER_SCOPE_*; superchips answer for the module alone
LIMITS = ("EnforcedPowerLimit", "PowerManagementLimit", "PowerManagementDefaultLimit")  # nvmlDeviceGet*
COUNTER_DELAY_S = 1.0  # the counter may be so late; its ticks are 0.1 s apart on current GPUs
LOSS_ERRORS = ("UNINITIALIZED", "DRIVER_NOT_LOADED", "GPU_IS_LOST", "RESET_REQUIRED")  # of NVML_ERROR_*


class NvmlMonitor(PowerMonitor):
    """Board power of one GPU at 10 Hz. Faster readings repeat values, which update every 100 ms."""

    gpu_only = True
    is_void_no_gap = True
    gain_uncertainty: float | None = 0.05
    update_s = 0.1  # arXiv 2312.02741, A100 to RTX 4090; V100 and older 0.02
    gain_source = "arXiv 2312.02741 (SC24): steady-state errors of -2% to -6% on Ampere and Ada boards"

    def __init__(self, target: PowerTarget, argument: str | None = None) -> None:
        try:
            self._nvml, self._handle = nvml.open_device(target.gpu_uuid)
        except nvml.NoGpu as error:
            raise SensorUnavailable(f"nvml: {error}.") from error
        try:
            self._describe()
        except BaseException:
            self.close()
            raise

    def _describe(self) -> None:
        """Take a first reading, and set the properties of this GPU's sensor."""
        if nvml.is_slice(self._nvml, self._handle):
            # Every instance shows the whole board's power: https://github.com/NVIDIA/dcgm-exporter/issues/317
            raise SensorUnavailable("nvml: MIG is on, and the board's power cannot be divided among its slices.")
        self._field_scope = next((scope for scope in SCOPES if self._read_field(scope) is not None), None)
        if self._read_watts() is None:
            raise SensorUnavailable("nvml: the library runs, but this GPU supports no power call (as on Jetson Orin).")
        if nvml.try_call(self._nvml, self._nvml.nvmlDeviceGetArchitecture, self._handle) not in ARCHITECTURES_WITH_GAIN:
            self.gain_uncertainty = None
            self.gain_source = "arXiv 2312.02741 (SC24) tested Ampere and Ada boards; none is specified for this GPU"
        if self._field_scope is None:
            # It averages over 1 s on Ampere (except GA100) and newer, and is instantaneous before; NVML does not say
            # which. Phases use the longer time, and the lag stays unknown.
            self.averaging_s = 1.0
        self.scope = SCOPES[self._field_scope or 0]
        self._counts = self._read_joules() is not None
        self._counted: tuple[int, float] | None = None  # when the counter last moved, and to what
        self._find_range()
        how = "instantaneous power field" if self._field_scope is not None else "nvmlDeviceGetPowerUsage"
        self.rails = (how,)
        self.source = f"NVML driver {nvml.read_driver(self._nvml) or 'unknown'}, nvidia-ml-py {_read_version()}, {how}"

    def _find_range(self) -> None:
        """Set what the GPU can draw at most: by its highest limit, else by its name."""
        call = self._nvml.nvmlDeviceGetPowerManagementLimitConstraints
        least_and_most = nvml.try_call(self._nvml, call, self._handle) or (None,)
        calls = [getattr(self._nvml, f"nvmlDeviceGet{name}") for name in LIMITS]
        limits = [least_and_most[-1], *(nvml.try_call(self._nvml, call, self._handle) for call in calls)]
        known = [watts for limit in limits if (watts := _to_watts(limit)) is not None]
        words = (nvml.read_name(self._nvml, self._handle) or "").split()
        by_name = next((rated for part, rated in ranges.GPUS.items() if part in words), None)
        rated = (max(known), "the highest power limit that NVML reports") if known else by_name
        self.range_source = "NVML reports no power limit for this GPU"
        if rated is not None:
            self.largest_w, self.range_source = ranges.compute_largest_w(rated[0]), ranges.describe(*rated)

    def _read_field(self, scope: int) -> float | None:
        values = nvml.try_call(self._nvml, self._nvml.nvmlDeviceGetFieldValues, self._handle, [(POWER_INSTANT, scope)])
        if not values or values[0].nvmlReturn != self._nvml.NVML_SUCCESS:
            return None
        return _to_watts(values[0].value.uiVal)

    def _read_watts(self) -> float | None:
        if self._field_scope is not None:
            return self._read_field(self._field_scope)
        return _to_watts(nvml.try_call(self._nvml, self._nvml.nvmlDeviceGetPowerUsage, self._handle))

    def _read_joules(self) -> float | None:
        millijoules = nvml.try_call(self._nvml, self._nvml.nvmlDeviceGetTotalEnergyConsumption, self._handle)
        return None if millijoules is None else millijoules / 1e3

    def read(self) -> list[PowerSample]:
        before = time.monotonic_ns()
        watts = self._read_watts()
        joules = self._read_joules() if self._counts else None
        if watts is None:
            self._raise_if_lost()
        now = (before + time.monotonic_ns()) // 2
        implied_w = None if joules is None else self._find_jump(now, joules)
        sample = self.judge(PowerSample(now, watts, None if implied_w else joules))
        return [sample if implied_w is None or sample.refused_w else replace(sample, refused_w=implied_w)]

    def _find_jump(self, now: int, joules: float) -> float | None:
        """Return the watts that the counter's last step means, if the GPU cannot draw them; else None."""
        since, last = self._counted or (now, joules)
        seconds = (now - since) / 1e9 + COUNTER_DELAY_S
        if self.largest_w is not None and joules - last > self.largest_w * seconds:
            return (joules - last) / seconds
        if self._counted is None or joules != last:
            self._counted = (now, joules)
        return None

    def _raise_if_lost(self) -> None:
        """Raise SensorLost if the GPU is gone, not if one reading failed."""
        errors: Any = self._nvml
        lost = {getattr(errors, f"NVML_ERROR_{name}") for name in LOSS_ERRORS}
        for call in (errors.nvmlDeviceGetUUID, errors.nvmlDeviceGetPowerUsage):  # a UUID may be remembered
            try:
                call(self._handle)
            except errors.NVMLError as error:
                if error.value in lost:
                    raise SensorLost(f"NVML lost the GPU: {error}") from error

    def close(self) -> None:
        if self._nvml is not None:
            nvml.close(self._nvml)
            self._nvml = None


def _to_watts(milliwatts: int | None) -> float | None:
    """Return watts; None for the numbers that mean unknown: 0 and NVML_VALUE_NOT_AVAILABLE."""
    return None if milliwatts in (None, 0, 2**32 - 1) else milliwatts / 1e3


def _read_version() -> str:
    """Return the version of nvidia-ml-py. A distribution may ship its one file without a version."""
    try:
        return importlib.metadata.version("nvidia-ml-py")
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version"
