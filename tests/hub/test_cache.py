"""What the cache holds: found offline by huggingface_hub itself, complete or not, and loaded by the worker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import huggingface_hub
import pytest

from benchmarks import hub
from benchmarks.hub import client
from benchmarks.hub import files as hub_files
from benchmarks.hub.checkpoint import Checkpoint, Found
from benchmarks.models import MODELS, miniature
from benchmarks.pair import handle
from benchmarks.processes.helper import run_in_process
from benchmarks.processes.protocol import Job
from benchmarks.storage.locks import take
from tests.support.hub_layout import COMMIT, files_of, lay_out, weights
from tests.support.hub_server import HubServer
from tests.support.jobs import IMAGE_TOKENS, make_job

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


TWO_SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
INDEX = json.dumps({"weight_map": dict(zip("ab", TWO_SHARDS, strict=True))}).encode()
WHOLE = {"config.json": b"{}", "model.safetensors": weights()}
SHARDED = {
    "config.json": b"{}",
    "model.safetensors.index.json": INDEX,
    TWO_SHARDS[0]: weights(),
    TWO_SHARDS[1]: weights(0.002),
}
LORA = ("vision-lora",)
REMEMBERED = {"config.json": 2, "model.safetensors": len(weights()), "tokenizer.json": 9, "README.md": 4, "a/b.json": 3}
CASES = {
    "whole": (WHOLE, ()),
    "sharded": (SHARDED, ()),
    "shard-missing": ({name: SHARDED[name] for name in SHARDED if name != TWO_SHARDS[1]}, (TWO_SHARDS[1],)),
    "no-config": ({"model.safetensors": weights()}, ("config.json",)),
    "no-weights": ({"config.json": b"{}"}, ("model.safetensors",)),
    "lora": (WHOLE | {"vision-lora/adapter_model.safetensors": weights()}, ()),
    "lora-missing": (WHOLE, ("vision-lora/*.safetensors",)),
    "remembered": (WHOLE, ("tokenizer.json",)),
}
"""Repository -> the files in the cache, and what they lack."""


def finds(checkpoints: Sequence[Checkpoint]) -> list[Found]:
    """Return what the cache holds of each; for one helper process."""
    return [client.find(checkpoint) for checkpoint in checkpoints]


def offline_home(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """Have helpers keep their cache in `folder`, and ask no network."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_ENDPOINT"):
        patch.delenv(name, raising=False)
    patch.setenv("HF_HOME", str(folder))
    patch.setenv("HF_HUB_OFFLINE", "1")
    return folder


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Found]:
    """What is found of each of CASES, and of some more revisions, in one cache."""
    with pytest.MonkeyPatch.context() as patch:
        home = offline_home(tmp_path_factory.mktemp("cache"), patch)
        asked = {}
        for case, (files, _) in CASES.items():
            lay_out(home, f"org/{case}", files, refs=("main", "refs/pr/70"))
            asked[case] = Checkpoint("llava", f"org/{case}", extra_folders=LORA if case.startswith("lora") else ())
        asked["by ref"] = Checkpoint("llava", "org/whole", "refs/pr/70")
        asked["by commit"] = Checkpoint("llava", "org/whole", COMMIT)
        asked["by the beginning of a commit"] = Checkpoint("llava", "org/whole", COMMIT[:7])
        asked["by another commit"] = Checkpoint("llava", "org/whole", "f" * 40)
        asked["by an unknown ref"] = Checkpoint("llava", "org/whole", "refs/pr/71")
        asked["never seen"] = Checkpoint("llava", "org/other")
        cut = lay_out(home, "org/cut", WHOLE, refs=("main",)) / "model.safetensors"
        cut.write_bytes(cut.read_bytes()[:500])
        asked["cut"] = Checkpoint("llava", "org/cut")
        lay_out(home, "org/index", SHARDED | {"model.safetensors.index.json": INDEX[:20]}, refs=("main",))
        asked["index"] = Checkpoint("llava", "org/index")
        remember(home, "org/remembered")
        return dict(zip(asked, run_in_process("spawn", finds, list(asked.values())), strict=True))


def remember(home: Path, repo: str) -> None:
    """Keep a listing of a repository as huggingface_hub 2.4 does."""
    trees = home / "hub" / f"models--{repo.replace('/', '--')}" / "trees"
    trees.mkdir()
    entries = {name: {"size": size, "blob_id": "0" * 40} for name, size in REMEMBERED.items()}
    (trees / f"{COMMIT}.json").write_text(json.dumps({"format_version": 1, "files": entries}))


@pytest.mark.parametrize("case", CASES)
def test_a_snapshot_is_complete_or_says_what_it_lacks(found: dict[str, Found], case: str) -> None:
    """A snapshot is complete with config.json, its index's weights, extra folders and all that is remembered."""
    if case == "remembered" and not hasattr(huggingface_hub, "get_cached_repo_tree"):
        pytest.skip("this huggingface_hub remembers no listing; 2.4 does")
    assert found[case].lacks == CASES[case][1]
    assert (found[case].complete is None) == bool(CASES[case][1])


@pytest.mark.parametrize(("case", "name"), [("cut", "model.safetensors"), ("index", "model.safetensors.index.json")])
def test_a_file_that_is_cut_short_is_noticed(found: dict[str, Found], case: str, name: str) -> None:
    """A weight file that ends before its header says, or half an index, makes no complete snapshot."""
    assert (found[case].lacks, found[case].damaged) == ((), (name,))
    assert found[case].complete is None


@pytest.mark.parametrize("asked", ["whole", "by ref", "by commit", "by the beginning of a commit"])
def test_a_revision_is_the_commit_that_it_resolved_to(found: dict[str, Found], asked: str) -> None:
    """Main, a ref, a commit and its first digits find the same snapshot, named by its commit."""
    snapshot = found[asked].complete
    assert snapshot is not None
    assert snapshot.commit == COMMIT
    assert snapshot.path.parts[-3:] == ("models--org--whole", "snapshots", COMMIT)


@pytest.mark.parametrize("asked", ["by another commit", "by an unknown ref", "never seen"])
def test_what_is_not_there_is_not_found(found: dict[str, Found], asked: str) -> None:
    """Another revision than those in the cache is none of them."""
    assert found[asked].snapshot is None


def test_wanted_files() -> None:
    """Wanted are the files that transformers loads: one form of the weights, no code unless asked, no other formats."""
    single = ["config.json", "model.safetensors", "chat_template.jinja", "merges.txt", "tokenizer.model"]
    others = ["README.md", "a.py", "pytorch_model.bin", "x.gguf", "onnx/model.onnx", "original/params.json", "x/y.json"]
    plain, code = Checkpoint("llava", "org/x"), Checkpoint("llava", "org/x", remote_code=True)
    lora = Checkpoint("llava", "org/x", extra_folders=LORA)
    adapter = ["vision-lora/adapter_config.json", "vision-lora/adapter_model.safetensors"]
    odd = [*adapter, "vision-lora/a.py", "vision-lora/deep/a.json", "consolidated.safetensors"]

    assert hub_files.wanted([*single, *others, *odd], plain) == sorted(single)
    assert hub_files.wanted([*single, *others], code) == sorted([*single, "a.py"])
    assert hub_files.wanted([*single, *others, *odd], lora) == [*sorted(single), *adapter]
    assert hub_files.wanted([*SHARDED, "model.safetensors", "consolidated.safetensors"], plain) == sorted(SHARDED)


def swept(home: Path) -> None:
    """Sweep a cache; for a helper process."""
    client.sweep(client._hub(), Found(home / "hub", home / "hub/models--org--whole"))


def test_only_lost_halves_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Halves that nobody downloads are deleted, not those that are being downloaded or can be taken up again."""
    home = offline_home(tmp_path, monkeypatch)
    blobs, locks = home / "hub/models--org--whole/blobs", home / "hub/.locks/models--org--whole"
    blobs.mkdir(parents=True)
    locks.mkdir(parents=True)
    for half in ("lost.0a1b2c3d.incomplete", "busy.0a1b2c3d.incomplete", "kept.incomplete"):
        (blobs / half).touch()
    with (locks / "busy.lock").open("w") as busy:
        assert take(busy.fileno())
        run_in_process("spawn", swept, home)

    assert {path.name for path in blobs.iterdir()} == {"busy.0a1b2c3d.incomplete", "kept.incomplete"}


@pytest.fixture(scope="module")
def located(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, hub.Snapshot]]:
    """The miniature of each default model, in a cache under its repository's name, as the product finds it."""
    with pytest.MonkeyPatch.context() as patch:
        home = offline_home(tmp_path_factory.mktemp("minis"), patch)
        specs = [MODELS[model] for model in IMAGE_TOKENS]
        for spec in specs:
            files = files_of(make_job(spec.id).source)
            files |= {f"{extra}/adapter_model.safetensors": weights() for extra in filter(None, [spec.adapter])}
            lay_out(home, spec.repo, files)
        found = run_in_process("spawn", finds, [hub.checkpoint(spec, revision=COMMIT) for spec in specs])
        yield {spec.id: one.complete for spec, one in zip(specs, found, strict=True) if one.complete is not None}


@pytest.fixture
def server() -> Iterator[HubServer]:
    """A Hub that nobody should ask."""
    with HubServer() as found:
        yield found


@pytest.mark.parametrize("model", IMAGE_TOKENS)
def test_every_default_model_loads_from_the_cache(
    located: dict[str, hub.Snapshot], server: HubServer, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    """What the cache holds under a model's repository is loaded by the worker without the network, and generates.

    The product spawns its worker, which takes seconds: one does here. A forkserver keeps its first environment.
    """
    small = make_job(model)
    asked = Job(model, "bf16", "hub", located[model].path, "cpu", small.images[:1], small.prompts[:1], 2)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    child = handle.start(asked, isolation="process", start_method="spawn" if model == "llava" else "forkserver")
    try:
        loaded = child.load()
        marks = child.run([(0, 0)])
    finally:
        child.close()

    assert loaded["file_bytes"] == miniature_size(model)
    assert (marks["new_tokens"], marks["image_tokens"]) == (2, IMAGE_TOKENS[model])
    assert server.asked == []


def miniature_size(model: str) -> int:
    """Return the bytes of a miniature's weights."""
    folder = miniature.locate(MODELS[model], miniature.find_cache_root())
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def test_the_product_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A complete snapshot is had without the network; of another architecture it is refused, with what it is."""
    home = offline_home(tmp_path, monkeypatch)
    folder = lay_out(home, "org/sharded", SHARDED | {"config.json": b'{"model_type": "llava"}'}, refs=("main",))

    assert hub.obtain(Checkpoint("llava", "org/sharded", architecture="llava"), print) == hub.Snapshot(folder, COMMIT)
    with pytest.raises(hub.HubTrouble) as refusal:
        hub.obtain(Checkpoint("phi", "org/sharded", architecture="phi4_multimodal"), print)
    assert str(refusal.value) == (
        f"phi (org/sharded) at {COMMIT} is of the architecture 'llava', and 'phi4_multimodal' is needed; "
        "type --revision=phi=SHA with another commit, or leave --revision out."
    )


@pytest.mark.parametrize("config", [b"{}", b"[]", b'{"auto_map": {}, "model_type": "mine"}', b"no JSON"])
def test_own_code_is_another_architecture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: bytes) -> None:
    """A checkpoint whose architecture is its own code's is had with --trust-remote-code alone; no settings never."""
    home = offline_home(tmp_path, monkeypatch)
    lay_out(home, "org/own", WHOLE | {"config.json": config}, refs=("main",))
    with pytest.raises(hub.HubTrouble, match="'llava' is needed") as refusal:
        hub.obtain(Checkpoint("llava", "org/own", architecture="llava"), print)
    trusted = Checkpoint("llava", "org/own", remote_code=True, architecture="llava")

    assert ("or --trust-remote-code to run the code" in str(refusal.value)) == (b"auto_map" in config)
    if b"auto_map" in config:
        assert hub.obtain(trusted, print).commit == COMMIT
    else:
        with pytest.raises(hub.HubTrouble, match="'llava' is needed"):
            hub.obtain(trusted, print)
