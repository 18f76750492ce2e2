"""What a session must know about the device: peak memory bandwidth, and whether fp16 is usable.

A measured bandwidth is a copy's, which other work on the machine slows down by any amount. So it is measured again
after each pair, in no window, and the peak is that of the fastest copy of the session so far.
"""

from dataclasses import dataclass, replace

from benchmarks.machine import bandwidth, nvml
from benchmarks.machine.device import DeviceInfo
from benchmarks.machine.roofline import Copy, Probe, is_fp16_too_slow
from benchmarks.processes.helper import run_in_process
from benchmarks.worker.probe import measure_copy, probe

MINIATURES = "a miniature's weights fit into the cache; type --measure-bandwidth to measure the memory anyway"
UNKNOWN = "no vendor's figure is known for {name}; type --measure-bandwidth to measure it"


@dataclass(frozen=True)
class Capability:
    """What a device can do."""

    bytes_per_s: float | None  # peak bandwidth of its memory; None if unknown
    source: str  # where that figure comes from, or why it is unknown
    slow_fp16: str | None = None  # why fp16 is not measured; None if it is
    probe: Probe | None = None  # what was measured; None if nothing was
    copies: tuple[float, ...] = ()  # rates of those of this session, in order, bytes/s; empty if none was measured

    @property
    def spread(self) -> float | None:
        """By how much the slowest copy is below the fastest, 0 to 1; None with less than two copies."""
        return 1 - min(self.copies) / max(self.copies) if len(self.copies) > 1 else None


NOT_ASKED = Capability(None, "nothing is measured")


def find_capability(
    weights: str,
    machine: DeviceInfo,
    torch_device: str,
    names: tuple[str, str | None],
    *,
    measure: bool,
    rates: bool = False,
    start_method: str = "spawn",
) -> Capability:
    """Return the capability of the device that runs the model: measured on a CPU or on request, else the vendor's.

    `names` are the board's name and the GPU's UUID; the machine's label can be the user's own. `rates` asks for rates
    of arithmetic too, which take seconds. `start_method` is that of the process that measures.
    """
    on_cpu = torch_device == "cpu"
    if measure or (on_cpu and weights != "mini"):
        if rates:
            return evaluate_probe(run_in_process(start_method, probe, torch_device), weights)
        return evaluate_copy(run_in_process(start_method, measure_copy, torch_device))
    if weights == "mini":
        return Capability(None, MINIATURES)
    board, gpu_uuid = names
    known = bandwidth.find_peak(
        machine["kind"], machine["gpu"], board=board, memory_bytes=nvml.read_memory_bytes(gpu_uuid)
    )
    return Capability(None, UNKNOWN.format(name=board)) if known is None else Capability(*known)


def evaluate_probe(found: Probe, weights: str) -> Capability:
    """Return the capability that a probe found. Miniatures are measured in fp16 however slow it is."""
    flops, slow = found["gemm_flops"], None
    if weights != "mini" and is_fp16_too_slow(flops):
        rates = ", ".join(f"{name} at {rate / 1e9:.3g}" for name, rate in flops.items() if rate is not None)
        slow = f"this processor has no fp16 arithmetic (Gflop/s: {rates}); type --allow-slow-fp16 to measure it anyway"
    return replace(evaluate_copy(found["copy"]), slow_fp16=slow, probe=found)


def evaluate_copy(copy: Copy) -> Capability:
    """Return the capability of a device of which only a copy was measured."""
    source = f"measured: {copy['method']} of {copy['size_bytes'] / 1e6:.0f} MB, before and after the runs"
    if copy["bytes_per_s"] is None:
        return Capability(None, f"it cannot be measured: {copy['reasons']['bytes_per_s']}")
    return Capability(copy["bytes_per_s"], source, copies=(copy["bytes_per_s"],))


def measure_again(known: Capability, torch_device: str, start_method: str = "spawn") -> Capability:
    """Return the capability after one more copy; unchanged if its bandwidth was not measured, or the copy fails."""
    if not known.copies:
        return known
    try:
        rate = run_in_process(start_method, measure_copy, torch_device)["bytes_per_s"]
    except Exception:  # noqa: BLE001 - memory may be short now; the pair's runs are worth more
        return known
    copies = known.copies if rate is None else (*known.copies, rate)
    return replace(known, bytes_per_s=max(copies), copies=copies)
