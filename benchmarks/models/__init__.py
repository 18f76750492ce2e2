"""MODELS: every model that the suite knows, and the choice among them.

A new model is an entry in its family's SPECS. A new family is a file like `llava.py` and its name
in FAMILIES. Nothing here imports torch or transformers, because pytest lists its tests from it.
"""

import difflib
from collections.abc import Iterable

from benchmarks.errors import BenchmarkError
from benchmarks.models import gemma3n, internvl2, llava, moondream2, phi, smolvlm2
from benchmarks.models.base import ModelSpec

FAMILIES = (gemma3n, internvl2, llava, moondream2, phi, smolvlm2)

MODELS: dict[str, ModelSpec] = {
    spec.id: spec for spec in sorted((s for f in FAMILIES for s in f.SPECS), key=lambda s: not s.default)
}
"""The six of the study come first."""

PRECISIONS = {"fp16": "float16", "bf16": "bfloat16"}
"""Precision -> its name in torch."""


def list_pairs(models: str | None, precisions: str | None) -> list[tuple[str, str]]:
    """Return the (model, precision) pairs to measure.

    Raises:
        BenchmarkError: a name is unknown; the text suggests known ones.
    """
    chosen = select_precisions(precisions)
    return [(spec.id, precision) for spec in select_models(models) for precision in chosen]


def select_models(names: str | None) -> list[ModelSpec]:
    """Return the models that --models names by id or alias; None means the six of the study."""
    if names is None:
        return [spec for spec in MODELS.values() if spec.default]
    known = {name: spec for spec in MODELS.values() for name in (spec.id, *spec.aliases)}
    found = [known[name] for name in _split_names("--models", names, known, "--models=help lists them all")]
    return list({spec.id: spec for spec in found}.values())


def select_precisions(names: str | None) -> list[str]:
    """Return the precisions that --precisions names; None means all."""
    if names is None:
        return list(PRECISIONS)
    return _split_names("--precisions", names, PRECISIONS, f"there are {', '.join(PRECISIONS)}")


def format_help() -> str:
    """Return the table that --models=help shows."""
    rows = [("id", "checkpoint", "Hub repository", "licence", "")]
    rows += [(s.id, s.checkpoint, s.repo, s.licence, _list_marks(s)) for s in MODELS.values()]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, "", f"Precisions: {', '.join(PRECISIONS)}. Example: --models=smolvlm2,llava"])


def _list_marks(spec: ModelSpec) -> str:
    words = ["default"] if spec.default else []
    words += ["gated"] if spec.gated else []
    words += [f"alias {alias}" for alias in spec.aliases]
    return ", ".join(words)


def _split_names(option: str, names: str, known: Iterable[str], remedy: str) -> list[str]:
    """Split a comma list and check each name in it."""
    chosen = [name for name in (part.strip().lower() for part in names.split(",")) if name]
    if not chosen:
        raise BenchmarkError(f"{option}={names}: no name given; {remedy}.")
    for name in chosen:
        if name not in known:
            near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.4)
            guess = f"did you mean {', '.join(near)}? " if near else ""
            raise BenchmarkError(f"{option}={names}: there is no {name!r}; {guess}{remedy}.")
    return list(dict.fromkeys(chosen))
