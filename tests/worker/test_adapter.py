"""Phi's vision adapter: attached if it and peft are present, and otherwise missing with a reason.

Tests benchmarks.worker.adapter.
"""

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from benchmarks.models import MODELS
from benchmarks.pair import handle
from benchmarks.processes.protocol import Job, WorkerFailed
from benchmarks.record.not_measured import NotMeasured
from benchmarks.worker import adapter
from tests.support.jobs import make_job

FOLDER = MODELS["phi"].adapter or ""
TARGETS = r".*layers.*((self_attn\.(qkv_proj|o_proj))|(mlp\.(gate_up_proj|down_proj)))"
"""The four matrices of each decoder layer, as in the published adapter_config.json."""


def with_adapter(folder: Path, scale: float) -> Job:
    """Return a job on Phi's miniature beside an adapter as peft saves one; `scale` 0 changes nothing."""
    peft: Any = pytest.importorskip("peft", reason="peft is not installed: pip install peft")
    from transformers import AutoModelForMultimodalLM

    made = make_job("phi")
    source = shutil.copytree(made.source, folder / "phi")
    base = AutoModelForMultimodalLM.from_pretrained(source, dtype=torch.float32)
    torch.manual_seed(1)
    model = peft.get_peft_model(base, peft.LoraConfig(r=4, lora_alpha=8, target_modules=TARGETS))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 1).mul_(scale)
    model.save_pretrained(source / FOLDER)
    return type(made)(**vars(made) | {"source": source, "weights": "hub"})


def spoken(work: Job) -> tuple[str | None, str | None, int]:
    """Return (adapter, text of the first run, parameters)."""
    worker = handle.start(work, isolation="process", start_method="forkserver")
    loaded = worker.load()
    said = worker.run([(0, 0)], text=True)["text"]
    worker.close()
    return loaded["adapter"], said, loaded["parameters"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Return a job with a sound adapter, which a test copies before it damages it."""
    return with_adapter(tmp_path_factory.mktemp("whole"), 3.0)


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.*:FutureWarning")  # peft asks by an old name
def test_the_adapter_is_active(tmp_path: Path, whole: Job) -> None:
    """An adapter beside the weights is loaded and changes the generated text; one of zeros changes nothing."""
    bare = spoken(type(work)(**vars(work) | {"weights": "hub"})) if (work := make_job("phi")) else None
    zero = spoken(with_adapter(tmp_path / "zero", 0.0))
    real = spoken(whole)

    assert bare is not None
    assert bare[0] is None
    assert zero[:2] == (FOLDER, bare[1])
    assert real[0] == FOLDER
    assert real[1] != bare[1]
    assert real[2] == zero[2] > bare[2]


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.*:FutureWarning")
@pytest.mark.parametrize("fault", ["other names", "cut config", "empty config"])
def test_a_broken_adapter_is_no_adapter(tmp_path: Path, whole: Job, fault: str) -> None:
    """An adapter that is damaged or of another model fails the load, and the error names its folder."""
    work = replace(whole, source=shutil.copytree(whole.source, tmp_path / "phi"))
    folder = work.source / FOLDER
    if fault == "other names":
        tensors = load_file(folder / "adapter_model.safetensors")
        save_file(
            {f"not.{name}": value for name, value in tensors.items() if "layers.1" in name},
            folder / "adapter_model.safetensors",
        )
    else:
        (folder / "adapter_config.json").write_text("{}" if fault == "empty config" else '{"r": 4, "tar')
    worker = handle.start(work, isolation="process", start_method="forkserver")

    with pytest.raises(WorkerFailed, match="the adapter in vision-lora/ cannot be used") as caught:
        worker.load()
    worker.close()
    assert "delete that folder and type --prefetch" in str(caught.value)


def test_a_missing_adapter_has_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason says whether the files are missing, the checkpoint never had an adapter, or peft is not installed."""
    model = torch.nn.Linear(1, 1)

    def explain(name: str, folder: str | None) -> str:
        with pytest.raises(NotMeasured) as caught:
            adapter.attach(model, make_job(name).source, folder)
        return str(caught.value)

    assert explain("phi", FOLDER) == adapter.NOT_DOWNLOADED
    assert explain("llava", None) == adapter.NONE_PUBLISHED
    monkeypatch.setitem(sys.modules, "peft", None)  # as if it were not installed
    assert explain("phi", FOLDER) == adapter.NO_PEFT
