"""What a measuring session does, settled from the command line before anything is measured."""

import multiprocessing
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks import hub, models, power, workload
from benchmarks.errors import BenchmarkError
from benchmarks.machine import device, footprint, memory, sysfs
from benchmarks.models.base import ModelSpec
from benchmarks.planning import capability
from benchmarks.processes.helper import run_in_process
from benchmarks.worker.devices import check_torch_device


@dataclass(frozen=True)
class Plan:
    """What a measuring session does, the same for each of its pairs."""

    weights: str
    runs: int
    warmup_runs: int
    work: workload.Workload
    torch_device: str
    power_monitor: str
    machine: device.DeviceInfo
    isolation: str
    start_method: str | None
    run_timeout_s: float
    ram_floor_bytes: int | None
    resume: bool
    allow_nonfinite: bool
    allow_slow_fp16: bool
    trust_remote_code: bool
    revisions: Mapping[str, str]  # id in MODELS -> revision, where it is not the pinned one
    gpu_uuid: str | None
    ability: capability.Ability
    root: Path = Path("/")  # of the files that say which machine it is, and of its sensors

    def revision(self, spec: ModelSpec) -> str | None:
        """Return which revision of a model's repository is asked for; None is its main branch."""
        return self.revisions.get(spec.id, spec.revision)

    def checkpoint(self, spec: ModelSpec) -> hub.Checkpoint:
        """Return what of a model is wanted from the Hub."""
        return hub.checkpoint(spec, revision=self.revision(spec), remote_code=self.trust_remote_code)

    def why_skipped(self, precision: str) -> str | None:
        """Return why a precision is not measured on this device; None where it is."""
        return self.ability.slow_fp16 if precision == "fp16" and not self.allow_slow_fp16 else None


def make(config: pytest.Config) -> Plan:
    """Check everything that can be checked before the first measurement, and return the Plan.

    Raises:
        BenchmarkError: one sentence about the first thing that is wrong.
    """
    get = config.getoption
    weights = get("weights")
    chosen = models.select_models(get("models"))
    revisions = _revisions(get("revision"), weights, chosen)
    _check_remote_code(weights, chosen, revisions, trusted=get("trust_remote_code"))
    root = sysfs.find_root()
    only_downloads = get("prefetch") and not get("plan")  # perhaps for another machine: this one is not looked at
    torch_device = "cpu" if only_downloads else device.choose_torch_device(get("torch_device"), root)
    power.check_option(get("power_monitor"))
    start_method = _start_method(get("isolation"), get("start_method"), weights)
    work = _workload(config)
    name, uuid = (None, None) if torch_device == "cpu" else run_in_process("spawn", check_torch_device, torch_device)
    machine = device.identify(torch_device, root, gpu_uuid=uuid, torch_name=name)
    board = machine["label"]
    if get("device_label"):
        machine["label"] = _clean_label(get("device_label"))
    able = capability.NOT_ASKED
    if not only_downloads:
        able = capability.find(weights, machine, torch_device, (board, uuid), measure=get("measure_bandwidth"))
    return Plan(
        weights=weights,
        runs=get("runs"),
        warmup_runs=get("warmup_runs"),
        work=work,
        torch_device=torch_device,
        power_monitor=get("power_monitor"),
        machine=machine,
        isolation=get("isolation"),
        start_method=start_method,
        run_timeout_s=get("run_timeout"),
        ram_floor_bytes=_ram_floor(get("ram_floor"), machine, get("isolation")),
        resume=get("resume"),
        allow_nonfinite=get("allow_nonfinite"),
        allow_slow_fp16=get("allow_slow_fp16"),
        trust_remote_code=get("trust_remote_code"),
        revisions=revisions,
        gpu_uuid=uuid,
        ability=able,
        root=root,
    )


def _revisions(asked: list[tuple[str, str]], weights: str, chosen: list[ModelSpec]) -> dict[str, str]:
    """Return {model: revision} of the --revision options."""
    if asked and weights != "hub":
        raise BenchmarkError(f"--revision: --weights={weights} loads no published checkpoint; leave one of them out.")
    found: dict[str, str] = {}
    for name, revision in asked:
        try:
            (spec,) = models.select_models(name)
        except BenchmarkError as error:
            raise BenchmarkError(str(error).replace("--models=", "--revision=", 1)) from None
        if spec not in chosen:
            raise BenchmarkError(f"--revision={name}={revision}: {spec.id} is not among the models of this session.")
        if found.setdefault(spec.id, revision) != revision:
            raise BenchmarkError(f"--revision: {spec.id} is given twice; a session measures one revision of a model.")
    return found


def _check_remote_code(weights: str, chosen: list[ModelSpec], revisions: Mapping[str, str], *, trusted: bool) -> None:
    """Check that code of others runs only where it is pinned to a commit, which cannot change."""
    if not trusted:
        return
    if weights != "hub":
        raise BenchmarkError(f"--trust-remote-code: --weights={weights} brings no code of its own; leave it out.")
    for spec in chosen:
        if not re.fullmatch(r"[0-9a-f]{40}", revisions.get(spec.id) or spec.revision or "main"):
            raise BenchmarkError(
                f"--trust-remote-code: {spec.id} is not pinned to a commit; type --revision={spec.id}=SHA with its "
                "40 digits, or leave --trust-remote-code out."
            )


def _ram_floor(asked: float | None, machine: device.DeviceInfo, isolation: str) -> int | None:
    """Return the bytes that must stay available; None where nothing is guarded."""
    if asked is None:
        guarded = machine["memory_kind"] == "unified" and isolation == "process"
        return footprint.UNIFIED_FLOOR_BYTES if guarded else None
    if asked == 0:
        return None
    if isolation == "none":
        raise BenchmarkError(f"--ram-floor={asked:g}: needs a process to kill; leave --isolation=none out.")
    if memory.read_available_bytes() is None:
        raise BenchmarkError(f"--ram-floor={asked:g}: this system has no /proc/meminfo to watch; leave it out.")
    total = machine["ram_bytes"]
    if total is not None and asked * 1e9 >= total:
        raise BenchmarkError(f"--ram-floor={asked:g}: this machine has {total / 1e9:.1f} GB; ask for less.")
    return round(asked * 1e9)


def _workload(config: pytest.Config) -> workload.Workload:
    photographs = workload.read_photographs(config.getoption("images"))
    prompts = workload.read_prompts(config.getoption("prompts"))
    return workload.Workload(
        photographs=photographs,
        encoded=run_in_process("spawn", encode_all, photographs),
        prompts=prompts,
        new_tokens=config.getoption("new_tokens"),
        batch_size=config.getoption("batch_size"),
    )


def encode_all(photographs: tuple[workload.Photograph, ...]) -> tuple[bytes, ...]:
    """Apply the recipe to all photographs, in order."""
    return tuple(workload.encode(photograph) for photograph in photographs)


def _start_method(isolation: str, asked: str | None, weights: str) -> str | None:
    """Return how the child starts; None where there is no child.

    A forkserver that has imported torch has a miniature's child ready in 0.3 s instead of 4;
    published figures come from a spawned child, which inherits nothing.
    """
    if isolation == "none":
        return None
    chosen = asked or ("forkserver" if weights == "mini" else "spawn")
    if chosen not in multiprocessing.get_all_start_methods():
        if asked:
            raise BenchmarkError(f"--start-method={asked}: this system cannot do that; type --start-method=spawn.")
        return "spawn"
    return chosen


def _clean_label(text: str) -> str:
    label = " ".join(text.split())
    if not label.isprintable() or not label or len(label) > 60:
        raise BenchmarkError("--device-label: needs 1 to 60 printable characters, e.g. --device-label='Jetson Thor'.")
    return label
