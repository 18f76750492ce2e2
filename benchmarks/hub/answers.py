"""Every answer of a Hub passes here: what becomes a path is checked, and nothing is without end."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

from benchmarks.hub.errors import BadAnswer

T = TypeVar("T")
COMMIT = "[0-9a-f]{40}"
LIST_BYTES = 32_000_000  # of all lists of files and commits that a process asks for
PATIENCE_S, LEAST_BYTES_PER_S = 120, 1000


class Answers:
    """What huggingface_hub receives over HTTP, checked and counted; no file may be larger than `file_bytes`."""

    def __init__(self, hub: Any, file_bytes: int = 0) -> None:
        self._file_bytes = file_bytes
        self._answers: list[Any] = []
        plain = hub.get_session()  # of httpx or httpx2
        self._endpoint = plain.build_request("GET", hub.constants.ENDPOINT).url.netloc
        hooks = {"request": [*plain.event_hooks["request"], self._prepare], "response": [self._check]}
        hub.set_client_factory(lambda: type(plain)(event_hooks=hooks, follow_redirects=True, timeout=None))

    def wait_for(self, work: Callable[[], T], patience_s: float, count: Callable[[], int] = int) -> T:
        """Return what `work` returns; raise BadAnswer if too few or too many bytes of files arrive, here or by `count`.

        What is given up goes on: call this in a helper process, which ends.
        """
        result = ThreadPoolExecutor(1).submit(work)
        since, before = time.monotonic(), count()
        while not wait([result], 0.05).done:
            now = count() + self._count_bytes()
            if time.monotonic() - since > patience_s:
                if now - before < LEAST_BYTES_PER_S * patience_s:
                    raise BadAnswer("too slow", f"{patience_s:g} s")
                since, before = time.monotonic(), now
        return result.result()

    def _count_bytes(self) -> int:
        """Return the bytes of files that arrived."""
        lists = [one.num_bytes_downloaded for one in self._answers if one.request.extensions["list"]]
        files = [one.num_bytes_downloaded for one in self._answers if not one.request.extensions["list"]]
        if sum(lists) > LIST_BYTES or max(files, default=0) > self._file_bytes:
            raise BadAnswer("too large")
        return sum(files)

    def _prepare(self, request: Any) -> None:
        request.headers["Accept-Encoding"] = "identity"  # compression hides the size
        request.extensions.setdefault("list", "/api/models/" in request.url.path)  # redirects keep it
        if request.url.netloc not in (self._endpoint, b"huggingface.co"):
            request.headers.pop("Authorization", None)

    def _check(self, answer: Any) -> None:
        """Check what huggingface_hub makes a path of, before it sees the answer."""
        headers, request = answer.headers, answer.request
        _require("commit", COMMIT, headers.get("X-Repo-Commit"))
        _require("size", "[0-9]{1,19}", headers.get("X-Linked-Size"))
        _require("encoding", "identity", headers.get("Content-Encoding"))
        if request.method == "HEAD" and (answer.status_code < 300 or "//" in headers.get("Location", "")):
            etag = headers.get("X-Linked-ETag") or headers.get("ETag", "none")  # it names a file in the cache
            _require("ETag", r"(?a:\w[\w.+=~:-]{0,199})", etag.lstrip("W/").strip('"'))
        self._answers.append(answer)
        if request.method == "GET" and request.extensions["list"] and answer.status_code == 200:
            answer.read()
            if isinstance(facts := answer.json(), dict):
                _require("commit", COMMIT, facts.get("sha"))


def _require(what: str, pattern: str, value: Any) -> None:
    """Raise BadAnswer if a value is there and is not a text of that pattern."""
    if value is not None and not (isinstance(value, str) and re.fullmatch(pattern, value)):
        raise BadAnswer("invalid", f"the invalid {what} {value!r}")
