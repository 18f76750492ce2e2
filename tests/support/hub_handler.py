"""How the Hub on this machine answers a request, and the faults that an answer can have."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import struct
from dataclasses import dataclass
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.hub_server import HubServer


@dataclass
class Fault:
    """The fault of a path: an HTTP error, or a body that breaks off.

    Attributes:
        status, code, message: the answer's status, and the Hub's own X-Error-Code and X-Error-Message.
        drop_after: bytes of the body after which the connection ends.
        reset: whether it ends by a reset instead of a close.
        garble: whether the body's last byte is changed.
        size: a size that the Hub promises instead of the true one.
        times: how many requests have the fault.
        before: called before the body is sent.
    """

    status: int = 0
    code: str = ""
    message: str = ""
    drop_after: int | None = None
    reset: bool = False
    garble: bool = False
    size: int | None = None
    times: int = 1_000_000
    before: Callable[[], object] = lambda: None


@dataclass
class Asked:
    """One request as it came, and the bytes of the body that were sent for it."""

    method: str
    path: str
    range: str | None
    authorization: str | None
    sent: int = 0


@dataclass
class File:
    """A file of the repository."""

    content: bytes
    large: bool

    @cached_property
    def etag(self) -> str:
        """The SHA-256 of a large file, git's SHA-1 of a small one."""
        if self.large:
            return hashlib.sha256(self.content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content, usedforsecurity=False).hexdigest()


class Origin(ThreadingHTTPServer):
    """One address; it ignores clients that close the connection early."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing."""


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    hub: HubServer
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self._answer()

    def do_GET(self) -> None:
        """Answer with a body."""
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Log nothing: the requests are in `asked`."""

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.asked = Asked(self.command, path, self.headers.get("Range"), self.headers.get("Authorization"))
        self.hub.asked.append(self.asked)
        if self.hub.answer(self):
            return
        kind, _, rest = path.lstrip("/").partition("/")
        if kind == "cdn":
            self._send_file(*_split(rest))
        elif path.startswith("/api/models/"):
            self._about(*_split(path.removeprefix("/api/models/")))
        else:
            self._resolve(*_split(path.lstrip("/")))

    def _about(self, repo: str, rest: str) -> None:
        """Answer /api/models/<repo>[/revision/<revision> | /tree/<revision> | /commits/main]."""
        kind, _, revision = rest.partition("/")
        fault = self.hub.fault(repo)
        if fault.status:
            self._refuse(fault.status, fault.code, fault.message)
        elif repo.endswith("/missing"):
            self._refuse(404, "RepoNotFound", "Repository not found")
        elif revision and not self._has(revision):
            self._refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        else:
            answers = {"tree": self._tree, "commits": self._commits}
            self._send_json(answers[kind](repo) if kind in answers else self._info(repo, revision or "main"))

    def _has(self, revision: str) -> bool:
        return revision in ("main", self.hub.commit, *self.hub.refs)

    def _commits(self, repo: str) -> list[dict[str, Any]]:
        facts = {"title": repo, "message": "", "authors": [], "date": "2026-11-24T12:00:00.000Z"}
        return [{"id": commit, **facts} for commit in (*self.hub.later, self.hub.commit)]

    def _info(self, repo: str, revision: str) -> dict[str, Any]:
        siblings = [
            {"rfilename": e["path"], "size": e["size"], "blobId": e["oid"]}
            | ({"lfs": {"sha256": e["lfs"]["oid"], "size": e["size"], "pointerSize": 134}} if "lfs" in e else {})
            for e in self._tree(repo)
        ]
        sha = self.hub.later[0] if revision == "main" and self.hub.later else self.hub.commit
        return {"id": repo, "modelId": repo, "sha": sha, "siblings": siblings}

    def _tree(self, repo: str) -> list[dict[str, Any]]:
        entries = []
        for name, file in sorted(self.hub.files.items()):
            size = self.hub.size(repo, name)
            entry: dict[str, Any] = {"type": "file", "path": name, "size": size, "oid": file.etag[:40]}
            if file.large:
                entry["lfs"] = {"oid": file.etag, "size": size, "pointerSize": 134}
            entries.append(entry)
        return entries

    def _resolve(self, repo: str, rest: str) -> None:
        """Answer /<repo>/resolve/<commit>/<file>."""
        name = rest.removeprefix(f"resolve/{self.hub.commit}/")
        file = self.hub.files.get(name)
        if file is None:
            self._refuse(404, "EntryNotFound", f"Entry not found: {rest}")
        elif file.large and not self.hub.faults.get(f"{repo}/{name}", Fault()).status:
            self._redirect(repo, name, file)
        else:
            self._send_file(repo, name)

    def _redirect(self, repo: str, name: str, file: File) -> None:
        """Send a large file's reader to the store, with its commit, size and checksum."""
        self.send_response(302)
        self.send_header("Location", f"{self.hub.store}/cdn/{repo}/{name}?Signature=abcdef0123456789")
        self.send_header("X-Repo-Commit", self.hub.commit)
        self.send_header("X-Linked-Size", str(self.hub.size(repo, name)))
        self.send_header("X-Linked-ETag", f'"{file.etag}"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send_file(self, repo: str, name: str) -> None:
        path = f"{repo}/{name}"
        fault = self.hub.fault(path) if self.command == "GET" else self.hub.faults.get(path, Fault())
        if fault.status:
            self._refuse(fault.status, fault.code, fault.message)
            return
        file = self.hub.files[name]
        begin = int((self.asked.range or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        body = file.content[begin:]
        self.send_response(206 if self.asked.range else 200)
        if self.asked.range:
            self.send_header("Content-Range", f"bytes {begin}-{len(file.content) - 1}/{len(file.content)}")
        self.send_header("ETag", f'"{file.etag}"')
        self.send_header("X-Repo-Commit", self.hub.commit)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self._send_body(body, fault)

    def _send_body(self, body: bytes, fault: Fault) -> None:
        fault.before()
        if fault.garble:
            body = body[:-1] + bytes([body[-1] ^ 1])
        part = body[: fault.drop_after]
        self.wfile.write(part)
        self.asked.sent = len(part)
        if fault.drop_after is not None:
            if fault.reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                os.close(self.connection.detach())
            self.close_connection = True

    def _send_json(self, data: Any) -> None:
        body = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, status: int, code: str, message: str) -> None:
        body = json.dumps({"error": message}).encode()
        self.send_response(status)
        self.send_header("ETag", 'W/"1f-a/b+c="')  # of the body: it names no file
        if code:
            self.send_header("X-Error-Code", code)
        if message:
            self.send_header("X-Error-Message", message)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


def _split(path: str) -> tuple[str, str]:
    """Return (repository, what follows) of "organisation/name/what/follows"."""
    parts = path.split("/", 2)
    return "/".join(parts[:2]), "".join(parts[2:])
