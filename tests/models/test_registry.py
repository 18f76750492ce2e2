"""MODELS and the choice among them.

Tests benchmarks.models.base.
"""

import importlib.util
import re

import pytest

from benchmarks import models
from benchmarks.errors import BenchmarkError
from benchmarks.models import MODELS, miniature
from benchmarks.models.base import ModelSpec


def test_the_studys_six_in_both_precisions() -> None:
    """Without a choice the six models of the study are measured in fp16 and bf16: twelve pairs of plain strings."""
    pairs = models.list_pairs(None, None)

    assert [model for model, _ in pairs[::2]] == ["gemma3n", "internvl2-2b", "llava", "moondream2", "phi", "smolvlm2"]
    assert {precision for _, precision in pairs} == {"fp16", "bf16"}
    assert len(pairs) == 12


def test_names_and_aliases() -> None:
    """Models are named by id or alias, in any case, each once; the old name of InternVL2-2B is an alias."""
    assert models.list_pairs("SmolVLM2, internvl,smolvlm2", "bf16") == [("smolvlm2", "bf16"), ("internvl2-2b", "bf16")]


@pytest.mark.parametrize(
    ("names", "precisions", "complaint"),
    [
        ("smolvlm", None, "there is no 'smolvlm'; did you mean smolvlm2"),
        ("llavva", None, "did you mean llava"),
        (",", None, "no name given"),
        (None, "fp8", "there is no 'fp8'; did you mean fp16"),
        (None, "int4", "there are fp16, bf16"),
    ],
)
def test_unknown_names_are_refused(names: str | None, precisions: str | None, complaint: str) -> None:
    """An unknown model or precision is refused with the nearest names."""
    with pytest.raises(BenchmarkError, match=re.escape(complaint)):
        models.list_pairs(names, precisions)


def test_help_lists_every_model() -> None:
    """--models=help names each model with its checkpoint and licence."""
    text = models.format_help()

    for spec in MODELS.values():
        assert spec.id in text
        assert spec.checkpoint in text
        assert spec.licence in text


def test_gated_models_are_named() -> None:
    """--models=help marks the two models that need a licence."""
    gated = {spec.id for spec in MODELS.values() if spec.gated}
    marked = {line.split()[0] for line in models.format_help().splitlines() if line.endswith("gated")}

    assert gated == marked == {"gemma3n", "gemma3n-e4b"}


def test_revisions_are_commits_or_resolved() -> None:
    """Every checkpoint is pinned to a commit, except one to its first digits and one to a ref."""
    pinned = re.compile(r"[0-9a-f]{40}")
    others = {spec.id: spec.revision for spec in MODELS.values() if not pinned.fullmatch(spec.revision or "")}

    assert others == {"internvl2-2b": "7118a7e", "phi": "refs/pr/70"}


@pytest.mark.parametrize("weights", ["hub", "random", "mini"])
def test_every_label_says_which_weights_it_is(weights: str) -> None:
    """The label of InternVL2-2B names the checkpoint with its published weights; no two models share a label."""
    labels = {spec.id: spec.get_label(weights) for spec in MODELS.values()}

    assert labels["internvl2-2b"] == ("InternVL2-2B (2.5-MPO)" if weights == "hub" else "InternVL2-2B")
    assert len(set(labels.values())) == len(MODELS)


@pytest.mark.parametrize("spec", MODELS.values(), ids=MODELS)
def test_each_spec_is_complete(spec: ModelSpec) -> None:
    """Each spec has a label, a repository with its owner, a licence, and an id that is safe in file names."""
    assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*", spec.id)
    assert spec.label
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", spec.repo)
    assert spec.licence
    assert importlib.util.find_spec(spec.blueprint.__module__)
    assert spec.own is None or importlib.util.find_spec(spec.own)


@pytest.mark.parametrize("spec", MODELS.values(), ids=MODELS)
def test_each_architecture_is_what_config_json_says(spec: ModelSpec) -> None:
    """A spec's architecture is the `model_type` of its config.json, which is checked before a load."""
    assert spec.architecture == spec.blueprint(spec, "mini").config.model_type


def test_miniatures_are_named_by_what_they_are_made_from() -> None:
    """Each model's miniature has a different identity, the same each time."""
    found = [miniature.compute_identity(spec) for spec in MODELS.values()]

    assert len(set(found)) == len(MODELS)
    assert found == [miniature.compute_identity(spec) for spec in MODELS.values()]
