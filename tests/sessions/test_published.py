"""Sessions with published checkpoints, from a cache and from a Hub on this machine."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from benchmarks.models import MODELS
from benchmarks.pair.build_record import build_record
from benchmarks.pair.measure import PairSession
from benchmarks.pair.preparation import describe_changes
from benchmarks.processes.protocol import Loaded
from benchmarks.progress import Progress
from benchmarks.record import INTERRUPTED, Record, find_violations
from benchmarks.record.typecheck import fits
from benchmarks.storage.journal import PairJournal
from benchmarks.worker.adapter import NO_PEFT
from plotting import __main__ as plotting
from tests.support import product
from tests.support.hub_handler import Fault
from tests.support.hub_layout import COMMIT, files_of, lay_out
from tests.support.hub_server import HubServer
from tests.support.jobs import CONVOLUTION, make_job, make_overflowing_job
from tests.support.journals import make_loaded
from tests.support.plans import make_plan

QUICK = ("--weights=hub", "--start-method=forkserver", "--runs=2", "--warmup-runs=1")


def publish(home: Path, model: str, source: Path | None = None) -> str:
    """Put a model's miniature into the cache as its published checkpoint, and return the option that names it."""
    lay_out(home, MODELS[model].repo, files_of(source or make_job(model).source))
    return f"--revision={model}={COMMIT}"


@dataclass(frozen=True)
class Session:
    """A session with four pairs of published checkpoints."""

    status: int
    said: str
    records: dict[str, dict[str, Any]]
    storage: Path


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Measure a sound checkpoint, one that overflows in fp16, and a missing one, without the network."""
    folder = tmp_path_factory.mktemp("published")
    home = folder / "home"
    revisions = [publish(home, "llava"), publish(home, "gemma3n", make_overflowing_job(folder, "fp16").source)]
    models = "--models=llava,gemma3n,phi"
    chosen = ("-k", "llava-bf16 or gemma3n or phi-bf16", "--allow-slow-fp16", *revisions)
    done = product.measure_here(folder / "results", *QUICK, models, *chosen, HF_HOME=str(home), HF_HUB_OFFLINE="1")
    (path,) = (folder / "results").rglob("0001_*.json")
    save = json.loads(path.read_text())
    found = [bench["extra_info"] for bench in save["benchmarks"]] + save["unmeasured"]
    return Session(done.returncode, done.stdout, {made["pair"]["id"]: made for made in found}, folder / "results")


def test_a_checkpoint_of_the_cache_is_measured(session: Session) -> None:
    """A cached checkpoint is measured without the network; its commit, load time and first answer are recorded."""
    record = session.records["llava-bf16"]

    assert session.status == 1
    assert record["status"] == "measured"
    assert record["checkpoint"]["revision"] == COMMIT
    assert record["checkpoint"]["weights"] == "hub"
    assert record["load"]["load_time_s"] > 0
    assert record["load"]["peak_ram_bytes"] > 2 * record["checkpoint"]["parameters"]
    assert record["numerics"]["modules"] > 20
    assert record["sample"]["image"] == record["workload"]["images"][0]["name"]
    assert record["sample"]["prompt"] == record["workload"]["prompts"][0]
    assert record["sample"]["text"]
    parameters = f"{record['checkpoint']['parameters']:,}"
    assert record["checkpoint"]["remarks"] == [
        f"The model has {parameters} parameters; the published model has {MODELS['llava'].parameters:,}."
    ]


def test_an_overflowing_pair_is_not_measured(session: Session) -> None:
    """A convolution that overflows in fp16 fails its pair, with the module and the option; bf16 is measured."""
    failed, good = session.records["gemma3n-fp16"], session.records["gemma3n-bf16"]

    assert failed["status"] == "failed"
    assert failed["failures"]["stage"] == "verify"
    assert failed["numerics"]["first_nonfinite"] == CONVOLUTION
    assert f"was not measured: NonFinite: the output of {CONVOLUTION} contains inf in fp16" in failed["message"]
    assert "type --allow-nonfinite to measure it anyway" in session.said
    assert good["status"] == "measured"
    assert good["numerics"]["first_nonfinite"] is None


def test_a_missing_checkpoint_stops_no_other(session: Session) -> None:
    """A checkpoint that cannot be fetched fails its own pair, in one sentence, and no other."""
    record = session.records["phi-bf16"]

    assert record["status"] == "failed"
    assert record["failures"]["stage"] == "load"
    assert "phi (microsoft/Phi-4-multimodal-instruct) is not in the cache" in record["message"]
    assert "or measure the same architecture with --weights=random" in record["message"]


def test_each_record_keeps_the_rules(session: Session) -> None:
    """Records of published checkpoints match the schema, and every null has a reason."""
    for record in session.records.values():
        assert list(find_violations(record)) == []
        assert fits(record, Record)


def test_the_report_shows_the_answers(session: Session, tmp_path: Path) -> None:
    """The page shows the commit and the model's answer, and names the module that overflowed."""
    assert plotting.main(["--results", str(session.storage), "--out", str(tmp_path)]) == plotting.DONE
    page = (tmp_path / "README.md").read_text().replace("\\", "")

    assert "Text that the models generated in their first run" in page
    assert COMMIT in page
    assert f"the output of {CONVOLUTION} contains inf in fp16" in page


def test_an_overflow_may_be_measured(tmp_path: Path) -> None:
    """--allow-nonfinite measures a pair that overflows, and marks it."""
    revision = publish(tmp_path / "home", "gemma3n", make_overflowing_job(tmp_path, "fp16").source)
    options = (revision, "--models=gemma3n", "--precisions=fp16", "--allow-slow-fp16", "--allow-nonfinite")
    done = product.measure_here(tmp_path / "results", *QUICK, *options, HF_HOME=str(tmp_path / "home"))
    (path,) = (tmp_path / "results").rglob("0001_*.json")
    record = json.loads(path.read_text())["benchmarks"][0]["extra_info"]

    assert done.returncode == 0, done.stdout
    found = record["numerics"]
    assert (found["first_nonfinite"], found["nonfinite_kind"], found["allowed"]) == (CONVOLUTION, "inf", True)
    assert found["reasons"] == {"decode_check": "the logits are not finite"}
    assert f"measured although the output of {CONVOLUTION} is not finite" in done.stdout.replace("\n", " ")


def test_another_commit_is_another_model() -> None:
    """Runs are not joined with those of another commit or adapter; the message says which differs."""

    def difference(**now: Any) -> str:
        before = make_loaded() | {"revision": "aaa"}
        return describe_changes(cast("Loaded", before), cast("Loaded", before | now))

    assert difference() == ""
    assert difference(pid=7, load_time_s=9.0) == ""
    assert difference(revision="bbb") == "its revision was aaa and is bbb"
    assert difference(adapter="vision-lora") == "its adapter was None and is vision-lora"


def test_a_missing_adapter_is_recorded(pytestconfig: pytest.Config) -> None:
    """The Record of a checkpoint without its adapter says so, and why; with the adapter it has no remark."""

    def recorded(adapter: str | None) -> tuple[str | None, list[str]]:
        journal = PairJournal(None, "phi-bf16")
        pair = PairSession("phi", "bf16", make_plan(weights="hub"), Progress(pytestconfig), print, journal).pair
        said = {"adapter": adapter, "adapter_reason": NO_PEFT, "parameters": MODELS["phi"].parameters}
        pair.loaded = cast("Loaded", make_loaded() | said)
        found = build_record(pair, INTERRUPTED, "now")["checkpoint"]
        return found["adapter"], found["remarks"]

    assert recorded(None) == (None, [f"Without its adapter vision-lora ({NO_PEFT})."])
    assert recorded("vision-lora") == ("vision-lora", [])


def test_a_first_session_downloads(tmp_path: Path) -> None:
    """A session downloads what is missing before it loads it; a gated repository fails only its own pair."""
    server = HubServer()
    server.add_folder(make_job("llava").source)
    server.faults[MODELS["gemma3n"].repo] = Fault(status=403, code="GatedRepo")
    with server:
        settings = {"HF_HOME": str(tmp_path / "home"), "HF_ENDPOINT": server.url}
        options = ("--models=llava,gemma3n", "--precisions=bf16", "--revision=llava=main")
        done = product.measure_here(tmp_path / "results", *QUICK, *options, **settings)

    assert "llava-bf16: measured, 2 of 2 runs good" in done.stdout
    assert "gemma3n (google/gemma-3n-E2B-it) is gated: accept the licence at" in done.stdout
    assert done.returncode == 1
    assert any(ask.path.endswith("model.safetensors") for ask in server.asked)


@pytest.mark.parametrize("holds", ["smolvlm2", None])
def test_files_of_another_architecture_are_named(tmp_path: Path, holds: str | None) -> None:
    """A repository with the files of another or an unknown model is refused before it is loaded."""
    server = HubServer()
    server.add_folder(make_job(holds or "llava").source)
    if holds is None:
        config = json.loads(server.files["config.json"].content) | {"model_type": "nobody-knows"}
        server.add("config.json", json.dumps(config).encode())
    with server:
        settings = {"HF_HOME": str(tmp_path / "home"), "HF_ENDPOINT": server.url}
        options = ("--models=llava", "--precisions=bf16", "--revision=llava=main")
        done = product.measure_here(tmp_path / "results", *QUICK, *options, **settings)
        fetched = product.measure_here(tmp_path / "results", *QUICK, *options, "--prefetch", **settings)

    found = "smolvlm" if holds else "nobody-knows"
    sentence = (
        f"llava (llava-hf/llava-1.5-7b-hf) at {server.commit} has the architecture '{found}', but 'llava' is needed; "
        "type --revision=llava=SHA with another commit, or leave --revision out."
    )
    assert done.returncode == fetched.returncode == 1
    assert f"could not be loaded: Hub: {sentence}" in done.stdout
    assert f"llava: not fetched. {sentence}" in fetched.stdout


def test_another_machine_can_prefetch(tmp_path: Path) -> None:
    """--prefetch needs no device, measures nothing and saves nothing."""
    server = HubServer()
    server.add_folder(make_job("llava").source)
    with server:
        settings = {"HF_HOME": str(tmp_path / "home"), "HF_ENDPOINT": server.url}
        options = ("--prefetch", "--torch-device=cuda:7", "--benchmark-save=x", f"--benchmark-json={tmp_path}/x.json")
        wanted = ("--weights=hub", "--models=llava", "--revision=llava=main")
        done = product.measure_here(tmp_path / "results", *wanted, *options, **settings)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"llava: complete at {server.commit[:12]}" in done.stdout
    assert "saving" not in done.stdout.lower() + done.stderr.lower()
    assert not (tmp_path / "x.json").exists()
    assert not list((tmp_path / "results").rglob("*.json"))
