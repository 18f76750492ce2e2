"""Get a complete local directory of a published checkpoint: from the cache, or from the Hub.

Only a helper process (`client`) imports huggingface_hub and uses the network.
"""

from collections.abc import Callable
from functools import partial

from benchmarks.formatting import format_size
from benchmarks.hub import client
from benchmarks.hub.checkpoint import Checkpoint, DownloadPlan, Snapshot
from benchmarks.hub.errors import HubError, build_error
from benchmarks.hub.files import read_config
from benchmarks.hub.progress import DISK_MARGIN, ProgressMeter, get_free_bytes
from benchmarks.models.base import ModelSpec
from benchmarks.processes import helper

__all__ = ["Checkpoint", "HubError", "Snapshot", "build_checkpoint", "complete", "obtain"]


def build_checkpoint(spec: ModelSpec, *, revision: str | None = None, remote_code: bool = False) -> Checkpoint:
    """Return the published checkpoint of `spec`, at `revision` instead of its own if given."""
    folders = (spec.adapter,) if spec.adapter else ()
    return Checkpoint(spec.id, spec.repo, revision or spec.revision, folders, remote_code, spec.architecture)


def obtain(checkpoint: Checkpoint, show: Callable[[str], None]) -> Snapshot:
    """Return the complete snapshot, after downloading what is missing.

    Asks the Hub nothing if the cache holds config.json, every weight file that its index names, none of them
    cut short, the extra folders, and every file that huggingface_hub remembers of the repository.
    `show` receives the progress twice a second.

    Raises:
        HubError: it cannot be found or downloaded.
    """
    (plan,) = helper.call("spawn", client.plan_downloads, [checkpoint])
    if isinstance(plan, HubError):
        raise plan
    return complete(checkpoint, plan, show)


def complete(checkpoint: Checkpoint, plan: DownloadPlan, show: Callable[[str], None]) -> Snapshot:
    """Return the complete snapshot of `plan`, after downloading what is missing.

    Raises:
        HubError: the download failed, or config.json names another architecture.
    """
    snapshot = plan.state.complete or _download(checkpoint, plan, show)
    config = read_config(snapshot.path)
    runs_own_code = checkpoint.remote_code and "auto_map" in config
    if checkpoint.architecture not in (None, config.get("model_type")) and not runs_own_code:
        trust = "auto_map" in config and not checkpoint.remote_code
        code = ", or --trust-remote-code to run the code that it brings" if trust else ""
        facts = {"commit": snapshot.commit, "needed": repr(checkpoint.architecture), "code": code}
        raise build_error("other architecture", checkpoint, repr(config.get("model_type")), **facts)
    return snapshot


def _download(checkpoint: Checkpoint, plan: DownloadPlan, show: Callable[[str], None]) -> Snapshot:
    """Download what is missing, if the disk has room for it."""
    needed, free = round(plan.missing_bytes * (1 + DISK_MARGIN)), get_free_bytes(plan.state.cache)
    if needed > free:
        sizes = f"{format_size(needed)} in {plan.state.cache}, but only {format_size(free)}"
        raise build_error("no room", checkpoint, sizes)
    meter = ProgressMeter(checkpoint.model, plan, show)
    return helper.watched("spawn", partial(client.fetch, checkpoint, plan), look=meter.update, every_s=0.5)
