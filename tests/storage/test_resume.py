"""Which unfinished journal a session continues: never one whose weights differ from today's.

Tests benchmarks.storage.resume.
"""

import shutil
from pathlib import Path

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.models import MODELS, miniature
from benchmarks.planning.plan import Plan
from benchmarks.storage.journal import create_journal
from benchmarks.storage.resume import WEIGHTS_OF, open_journal, take_fingerprint
from tests.support import product
from tests.support.journals import fail_on_complaint
from tests.support.miniatures import copy_miniature
from tests.support.plans import make_plan

OLDER = "0123456789abcdef"
PAIRS = ["llava-bf16"]


@pytest.fixture
def interrupted(tmp_path: Path) -> Plan:
    """The plan of a session that resumes one whose journal names its miniature as an older version did."""
    plan = make_plan(weights="mini", start_method="forkserver", resume=True)
    fingerprint = take_fingerprint(plan, PAIRS) | {f"{WEIGHTS_OF}llava": OLDER}
    head = {"save": "thor", "pairs": PAIRS, "boot": "a", "fingerprint": fingerprint}
    create_journal(tmp_path, head, fail_on_complaint).close()
    return plan


def test_a_journal_of_an_older_version_is_resumed(
    interrupted: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A miniature with another identity is accepted if the cache holds it and its files equal today's."""
    cache = tmp_path / "cache"
    today = copy_miniature("llava", cache)
    monkeypatch.setenv("EDGE_VLM_BENCH_CACHE", str(cache))
    with pytest.raises(BenchmarkError, match=f"weights of llava was {OLDER}, is "):
        open_journal(interrupted, "thor", PAIRS, tmp_path, fail_on_complaint)

    older = miniature.locate(MODELS["llava"], cache, "mini", OLDER)
    shutil.copytree(today, older)
    open_journal(interrupted, "thor", PAIRS, tmp_path, fail_on_complaint).close()

    (older / "config.json").write_text("{}")
    with pytest.raises(BenchmarkError, match=f"weights of llava was {OLDER}, is "):
        open_journal(interrupted, "thor", PAIRS, tmp_path, fail_on_complaint)


def test_an_identity_is_never_a_path(interrupted: Plan, tmp_path: Path) -> None:
    """An identity that is not 16 hex digits names no folder of the cache: the journal is refused."""
    head = {"save": "orin", "pairs": PAIRS, "boot": "a"}
    fingerprint = take_fingerprint(interrupted, PAIRS) | {f"{WEIGHTS_OF}llava": "../../etc"}
    create_journal(tmp_path, head | {"fingerprint": fingerprint}, fail_on_complaint).close()

    with pytest.raises(BenchmarkError, match=r"weights of llava was \.\./\.\./etc, is "):
        open_journal(interrupted, "orin", PAIRS, tmp_path, fail_on_complaint)


CLIENT = '''
"""In place of elasticsearch's client of version 7: a server that refuses every document."""
class Elasticsearch:
    def __init__(self, *_, **__): self.indices = self
    def create(self, *_, **__): pass
    def index(self, *_, **__): raise ConnectionError("refused")
'''


def test_a_storage_that_refuses_the_save_leaves_the_journal(tmp_path: Path) -> None:
    """If pytest-benchmark's elasticsearch storage fails, --resume saves the session without measuring it again."""
    client = tmp_path / "elasticsearch"
    client.mkdir()
    (client / "__init__.py").write_text(CLIENT)
    (client / "serializer.py").write_text("class JSONSerializer: pass\n")
    storage, options = tmp_path / "results", ["--models=llava", "--precisions=bf16", "--runs=2"]
    options += ["-p", "benchmarks.plugin", f"--rootdir={tmp_path}", "--benchmark-save=thor"]
    refused = product.command(storage, *options, "--benchmark-storage=elasticsearch+http://127.0.0.1:9/boards/pair")

    assert product.run(refused, PYTHONPATH=f"{tmp_path}:{product.ROOT}").returncode != 0
    assert product.count_lines(storage, "done") == 1
    assert product.read_saves(storage) == []
    resumed = product.measure_here(storage, *options, "--resume")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    (save,) = product.read_saves(storage)
    assert save["benchmarks"][0]["extra_info"]["counts"]["good"] == 2
    assert not list((storage / ".journal").glob("*.jsonl"))
