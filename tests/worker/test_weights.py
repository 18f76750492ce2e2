"""Random weights in the real classes: made on the device, finite, without denormals, without a load time.

Tests benchmarks.worker.loading and benchmarks.worker.weights.
"""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.machine import memory
from benchmarks.models import MODELS
from benchmarks.pair import handle
from benchmarks.processes.helper import run_in_process
from benchmarks.processes.protocol import Job, WorkerFailed
from benchmarks.worker import loading, weights
from tests.support.jobs import IMAGE_TOKENS, NEW_TOKENS, make_job


def shell(folder: Path, model: str, precision: str) -> Job:
    """Return a job on a miniature without weights, like a full-size model in the cache."""
    made = make_job(model, precision)
    source = shutil.copytree(made.source, folder / model, ignore=shutil.ignore_patterns("*.safetensors"))
    return type(made)(**vars(made) | {"source": source, "weights": "random"})


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
@pytest.mark.parametrize("family", IMAGE_TOKENS)
def test_random_weights_run(tmp_path: Path, family: str, precision: str) -> None:
    """Random weights of each family need no file, and run alone and in a batch with finite numbers."""
    worker = handle.start(shell(tmp_path, family, precision), isolation="process", start_method="forkserver")
    loaded = worker.load()
    seen = worker.verify([(0, 0)])
    marks = worker.run([(0, 0)], check=True)
    batch = worker.run([(0, 0), (1, 1)])
    worker.close()

    assert loaded["load_method"] == weights.MADE
    assert loaded["load_time_s"] is None
    assert loaded["file_bytes"] == 0
    assert (seen["first_nonfinite"], seen["kind"]) == (None, None)
    assert seen["modules"] > 20
    assert marks["finite_logits"] is True
    assert marks["new_tokens"] == NEW_TOKENS
    assert (batch["new_tokens"], batch["image_tokens"]) == (2 * NEW_TOKENS, 2 * IMAGE_TOKENS[family])


def test_a_checkpoint_without_some_of_its_weights_is_refused(tmp_path: Path) -> None:
    """A checkpoint with missing weights is refused, and the error names the first one."""
    made = make_job("llava")
    source = shutil.copytree(made.source, tmp_path / "llava")
    tensors = load_file(source / "model.safetensors")
    kept = {name: value for name, value in tensors.items() if not ("language_model" in name and "layers.1." in name)}
    assert len(kept) < len(tensors)
    save_file(kept, source / "model.safetensors", metadata={"format": "pt"})
    worker = handle.start(type(made)(**vars(made) | {"source": source}), isolation="process", start_method="forkserver")

    with pytest.raises(WorkerFailed, match=r"its files lack \d+ of the model's weights, the first is .*layers\.1\."):
        worker.load()
    worker.close()


def test_a_run_beyond_the_context_is_refused() -> None:
    """A run that needs more positions than the model has fails, and the error gives both numbers."""
    made = make_job("moondream2")
    asked = type(made)(**vars(made) | {"new_tokens": 2000})
    worker = handle.start(asked, isolation="process", start_method="forkserver")
    worker.load()

    with pytest.raises(
        WorkerFailed,
        match=r"takes \d+ positions, and --new-tokens needs 2000 more, but the model has 2048; type a smaller",
    ):
        worker.run([(0, 0)])
    worker.close()


def test_only_what_is_loaded_counts_as_weights(tmp_path: Path) -> None:
    """A duplicate of the weights is no weight file; of shards, those in the index are."""
    for name in ("model.safetensors", "consolidated.safetensors"):
        (tmp_path / name).touch()
    assert [file.name for file in loading.list_weight_files(tmp_path)] == ["model.safetensors"]

    (tmp_path / "model-1.safetensors").touch()
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model-1.safetensors"}}')
    assert [file.name for file in loading.list_weight_files(tmp_path)] == ["model-1.safetensors"]


def test_loading_says_how_much_memory_it_took() -> None:
    """A load reports its peak memory: more than the weights, and under 1 GB for a miniature."""
    worker = handle.start(make_job("llava"), isolation="process", start_method="forkserver")
    loaded = worker.load()
    worker.close()

    assert loaded["load_method"] == weights.MAPPED
    assert loaded["load_peak_ram_bytes"] is not None
    assert 2 * loaded["parameters"] < loaded["load_peak_ram_bytes"] < 1_000_000_000
    assert loaded["load_peak_vram_bytes"] is None


def made_within() -> tuple[int, int]:
    """Return (bytes of a model's weights, rise of this process's peak memory while they were made)."""
    make_llama(vocabulary=1000, width=64)  # the code of torch that this needs is in memory from here on
    before = memory.read_peak_bytes("self") or 0
    model = make_llama(vocabulary=64_000, width=1024)
    return sum(weight.nbytes for weight in model.parameters()), (memory.read_peak_bytes("self") or 0) - before


def make_llama(vocabulary: int, width: int) -> LlamaForCausalLM:
    """Return a decoder with random weights, made as the worker makes them."""
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=width, intermediate_size=4 * width, num_hidden_layers=8,
        num_attention_heads=8, tie_word_embeddings=True,
    )  # fmt: skip
    with torch.device("meta"):
        model = LlamaForCausalLM(config).to(torch.bfloat16)
    weights.materialise(model, torch.device("cpu"))
    weights.lift_denormals(model)
    return model


@pytest.mark.skipif(memory.read_peak_bytes("self") is None, reason="this system does not say a process's peak")
def test_random_weights_are_one_copy() -> None:
    """Random weights take the memory of the weights once, plus less than half of it."""
    size, taken = run_in_process("forkserver", made_within)

    assert size > 300_000_000
    assert 0.9 * size < taken < 1.5 * size


def test_a_tied_head_is_made_once() -> None:
    """A model from the meta device gets each weight once, finite, with its ties."""
    config = LlamaConfig(
        vocab_size=1000, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        tie_word_embeddings=True,
    )  # fmt: skip
    with torch.device("meta"):
        model = LlamaForCausalLM(config)
    weights.materialise(model, torch.device("cpu"))

    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert all(bool(weight.isfinite().all()) for weight in model.parameters())
    assert float(model.lm_head.weight.detach().std()) == pytest.approx(config.initializer_range, rel=0.1)
    assert torch.equal(model.model.norm.weight, torch.ones(32))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_no_weight_is_denormal(dtype: torch.dtype) -> None:
    """Denormal weights become normal numbers; zeros and all others stay unchanged."""
    least = torch.finfo(dtype).smallest_normal
    model = torch.nn.Linear(1000, 100, dtype=dtype)
    with torch.no_grad():
        model.weight.normal_(0, 100 * least)
        model.weight[0] = 0
    before = model.weight.detach().clone()
    weights.lift_denormals(model)

    tiny = (before.abs() < least) & (before != 0)
    assert tiny.sum() > 100
    assert not ((model.weight.abs() < least) & (model.weight != 0)).any()
    assert torch.equal(model.weight[~tiny], before[~tiny])
    assert (model.weight[0] == 0).all()


@pytest.mark.parametrize("model", MODELS)
def test_each_model_says_what_its_stand_ins_lack(model: str) -> None:
    """The differences of random weights include the missing load time; those of published ones do not."""
    spec = MODELS[model]

    assert any("no load time" in sentence for sentence in spec.list_differences("random"))
    assert set(spec.list_differences("hub")) == set(spec.remarks)
    assert set(spec.remarks) <= set(spec.list_differences("mini"))


def test_straight_to_a_device_leaves_nothing_on_the_model() -> None:
    """A device map of one device attaches no hooks, which would cost time in each module."""
    pytest.importorskip("accelerate", reason="accelerate is not installed: pip install accelerate")
    from transformers import AutoModelForMultimodalLM

    model = AutoModelForMultimodalLM.from_pretrained(make_job("llava").source, device_map={"": torch.device("cpu")})

    assert not any(hasattr(module, "_hf_hook") for module in model.modules())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
