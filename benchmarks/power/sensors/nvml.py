"""NVIDIA GPUs through NVML: GB10, discrete GPUs, Thor.

Power: the instantaneous field where there is one, because `nvmlDeviceGetPowerUsage` is an average
over 1 s on Ampere and newer. Energy: the driver's counter (mJ since it was loaded) where it counts.
"""

import importlib.metadata
import time
from typing import Any

from benchmarks.machine import nvml
from benchmarks.power.base import PowerMonitor, PowerSample, PowerTarget, SensorLost, SensorUnavailable

POWER_INSTANT = 186  # NVML_FI_DEV_POWER_INSTANT, milliwatts
OF_KNOWN_GAIN = (7, 8)  # NVML_DEVICE_ARCH_AMPERE, NVML_DEVICE_ARCH_ADA
SCOPES = {0: "gpu", 1: "module"}  # NVML_POWER_SCOPE_*; superchips answer for the module only
LOST = ("UNINITIALIZED", "DRIVER_NOT_LOADED", "GPU_IS_LOST", "RESET_REQUIRED")  # of NVML_ERROR_*


class NvmlMonitor(PowerMonitor):
    """Board power of one GPU, sampled at 10 Hz: faster reads the same values again (they update every 100 ms)."""

    of_gpu = True
    gain_uncertainty: float | None = 0.05
    gain_source = "arXiv 2312.02741 (SC24): steady-state errors of -2% to -6% on Ampere and Ada boards"

    def __init__(self, target: PowerTarget, argument: str | None = None) -> None:  # noqa: ARG002
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
        """Take a first reading, and say what it is of."""
        if nvml.is_slice(self._nvml, self._handle):
            # every instance shows the whole board's power: https://github.com/NVIDIA/dcgm-exporter/issues/317
            raise SensorUnavailable("nvml: MIG is on, and board power cannot be shared out among its slices.")
        self._field_scope = self._working_scope()
        if self._watts() is None:
            raise SensorUnavailable("nvml: the library starts, but this GPU answers no power call (as Jetson Orin's).")
        if nvml.try_call(self._nvml, self._nvml.nvmlDeviceGetArchitecture, self._handle) not in OF_KNOWN_GAIN:
            self.gain_uncertainty = None
            self.gain_source = (
                "arXiv 2312.02741 (SC24) compared Ampere and Ada boards alone; of this GPU nobody states it"
            )
        if self._field_scope is None:
            # An average over 1 s on Ampere (but GA100) and newer, instantaneous before, and NVML does not say which:
            # phases are judged by the longer time, and no lag is made up.
            self.averaging_s = 1.0
        self.scope = SCOPES[self._field_scope or 0]
        self._counts = self._joules() is not None
        how = "instantaneous power field" if self._field_scope is not None else "nvmlDeviceGetPowerUsage"
        self.rails = (how,)
        self.source = f"NVML driver {nvml.read_driver(self._nvml) or 'unknown'}, nvidia-ml-py {_package()}, {how}"

    def _working_scope(self) -> int | None:
        """Return the first scope whose instantaneous power field answers; None where none does."""
        return next((scope for scope in SCOPES if self._field(scope) is not None), None)

    def _field(self, scope: int) -> float | None:
        values = nvml.try_call(self._nvml, self._nvml.nvmlDeviceGetFieldValues, self._handle, [(POWER_INSTANT, scope)])
        if not values or values[0].nvmlReturn != self._nvml.NVML_SUCCESS:
            return None
        return _watts_of(values[0].value.uiVal)

    def _watts(self) -> float | None:
        if self._field_scope is not None:
            return self._field(self._field_scope)
        milliwatts = nvml.try_call(self._nvml, self._nvml.nvmlDeviceGetPowerUsage, self._handle)
        return _watts_of(milliwatts)

    def _joules(self) -> float | None:
        millijoules = nvml.try_call(self._nvml, self._nvml.nvmlDeviceGetTotalEnergyConsumption, self._handle)
        return None if millijoules is None else millijoules / 1e3

    def read(self) -> list[PowerSample]:
        before = time.monotonic_ns()
        watts = self._watts()
        joules = self._joules() if self._counts else None
        if watts is None:
            self._tell_loss()
        return [PowerSample((before + time.monotonic_ns()) // 2, watts, joules)]

    def _tell_loss(self) -> None:
        """Raise SensorLost where the GPU is gone, not where one reading failed."""
        errors: Any = self._nvml
        lost = {getattr(errors, f"NVML_ERROR_{name}") for name in LOST}
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


def _watts_of(milliwatts: int | None) -> float | None:
    """Return watts; None where the driver says in a number that it does not know: 0, or NVML_VALUE_NOT_AVAILABLE."""
    return None if milliwatts in (None, 0, 2**32 - 1) else milliwatts / 1e3


def _package() -> str:
    """Return the version of nvidia-ml-py; a distribution may ship its one file without saying so."""
    try:
        return importlib.metadata.version("nvidia-ml-py")
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version"
