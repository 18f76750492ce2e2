"""A hostile Hub, over real HTTP: no answer of it becomes a path outside the cache, and none is without end.

Tests benchmarks.hub.answers.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks import hub
from benchmarks.hub import Checkpoint, HubError, Snapshot, client
from benchmarks.processes.helper import run_in_process
from tests.support.hub_handler import Handler
from tests.support.hub_layout import weights
from tests.support.hub_server import HubServer, use_hub

PATIENCE_S = 1
SMALL = weights(0.06)
COMMIT = "c0ffee" * 6 + "1234"
OUTSIDE = "../../../../outside"


def send(handler: Handler, headers: dict[str, str], *pieces: bytes, status: int = 200) -> None:
    """Send an answer without a length, which ends with the connection."""
    handler.send_response(status)
    handler.close_connection = True
    for name, value in {"Connection": "close", **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    for piece in pieces:
        handler.wfile.write(piece)


def drip(handler: Handler, pieces: Iterator[bytes], seconds: float) -> None:
    """Send pieces without end, or until the other side leaves."""
    for piece in pieces:
        handler.wfile.write(piece)
        time.sleep(seconds)


def forever(piece: bytes) -> Iterator[bytes]:
    """Repeat a piece."""
    while True:
        yield piece


def info(**facts: Any) -> Callable[[Handler], None]:
    """Answer with facts about a repository."""
    return lambda handler: send(handler, {}, json.dumps({"id": "org/name", "siblings": [], **facts}).encode())


def about_file(**headers: str) -> Callable[[Handler], None]:
    """Answer with headers about a file."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler: send(handler, {"X-Repo-Commit": COMMIT, "ETag": '"abc"'} | named)


def list_outside(handler: Handler) -> None:
    """Answer with a file name that leaves the repository, as version 1 and 2 of huggingface_hub ask for names."""
    page = b'[{"type": "file", "path": "../../x.json", "size": 1, "oid": "0"}]'
    facts = info(sha=COMMIT, siblings=[{"rfilename": "../../x.json"}])
    send(handler, {}, page) if "/tree/" in handler.path else facts(handler)


def drip_headers(handler: Handler) -> None:
    """Send a header that never ends."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    drip(handler, forever(b"a"), 0.1)


def drip_body(handler: Handler) -> None:
    """Send a byte from time to time."""
    send(handler, {})
    drip(handler, forever(b"["), 0.1)


def send_forever(handler: Handler) -> None:
    """Send as much as the other side takes."""
    send(handler, {})
    drip(handler, forever(b'{"path": "a"}, ' * 50_000), 0)


def send_page(handler: Handler) -> None:
    """Send a page of a list, and the address of the next one."""
    address = f"http://{handler.headers['Host']}{handler.path.partition('?')[0]}?cursor={time.monotonic_ns()}"
    send(handler, {"Link": f'<{address}>; rel="next"'}, b"[]")


SLOW = f"sends less than 1 kB/s for {PATIENCE_S} s; complete files are kept, and the next try continues from there"
LISTS = {
    "sha-dotted": ("/api/", info(sha=OUTSIDE), f"the invalid commit '{OUTSIDE}'"),
    "sha-absolute": ("/api/", info(sha="/outside"), "the invalid commit '/outside'"),
    "sha-number": ("/api/", info(sha=7), "the invalid commit 7"),
    "commit-of-a-file": ("/resolve/", about_file(X_Repo_Commit=OUTSIDE), f"the invalid commit '{OUTSIDE}'"),
    "etag-absolute": ("/resolve/", about_file(ETag='"/outside/x"'), "the invalid ETag '/outside/x'"),
    "etag-dotted": ("/resolve/", about_file(X_Linked_ETag='W/"../x"'), "the invalid ETag '../x'"),
    "etag-folder": ("/resolve/", about_file(ETag='".."'), "the invalid ETag '..'"),
    "size-negative": ("/resolve/", about_file(X_Linked_Size="-5"), "the invalid size '-5'"),
    "size-huge": ("/resolve/", about_file(X_Linked_Size="9" * 400), "the invalid size '9999"),
    "compressed": ("/api/", lambda it: send(it, {"Content-Encoding": "gzip"}), "the invalid encoding 'gzip'"),
    "names": ("/api/", list_outside, "(ValueError: Invalid "),
    "redirects": ("/", lambda it: send(it, {"Location": it.path}, status=302), "broke off (Exceeded "),
    "drip": ("/api/", drip_body, SLOW),
    "headers": ("/api/", drip_headers, SLOW),
    "pages": ("/commits/", send_page, SLOW),
    "wait": ("/resolve/", lambda it: send(it, {"Retry-After": "999999999"}, status=429), SLOW),
    "endless": ("/api/", send_forever, "sends more than it lists; check HF_ENDPOINT, "),
}
"""Repository -> (part of a path, the answer there, part of the message)."""


@pytest.fixture(scope="module")
def server() -> Iterator[HubServer]:
    """A Hub whose repositories answer as LISTS and FILES say."""

    def answer(handler: Handler) -> bool:
        for name, (part, act, *_) in LISTS.items():
            if f"/evil/{name}" in handler.path and part in handler.path:
                act(handler)
                return True
        for name, (act, _) in FILES.items():
            if f"/cdn/files/{name}" in handler.path:
                act(handler)
                return True
        return False

    with HubServer(answer=answer) as started:
        for name in ("config.json", "tokenizer.json"):
            started.add(name, b"{}")
        started.add("model.safetensors", SMALL)
        yield started


@pytest.fixture(scope="module")
def plans(server: HubServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The error about each repository of LISTS, asked by one helper process; the cache is still empty."""
    home = tmp_path_factory.mktemp("lists")
    with pytest.MonkeyPatch.context() as patch:
        use_hub(patch, home, server.url)
        asked = [Checkpoint("llava", f"evil/{name}", "abcdef1" if name == "pages" else None) for name in LISTS]
        plans = run_in_process("spawn", client.plan_downloads, asked, PATIENCE_S)
    assert not list(home.rglob("*"))
    return dict(zip(LISTS, plans, strict=True))


@pytest.mark.parametrize("name", LISTS)
def test_a_hostile_list(plans: dict[str, Any], name: str) -> None:
    """Whatever the Hub says about a repository, it is one sentence, nothing is written, and nothing is waited for."""
    assert isinstance(plans[name], HubError)
    assert str(plans[name]).startswith(f"llava (evil/{name})")
    assert LISTS[name][2] in str(plans[name])
    assert len(str(plans[name])) < 600


def send_slowly(handler: Handler) -> None:
    """Send the weights at 20 kB/s."""
    send(handler, {})
    drip(handler, (SMALL[begin : begin + 1000] for begin in range(0, len(SMALL), 1000)), 0.05)


FILES: dict[str, tuple[Callable[[Handler], None], str]] = {
    "slow": (send_slowly, "complete"),
    "drip": (drip_body, SLOW),
    "endless": (send_forever, "sends more than it lists; check HF_ENDPOINT, "),
}
"""Repository -> (how its weights come, part of the message, or "complete" if they arrive)."""


def fetch_all(checkpoints: Sequence[Checkpoint]) -> list[Snapshot | HubError]:
    """Download one after another, with little patience; for one helper process."""
    found: list[Snapshot | HubError] = []
    for checkpoint in checkpoints:
        try:
            found.append(client.fetch(checkpoint, client.plan_download(checkpoint), PATIENCE_S))
        except HubError as error:
            found.append(error)
    return found


@pytest.fixture(scope="module")
def fetched(server: HubServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What comes of downloading each repository of FILES."""
    home = tmp_path_factory.mktemp("files")
    with pytest.MonkeyPatch.context() as patch:
        use_hub(patch, home, server.url)
        asked = [Checkpoint("llava", f"files/{name}") for name in FILES]
        found = dict(zip(FILES, run_in_process("spawn", fetch_all, asked), strict=True))
    assert sum(path.stat().st_size for path in home.rglob("*") if path.is_file()) < 40_000_000
    return found


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_drips_or_never_ends(fetched: dict[str, Any], name: str) -> None:
    """A file that drips or has more bytes than listed is given up; a slow line is waited for."""
    if FILES[name][1] == "complete":
        assert (fetched[name].path / "model.safetensors").read_bytes() == SMALL
    else:
        assert isinstance(fetched[name], HubError)
        assert FILES[name][1] in str(fetched[name])


def test_a_second_commit_is_checked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Hub that names a commit, and a path when it is asked again for the download, changes nothing outside."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "config.json").write_text("mine")

    def answer(handler: Handler) -> bool:
        if not handler.path.startswith("/api/models/org/name/revision/main"):  # the plan asks without a revision
            return False
        info(sha=str(outside))(handler)
        return True

    with HubServer(answer=answer) as started:
        started.add("config.json", b"{}")
        started.add("model.safetensors", SMALL)
        use_hub(monkeypatch, tmp_path / "home", started.url)
        with pytest.raises(HubError, match="answers with the invalid commit "):
            hub.obtain(Checkpoint("llava", "org/name"), print)

    assert [(path.name, path.read_text()) for path in outside.iterdir()] == [("config.json", "mine")]
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["outside"]


def test_the_next_page_of_another_host_gets_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the Hub names another host for the next page of a list, that host is asked without the token."""

    def answer(handler: Handler) -> bool:
        if "/tree/" not in handler.path:
            return False
        send(handler, {"Link": f'<{started.store}/api/models/next>; rel="next"'}, b"[]")
        return True

    with HubServer(answer=answer) as started:
        use_hub(monkeypatch, tmp_path, started.url)
        run_in_process("spawn", client.plan_downloads, [Checkpoint("llava", "org/name")])

    tokens = {one.path: one.authorization is not None for one in started.asked}
    assert tokens["/api/models/next"] is False
    assert tokens[f"/api/models/org/name/tree/{started.commit}"] is True
