"""--benchmark-storage=elasticsearch+...: real sessions, pytest-benchmark's own client, and a server that stands in.

The server answers the calls that the client makes: who it is, making the index (which every server since
version 7 refuses, as the mapping names a type), storing a document, searching.
"""

from __future__ import annotations

import json
import shutil
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from benchmarks.machine import device
from benchmarks.record import Record, faults
from benchmarks.record.typecheck import fits
from tests.support import product
from tests.test_failures import REFUSAL, checkpoint, refuse

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

needs_client = pytest.mark.skipif(
    find_spec("elasticsearch") is None, reason="needs elasticsearch's client: pip install 'elasticsearch<8'"
)
MOST_FIELDS = 1000
"""index.mapping.total_fields.limit: what a server maps by itself before it refuses a document."""


@dataclass
class Cluster:
    """What a server was asked and holds.

    Attributes:
        calls: method and path of each call.
        documents: {(index, type, id): document}.
        full: whether it refuses documents.
    """

    calls: list[tuple[str, str]] = field(default_factory=list)
    documents: dict[tuple[str, ...], dict[str, Any]] = field(default_factory=dict)
    full: bool = False
    url: str = ""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Return status and answer of a call."""
        parts = tuple(unquote(part) for part in path.split("/")[1:])
        self.calls.append((method, path))
        if path == "/":
            return 200, {"version": {"number": "7.17.13", "build_flavor": "default"}, "tagline": "You Know, for Search"}
        if parts[-1] == "_search":
            hits = [{"_id": key[-1], "_source": found} for key, found in self.documents.items()]
            ids = {found["benchmark_id"] for found in self.documents.values()}
            buckets = {"benchmark_ids": {"buckets": [{"key": name} for name in sorted(ids)]}}
            return 200, {"hits": {"hits": hits}, "aggregations": buckets}
        if len(parts) == 1:
            return _refusal("mapper_parsing_exception", "Root mapping definition has unsupported parameters")
        if self.full:
            return _refusal("illegal_argument_exception", "Limit of total fields [1000] has been exceeded")
        self.documents[parts] = json.loads(body)
        return 201, {"result": "created"}


def _refusal(kind: str, reason: str) -> tuple[int, dict[str, Any]]:
    """Return how a server says that it does not take a request."""
    cause = {"type": kind, "reason": reason}
    return 400, {"error": {"root_cause": [cause], **cause}, "status": 400}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Serve a Cluster on this machine."""
    served = Cluster()

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer = served.answer(self.command, self.path.partition("?")[0], body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("X-Elastic-Product", "Elasticsearch")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_POST = handle_one  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.url = f"elasticsearch+http://us:pass-word@127.0.0.1:{server.server_port}/boards/pair?project_name=p"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield served
        server.shutdown()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout of its own: journal and results/ are in it."""
    root = tmp_path / "checkout"
    shutil.copytree(product.ROOT / "benchmarks", root / "benchmarks", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(product.ROOT / name, root)
    return root


def measure(root: Path, storage: str, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a measuring session of two runs a pair in the checkout."""
    asked = ["--runs=2", "--warmup-runs=0", "--precisions=bf16", "--power-monitor=none", "--benchmark-save=thor"]
    command = product.command(root, *asked, f"--benchmark-storage={storage}", *options)
    return product.run(command, cwd=root, PYTHONPATH=str(root), **settings)


def saves(root: Path) -> list[Path]:
    """Return the files of saves in the checkout."""
    return sorted((root / "results").rglob("*.json"))


def journals(root: Path) -> list[Path]:
    """Return the journals in the checkout."""
    return sorted((root / "results/.journal").glob("*.jsonl"))


def leaves(value: Any) -> int:
    """Return how many fields a server maps of a document, objects included; a list is mapped as what it holds."""
    if isinstance(value, dict):
        return sum(1 + leaves(item) for item in value.values())
    return max(map(leaves, value), default=0) if isinstance(value, list) else 0


@needs_client
def test_documents_arrive_whole(checkout: Path, cluster: Cluster, tmp_path: Path) -> None:
    """A measured pair is a document with its whole Record, a failed one's Record is in it, and no file is left."""
    refuse("llava", tmp_path / "miniatures", REFUSAL)
    checkpoint("moondream2", tmp_path / "miniatures")
    cache = {"EDGE_VLM_BENCH_CACHE": str(tmp_path / "miniatures")}
    done = measure(checkout, cluster.url, "--models=llava,moondream2", **cache)
    assert done.returncode == 1, done.stdout + done.stderr

    [((index, kind, name), document)] = cluster.documents.items()
    assert (index, kind) == ("boards", "pair")
    assert name.endswith("_thor_benchmarks/test_generate.py::test_generate[moondream2-bf16]")
    kept = document["extra_info"]
    assert list(faults(kept)) == []
    assert fits(kept, Record)
    assert (len(kept["runs"]["latency_s"]), document["stats"]["rounds"]) == (2, 2)
    assert document["stats"]["total"] == pytest.approx(sum(kept["runs"]["latency_s"]))
    assert [record["pair"]["id"] for record in document["unmeasured"]] == ["llava-bf16"]
    assert document["machine_info"]["device"]["label"]
    assert leaves(document) < MOST_FIELDS
    assert {call[0] for call in cluster.calls} == {"GET", "PUT"}

    port = cluster.url.partition("@")[2].partition("/")[0]
    assert f"Stored in ['http://[secret]@{port}']: 1 of 2 pairs, a document each" in done.stdout
    assert "The Records of the others stand in `unmeasured` of each document." in done.stdout
    assert "Nothing was saved" not in done.stdout
    assert "pass-word" not in done.stdout + done.stderr
    assert saves(checkout) == journals(checkout) == []


@needs_client
def test_a_file_beside_it_can_be_drawn(checkout: Path, cluster: Cluster) -> None:
    """--benchmark-json gives a file beside the documents that plotting reads; stock commands read the documents."""
    json_option = f"--benchmark-json={checkout / 'results/thor.json'}"
    done = measure(checkout, cluster.url, "--models=moondream2", json_option)
    assert done.returncode == 0, done.stdout + done.stderr
    stock = [str(product.tool("pytest-benchmark")), "--storage", cluster.url]
    listed, compared = (product.run([*stock, command], cwd=checkout) for command in ("list", "compare"))

    drawn = product.plotting("--results", str(checkout / "results"), "--export=jsonl", "--out", str(checkout / "out"))
    assert drawn.returncode == 0, drawn.stderr
    assert json.loads((checkout / "out/pairs.jsonl").read_text())["runs"] == 2
    assert listed.stdout.strip().endswith("_thor")
    assert "test_generate[moondream2-bf16]" in compared.stdout, compared.stderr


@needs_client
def test_what_is_not_taken_is_in_a_file(checkout: Path, cluster: Cluster) -> None:
    """A server that refuses documents at the end costs nothing: a file has them, and --resume stores what was run."""
    cluster.full = True
    refused = measure(checkout, cluster.url, "--models=moondream2")
    [path] = saves(checkout)
    [measured] = json.loads(path.read_text())["benchmarks"]

    assert refused.returncode == 0, refused.stderr
    assert "The save could not be stored in ['http://[secret]@" in refused.stdout
    assert "'illegal_argument_exception', 'Limit of total fields [1000] has been exceeded'" in refused.stdout
    assert "type the same with --resume to store it, without measuring again." in refused.stdout
    assert f"Saved: results/{path.relative_to(checkout / 'results')}" in refused.stdout
    assert "pass-word" not in refused.stdout + refused.stderr

    cluster.full = False
    again = measure(checkout, cluster.url, "--models=moondream2", "--resume")
    [document] = cluster.documents.values()
    assert again.returncode == 0, again.stdout + again.stderr
    assert document["extra_info"]["runs"] == measured["extra_info"]["runs"]
    assert journals(checkout) == []


@needs_client
def test_a_session_without_a_measured_pair_is_a_file(checkout: Path, cluster: Cluster) -> None:
    """Where no pair was measured there is no document that could carry the Records, so a file does."""
    total = device.read_ram_bytes()
    if total is None:
        pytest.skip("needs /proc/meminfo")
    floor = total / 1e9 - 0.3  # no running system leaves so much available
    done = measure(checkout, cluster.url, "--models=moondream2", f"--ram-floor={floor}")
    [path] = saves(checkout)

    assert "it takes measured pairs only." in done.stdout
    assert [record["reason"] for record in json.loads(path.read_text())["unmeasured"]] == ["did not fit"]
    assert f"Saved: results/{path.relative_to(checkout / 'results')}" in done.stdout
    assert cluster.documents == {}
    assert journals(checkout) == []


def test_a_client_that_pytest_benchmark_cannot_use_is_refused(checkout: Path, tmp_path: Path) -> None:
    """A client of version 8, with which pytest-benchmark fails when all is measured, is refused before anything is."""
    about = tmp_path / "newer/elasticsearch-8.19.3.dist-info/METADATA"
    about.parent.mkdir(parents=True)
    about.write_text("Metadata-Version: 2.1\nName: elasticsearch\nVersion: 8.19.3\n")
    command = product.command(checkout, "--benchmark-storage=elasticsearch+http://127.0.0.1:9/boards/pair")
    done = product.run(command, cwd=checkout, PYTHONPATH=f"{about.parents[1]}:{checkout}")

    assert done.returncode == 4
    assert done.stderr.strip() == (
        "ERROR: --benchmark-storage=elasticsearch+...: pytest-benchmark needs elasticsearch's client of version 7, and "
        "elasticsearch 8.19.3 is installed here; type pip install 'elasticsearch<8'."
    )
    assert journals(checkout) == []


def test_without_a_client_it_says_what_to_install() -> None:
    """Where there is no client at all, here an interpreter without packages, the sentence says what to install."""
    code = "from benchmarks import elsewhere; elsewhere.check('elasticsearch+http://127.0.0.1:9'); print('went on')"
    done = product.run([sys.executable, "-S", "-c", code])

    assert done.stdout == ""
    assert "and none is installed here; type pip install 'elasticsearch<8'." in done.stderr


def test_files_need_no_client() -> None:
    """A storage in files asks for no client."""
    code = "from benchmarks import elsewhere; elsewhere.check('file://results'); print('went on')"

    assert product.run([sys.executable, "-S", "-c", code]).stdout == "went on\n"
