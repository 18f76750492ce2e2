"""What can go wrong between a model and its checkpoint, each in one sentence that says what to type next."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping, Sequence

from benchmarks import redact
from benchmarks.errors import BenchmarkError
from benchmarks.formatting import format_size
from benchmarks.hub.checkpoint import Checkpoint, Found

OTHERWISE = "or --weights=random measures the same architecture without it"
FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)
RESUMES = "what is complete stays, and the next try goes on from there"


class HubTrouble(BenchmarkError):
    """A checkpoint that could not be had.

    Attributes:
        reason: gated, unauthorized, no repository, no revision, no checkpoint, other architecture, unreachable,
            offline, dropped, rate limited, hub down, http, no room, disk full, read-only, damaged, incomplete or
            unexpected.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(redact.make_printable(redact.hide_secrets(message)))
        self.reason = reason

    def __reduce__(self) -> tuple[type[HubTrouble], tuple[str, str]]:
        return type(self), (self.reason, str(self))


def explain(error: Exception, checkpoint: Checkpoint, found: Found, endpoint: str) -> HubTrouble:
    """Return the trouble that an error of huggingface_hub, or what caused it, stands for."""
    for cause in _causes(error):
        told = _told(cause, checkpoint, found, endpoint)
        if told is not None:
            return told
    named = ": ".join(filter(None, [type(error).__name__, _line(error)]))
    return HubTrouble("unexpected", f"{_name(checkpoint)} could not be had ({named}); try again, {OTHERWISE}.")


def no_room(checkpoint: Checkpoint, needed: int, free: int, cache: str) -> HubTrouble:
    """Return what to say before a download that would fill the disk; bytes."""
    return HubTrouble(
        "no room",
        f"{_name(checkpoint)} needs {format_size(needed)} in {cache}, {format_size(free)} are free; "
        "free some, or set HF_HOME to a folder on a larger disk.",
    )


def no_checkpoint(checkpoint: Checkpoint, lacks: Sequence[str], endpoint: str) -> HubTrouble:
    """Return what to say of a repository that holds no checkpoint that can be loaded."""
    return HubTrouble(
        "no checkpoint",
        f"{_name(checkpoint)} has no {' and no '.join(lacks)} at {_revision(checkpoint)}; "
        f"type --revision={checkpoint.model}=SHA with another of {endpoint}/{checkpoint.repo}/commits/main.",
    )


def mismatch(checkpoint: Checkpoint, name: str) -> HubTrouble:
    """Return what to say of a file that came with other bytes than the Hub promised."""
    return HubTrouble(
        "damaged",
        f"{_name(checkpoint)}: {name} came with another checksum than the Hub names, and was deleted; "
        "type the same again to download it anew.",
    )


def incomplete(checkpoint: Checkpoint, found: Found) -> HubTrouble:
    """Return what to say of a download that left a snapshot without some of its files."""
    return HubTrouble(
        "incomplete",
        f"{_name(checkpoint)} {_held(found)}, though all that the Hub lists was downloaded; "
        f"type --revision={checkpoint.model}=SHA with another commit.",
    )


def other_architecture(checkpoint: Checkpoint, commit: str, settings: Mapping[str, object]) -> HubTrouble:
    """Return what to say of files that are whole, and of another model; `settings` are those of their config.json."""
    found, code = settings.get("model_type"), "auto_map" in settings
    brings = ", or --trust-remote-code to run the code that it brings" if code and not checkpoint.remote_code else ""
    return HubTrouble(
        "other architecture",
        f"{_name(checkpoint)} at {commit} is of the architecture {found!r}, and {checkpoint.architecture!r} is needed; "
        f"type --revision={checkpoint.model}=SHA with another commit, or leave --revision out{brings}.",
    )


def _told(error: BaseException, checkpoint: Checkpoint, found: Found, endpoint: str) -> HubTrouble | None:
    """Return the trouble if this one error tells it."""
    name = type(error).__name__
    if name == "OfflineModeIsEnabled":
        return _offline(checkpoint, found)
    response = getattr(error, "response", None)
    if response is not None:
        return _refused(name, int(response.status_code), checkpoint, endpoint)
    if type(error).__module__.split(".")[0] in ("httpx", "httpx2", "httpcore", "httpcore2"):
        return _cut_off(error, checkpoint, found, endpoint)
    if isinstance(error, OSError):
        return _of_the_disk(error, checkpoint, found)
    return None


def _offline(checkpoint: Checkpoint, found: Found) -> HubTrouble:
    return HubTrouble(
        "offline",
        f"{_name(checkpoint)} {_held(found)} and HF_HUB_OFFLINE forbids to ask the Hub; copy the cache, "
        f"type --prefetch without HF_HUB_OFFLINE where there is network, {OTHERWISE}.",
    )


def _cut_off(error: BaseException, checkpoint: Checkpoint, found: Found, endpoint: str) -> HubTrouble:
    """Return what to say where no answer came, or only a part of it."""
    text = _line(error) or type(error).__name__
    if type(error).__name__ in ("ConnectError", "ConnectTimeout", "ProxyError", "UnsupportedProtocol"):
        return HubTrouble(
            "unreachable",
            f"{_name(checkpoint)} {_held(found)} and the Hub ({endpoint}) cannot be reached ({text}); copy the cache, "
            f"type --prefetch where there is network, {OTHERWISE}.",
        )
    return HubTrouble(
        "dropped",
        f"{_name(checkpoint)}: the connection to the Hub ({endpoint}) broke off ({text}); {RESUMES}; {OTHERWISE}.",
    )


def _refused(name: str, status: int, checkpoint: Checkpoint, endpoint: str) -> HubTrouble:
    """Return what to say where the Hub answered with an error."""
    model, page = _name(checkpoint), f"{endpoint}/{checkpoint.repo}"
    if name == "GatedRepoError":
        return HubTrouble(
            "gated", f"{model} is gated: accept the licence at {page}, then type `hf auth login`; {OTHERWISE}."
        )
    if name == "RepositoryNotFoundError":
        return HubTrouble(
            "no repository",
            f"{model}: {endpoint} knows no such repository, or shows it to some accounts only; "
            f"see --models=help, type `hf auth login`, {OTHERWISE}.",
        )
    if name == "RevisionNotFoundError":
        return HubTrouble(
            "no revision",
            f"{model} has no revision {checkpoint.revision}; type --revision={checkpoint.model}=SHA "
            f"with one of {page}/commits/main.",
        )
    return HubTrouble(*_status(status, model, endpoint))


def _status(status: int, model: str, endpoint: str) -> tuple[str, str]:
    """Return (reason, message) for an HTTP status that comes without a name of the Hub's own."""
    if status in (401, 403):
        remedy = "type `hf auth login` with a token that may read it (and unset HF_TOKEN if it holds another)"
        return "unauthorized", f"{model}: {endpoint} refuses this token, or none, with HTTP {status}; {remedy}."
    if status == 429:
        remedy = "wait some minutes and type the same again (`hf auth login` raises the limit)"
        return "rate limited", f"{model}: {endpoint} has had too many requests from here (HTTP 429); {remedy}."
    if status >= 500 or status == 408:
        remedy = f"type the same again later: {RESUMES}; {OTHERWISE}"
        return "hub down", f"{model}: {endpoint} answers with HTTP {status}; {remedy}."
    return "http", f"{model}: {endpoint} answers with HTTP {status}; look at HF_ENDPOINT and proxies, {OTHERWISE}."


def _of_the_disk(error: OSError, checkpoint: Checkpoint, found: Found) -> HubTrouble | None:
    """Return what to say where the cache could not be written, or a file came short."""
    if error.errno in FULL:
        return HubTrouble(
            "disk full",
            f"{_name(checkpoint)}: {found.cache} is full; {RESUMES}: free some, or set HF_HOME to a larger disk.",
        )
    if error.errno in FORBIDDEN:
        return HubTrouble(
            "read-only",
            f"{_name(checkpoint)} {_held(found)}, which cannot be written ({error.strerror}); "
            "set HF_HOME to a folder that may be written.",
        )
    if str(error).startswith("Consistency check failed"):
        return HubTrouble(
            "damaged",
            f"{_name(checkpoint)}: a file came with another size than the Hub names; {RESUMES}: "
            "type the same again to download it anew.",
        )
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it was raised from: huggingface_hub wraps what happened into "not in the cache"."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__


def _held(found: Found) -> str:
    """Return in words what the cache holds of it."""
    if found.snapshot is None:
        return f"is not in the cache {found.cache}"
    flaws = [f"without {_few(found.lacks)}"] if found.lacks else []
    flaws += [f"with {_few(found.damaged)} cut short"] if found.damaged else []
    return " ".join([f"is in the cache {found.cache}", " and ".join(flaws)]).strip()


def _line(error: BaseException) -> str:
    """Return the first line of an error's text."""
    return next(iter(str(error).strip().splitlines()), "")


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _name(checkpoint: Checkpoint) -> str:
    return f"{checkpoint.model} ({checkpoint.repo})"


def _revision(checkpoint: Checkpoint) -> str:
    return "main" if checkpoint.revision is None else checkpoint.revision
