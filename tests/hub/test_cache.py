"""The cache is inspected without the network, and the worker loads what it holds.

Tests benchmarks.hub.files.
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import huggingface_hub
import pytest

from benchmarks import hub
from benchmarks.hub import client
from benchmarks.hub import files as hub_files
from benchmarks.hub.checkpoint import CacheState, Checkpoint
from benchmarks.models import MODELS, miniature
from benchmarks.pair import handle
from benchmarks.processes.helper import run_in_process
from benchmarks.processes.protocol import Job
from tests.support.hub_layout import COMMIT, files_of, lay_out, weights
from tests.support.hub_server import HubServer
from tests.support.jobs import IMAGE_TOKENS, make_job

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
    "no-weights": ({"config.json": b"{}"}, ("*.safetensors",)),
    "no-shards": (
        {name: SHARDED[name] for name in ("config.json", "model.safetensors.index.json")},
        TWO_SHARDS,
    ),
    "lora": (WHOLE | {"vision-lora/adapter_model.safetensors": weights()}, ()),
    "lora-missing": (WHOLE, ("vision-lora/*.safetensors",)),
    "remembered": (WHOLE, ("tokenizer.json",)),
}
"""Repository -> the files in the cache, and what is missing."""


def inspect_all(checkpoints: Sequence[Checkpoint]) -> list[CacheState]:
    """Return what the cache holds of each; for one helper process."""
    return [client.inspect_cache(checkpoint) for checkpoint in checkpoints]


def set_offline_home(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """Let helper processes keep their cache in `folder`, without the network."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_ENDPOINT"):
        patch.delenv(name, raising=False)
    patch.setenv("HF_HOME", str(folder))
    patch.setenv("HF_HUB_OFFLINE", "1")
    return folder


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CacheState]:
    """What one cache holds of each of CASES, and of some more revisions."""
    with pytest.MonkeyPatch.context() as patch:
        home = set_offline_home(tmp_path_factory.mktemp("cache"), patch)
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
        for name, ref in {"away": "../../../../elsewhere", "absolute": f"{home}/elsewhere", "copy": "copy"}.items():
            lay_out(home, f"org/{name}", WHOLE, refs=("main",))
            root = home / f"hub/models--org--{name}"
            shutil.copytree(root / "snapshots" / COMMIT, root / "snapshots/copy", symlinks=True)
            shutil.copytree(root / "snapshots" / COMMIT, home / "elsewhere", dirs_exist_ok=True)
            (root / "refs/main").write_text(ref)
            asked[f"by a ref that leads {name}"] = Checkpoint("llava", f"org/{name}")
        return dict(zip(asked, run_in_process("spawn", inspect_all, list(asked.values())), strict=True))


def remember(home: Path, repo: str) -> None:
    """Write the list of a repository's files as huggingface_hub 2.4 does."""
    trees = home / "hub" / f"models--{repo.replace('/', '--')}" / "trees"
    trees.mkdir()
    entries = {name: {"size": size, "blob_id": "0" * 40} for name, size in REMEMBERED.items()}
    (trees / f"{COMMIT}.json").write_text(json.dumps({"format_version": 1, "files": entries}))


@pytest.mark.parametrize("case", CASES)
def test_a_snapshot_is_complete_or_says_what_it_lacks(states: dict[str, CacheState], case: str) -> None:
    """A complete snapshot has config.json, the weights of its index, the extra folders and every remembered file."""
    if case == "remembered" and not hasattr(huggingface_hub, "get_cached_repo_tree"):
        pytest.skip("this huggingface_hub keeps no list of files; 2.4 does")
    assert states[case].missing == CASES[case][1]
    assert (states[case].complete is None) == bool(CASES[case][1])


@pytest.mark.parametrize(("case", "name"), [("cut", "model.safetensors"), ("index", "model.safetensors.index.json")])
def test_a_file_that_is_cut_short_is_noticed(states: dict[str, CacheState], case: str, name: str) -> None:
    """A snapshot is incomplete if a weight file ends before its header says, or the index ends early."""
    assert (states[case].missing, states[case].damaged) == ((), (name,))
    assert states[case].complete is None


@pytest.mark.parametrize("asked", ["whole", "by ref", "by commit", "by the beginning of a commit"])
def test_a_revision_is_the_commit_that_it_resolved_to(states: dict[str, CacheState], asked: str) -> None:
    """Main, a ref, a commit and its first digits find the same snapshot, named by its commit."""
    snapshot = states[asked].complete
    assert snapshot is not None
    assert snapshot.commit == COMMIT
    assert snapshot.path.parts[-3:] == ("models--org--whole", "snapshots", COMMIT)


@pytest.mark.parametrize("name", ["away", "absolute", "copy"])
def test_a_ref_in_the_cache_is_no_path(states: dict[str, CacheState], name: str) -> None:
    """A ref of a copied cache that names another folder than a commit's finds no snapshot, complete or not."""
    assert states[f"by a ref that leads {name}"].snapshot is None


@pytest.mark.parametrize("asked", ["by another commit", "by an unknown ref", "never seen"])
def test_another_revision_is_not_found(states: dict[str, CacheState], asked: str) -> None:
    """A revision that the cache does not hold has no snapshot."""
    assert states[asked].snapshot is None


def test_needed_files() -> None:
    """The needed files are those that transformers loads: one form of the weights, code only if asked for."""
    single = ["config.json", "model.safetensors", "chat_template.jinja", "merges.txt", "tokenizer.model"]
    others = ["README.md", "a.py", "pytorch_model.bin", "x.gguf", "onnx/model.onnx", "original/params.json", "x/y.json"]
    plain, code = Checkpoint("llava", "org/x"), Checkpoint("llava", "org/x", remote_code=True)
    lora = Checkpoint("llava", "org/x", extra_folders=LORA)
    adapter = ["vision-lora/adapter_config.json", "vision-lora/adapter_model.safetensors"]
    odd = [*adapter, "vision-lora/a.py", "vision-lora/deep/a.json", "consolidated.safetensors"]
    odd += ["../a.json", "/a.json", "vision-lora/../a.json", "vision-lora/../../a.json", "../vision-lora/a.json"]

    assert hub_files.select_files([*single, *others, *odd], plain) == sorted(single)
    assert hub_files.select_files([*single, *others], code) == sorted([*single, "a.py"])
    assert hub_files.select_files([*single, *others, *odd], lora) == [*sorted(single), *adapter]
    assert hub_files.select_files([*SHARDED, "model.safetensors", "consolidated.safetensors"], plain) == sorted(SHARDED)


@pytest.fixture(scope="module")
def located(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, hub.Snapshot]]:
    """The snapshots of all default models: miniatures, in a cache under the names of their repositories."""
    with pytest.MonkeyPatch.context() as patch:
        home = set_offline_home(tmp_path_factory.mktemp("minis"), patch)
        specs = [MODELS[model] for model in IMAGE_TOKENS]
        asked = []
        for spec in specs:
            folders = (spec.adapter,) if spec.adapter else ()
            files = files_of(make_job(spec.id).source)
            files |= {f"{folder}/adapter_model.safetensors": weights() for folder in folders}
            lay_out(home, spec.repo, files)
            asked.append(Checkpoint(spec.id, spec.repo, COMMIT, folders, architecture=spec.architecture))
        found = run_in_process("spawn", inspect_all, asked)
        yield {spec.id: one.complete for spec, one in zip(specs, found, strict=True) if one.complete is not None}


@pytest.fixture
def server() -> Iterator[HubServer]:
    """A Hub that must not be asked."""
    with HubServer() as started:
        yield started


@pytest.mark.parametrize("model", IMAGE_TOKENS)
def test_every_default_model_loads_from_the_cache(
    located: dict[str, hub.Snapshot], server: HubServer, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    """The worker loads a cached checkpoint without the network, and generates with it.

    The product spawns its worker, which takes seconds: one model does so here. A forkserver keeps the environment
    of its start.
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

    assert loaded["file_bytes"] == count_weight_bytes(model)
    assert (marks["new_tokens"], marks["image_tokens"]) == (2, IMAGE_TOKENS[model])
    assert server.asked == []


def count_weight_bytes(model: str) -> int:
    """Return the bytes of a miniature's weights."""
    folder = miniature.locate(MODELS[model], miniature.find_cache_root())
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def test_a_complete_snapshot_needs_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A complete snapshot is found without the network; one of another architecture is refused, and its own named."""
    home = set_offline_home(tmp_path, monkeypatch)
    folder = lay_out(home, "org/sharded", SHARDED | {"config.json": b'{"model_type": "llava"}'}, refs=("main",))

    assert hub.obtain(Checkpoint("llava", "org/sharded", architecture="llava"), print) == hub.Snapshot(folder, COMMIT)
    with pytest.raises(hub.HubError) as refusal:
        hub.obtain(Checkpoint("phi", "org/sharded", architecture="phi4_multimodal"), print)
    assert str(refusal.value) == (
        f"phi (org/sharded) at {COMMIT} has the architecture 'llava', but 'phi4_multimodal' is needed; "
        "type --revision=phi=SHA with another commit, or leave --revision out."
    )


@pytest.mark.parametrize("config", [b"{}", b"[]", b'{"auto_map": {}, "model_type": "mine"}', b"no JSON"])
def test_own_code_is_another_architecture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: bytes) -> None:
    """A checkpoint with code of its own needs --trust-remote-code; one without a readable config.json is refused."""
    home = set_offline_home(tmp_path, monkeypatch)
    lay_out(home, "org/own", WHOLE | {"config.json": config}, refs=("main",))
    with pytest.raises(hub.HubError, match="'llava' is needed") as refusal:
        hub.obtain(Checkpoint("llava", "org/own", architecture="llava"), print)
    trusted = Checkpoint("llava", "org/own", remote_code=True, architecture="llava")

    assert ("; or type --trust-remote-code to run its own code" in str(refusal.value)) == (b"auto_map" in config)
    if b"auto_map" in config:
        assert hub.obtain(trusted, print).commit == COMMIT
    else:
        with pytest.raises(hub.HubError, match="'llava' is needed"):
            hub.obtain(trusted, print)
