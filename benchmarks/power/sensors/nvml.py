"""NVIDIA GPUs through NVML: GB10, discrete GPUs, Thor.

Power: the instantaneous field if the driver has it, because `nvmlDeviceGetPowerUsage` is an average over 1 s on Ampere
and newer. Energy: the driver's counter (mJ since it was loaded) if it works.
"""

import importlib.metadata
import time
from typing import Any

from benchmarks.machine import nvml
from benchmarks.power.base import PowerMonitor, PowerSample, PowerTarget, SensorLost, SensorUnavailable

POWER_INSTANT = 186  # NVML_FI_DEV_POWER_INSTANT, milliwatts
ARCHITECTURES_WITH_GAIN = (7, 8)  # NVML_DEVICE_ARCH_AMPERE, NVML_DEVICE_ARCH_ADA
SCOPES = {0: "gpu", 1: "module"}  # NVML_POWER_SCOPE_*; superchips answer for the module alone
LOSS_ERRORS = ("UNINITIALIZED", "DRIVER_NOT_LOADED", "GPU_IS_LOST", "RESET_REQUIRED")  # of NVML_ERROR_*


class NvmlMonitor(PowerMonitor):
    """Board power of one GPU at 10 Hz. Faster readings repeat values, which update every 100 ms."""

    gpu_only = True
    gain_uncertainty: float | None = 0.05
    update_s = 0.1  # arXiv 2312.02741, A100 to RTX 4090; V100 and older 0.02
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
        how = "instantaneous power field" if self._field_scope is not None else "nvmlDeviceGetPowerUsage"
        self.rails = (how,)
        self.source = f"NVML driver {nvml.read_driver(self._nvml) or 'unknown'}, nvidia-ml-py {_read_version()}, {how}"

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
        return [PowerSample((before + time.monotonic_ns()) // 2, watts, joules)]

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
