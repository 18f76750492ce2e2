"""The bytes that a decode step reads, counted from a model's parameters: their shapes, dtypes and ties.

Modules that only a prefill runs are left out, lookup tables count by the row, and every other
parameter is read whole. `tests/worker/test_traffic.py` compares this with the operands of a real step.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from benchmarks.machine.roofline import Traffic

PREFILL_ONLY = frozenset(
    {
        "vision_tower",  # gemma3n, internvl, llava
        "vision_model",  # smolvlm
        "vision",  # moondream
        "audio_tower",  # gemma3n
        "multi_modal_projector",  # internvl, llava
        "connector",  # smolvlm
        "embed_tokens_extend",  # phi: both encoders with their projectors
        "region",  # moondream: points and boxes, not text
        # Gemma 3n's embed_vision and embed_audio also run on token ids at every step, except for this norm.
        "soft_embedding_norm",
    }
)
"""Modules that no decode step runs."""
LOOKED_UP = frozenset({"wte"})
"""Lookup tables outside nn.Embedding (moondream)."""


class Counted(NamedTuple):
    """A parameter, and the bytes of it that a decode step reads."""

    name: str
    parameter: Any
    size: int


def count_traffic(model: Any) -> Traffic:
    """Return what one decode step of a transformers model reads, bytes; the model may be on the meta device."""
    whole = list(list_read_whole(model))
    full, window, windowed = _count_cache(model, whole[0].parameter.element_size())
    return {
        "weight_bytes": sum(found.size for found in whole),
        "row_bytes": sum(found.size for found in list_looked_up(model)),
        "kv_bytes_per_token": full,
        "kv_window_tokens": window,
        "kv_window_bytes_per_token": windowed,
    }


def list_read_whole(model: Any) -> Iterator[Counted]:
    """Yield the parameters that a decode step reads whole, tied ones once."""
    seen = set()
    for name, module, parameter in _list_in_step(model):
        if not _is_table(name, module) and id(parameter) not in seen:
            seen.add(id(parameter))
            yield Counted(name, parameter, parameter.numel() * parameter.element_size())


def list_looked_up(model: Any) -> Iterator[Counted]:
    """Yield the tables of which a decode step reads one row per sequence, a table with a tied head included."""
    for name, module, parameter in _list_in_step(model):
        if _is_table(name, module):
            yield Counted(name, parameter, parameter.shape[-1] * parameter.element_size())


def _list_in_step(model: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield (name, its module, parameter) for each parameter that a decode step reads; tied ones repeat."""
    idle = tuple(_list_idle_adapters(model))
    for path, module in model.named_modules():
        if PREFILL_ONLY.intersection(split_path(path)) or f"{path}.".startswith(idle):
            continue
        for name, parameter in module.named_parameters(recurse=False):
            yield f"{path}.{name}".lstrip("."), module, parameter


def _is_table(name: str, module: Any) -> bool:
    import torch

    return isinstance(module, torch.nn.Embedding) or name.rpartition(".")[2] in LOOKED_UP


def _list_idle_adapters(model: Any) -> Iterator[str]:
    """Yield the paths, with a final dot, of the LoRA weights that no step reads: adapters that are off or merged.

    peft's layers are recognised by their attributes, because peft may be missing.
    """
    for path, module in model.named_modules():
        for kind in getattr(module, "adapter_layer_names", ()):
            off = module.disable_adapters or module.merged
            for adapter in getattr(module, kind):
                if off or adapter not in module.active_adapters:
                    yield f"{path}.{kind}.{adapter}."


def _count_cache(model: Any, element_bytes: int) -> tuple[int, int, int]:
    """Return (bytes per token of full-context layers, window in tokens, bytes per token of windowed layers).

    A layer that shares another's cache counts too, because it reads it (Gemma 3n). A window as long
    as the context counts as full context (Phi-4).
    """
    config = model.config.get_text_config(decoder=True)
    heads = config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // heads
    layer = 2 * (getattr(config, "num_key_value_heads", None) or heads) * head_dim * element_bytes
    layers, window = config.num_hidden_layers, getattr(config, "sliding_window", None)
    if window is None or window >= config.max_position_embeddings:
        return layers * layer, 0, 0
    types = getattr(config, "layer_types", None) or ["sliding_attention"] * layers
    sliding = types.count("sliding_attention")
    return (layers - sliding) * layer, window if sliding else 0, sliding * layer


def split_path(path: str) -> list[str]:
    """Return the module names on a path, without those of adapters: one of Phi-4's is called vision."""
    return path.partition(".lora_")[0].split(".")
