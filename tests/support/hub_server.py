"""A Hub on this machine: it answers the requests of huggingface_hub for a model over real HTTP.

Small files come from the Hub itself, weights from a second origin that it redirects to, as on the real Hub.
Each path can have a fault.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typing_extensions import Self

from tests.support.hub_handler import Asked, Fault, File, Handler, Origin
from tests.support.hub_layout import weights

TOKEN = "hf_" + "Ab1" * 11
BIG = weights(24)
"""More than two of the 10 MiB pieces that huggingface_hub writes at once."""


@dataclass
class HubServer:
    """Serves one commit of the same files in every repository, except those named "missing".

    Attributes:
        commit: 40 hex digits.
        refs: other names of that commit than "main".
        later: commits that followed on main, the newest first.
        faults: a repository, or a file's path with its repository before it -> Fault.
        asked: every request so far.
        answer: answers a request in its own way, and returns whether it did.
    """

    commit: str = "c0ffee" * 6 + "1234"
    refs: tuple[str, ...] = ("refs/pr/70",)
    later: tuple[str, ...] = ()
    files: dict[str, File] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    answer: Callable[[Handler], bool] = lambda _: False

    def add(self, name: str, content: bytes) -> None:
        """Put a file into the repository; weights are large files."""
        self.files[name] = File(content, large=name.endswith(".safetensors"))

    def add_folder(self, folder: Path) -> None:
        """Put all files of a folder into the repository."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.add(str(path.relative_to(folder)), path.read_bytes())

    @property
    def url(self) -> str:
        """The value for HF_ENDPOINT."""
        return f"http://127.0.0.1:{self._hub.server_address[1]}"

    def got(self, repo: str, name: str) -> list[Asked]:
        """Return the requests for the body of one file, on either origin."""
        paths = (f"/{repo}/resolve/{self.commit}/{name}", f"/cdn/{repo}/{name}")
        return [one for one in self.asked if one.method == "GET" and one.path in paths and one.sent]

    def size(self, repo: str, name: str) -> int:
        """Return the size that the Hub promises of a file."""
        promised = self.faults.get(f"{repo}/{name}", Fault()).size
        return len(self.files[name].content) if promised is None else promised

    def __enter__(self) -> Self:
        handler = type("Bound", (Handler,), {"hub": self})
        self._hub = Origin(("127.0.0.1", 0), handler)
        self._store = Origin(("127.0.0.1", 0), handler)
        for server in (self._hub, self._store):
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self._hub, self._store):
            server.shutdown()
            server.server_close()

    @property
    def store(self) -> str:
        """The origin of large files."""
        return f"http://127.0.0.1:{self._store.server_address[1]}"

    def fault(self, name: str) -> Fault:
        """Return the fault of a path, and count it."""
        fault = self.faults.get(name, Fault())
        fault.times -= 1
        return fault if fault.times >= 0 else Fault()


def use_hub(patch: pytest.MonkeyPatch, home: Path, endpoint: str) -> None:
    """Let helper processes keep their cache in `home` and use `endpoint` as the Hub, with a token."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN_PATH", "HF_HUB_DISABLE_XET"):
        patch.delenv(name, raising=False)
    for name, value in {"HF_HOME": str(home), "HF_ENDPOINT": endpoint, "HF_TOKEN": TOKEN}.items():
        patch.setenv(name, value)


def make_stocked_server() -> HubServer:
    """Return a Hub with one checkpoint in every repository, and some files that no model needs."""
    server = HubServer()
    for name in ("config.json", "tokenizer.json", "README.md", "modeling.py", "onnx/model.onnx"):
        server.add(name, name.encode())
    server.add("model.safetensors", BIG)
    return server
