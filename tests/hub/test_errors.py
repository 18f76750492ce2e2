"""Every error of the Hub, over real HTTP, is one sentence that says what to type next.

Tests benchmarks.hub.checkpoint and benchmarks.hub.errors.
"""

import errno
import hashlib
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks import hub
from benchmarks.hub import HubError, client
from benchmarks.hub.checkpoint import CacheState, Checkpoint, DownloadPlan, Snapshot
from benchmarks.hub.errors import explain
from benchmarks.processes.helper import run_in_process
from tests.support.hub_handler import Fault
from tests.support.hub_server import BIG, TOKEN, HubServer, make_stocked_server, use_hub

WANTED = Checkpoint("llava", "org/name")
OTHERWISE = "or measure the same architecture with --weights=random."
STAYS = "complete files are kept, and the next try continues from there"
ACCEPT = "is gated: accept the licence at {url}/org/gated, then type `hf auth login`; " + OTHERWISE
WEIGHTS_BLOB = hashlib.sha256(BIG).hexdigest()
LOGIN = "type `hf auth login` with a token that has read access (unset HF_TOKEN if it contains another token)."
REFUSED = {
    "missing": (
        Fault(),
        "no repository: llava (org/missing): {url} has no such repository, or only some accounts have access to it; "
        "see --models=help, type `hf auth login`, " + OTHERWISE,
    ),
    "name": (
        Fault(),
        (
            "no revision: llava (org/name) has no revision 0123abc; "
            "type --revision=llava=SHA with a commit from {url}/org/name/commits/main."
        ),
    ),
    "lora": (
        Fault(),
        (
            "no checkpoint: llava (org/lora) does not contain vision-lora/*.safetensors at revision main; "
            "type --revision=llava=SHA with another commit from {url}/org/lora/commits/main."
        ),
    ),
    "gated": (Fault(401, "GatedRepo", f"no {TOKEN}"), "gated: llava (org/gated) " + ACCEPT),
    "anonymous": (
        Fault(401),
        "unauthorized: llava (org/anonymous): {url} rejects your token, or the request had no token (HTTP 401); "
        + LOGIN,
    ),
    "forbidden": (
        Fault(403, "", f"bad {TOKEN}"),
        "unauthorized: llava (org/forbidden): {url} rejects your token, or the request had no token (HTTP 403); "
        + LOGIN,
    ),
    "limited": (
        Fault(429),
        (
            "rate limited: llava (org/limited): {url} received too many requests from here (HTTP 429); "
            "wait some minutes and type the same command again (`hf auth login` raises the limit)."
        ),
    ),
    "down": (
        Fault(503),
        (
            f"hub down: llava (org/down): {{url}} answers with HTTP 503; "
            f"type the same command again later: {STAYS}; {OTHERWISE}"
        ),
    ),
    "broken": (
        Fault(500),
        (
            f"hub down: llava (org/broken): {{url}} answers with HTTP 500; "
            f"type the same command again later: {STAYS}; {OTHERWISE}"
        ),
    ),
    "teapot": (
        Fault(418),
        "http: llava (org/teapot): {url} answers with HTTP 418; check HF_ENDPOINT and the proxy settings, " + OTHERWISE,
    ),
}
"""Repository -> (fault of its page, reason: message)."""
MORE: dict[str, dict[str, Any]] = {"name": {"revision": "0123abc"}, "lora": {"extra_folders": ("vision-lora",)}}
BROKEN = {
    "gated": (Fault(403, "GatedRepo"), "gated: llava (org/gated) " + ACCEPT),
    "dropped": (
        Fault(drop_after=0),
        (
            "dropped: llava (org/dropped): the connection to the Hub ({url}) broke off (peer closed "
            f"connection without sending complete message body (received 0 bytes, expected {len(BIG)})); "
            f"{STAYS}; {OTHERWISE}"
        ),
    ),
    "garbled": (
        Fault(garble=True),
        (
            "damaged: llava (org/garbled): model.safetensors arrived with another checksum than the Hub lists; "
            "the other files are kept: type the same command again to download it again."
        ),
    ),
    "short": (
        Fault(size=len(BIG) + 1),
        (
            "damaged: llava (org/short): a file arrived with another size than the Hub lists; "
            "the other files are kept: type the same command again to download it again."
        ),
    ),
    "down": (
        Fault(503),
        (
            f"hub down: llava (org/down): {{url}} answers with HTTP 503; "
            f"type the same command again later: {STAYS}; {OTHERWISE}"
        ),
    ),
    "reset": (Fault(drop_after=1000, reset=True, times=2), "complete"),
    "garbled-once": (Fault(garble=True, times=1), "complete"),
}
"""Repository -> (fault of its weights, "reason: message", or "complete" if the download succeeds in the end)."""


@pytest.fixture(scope="module")
def server() -> Iterator[HubServer]:
    """A Hub with all these faults, each in a repository of its own."""
    with make_stocked_server() as started:
        started.faults |= {f"org/{name}": fault for name, (fault, _) in REFUSED.items()}
        started.faults |= {f"hurt/{name}/model.safetensors": fault for name, (fault, _) in BROKEN.items()}
        yield started


def describe(outcome: DownloadPlan | Snapshot | HubError) -> str:
    """Return "reason: message" of an error, else "complete"."""
    return f"{outcome.reason}: {outcome}" if isinstance(outcome, HubError) else "complete"


@pytest.fixture(scope="module")
def refused(server: HubServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The message about each repository of REFUSED, asked by one helper process."""
    with pytest.MonkeyPatch.context() as patch:
        use_hub(patch, tmp_path_factory.mktemp("refused"), server.url)
        asked = [Checkpoint("llava", f"org/{name}", **MORE.get(name, {})) for name in REFUSED]
        return dict(zip(REFUSED, map(describe, run_in_process("spawn", client.plan_downloads, asked)), strict=True))


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_one_sentence(refused: dict[str, str], server: HubServer, name: str) -> None:
    """A refusal of the Hub is one sentence, which says what to type next and hides the token."""
    assert refused[name] == REFUSED[name][1].replace("{url}", server.url)


def download_all(checkpoints: Sequence[Checkpoint]) -> list[Snapshot | HubError]:
    """Download one after another; for one helper process.

    Shortens the second that huggingface_hub waits between its tries.
    """
    wait = time.sleep
    time.sleep = lambda seconds: wait(float(seconds) / 20)
    return [download(checkpoint) for checkpoint in checkpoints]


def download(checkpoint: Checkpoint) -> Snapshot | HubError:
    """Download one checkpoint, or return the error."""
    try:
        return client.fetch(checkpoint, client.plan_download(checkpoint))
    except HubError as error:
        return error


@pytest.fixture(scope="module")
def broken(server: HubServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The cache's folder after the downloads of BROKEN, and the message about each."""
    home = tmp_path_factory.mktemp("broken")
    with pytest.MonkeyPatch.context() as patch:
        use_hub(patch, home, server.url)
        asked = [Checkpoint("llava", f"hurt/{name}") for name in BROKEN]
        return home / "hub", dict(zip(BROKEN, map(describe, run_in_process("spawn", download_all, asked)), strict=True))


@pytest.mark.parametrize("name", BROKEN)
def test_a_download_that_breaks(broken: tuple[Path, dict[str, str]], server: HubServer, name: str) -> None:
    """A failed download says why and leaves no partial file; a reset one and one garbled file are repaired."""
    cache, messages = broken
    message = BROKEN[name][1].replace("{url}", server.url).replace("org/", "hurt/")
    assert messages[name] == message
    left = {path.name for path in (cache / f"models--hurt--{name}").rglob("*.safetensors")}
    assert left == ({"model.safetensors"} if message == "complete" else set())
    assert not list(cache.rglob("*.*.incomplete"))
    assert (cache / f"models--hurt--{name}/blobs/{WEIGHTS_BLOB}").exists() == (message == "complete")


def test_complete_files_stay(broken: tuple[Path, dict[str, str]], server: HubServer) -> None:
    """When one file cannot be downloaded, the others stay in the cache."""
    snapshot = broken[0] / "models--hurt--dropped/snapshots" / server.commit
    assert {path.name for path in snapshot.iterdir()} == {"config.json", "tokenizer.json"}


def get_error() -> HubError:
    """Return the error of obtaining WANTED."""
    with pytest.raises(HubError) as caught:
        hub.obtain(WANTED, print)
    return caught.value


@pytest.mark.parametrize(("name", "shown"), [("", ""), ("user:very-secret@", "[secret]@")])
def test_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, shown: str) -> None:
    """Without a network, a checkpoint that is not in the cache is refused; a password in HF_ENDPOINT is hidden."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    use_hub(monkeypatch, tmp_path, f"http://{name}{address}")
    found = get_error()

    assert found.reason == "unreachable"
    refused = f"[Errno {errno.ECONNREFUSED}] Connection refused"
    assert str(found) == (
        f"llava (org/name) is not in the cache {tmp_path}/hub, and the Hub (http://{shown}{address}) cannot be reached "
        f"({refused}); copy a complete cache, type --prefetch with a network connection, {OTHERWISE}"
    )


def test_no_such_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Hub whose host name does not resolve cannot be reached."""
    use_hub(monkeypatch, tmp_path, "http://hub.invalid")
    assert get_error().reason == "unreachable"


def test_a_hub_that_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Hub that accepts the request and never answers ends in huggingface_hub's own timeout."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        use_hub(monkeypatch, tmp_path, url)
        monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "1")
        found = get_error()

    assert found.reason == "dropped"
    assert (
        str(found) == f"llava (org/name): the connection to the Hub ({url}) broke off (timed out); {STAYS}; {OTHERWISE}"
    )


def test_offline_by_choice(server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With HF_HUB_OFFLINE the Hub is not asked, and the message says what to do instead."""
    use_hub(monkeypatch, tmp_path, server.url)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    asked = len(server.asked)
    found = get_error()

    assert found.reason == "offline"
    assert str(found) == (
        f"llava (org/name) is not in the cache {tmp_path}/hub, and HF_HUB_OFFLINE blocks access to the Hub; "
        "copy a complete cache, type --prefetch without HF_HUB_OFFLINE and with a network connection, " + OTHERWISE
    )
    assert len(server.asked) == asked


def test_an_unknown_error_is_named(tmp_path: Path) -> None:
    """An unknown error is shown with its class; of a wrapped error, the cause is explained."""
    state = CacheState(tmp_path, tmp_path, tmp_path, missing=("a", "b", "c", "d"), damaged=("e",))
    error = explain(RuntimeError(f"xet: {TOKEN}\nmore"), WANTED, state, "https://huggingface.co")
    assert error.reason == "unexpected"
    assert str(error) == f"llava (org/name) could not be fetched (RuntimeError: xet: [secret]); try again, {OTHERWISE}"

    wrapped = FileNotFoundError("not in the cache")
    wrapped.__cause__ = OSError(30, "Read-only file system")
    assert str(explain(wrapped, WANTED, state, "https://huggingface.co")) == (
        f"llava (org/name) is in the cache {tmp_path} without a, b, c and 1 more and with e cut short, "
        "and the cache cannot be written (Read-only file system); set HF_HOME to a writable folder."
    )
