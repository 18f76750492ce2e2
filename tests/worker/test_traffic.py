"""The bytes that a decode step reads: counted from the parameters, and seen in a real step's operands.

Tests benchmarks.worker.traffic.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers.generation.streamers import BaseStreamer

from benchmarks import workload
from benchmarks.machine.roofline import compute_bytes_per_step
from benchmarks.models import MODELS
from benchmarks.worker import traffic as counted
from benchmarks.worker.generation import preprocess

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
    """Turns the recording on after the first new token, when only decode steps follow."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._calls = 0

    def put(self, value: object) -> None:
        self._calls += 1
        self._reads.on = self._calls > 1

    def end(self) -> None:
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
    """Decode steps read exactly the counted weights, and the counted rows of each table."""
    model, plan = miniature(model_id)
    model.generation_config.eos_token_id = None
    inputs = preprocess(plan.processor(), [(workload.encode(workload.read_photographs(None)[0]), workload.PROMPTS[0])])

    with torch.inference_mode(), Reads(model) as reads:
        model.generate(**inputs, max_new_tokens=STEPS + 1, do_sample=False, use_cache=True, streamer=Switch(reads))

    assert reads.whole == set(canonical(model, counted.list_read_whole(model)))
    tables = canonical(model, counted.list_looked_up(model))
    assert reads.rows == {name: STEPS * size for name, size in tables.items()}


KV_WINDOW = 8


class Attended(TorchFunctionMode):  # type: ignore[misc]
    """Adds up the bytes of the K and V that attention is given; heads that are copies of one are one.

    Attributes:
        size: bytes so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.size = 0

    def __torch_function__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is torch.nn.functional.scaled_dot_product_attention:
            with torch._C.DisableTorchFunction():
                self.size += sum(len(kv[0].unique(dim=0)) * kv[:, 0].nbytes for kv in args[1:3])
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("model_id", "text"),
    [(spec.id, {"sliding_window": KV_WINDOW} if spec.id == "gemma3n" else {}) for spec in FAMILIES],
)
@pytest.mark.parametrize("context", [5, 21])
def test_the_cache_that_is_counted_is_what_attention_reads(model_id: str, text: dict[str, int], context: int) -> None:
    """The counted bytes of K and V are those that the attention of all layers gets."""
    model, _ = miniature(model_id, **text)
    batch = 2
    prompt = torch.randint(10, 100, (batch, context - 1), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        cache = model(input_ids=prompt, use_cache=True).past_key_values
        with Attended() as attended:
            model(input_ids=prompt[:, :1], past_key_values=cache, use_cache=True)

    found = counted.count_traffic(model)
    beside = compute_bytes_per_step(found, batch, context) - found["weight_bytes"] - batch * found["row_bytes"]
    assert attended.size == beside > 0
    assert found["kv_window_tokens"] == (KV_WINDOW if text else 0)


def test_a_tied_head_is_read_once() -> None:
    """Phi's tied head counts whole once, and its row as well."""
    model, _ = miniature("phi")
    table = model.get_input_embeddings().weight
    whole = canonical(model, counted.list_read_whole(model))

    assert model.get_output_embeddings().weight is table
    assert whole["model.embed_tokens.weight"] == table.nbytes
    assert [c.parameter is table for c in counted.list_read_whole(model)].count(True) == 1
    assert sum(c.size for c in counted.list_looked_up(model)) == table[0].nbytes


def test_real_dtypes_count() -> None:
    """Bytes follow each parameter's own dtype: a norm in fp32 takes two bytes more per weight."""
    model, _ = miniature("llava")
    half = counted.count_traffic(model.to(torch.bfloat16))
    norm = model.model.language_model.norm
    norm.float()

    assert counted.count_traffic(model)["weight_bytes"] - half["weight_bytes"] == 2 * norm.weight.numel()


@pytest.mark.filterwarnings("ignore:Already found a `peft_config` attribute:UserWarning")  # two adapters are meant
def test_active_adapters_count() -> None:
    """LoRA weights count while their adapter is active, but not while another is, nor once they are merged."""
    peft = pytest.importorskip("peft")
    model, _ = miniature("llava")
    bare = counted.count_traffic(model)["weight_bytes"]
    for name, rank in (("vision", 4), ("speech", 8)):
        model.add_adapter(peft.LoraConfig(r=rank, target_modules=r".*language_model.*\.q_proj"), name)
    hidden, layers = 64, 2

    def added() -> int:
        return counted.count_traffic(model)["weight_bytes"] - bare

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
