"""What a measuring session does, decided from the command line before anything is measured."""

import multiprocessing
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks import hub, models, power, workload
from benchmarks.errors import BenchmarkError
from benchmarks.machine import device, footprint, memory, sysfs
from benchmarks.models.base import ModelSpec
from benchmarks.options import Options, read_options
from benchmarks.planning.capability import NOT_ASKED, Capability, find_capability
from benchmarks.planning.photographs import encode_photographs
from benchmarks.processes.helper import run_in_process
from benchmarks.worker.devices import check_torch_device


@dataclass(frozen=True, kw_only=True)
class Plan(Options):
    """What a measuring session does, the same for each of its pairs: its options and what follows from them.

    `torch_device` is never "auto" here, and `start_method` is None only without a child process.
    """

    work: workload.Workload
    machine: device.DeviceInfo  # `machine_info["device"]` of the save
    ram_floor_bytes: int | None  # memory that must stay free; None disables the guard
    revisions: Mapping[str, str]  # id in MODELS -> revision, for models not measured at their pinned revision
    gpu_uuid: str | None  # of the GPU that torch uses
    capability: Capability
    root: Path = Path("/")  # of the files that identify the machine, and of its sensors

    def find_revision(self, spec: ModelSpec) -> str | None:
        """Return the revision of a model's repository to load; None means its main branch."""
        return self.revisions.get(spec.id, spec.revision)

    def describe_checkpoint(self, spec: ModelSpec) -> hub.Checkpoint:
        """Return which files of a model's repository are needed."""
        folders = (spec.adapter,) if spec.adapter else ()
        revision = self.find_revision(spec)
        return hub.Checkpoint(spec.id, spec.repo, revision, folders, self.trust_remote_code, spec.architecture)

    def find_skip_reason(self, precision: str) -> str | None:
        """Return why a precision is not measured on this device; None if it is."""
        return self.capability.slow_fp16 if precision == "fp16" and not self.allow_slow_fp16 else None


def make_plan(config: pytest.Config) -> Plan:
    """Check everything that can be checked before the first measurement, and return the Plan.

    What costs a process comes last, so that most refusals come at once.

    Raises:
        BenchmarkError: one sentence about the first invalid option.
    """
    options = read_options(config)
    _check_downloads(options)
    chosen = models.select_models(options.models)
    revisions = _choose_revisions(options, chosen)
    _check_remote_code(options, chosen, revisions)
    root = sysfs.find_root()
    only_downloads = options.prefetch and not options.plan  # perhaps for another machine: ignore this one's devices
    torch_device = "cpu" if only_downloads else device.choose_torch_device(options.torch_device, root)
    power.check_option(options.power_monitor)
    start_method = _choose_start_method(options)
    photographs, prompts = workload.read_photographs(options.images), workload.read_prompts(options.prompts)
    gpu_name, uuid = (
        (None, None) if torch_device == "cpu" else run_in_process("spawn", check_torch_device, torch_device)
    )
    machine = device.identify(torch_device, root, gpu_uuid=uuid, torch_name=gpu_name)
    board = machine["label"]
    if options.device_label:
        machine["label"] = _clean_label(options.device_label)
    ram_floor = _choose_ram_floor(options, machine)
    encoded = encode_photographs(photographs)
    capability = NOT_ASKED
    if not only_downloads:
        capability = find_capability(
            options.weights,
            machine,
            torch_device,
            (board, uuid),
            measure=options.measure_bandwidth,
            rates=options.plan or _may_skip_fp16(options),
            start_method=start_method or "spawn",
        )
    return Plan(
        **vars(options) | {"torch_device": torch_device, "start_method": start_method},
        work=workload.Workload(photographs, encoded, prompts, options.new_tokens, options.batch_size),
        machine=machine,
        ram_floor_bytes=ram_floor,
        revisions=revisions,
        gpu_uuid=uuid,
        capability=capability,
        root=root,
    )


def _may_skip_fp16(options: Options) -> bool:
    """Return whether the rate of fp16 decides which pairs are measured."""
    chosen = (precision for _, precision in models.list_pairs(options.models, options.precisions))
    return options.weights != "mini" and not options.allow_slow_fp16 and "fp16" in chosen


def _check_downloads(options: Options) -> None:
    """Check that --plan and --prefetch have something to tell or to download."""
    if options.weights == "mini" and (options.plan or options.prefetch):
        raise BenchmarkError("--plan, --prefetch: a miniature is built here in seconds; leave --weights=mini out.")
    if options.weights == "random" and options.prefetch:
        raise BenchmarkError("--prefetch: random weights need no download; leave --weights=random out.")


def _choose_revisions(options: Options, chosen: Sequence[ModelSpec]) -> dict[str, str]:
    """Return {model: revision} from the --revision options."""
    if options.revision and options.weights != "hub":
        raise BenchmarkError(
            f"--revision: --weights={options.weights} loads no published checkpoint; leave one of the two out."
        )
    found: dict[str, str] = {}
    for name, revision in options.revision:
        try:
            (spec,) = models.select_models(name)
        except BenchmarkError as error:
            raise BenchmarkError(str(error).replace("--models=", "--revision=", 1)) from None
        if spec not in chosen:
            raise BenchmarkError(f"--revision={name}={revision}: {spec.id} is not one of the models of this session.")
        if found.setdefault(spec.id, revision) != revision:
            raise BenchmarkError(f"--revision: {spec.id} is given twice; a session measures one revision of a model.")
    return found


def _check_remote_code(options: Options, chosen: Sequence[ModelSpec], revisions: Mapping[str, str]) -> None:
    """Check that remote code runs only from a pinned commit, which cannot change."""
    if not options.trust_remote_code:
        return
    if options.weights != "hub":
        raise BenchmarkError(
            f"--trust-remote-code: --weights={options.weights} has no code of its own; leave --trust-remote-code out."
        )
    for spec in chosen:
        if not re.fullmatch(r"[0-9a-f]{40}", revisions.get(spec.id) or spec.revision or "main"):
            raise BenchmarkError(
                f"--trust-remote-code: {spec.id} is not pinned to a commit; type --revision={spec.id}=SHA with all "
                "40 digits, or leave --trust-remote-code out."
            )


def _choose_ram_floor(options: Options, machine: device.DeviceInfo) -> int | None:
    """Return the bytes that must stay free; None disables the guard."""
    asked = options.ram_floor
    if asked is None:
        guarded = machine["memory_kind"] == "unified" and options.isolation == "process"
        return footprint.UNIFIED_FLOOR_BYTES if guarded else None
    if asked == 0:
        return None
    if options.isolation == "none":
        raise BenchmarkError(f"--ram-floor={asked:g}: needs a child process to kill; leave --isolation=none out.")
    if memory.read_available_bytes() is None:
        raise BenchmarkError(f"--ram-floor={asked:g}: this system has no /proc/meminfo; leave --ram-floor out.")
    total = machine["ram_bytes"]
    if total is not None and asked * 1e9 >= total:
        raise BenchmarkError(f"--ram-floor={asked:g}: this machine has {total / 1e9:.1f} GB; type a smaller number.")
    return round(asked * 1e9)


def _choose_start_method(options: Options) -> str | None:
    """Return how the child starts; None if there is no child.

    With a forkserver that has imported torch a miniature's child is ready in 0.3 s instead of 4 s. Published figures
    come from a spawned child, which inherits nothing.
    """
    if options.isolation == "none":
        if options.run_timeout is not Options.run_timeout:  # it was typed, with whatever value
            raise BenchmarkError(
                f"--run-timeout={options.run_timeout:g}: needs a child process to kill; leave --isolation=none out."
            )
        return None
    asked = options.start_method
    chosen = asked or ("forkserver" if options.weights == "mini" else "spawn")
    if chosen not in multiprocessing.get_all_start_methods():
        if asked:
            raise BenchmarkError(f"--start-method={asked}: this system does not have it; type --start-method=spawn.")
        return "spawn"
    return chosen


def _clean_label(text: str) -> str:
    label = " ".join(text.split())
    if not label.isprintable() or not label or len(label) > 60:
        raise BenchmarkError("--device-label: needs 1 to 60 printable characters, e.g. --device-label='Jetson Thor'.")
    return label
