"""What a decode step of a model reads, counted from its real parameters: their shapes, dtypes and ties.

The selection is structural: everything below a module that only a prefill runs is left out, tables
that are looked up count by the row, all else is read whole. That this is what a step really reads
is held by a test that records the operands of one.
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
        # Gemma 3n's embed_vision and embed_audio also run on token ids, at every step: of each only the norm
        # of encoder features does not.
        "soft_embedding_norm",
    }
)
"""Names of the modules that no decode step runs."""
LOOKED_UP = frozenset({"wte"})
"""Tables that are looked up, though no nn.Embedding holds them (moondream)."""


class Counted(NamedTuple):
    """A parameter, and how many bytes of it a decode step reads."""

    name: str
    parameter: Any
    size: int


def count_traffic(model: Any) -> Traffic:
    """Return what one decode step of `model` reads, bytes.

    Args:
        model: a transformers model, or one of ours with `config.get_text_config()`, on any device
            (meta will do).
    """
    whole = list(list_read_whole(model))
    full, window, windowed = _cache(model, whole[0].parameter.element_size())
    return {
        "weight_bytes": sum(found.size for found in whole),
        "row_bytes": sum(found.size for found in list_looked_up(model)),
        "kv_bytes_per_token": full,
        "kv_window_tokens": window,
        "kv_window_bytes_per_token": windowed,
    }


def list_read_whole(model: Any) -> Iterator[Counted]:
    """Yield the parameters that a decode step reads from end to end, each once: tied ones are one parameter."""
    seen = set()
    for name, module, parameter in _in_step(model):
        if not _is_table(name, module) and id(parameter) not in seen:
            seen.add(id(parameter))
            yield Counted(name, parameter, parameter.numel() * parameter.element_size())


def list_looked_up(model: Any) -> Iterator[Counted]:
    """Yield the tables that a decode step takes one row of for each sequence; a tied head counts here too."""
    for name, module, parameter in _in_step(model):
        if _is_table(name, module):
            yield Counted(name, parameter, parameter.shape[-1] * parameter.element_size())


def _in_step(model: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield (name, module that holds it, parameter) of all that a decode step touches; tied ones more than once."""
    idle = tuple(_idle_adapters(model))
    for path, module in model.named_modules():
        if PREFILL_ONLY.intersection(split_path(path)) or f"{path}.".startswith(idle):
            continue
        for name, parameter in module.named_parameters(recurse=False):
            yield f"{path}.{name}".lstrip("."), module, parameter


def _is_table(name: str, module: Any) -> bool:
    import torch

    return isinstance(module, torch.nn.Embedding) or name.rpartition(".")[2] in LOOKED_UP


def _idle_adapters(model: Any) -> Iterator[str]:
    """Yield the paths, with a dot behind, of LoRA weights that no step reads.

    Those are of adapters that are off, or merged into the weights. peft's layers are told by their
    attributes, so that peft need not be there.
    """
    for path, module in model.named_modules():
        for kind in getattr(module, "adapter_layer_names", ()):
            off = module.disable_adapters or module.merged
            for adapter in getattr(module, kind):
                if off or adapter not in module.active_adapters:
                    yield f"{path}.{kind}.{adapter}."


def _cache(model: Any, element_bytes: int) -> tuple[int, int, int]:
    """Return (bytes per token of full-context layers, window in tokens, bytes per token of windowed layers).

    Every layer that attends counts, since each reads: also one that shares the cache of another
    (Gemma 3n's last ones). A window that no context can outgrow is none (Phi-4).
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
    """Return the names of the modules on a path, without those of adapters: Phi-4 has one that is called vision."""
    return path.partition(".lora_")[0].split(".")
