"""What a decode step reads: counted from the parameters, and seen in the operands of a real step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import AttentionInterface
from transformers.generation.streamers import BaseStreamer
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from benchmarks import workload
from benchmarks.models import MODELS
from benchmarks.roofline import bytes_per_step
from benchmarks.worker import traffic as counted
from benchmarks.worker.generation import Generator
from benchmarks.worker.loading import LoadedModel

if TYPE_CHECKING:
    from collections.abc import Iterator

FAMILIES = [spec for spec in MODELS.values() if spec.default]
STEPS = 2


class Reads(TorchDispatchMode):  # type: ignore[misc]
    """Records the parameters that torch's operators take as operands, while it is on.

    An operator that only makes a view reads nothing; an embedding reads the rows that it is asked for.

    Attributes:
        whole: names of parameters that an operator has read.
        rows: {name of a table: bytes of the rows that were looked up}.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.on = False
        self.whole: set[str] = set()
        self.rows: dict[str, int] = {}
        self._names = {w.untyped_storage().data_ptr(): name for name, w in model.named_parameters()}

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if self.on and not any(r.alias_info and not r.alias_info.is_write for r in func._schema.returns):
            self._note(func, args, kwargs or {})
        return func(*args, **(kwargs or {}))

    def _note(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        places = {tensor.untyped_storage().data_ptr() for tensor in tensors}
        read = {self._names[place] for place in places & self._names.keys()}
        if func is torch.ops.aten.embedding.default:
            for name in read:
                self.rows[name] = self.rows.get(name, 0) + args[1].numel() * args[0][0].nbytes
        else:
            self.whole |= read


class Switch(BaseStreamer):  # type: ignore[misc]
    """Turns the recording on when the first new token is out: all that follows is decode steps."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._calls = 0

    def put(self, value: object) -> None:  # noqa: ARG002, D102
        self._calls += 1
        self._reads.on = self._calls > 1

    def end(self) -> None:  # noqa: D102
        self._reads.on = False


def miniature(model: str, **text: Any) -> tuple[Any, Any]:
    """Return (model, its blueprint) of a miniature with random weights, `text` changed in its decoder's config."""
    plan = MODELS[model].blueprint(MODELS[model], "mini")
    for key, value in text.items():
        setattr(plan.config.get_text_config(), key, value)
    torch.manual_seed(0)
    return plan.model_class(plan.config).eval(), plan


def canonical(model: Any, found: Iterator[counted.Counted]) -> dict[str, int]:
    """Return {first name of the parameter: bytes counted}."""
    names = {id(weight): name for name, weight in model.named_parameters()}
    return {names[id(c.parameter)]: c.size for c in found}


@pytest.mark.parametrize("model_id", [spec.id for spec in FAMILIES])
def test_what_is_counted_is_what_a_step_reads(model_id: str) -> None:
    """Decode steps read each weight that is counted, no other, and just the rows that are counted of each table."""
    model, plan = miniature(model_id)
    loaded = LoadedModel(model, plan.processor(), torch.device("cpu"), torch.float32, 0, None, 0, None, 0, None)
    images = [workload.encode(photograph) for photograph in workload.photographs(None)[:1]]
    inputs = Generator(loaded, images, workload.PROMPTS[:1], STEPS + 1)._preprocess([(0, 0)])

    with torch.inference_mode(), Reads(model) as reads:
        model.generate(**inputs, max_new_tokens=STEPS + 1, do_sample=False, use_cache=True, streamer=Switch(reads))

    assert reads.whole == set(canonical(model, counted.read_whole(model)))
    tables = canonical(model, counted.looked_up(model))
    assert reads.rows == {name: STEPS * size for name, size in tables.items()}


KV_WINDOW = 8


@pytest.mark.parametrize(
    ("model_id", "text"),
    [(spec.id, {"sliding_window": KV_WINDOW} if spec.id == "gemma3n" else {}) for spec in FAMILIES],
)
@pytest.mark.parametrize("context", [5, 21])
def test_the_cache_that_is_counted_is_what_attention_reads(model_id: str, text: dict[str, int], context: int) -> None:
    """Beside weights and rows, a step reads the K and V that its layers' attention is given, and so many bytes."""
    read = []

    def attention(module: Any, query: Any, key: Any, value: Any, *args: Any, **options: Any) -> Any:
        read.append(key.nbytes + value.nbytes)
        return sdpa_attention_forward(module, query, key, value, *args, **options)

    AttentionInterface.register("recording", attention)
    model, _ = miniature(model_id, **text)
    model.config.get_text_config()._attn_implementation = "recording"
    batch = 2
    prompt = torch.full((batch, context - 1), 10)
    with torch.inference_mode():
        cache = model(input_ids=prompt, use_cache=True).past_key_values
        read.clear()
        model(input_ids=prompt[:, :1], past_key_values=cache, use_cache=True)

    found = counted.traffic(model)
    beside = bytes_per_step(found, batch, context) - found["weight_bytes"] - batch * found["row_bytes"]
    assert sum(read) == beside > 0
    assert found["kv_window_tokens"] == (KV_WINDOW if text else 0)


GB_A_TOKEN = {
    "internvl2-2b": 3.4,
    "llava": 13.2,
    "moondream2": 2.6,
    "smolvlm2": 3.4,
    # Computed here, where the published arithmetic counts something else:
    "gemma3n": 2 * (1.892 + 0.537),  # "4.0 effective" is the body; the head is read too, tied to the embedding
    "gemma3n-e4b": 2 * (3.956 + 0.537),  # "8.0 effective", as above
    "phi": 2 * (3.221 + 0.615),  # 7.4 is Phi-3.5's; Phi-4's vocabulary is six times as large
    "smolvlm2-256m": 0.269,
}
"""2 bytes x decoder weights, GB: the ceilings of decoding in bf16 that are in use for these models."""


@pytest.mark.parametrize("model_id", GB_A_TOKEN)
def test_published_sizes(model_id: str) -> None:
    """At full size the weights that a step reads are those of the known ceilings, to 2%."""
    found = counted.figures(MODELS[model_id], "bf16")

    assert found["traffic"]["weight_bytes"] / 1e9 == pytest.approx(GB_A_TOKEN[model_id], rel=0.02)


def test_smolvlm2_256m_by_hand() -> None:
    """SmolVLM2-256M: 30 layers and an untied head, by hand; norms are counted, and are 0.03%."""
    hidden, inner, layers, vocabulary, kv = 576, 1536, 30, 49280, 3 * 64
    layer = 2 * hidden * hidden + 2 * hidden * kv + 3 * hidden * inner
    norms = (2 * layers + 1) * hidden
    found = counted.figures(MODELS["smolvlm2-256m"], "bf16")

    assert layer == 3_538_944
    assert found["decoder_parameters"] == layers * layer + vocabulary * hidden + norms
    assert found["head_parameters"] == vocabulary * hidden
    assert found["traffic"] == {
        "weight_bytes": 2 * found["decoder_parameters"],
        "row_bytes": 2 * hidden,
        "kv_bytes_per_token": layers * 2 * kv * 2,
        "kv_window_tokens": 0,
        "kv_window_bytes_per_token": 0,
    }
    assert found["vision_parameters"] + found["decoder_parameters"] + vocabulary * hidden == found["parameters"]


def test_gemma3n_by_hand() -> None:
    """Gemma 3n E2B looks up one row of each table, and of its 30 layers 6 attend to all, 24 to 512 positions."""
    found = counted.figures(MODELS["gemma3n"], "bf16")["traffic"]

    token, per_layer, image, audio = 2048, 30 * 256, 2048, 1536
    assert found["row_bytes"] == 2 * (token + per_layer + image + audio)
    assert found["kv_window_tokens"] == 512
    assert found["kv_bytes_per_token"] == 6 * 2 * (2 * 256) * 2
    assert found["kv_window_bytes_per_token"] == 24 * 2 * (2 * 256) * 2


def test_a_tied_head_is_read_once() -> None:
    """Phi's head is its embedding: the matrix counts whole, once, and its row as well."""
    model, _ = miniature("phi")
    table = model.get_input_embeddings().weight
    whole = canonical(model, counted.read_whole(model))

    assert model.get_output_embeddings().weight is table
    assert whole["model.embed_tokens.weight"] == table.nbytes
    assert [c.parameter is table for c in counted.read_whole(model)].count(True) == 1
    assert sum(c.size for c in counted.looked_up(model)) == table[0].nbytes


def test_real_dtypes_count() -> None:
    """Bytes follow each parameter's own dtype: one decoder norm kept in fp32 takes two bytes more a weight."""
    model, _ = miniature("llava")
    half = counted.traffic(model.to(torch.bfloat16))
    norm = model.model.language_model.norm
    norm.float()

    assert counted.traffic(model)["weight_bytes"] - half["weight_bytes"] == 2 * norm.weight.numel()


@pytest.mark.filterwarnings("ignore:Already found a `peft_config` attribute:UserWarning")  # two adapters are meant
def test_active_adapters_count() -> None:
    """LoRA weights count while their adapter is active, and neither when another is, nor when they are merged."""
    peft = pytest.importorskip("peft")
    model, _ = miniature("llava")
    bare = counted.traffic(model)["weight_bytes"]
    for name, rank in (("vision", 4), ("speech", 8)):
        model.add_adapter(peft.LoraConfig(r=rank, target_modules=r".*language_model.*\.q_proj"), name)
    hidden, layers = 64, 2

    def added() -> int:
        return counted.traffic(model)["weight_bytes"] - bare

    model.set_adapter("vision")
    assert added() == layers * 2 * hidden * 4 * 4
    model.set_adapter("speech")
    assert added() == layers * 2 * hidden * 8 * 4
    model.disable_adapters()
    assert added() == 0
    model.enable_adapters()
    for module in model.modules():
        if isinstance(module, peft.tuners.lora.LoraLayer):
            module.merge()
    assert added() == 0
