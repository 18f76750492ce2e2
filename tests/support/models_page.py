"""`python -m tests.support.models_page > docs/models.md`: the page on each model and its stand-ins."""

import re
import textwrap
from collections.abc import Iterator, Mapping

from benchmarks import workload
from benchmarks.machine.estimate import ModelSize, RequestSize
from benchmarks.models import MODELS
from benchmarks.models.base import RANDOM_WEIGHTS, ModelSpec
from benchmarks.processes.helper import run_in_process
from benchmarks.worker.architecture import survey

WIDTH = 118
HEADER = ("id", "checkpoint", "revision", "licence", "parameters", "image tokens", "a decode step reads")
INTRODUCTION = """
`python -m tests.support.models_page > docs/models.md` writes this page from `benchmarks/models/`; edit nothing here.

Parameters are those of the architecture, without adapters; shared (tied) ones are counted once. Image tokens are those
of a built-in photograph (640x480) in the model's own processor. A decode step reads the decoder's weights, in two
bytes each, and the KV cache, which is not in the table. Peak memory bandwidth divided by these bytes is an upper limit
of the tokens/s of one sequence.
"""
WEIGHTS = """
**Revisions** of hex digits are commits, and `--weights=hub` loads exactly that commit. Seven digits are completed from
the repository's history. A ref (`refs/pr/70`) is resolved at the download. The Record contains the whole commit that
was loaded, and `python -m plotting compare` reports where two Records differ. `--revision=MODEL=SHA` chooses another
commit. The commits come from public code that pins them, except that of InternVL2_5-2B-MPO-hf, which comes from its
page on the Hub. None of them was tried on the Hub itself.

**Gated** models ask you to accept their licence on the Hub first: open the repository's page, then type
`hf auth login`.
"""
DENORMALS = """
None of the random weights is a denormal number. A published checkpoint in bf16 has few, but may have many when it is
cast to fp16, where denormals are below 6.1e-5. Some processors (not GPUs) are slower on denormals.
"""
MOONDREAM = """## Moondream2: our own module

transformers has no class for this model. Three ways were tried, in this order:

1. Its own code at the pinned revision (`--trust-remote-code`) does not load in transformers 5 (`'HfMoondream' object
   has no attribute 'all_tied_weights_keys'`) without hooks that call `post_init()` and rebuild two buffers. With these
   hooks it runs in fp16 only (in bf16: `mat1 and mat2 must have the same dtype`), takes one photograph at a time, stops
   at its end token, and downloads its tokenizer while it is built.
2. The code of a later revision (June 2025) runs in bf16, with the same layers. It lacks `post_init()` too, takes one
   photograph at a time, and uses another external tokenizer.
3. Our own module, `benchmarks/worker/moondream/`, reads the published safetensors by their names. It supports both
   precisions, batches, transformers' `generate()`, and the published path of several crops. **This is what is used.**
   `tests/worker/test_moondream.py` checks that tilings, crops, features, logits and tokens agree with the reference
   implementation.
"""
PHI = """## Phi-4: native weights

The native weights are in a pull request on the Hub (`refs/pr/70`), which transformers' own tests read. The remote code
of the main revision fails since transformers 4.52. The vision LoRA adapter is attached where `peft` is installed;
`checkpoint.adapter` in the Record contains its name.
"""


def write_page(sizes: Mapping[str, tuple[ModelSize, RequestSize]]) -> str:
    """Return the page; `sizes` holds those of "<model>-bf16" for each model."""
    rows = [HEADER, *(make_row(spec, *sizes[f"{spec.id}-bf16"]) for spec in MODELS.values())]
    lines = [f"| {' | '.join(cells)} |" for cells in rows]
    lines.insert(1, "|" + "---|" * len(HEADER))
    texts = ["# The models", INTRODUCTION, "\n".join(lines), WEIGHTS, "## Differences from the published models"]
    texts += [textwrap.fill(RANDOM_WEIGHTS, WIDTH, break_on_hyphens=False), DENORMALS]
    texts += [block for spec in MODELS.values() if (block := describe_differences(spec))]
    return re.sub(r"\n{3,}", "\n\n", "\n\n".join([*texts, MOONDREAM, PHI])).rstrip() + "\n"


def make_row(spec: ModelSpec, model: ModelSize, request: RequestSize) -> tuple[str, ...]:
    """Return one line of the table."""
    return (
        f"`{spec.id}`",
        f"[{spec.checkpoint}](https://huggingface.co/{spec.repo})",
        f"`{spec.revision or 'main'}`",
        f"{spec.licence} (gated)" if spec.gated else spec.licence,
        f"{model['parameters']:,}",
        str(request["image_tokens"]),
        f"{model['traffic']['weight_bytes'] / 1e9:.3g} GB",
    )


def describe_differences(spec: ModelSpec) -> str:
    """Return the section on a model's limits and differences; "" if it has none."""
    return "\n".join([f"### `{spec.id}`\n", *items]) if (items := list(_list_items(spec))) else ""


def _list_items(spec: ModelSpec) -> Iterator[str]:
    kinds = (
        ("", spec.remarks),
        ("Known limit: ", spec.limits),
        ("With random weights: ", spec.random_remarks),
        ("As a miniature: ", spec.mini_remarks),
    )
    for before, sentences in kinds:
        for sentence in sentences:
            yield textwrap.fill(f"* {before}{sentence}", WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def build_page(start_method: str) -> str:
    """Return the page; a helper process builds each model without its weights."""
    photograph = workload.encode(workload.read_photographs(None)[0])
    pairs = [(model, "bf16") for model in MODELS]
    return write_page(run_in_process(start_method, survey, pairs, photograph, workload.PROMPTS[0]))


if __name__ == "__main__":
    print(build_page("spawn"), end="")  # noqa: T201
