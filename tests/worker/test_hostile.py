"""Threats to a child: no code of a checkpoint runs, and the OOM killer chooses the child first.

Tests benchmarks.worker.libraries.
"""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.pair import handle
from benchmarks.processes.protocol import WorkerFailed
from tests.support.jobs import make_job

CODE = "from pathlib import Path\nPath({mark!r}).touch()\nclass Made: pass\n"
CLASSES = {"AutoConfig": "theirs.Made", "AutoModelForMultimodalLM": "theirs.Made", "AutoProcessor": "theirs.Made"}


@pytest.mark.parametrize("kind", ["llava", "nobody-knows"])
def test_a_checkpoints_code_is_not_run(tmp_path: Path, kind: str) -> None:
    """Code in a checkpoint is never run: a known architecture uses our classes, an unknown one does not load."""
    plain = make_job("llava")
    source, mark = shutil.copytree(plain.source, tmp_path / "checkpoint"), tmp_path / "ran"
    (source / "theirs.py").write_text(CODE.format(mark=str(mark)))
    for name in ("config.json", "processor_config.json", "tokenizer_config.json"):
        settings = json.loads((source / name).read_text()) | {"auto_map": CLASSES}
        settings |= {"model_type": kind} if name == "config.json" else {}
        (source / name).write_text(json.dumps(settings))
    worker = handle.start(replace(plain, source=source), isolation="process", start_method="forkserver")
    try:
        if kind == "llava":
            assert worker.load()["model_class"] == "LlavaForConditionalGeneration"
        else:
            with pytest.raises(WorkerFailed, match="contains custom code which must be executed"):
                worker.load()
    finally:
        worker.close()
    assert not mark.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's out-of-memory killer is Linux's")
def test_the_kernels_killer_takes_the_child_first() -> None:
    """When memory runs out, the kernel ends the child before the parent or any other process."""
    worker = handle.start(make_job("llava"), isolation="process", start_method="forkserver")
    worker.load()
    score = Path(f"/proc/{worker.pid}/oom_score_adj").read_text()
    worker.close()

    assert score.strip() == "1000"
