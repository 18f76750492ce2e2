"""`python -m benchmarks.models > docs/models.md`: what each model is, and in what its stand-ins differ from it."""

import re
import textwrap
from collections.abc import Iterator, Mapping

from benchmarks import workload
from benchmarks.machine.estimate import ModelSize, RequestSize
from benchmarks.models import MODELS
from benchmarks.models.base import RANDOM_WEIGHTS, ModelSpec
from benchmarks.processes.helper import run_in_process
from benchmarks.worker.architecture import survey

COMMAND = "python -m benchmarks.models > docs/models.md"
WIDTH = 118
HEADER = ("id", "checkpoint", "revision", "licence", "parameters", "image tokens", "a decode step reads")
INTRODUCTION = f"""
Made by `{COMMAND}` from the registry in `benchmarks/models/`; changes to this page are lost.

Parameters are counted on the architecture that is built here, tied ones once, adapters left out. Image tokens are those
that the model's own processor makes of a built-in photograph of 640x480. What a decode step reads are weights in two
bytes each, without the KV cache: peak memory bandwidth divided by it bounds the tokens/s of one sequence.
"""
WEIGHTS = """
**Revisions** of digits are commits; `--weights=hub` loads exactly that one. Where only its first seven digits are
known, the rest is looked up in the repository's history. A ref (`refs/pr/70`) is resolved when it is downloaded. The
Record holds the whole commit that was loaded either way, and `python -m plotting compare` says where two differ.
`--revision=MODEL=SHA` asks for another. The commits were found in public code that pins them, that of
InternVL2_5-2B-MPO-hf on its page of the Hub; none of them was tried on the Hub itself.

**Gated** models ask you to accept their licence on the Hub first: open the repository's page, then `hf auth login`.
"""
DENORMALS = """
No weight of theirs is a denormal number, and few of a published checkpoint are in bf16; cast to fp16, where denormals
begin at 6.1e-5, it may hold many, on which some processors (not GPUs) are slower than random weights show.
"""
MOONDREAM = """
transformers has no class for it. Three ways were tried, in this order:

1. Its own code at the pinned revision (`--trust-remote-code`): under transformers 5 it does not load (`'HfMoondream'
   object has no attribute 'all_tied_weights_keys'`) without hooks that call `post_init()` and rebuild two buffers. With
   them it runs in fp16 only (crops and KV cache are fp16 whatever the weights are: `mat1 and mat2 must have the same
   dtype` in bf16), one photograph at a time, stops at its own end token, and fetches its tokenizer from the Hub while
   it is built. Batches, exact token counts and bf16 would each need another hook into code that is not ours.
2. A later revision (June 2025): the same layers in bf16, still code of its own that lacks `post_init()`, still one
   photograph at a time, and another external tokenizer.
3. A module of our own, `benchmarks/worker/moondream/`, that reads the published safetensors by their names: both
   precisions, batches, `generate()` of transformers, the published path of several crops. **This is what is used.** It
   agrees with the reference implementation on tilings, crops, features, logits and tokens
   (`tests/worker/test_moondream.py`).
"""
PHI = """
The native weights are those of a pull request on the Hub (`refs/pr/70`), from which transformers' own tests read them;
the main revision is remote code that fails since transformers 4.52. The vision LoRA adapter beside the weights is
attached through `peft` where that is installed; the Record says in `checkpoint.adapter` whether it was.
"""
SECTIONS = {"moondream2": ("Moondream2: a module of our own", MOONDREAM), "phi": ("Phi-4: native weights", PHI)}


def page(known: Mapping[str, tuple[ModelSize, RequestSize]]) -> str:
    """Return the page; `known` are figures and positions of "<model>-bf16"."""
    rows = [HEADER, *(row(spec, *known[f"{spec.id}-bf16"]) for spec in MODELS.values())]
    lines = [f"| {' | '.join(cells)} |" for cells in rows]
    lines.insert(1, "|" + "---|" * len(HEADER))
    texts = ["# The models", INTRODUCTION, "\n".join(lines), WEIGHTS, "## What is not like the published model"]
    texts.append(textwrap.fill(RANDOM_WEIGHTS, WIDTH, break_on_hyphens=False))
    texts.append(DENORMALS)
    texts += [block for spec in MODELS.values() if (block := differences(spec))]
    texts += [f"## {title}\n{text}" for title, text in SECTIONS.values()]
    return re.sub(r"\n{3,}", "\n\n", "\n\n".join(texts)).rstrip() + "\n"


def row(spec: ModelSpec, figures: ModelSize, positions: RequestSize) -> tuple[str, ...]:
    """Return one line of the table."""
    licence = f"{spec.licence} (gated)" if spec.gated else spec.licence
    return (
        f"`{spec.id}`",
        f"[{spec.checkpoint}](https://huggingface.co/{spec.repo})",
        f"`{spec.revision or 'main'}`",
        licence,
        f"{figures['parameters']:,}",
        str(positions["image_tokens"]),
        f"{figures['traffic']['weight_bytes'] / 1e9:.3g} GB",
    )


def differences(spec: ModelSpec) -> str:
    """Return the list of what to know of a model, "" of one that is just what its name says."""
    return "\n".join([f"### `{spec.id}`\n", *items]) if (items := list(_items(spec))) else ""


def _items(spec: ModelSpec) -> Iterator[str]:
    kinds = (
        ("", spec.remarks),
        ("Known limit: ", spec.limits),
        ("With random weights: ", spec.random_remarks),
        ("As a miniature: ", spec.mini_remarks),
    )
    for before, sentences in kinds:
        for sentence in sentences:
            yield textwrap.fill(f"* {before}{sentence}", WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def make(start_method: str) -> str:
    """Return the page; a helper process builds each model without its weights."""
    photograph = workload.encode(workload.read_photographs(None)[0])
    pairs = [(model, "bf16") for model in MODELS]
    return page(run_in_process(start_method, survey, pairs, photograph, workload.PROMPTS[0]))


if __name__ == "__main__":
    print(make("spawn"), end="")  # noqa: T201
