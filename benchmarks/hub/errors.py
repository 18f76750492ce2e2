"""What can go wrong between a model and its checkpoint: one sentence each, which says what to type next."""

import errno
from collections.abc import Sequence

from benchmarks import redact
from benchmarks.errors import BenchmarkError
from benchmarks.formatting import make_printable
from benchmarks.hub.checkpoint import CacheState, Checkpoint

OTHERWISE = "or measure the same architecture with --weights=random"
RESUMES = "complete files are kept, and the next try continues from there"
LARGER = "free some space, or set HF_HOME to a folder on a larger disk"
COPY = "copy a complete cache, type --prefetch"
AGAIN = "type the same command again"
REVISION = "--revision={model}=SHA with another commit"
COMMITS = "{endpoint}/{repo}/commits/main"
MESSAGES = {
    "gated": f" is gated: accept the licence at {{endpoint}}/{{repo}}, then type `hf auth login`; {OTHERWISE}.",
    "no repository": ": {endpoint} has no such repository, or only some accounts have access to it; "
    f"see --models=help, type `hf auth login`, {OTHERWISE}.",
    "no revision": f" has no revision {{revision}}; type --revision={{model}}=SHA with a commit from {COMMITS}.",
    "no checkpoint": f" does not contain {{text}} at revision {{revision}}; type {REVISION} from {COMMITS}.",
    "other architecture": " at {commit} has the architecture {text}, but {needed} is needed; "
    f"type {REVISION}, or leave --revision out{{code}}.",
    "unauthorized": ": {endpoint} rejects your token, or the request had no token (HTTP {status}); "
    "type `hf auth login` with a token that has read access (unset HF_TOKEN if it contains another token).",
    "rate limited": ": {endpoint} received too many requests from here (HTTP {status}); "
    f"wait some minutes and {AGAIN} (`hf auth login` raises the limit).",
    "hub down": f": {{endpoint}} answers with HTTP {{status}}; {AGAIN} later: {RESUMES}; {OTHERWISE}.",
    "http": f": {{endpoint}} answers with HTTP {{status}}; check HF_ENDPOINT and the proxy settings, {OTHERWISE}.",
    "invalid": f": {{endpoint}} answers with {{text}}; check HF_ENDPOINT, {OTHERWISE}.",
    "too large": f": {{endpoint}} sends more than it lists; check HF_ENDPOINT, {OTHERWISE}.",
    "too slow": f": {{endpoint}} sends less than 1 kB/s for {{text}}; {RESUMES}: {AGAIN}, {OTHERWISE}.",
    "linked": ": {text} is a link, and nothing behind a link in the cache is changed; "
    "delete the link, or set HF_HOME to another folder.",
    "offline": " {held}, and HF_HUB_OFFLINE blocks access to the Hub; "
    f"{COPY} without HF_HUB_OFFLINE and with a network connection, {OTHERWISE}.",
    "unreachable": " {held}, and the Hub ({endpoint}) cannot be reached ({text}); "
    f"{COPY} with a network connection, {OTHERWISE}.",
    "dropped": f": the connection to the Hub ({{endpoint}}) broke off ({{text}}); {RESUMES}; {OTHERWISE}.",
    "no room": f" needs {{text}} are free; {LARGER}.",
    "disk full": f": {{cache}} is full; {RESUMES}: {LARGER}.",
    "read-only": " {held}, and the cache cannot be written ({text}); set HF_HOME to a writable folder.",
    "damaged": f": {{text}} than the Hub lists; the other files are kept: {AGAIN} to download it again.",
    "incomplete": f" {{held}}, though everything that the Hub lists was downloaded; type {REVISION}.",
    "unexpected": f" could not be fetched ({{text}}); try again, {OTHERWISE}.",
}
"""The reason in a word or two, as --prefetch and --plan show it -> what follows "llava (llava-hf/...)"."""
NAMED = {
    "OfflineModeIsEnabled": "offline",
    "GatedRepoError": "gated",
    "RepositoryNotFoundError": "no repository",
    "RevisionNotFoundError": "no revision",
}
STATUS = {401: "unauthorized", 403: "unauthorized", 408: "hub down", 429: "rate limited"}


class BadAnswer(Exception):
    """What a Hub sends cannot be used; `reason` is a key of MESSAGES."""

    def __init__(self, reason: str, text: str = "") -> None:
        super().__init__(text)
        self.reason = reason


class HubError(BenchmarkError):
    """Why a checkpoint cannot be loaded; `reason` is a key of MESSAGES."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, make_printable(redact.hide_secrets(message)))
        self.reason = reason

    def __str__(self) -> str:
        return str(self.args[1])


def build_error(reason: str, checkpoint: Checkpoint, text: str = "", **facts: object) -> HubError:
    """Return the HubError for a reason; `facts` are what its message needs besides the checkpoint's own."""
    facts |= {"model": checkpoint.model, "repo": checkpoint.repo, "text": redact.hide_secrets(text)[:300]}
    facts["revision"] = checkpoint.revision or "main"
    return HubError(reason, f"{checkpoint.model} ({checkpoint.repo}){MESSAGES[reason].format_map(facts)}")


def explain(error: Exception, checkpoint: Checkpoint, state: CacheState, endpoint: str) -> HubError:
    """Return the HubError for an error of huggingface_hub, which may wrap its cause into "not in the cache"."""
    cause: BaseException = error
    while _classify(cause) is None and cause.__cause__ is not None:
        cause = cause.__cause__
    reason = _classify(cause)
    text = getattr(cause, "strerror", None) or str(cause).strip().partition("\n")[0] or type(cause).__name__
    if reason is None:
        return build_error("unexpected", checkpoint, f"{type(cause).__name__}: {text}")
    if reason == "damaged":
        text = "a file arrived with another size"
    status = getattr(getattr(cause, "response", None), "status_code", None)
    held = describe_state(state)
    return build_error(reason, checkpoint, text, status=status, endpoint=endpoint, cache=state.cache, held=held)


def describe_state(state: CacheState) -> str:
    """Return in words what the cache holds."""
    if state.snapshot is None:
        return f"is not in the cache {state.cache}"
    flaws = [f"without {shorten(state.missing)}"] if state.missing else []
    flaws += [f"with {shorten(state.damaged)} cut short"] if state.damaged else []
    return " ".join([f"is in the cache {state.cache}", " and ".join(flaws)]).strip()


def shorten(names: Sequence[str]) -> str:
    """Return the first three names, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _classify(error: BaseException) -> str | None:
    """Return the reason that one error stands for; the classes of httpx are another package's in each version."""
    name, package = type(error).__name__, type(error).__module__.partition(".")[0]
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, BadAnswer):
        return error.reason
    if name in NAMED:
        return NAMED[name]
    if status is not None:
        return STATUS.get(status, "hub down" if status >= 500 else "http")
    if package in ("httpx", "httpx2", "httpcore", "httpcore2"):
        not_connected = name in ("ConnectError", "ConnectTimeout", "ProxyError", "UnsupportedProtocol")
        return "unreachable" if not_connected else "dropped"
    if not isinstance(error, OSError):
        return None
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "disk full"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
        return "read-only"
    return "damaged" if str(error).startswith("Consistency check failed") else None  # another size
