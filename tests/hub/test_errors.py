"""Every trouble with the Hub, met for real over HTTP, is one sentence that says what to type next."""

from __future__ import annotations

import errno
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import hub
from benchmarks.hub import HubTrouble, client
from benchmarks.hub import errors as hub_trouble
from benchmarks.hub.checkpoint import Checkpoint, Found, Listing, Snapshot
from benchmarks.processes.helper import run_in_process
from tests.support.hub_handler import Fault
from tests.support.hub_server import BIG, TOKEN, HubServer, stocked, use

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

WANTED = Checkpoint("llava", "org/name")
OTHERWISE = "or --weights=random measures the same architecture without it."
STAYS = "what is complete stays, and the next try goes on from there"
ACCEPT = "is gated: accept the licence at {url}/org/gated, then type `hf auth login`; " + OTHERWISE
LOGIN = "type `hf auth login` with a token that may read it (and unset HF_TOKEN if it holds another)."
REFUSED = {
    "missing": (
        Fault(),
        "no repository: llava (org/missing): {url} knows no such repository, or shows it to some accounts only; "
        "see --models=help, type `hf auth login`, " + OTHERWISE,
    ),
    "name": (
        Fault(),
        (
            "no revision: llava (org/name) has no revision 0123abc; "
            "type --revision=llava=SHA with one of {url}/org/name/commits/main."
        ),
    ),
    "lora": (
        Fault(),
        (
            "no checkpoint: llava (org/lora) has no vision-lora/*.safetensors at main; "
            "type --revision=llava=SHA with another of {url}/org/lora/commits/main."
        ),
    ),
    "gated": (Fault(401, "GatedRepo", f"no {TOKEN}"), "gated: llava (org/gated) " + ACCEPT),
    "anonymous": (
        Fault(401),
        "unauthorized: llava (org/anonymous): {url} refuses this token, or none, with HTTP 401; " + LOGIN,
    ),
    "forbidden": (
        Fault(403, "", f"bad {TOKEN}"),
        "unauthorized: llava (org/forbidden): {url} refuses this token, or none, with HTTP 403; " + LOGIN,
    ),
    "limited": (
        Fault(429),
        (
            "rate limited: llava (org/limited): {url} has had too many requests from here (HTTP 429); "
            "wait some minutes and type the same again (`hf auth login` raises the limit)."
        ),
    ),
    "down": (
        Fault(503),
        f"hub down: llava (org/down): {{url}} answers with HTTP 503; type the same again later: {STAYS}; {OTHERWISE}",
    ),
    "broken": (
        Fault(500),
        f"hub down: llava (org/broken): {{url}} answers with HTTP 500; type the same again later: {STAYS}; {OTHERWISE}",
    ),
    "teapot": (
        Fault(418),
        "http: llava (org/teapot): {url} answers with HTTP 418; look at HF_ENDPOINT and proxies, " + OTHERWISE,
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
            "damaged: llava (org/garbled): model.safetensors came with another checksum than the Hub names, "
            "and was deleted; type the same again to download it anew."
        ),
    ),
    "short": (
        Fault(size=len(BIG) + 1),
        (
            f"damaged: llava (org/short): a file came with another size than the Hub names; {STAYS}: "
            "type the same again to download it anew."
        ),
    ),
    "down": (
        Fault(503),
        f"hub down: llava (org/down): {{url}} answers with HTTP 503; type the same again later: {STAYS}; {OTHERWISE}",
    ),
    "reset": (Fault(drop_after=1000, reset=True, times=2), "complete"),
}
"""Repository -> (fault of its weights, reason: message, or that it comes right in the end)."""


@pytest.fixture(scope="module")
def server() -> Iterator[HubServer]:
    """A Hub with all these faults, each in a repository of its own."""
    with stocked() as found:
        found.faults |= {f"org/{name}": fault for name, (fault, _) in REFUSED.items()}
        found.faults |= {f"hurt/{name}/model.safetensors": fault for name, (fault, _) in BROKEN.items()}
        yield found


def worded(found: Listing | Snapshot | HubTrouble) -> str:
    """Return "reason: message" of a trouble."""
    return f"{found.reason}: {found}" if isinstance(found, HubTrouble) else "complete"


@pytest.fixture(scope="module")
def refused(server: HubServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is said of each repository of REFUSED, asked by one helper."""
    with pytest.MonkeyPatch.context() as patch:
        use(patch, tmp_path_factory.mktemp("refused"), server.url)
        asked = [Checkpoint("llava", f"org/{name}", **MORE.get(name, {})) for name in REFUSED]
        return dict(zip(REFUSED, map(worded, run_in_process("spawn", client.survey, asked)), strict=True))


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_one_sentence(refused: dict[str, str], server: HubServer, name: str) -> None:
    """What the Hub refuses is said in one sentence, with what to type next, and without the token."""
    assert refused[name] == REFUSED[name][1].replace("{url}", server.url)


def attempts(checkpoints: Sequence[Checkpoint]) -> list[Snapshot | HubTrouble]:
    """Download each; for one helper process, where all go wrong at once.

    Between its tries huggingface_hub waits a second, which nobody has to wait for here.
    """
    wait = time.sleep
    time.sleep = lambda seconds: wait(float(seconds) / 20)
    with ThreadPoolExecutor(len(checkpoints)) as pool:
        return list(pool.map(attempt, checkpoints))


def attempt(checkpoint: Checkpoint) -> Snapshot | HubTrouble:
    """Download one, or return what went wrong."""
    try:
        return client.fetch(checkpoint, client.listing(checkpoint))
    except HubTrouble as found:
        return found


@pytest.fixture(scope="module")
def broken(server: HubServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The folder of the cache after the downloads of BROKEN, and what is said of each."""
    home = tmp_path_factory.mktemp("broken")
    with pytest.MonkeyPatch.context() as patch:
        use(patch, home, server.url)
        asked = [Checkpoint("llava", f"hurt/{name}") for name in BROKEN]
        return home / "hub", dict(zip(BROKEN, map(worded, run_in_process("spawn", attempts, asked)), strict=True))


@pytest.mark.parametrize("name", BROKEN)
def test_a_download_that_breaks(broken: tuple[Path, dict[str, str]], server: HubServer, name: str) -> None:
    """A download that fails says why in one sentence, and leaves no half; one that is reset begins again."""
    cache, said = broken
    message = BROKEN[name][1].replace("{url}", server.url).replace("org/", "hurt/")
    assert said[name] == message
    left = {path.name for path in (cache / f"models--hurt--{name}").rglob("*.safetensors")}
    assert left == ({"model.safetensors"} if message == "complete" else set())
    assert not list(cache.rglob("*.*.incomplete"))


def test_what_is_complete_stays(broken: tuple[Path, dict[str, str]], server: HubServer) -> None:
    """When one file cannot be had, the others that were downloaded are in the cache."""
    snapshot = broken[0] / "models--hurt--dropped/snapshots" / server.commit
    assert {path.name for path in snapshot.iterdir()} == {"config.json", "tokenizer.json"}


def trouble() -> HubTrouble:
    """Return what goes wrong when a checkpoint is wanted."""
    with pytest.raises(HubTrouble) as caught:
        hub.obtain(WANTED, print)
    return caught.value


@pytest.mark.parametrize(("name", "shown"), [("", ""), ("user:very-secret@", "[secret]@")])
def test_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, shown: str) -> None:
    """Without a network, what is not in the cache is refused in one sentence; a password in HF_ENDPOINT is hidden."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    use(monkeypatch, tmp_path, f"http://{name}{address}")
    found = trouble()

    assert found.reason == "unreachable"
    refused = f"[Errno {errno.ECONNREFUSED}] Connection refused"
    assert str(found) == (
        f"llava (org/name) is not in the cache {tmp_path}/hub and the Hub (http://{shown}{address}) cannot be reached "
        f"({refused}); copy the cache, type --prefetch where there is network, {OTHERWISE}"
    )


def test_no_such_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Hub whose name nobody resolves cannot be reached."""
    use(monkeypatch, tmp_path, "http://hub.invalid")
    assert trouble().reason == "unreachable"


def test_a_hub_that_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Hub that takes the question and says nothing is given up at huggingface_hub's own timeout."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        use(monkeypatch, tmp_path, url)
        monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "1")
        found = trouble()

    assert found.reason == "dropped"
    assert (
        str(found) == f"llava (org/name): the connection to the Hub ({url}) broke off (timed out); {STAYS}; {OTHERWISE}"
    )


def test_offline_by_choice(server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With HF_HUB_OFFLINE the Hub is not asked, and what to do instead is said."""
    use(monkeypatch, tmp_path, server.url)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    asked = len(server.asked)
    found = trouble()

    assert found.reason == "offline"
    assert str(found) == (
        f"llava (org/name) is not in the cache {tmp_path}/hub and HF_HUB_OFFLINE forbids to ask the Hub; "
        "copy the cache, type --prefetch without HF_HUB_OFFLINE where there is network, " + OTHERWISE
    )
    assert len(server.asked) == asked


def test_an_error_that_nobody_foresaw(tmp_path: Path) -> None:
    """An error of another kind is told with its name, and what it was raised from comes first."""
    found = Found(tmp_path, tmp_path, tmp_path, lacks=("a", "b", "c", "d"), damaged=("e",))
    told = hub_trouble.explain(RuntimeError(f"xet: {TOKEN}\nmore"), WANTED, found, "https://huggingface.co")
    assert told.reason == "unexpected"
    assert str(told) == f"llava (org/name) could not be had (RuntimeError: xet: [secret]); try again, {OTHERWISE}"

    wrapped = FileNotFoundError("not in the cache")
    wrapped.__cause__ = OSError(30, "Read-only file system")
    assert str(hub_trouble.explain(wrapped, WANTED, found, "https://huggingface.co")) == (
        f"llava (org/name) is in the cache {tmp_path} without a, b, c and 1 more and with e cut short, "
        "which cannot be written (Read-only file system); set HF_HOME to a folder that may be written."
    )
