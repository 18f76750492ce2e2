"""What the device can do, as far as a session must know it beforehand: its memory's peak, and whether it has fp16."""

from dataclasses import dataclass

from benchmarks.machine import bandwidth, nvml
from benchmarks.machine.device import DeviceInfo
from benchmarks.machine.roofline import Probe, is_fp16_too_slow
from benchmarks.processes.helper import run_in_process
from benchmarks.worker.probe import probe

MINIATURES = "a miniature's weights lie in the cache; --measure-bandwidth measures the memory all the same"
UNKNOWN = "no vendor's figure is known for {name}; --measure-bandwidth measures it"


@dataclass(frozen=True)
class Ability:
    """What a device can do.

    Attributes:
        bytes_per_s: peak bandwidth of its memory; None where it is not known.
        source: where that is from; a reason where there is none.
        slow_fp16: why fp16 is not worth waiting for; None where it is.
        probe: what was measured, where something was.
    """

    bytes_per_s: float | None
    source: str
    slow_fp16: str | None = None
    probe: Probe | None = None


NOT_ASKED = Ability(None, "nothing is measured")


def find(
    weights: str, machine: DeviceInfo, torch_device: str, names: tuple[str, str | None], *, measure: bool
) -> Ability:
    """Return the ability of what computes: measured on a CPU or if asked for, else as its vendor states it.

    `names` are the board's and the GPU's UUID: the label may be the user's own.
    """
    on_cpu = torch_device == "cpu"
    if measure or (on_cpu and weights != "mini"):
        return measured(run_in_process("spawn", probe, torch_device), weights)
    if weights == "mini":
        return Ability(None, MINIATURES)
    board, gpu_uuid = names
    known = bandwidth.find_peak(
        machine["kind"], machine["gpu"], board=board, memory_bytes=nvml.read_memory_bytes(gpu_uuid)
    )
    return Ability(None, UNKNOWN.format(name=board)) if known is None else Ability(*known)


def measured(found: Probe, weights: str) -> Ability:
    """Return what a probe says; miniatures are measured in fp16 whatever it takes."""
    copy, flops = found["copy"], found["gemm_flops"]
    source, slow = f"measured: {copy['method']} ({copy['repeats']} of {copy['size_bytes'] / 1e6:.0f} MB)", None
    if copy["bytes_per_s"] is None:
        source = f"it cannot be measured: {copy['reasons']['bytes_per_s']}"
    if weights != "mini" and is_fp16_too_slow(flops):
        rates = ", ".join(f"{name} at {rate / 1e9:.3g}" for name, rate in flops.items() if rate is not None)
        slow = (
            f"this processor has no arithmetic for fp16 (Gflop/s: {rates}); --allow-slow-fp16 measures it all the same"
        )
    return Ability(copy["bytes_per_s"], source, slow, found)
