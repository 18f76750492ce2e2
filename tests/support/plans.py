"""The plan of a session, as a test chooses it."""

from dataclasses import replace
from typing import Any

from benchmarks import workload
from benchmarks.machine.device import identify
from benchmarks.planning import capability
from benchmarks.planning.plan import Plan


def make_plan(**chosen: Any) -> Plan:
    """Return the plan of a session on a CPU with random weights."""
    photographs = workload.read_photographs(None)
    base = Plan(
        weights="random",
        runs=97,
        warmup_runs=3,
        work=workload.Workload(photographs, (b"",) * len(photographs), workload.PROMPTS, 64, 4),
        torch_device="cpu",
        power_monitor="none",
        machine=identify("cpu"),
        isolation="process",
        start_method="spawn",
        run_timeout=600.0,
        ram_floor_bytes=None,
        resume=False,
        allow_nonfinite=False,
        allow_slow_fp16=False,
        trust_remote_code=False,
        revisions={},
        gpu_uuid=None,
        capability=capability.Capability(None, "not asked"),
    )
    return replace(base, **chosen)
