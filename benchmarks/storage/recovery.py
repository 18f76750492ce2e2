"""Which journal a session writes: a new one, or with --resume that of the session it goes on with."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import device
from benchmarks.machine.versions import read_versions
from benchmarks.models import MODELS, miniature
from benchmarks.planning.plan import Plan
from benchmarks.storage import journal, resume, segments


def open_journal(
    plan: Plan, save: str, pairs: Sequence[str], folder: Path, say: Callable[[str], None]
) -> journal.Journal:
    """Open the journal of a session that will be saved as `save`; running and unfinished ones are listed.

    Raises:
        BenchmarkError: it cannot be written, or with --resume there is none that fits.
    """
    head = {
        "save": save,
        "pairs": list(pairs),
        "boot": device.read_boot_id(),
        "fingerprint": fingerprint(plan, pairs),
    }
    for path in resume.journals(folder, held=True):
        say(resume.beside(path))
    if plan.resume:
        opened = resume.resume(folder, head, say)
        try:
            segments.check(opened.contents)
        except journal.Damaged:
            opened.close()
            raise
        return opened
    for path in resume.journals(folder):
        say(resume.describe(path))
    return journal.begin(folder, head, say)


def fingerprint(plan: Plan, pairs: Sequence[str]) -> dict[str, Any]:
    """Return all that must be equal for a session to go on with another's runs, by the words of the command line."""
    models = sorted({pair.rpartition("-")[0] for pair in pairs})
    return {
        "--allow-nonfinite": plan.allow_nonfinite,
        "--allow-slow-fp16": plan.allow_slow_fp16,
        "--batch-size": plan.work.batch_size,
        "--isolation": plan.isolation,
        "--new-tokens": plan.work.new_tokens,
        "--power-monitor": plan.power_monitor,
        "--runs": plan.runs,
        "--start-method": plan.start_method,
        "--torch-device": plan.torch_device,
        "--trust-remote-code": plan.trust_remote_code,
        "--warmup-runs": plan.warmup_runs,
        "--weights": plan.weights,
        "device": plan.machine["label"],
        "kind of device": plan.machine["kind"],
        "power mode": plan.machine["power_mode"],
        "workload": plan.work.hash,
        **{f"weights of {name}": _weights(plan, name) for name in models},
        **read_versions(),
    }


def _weights(plan: Plan, name: str) -> str:
    spec = MODELS[name]
    return (plan.revision(spec) or "main") if plan.weights == "hub" else miniature.compute_identity(spec)


def folder_of(storage_folder: Any, root: Path) -> Path:
    """Return where journals are: beside the saves, or in results/ where saves go elsewhere (elasticsearch)."""
    beside = Path(str(storage_folder)) if isinstance(storage_folder, (str, Path)) else root / "results"
    return beside / journal.FOLDER
