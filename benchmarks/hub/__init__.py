"""Get a complete local directory of a published checkpoint; only a helper process uses the network."""

from collections.abc import Callable

from benchmarks.formatting import format_size
from benchmarks.hub import client
from benchmarks.hub.checkpoint import Checkpoint, DownloadPlan, Snapshot
from benchmarks.hub.errors import HubError, build_error
from benchmarks.hub.files import read_json
from benchmarks.hub.progress import DISK_MARGIN, get_free_bytes, make_meter
from benchmarks.processes.helper import run_in_process

__all__ = ["Checkpoint", "HubError", "Snapshot", "get_snapshot", "obtain"]


def obtain(checkpoint: Checkpoint, show: Callable[[str], None]) -> Snapshot:
    """Return the complete snapshot, after downloading what is missing.

    Asks the Hub nothing if the cache holds config.json, every weight file that its index names, none of them
    cut short, the extra folders, and every file that huggingface_hub remembers of the repository.
    `show` receives the progress twice a second.

    Raises:
        HubError: as `get_snapshot`, or the Hub refuses or cannot be reached.
    """
    (plan,) = run_in_process("spawn", client.plan_downloads, [checkpoint])
    return get_snapshot(checkpoint, plan, show)


def get_snapshot(checkpoint: Checkpoint, plan: DownloadPlan | HubError, show: Callable[[str], None]) -> Snapshot:
    """Return the complete snapshot of `plan`, after downloading what is missing.

    Raises:
        HubError: `plan` is one, the download failed, or config.json names another architecture.
    """
    if isinstance(plan, HubError):
        raise plan
    snapshot = plan.state.complete or _download(checkpoint, plan, show)
    config = read_json(snapshot.path / "config.json")
    runs_own_code = checkpoint.remote_code and "auto_map" in config
    if checkpoint.architecture not in (None, config.get("model_type")) and not runs_own_code:
        code = "; or type --trust-remote-code to run its own code" if "auto_map" in config else ""
        facts = {"commit": snapshot.commit, "needed": repr(checkpoint.architecture), "code": code}
        raise build_error("other architecture", checkpoint, repr(config.get("model_type")), **facts)
    return snapshot


def _download(checkpoint: Checkpoint, plan: DownloadPlan, show: Callable[[str], None]) -> Snapshot:
    """Download what is missing, if the disk has room for it."""
    needed, free = round(plan.missing_bytes * (1 + DISK_MARGIN)), get_free_bytes(plan.state.cache)
    if needed > free:
        sizes = f"{format_size(needed)} in {plan.state.cache}, but only {format_size(free)}"
        raise build_error("no room", checkpoint, sizes)
    look = make_meter(checkpoint.model, plan, show)
    return run_in_process("spawn", client.fetch, checkpoint, plan, on_tick=look)
