"""Products never replace a user's file, are written all or none, and a killed run's parts are deleted.

Tests plotting.files and plotting.output.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from plotting import files
from plotting.figures import FIGURES, data
from plotting.output import FORMATS, Output
from plotting.selection import UsageError
from tests.support import product
from tests.support.commands import exported, refused

CSV = "vision_model_metrics.csv"
HEADER, PAGE = b"device,model,precision,tokens_per_sec\n", b"# Vision-language models on edge devices: results\n"
EXAMPLE = product.ROOT / "docs/example"
SELF_KILLED = """
import os, signal, sys
from pathlib import Path
from plotting import files

class Deadly(dict):
    def values(self):
        yield from list(super().values())[:-1]
        os.kill(os.getpid(), signal.SIGKILL)

names = ("vision_model_metrics.csv", "figures-data/a.csv", "figures-data/b.csv")
files.write_together(Path(sys.argv[1]), Deadly.fromkeys(names, b"device,model,precision,new"))
"""


def read(folder: Path) -> dict[str, bytes | None]:
    """Return the content of every file below a folder, and None for what is no file."""
    found = sorted(folder.rglob("*"))
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in found}


@pytest.mark.parametrize("options", [[], ["--export=csv,jsonl"]], ids=["products", "export"])
def test_a_users_file_is_not_overwritten(results: Path, capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    """A folder with a user's README.md or runs.csv is refused in one sentence, and nothing in it changes."""
    out = results.parent / "mine"
    out.mkdir()
    for name in ("README.md", "runs.csv", "pairs.jsonl"):
        (out / name).write_text("my own")
    before = read(out)

    said = refused(capsys, "--results", str(results), "--out", str(out), *options)
    which = "runs.csv, pairs.jsonl" if options else "README.md"
    assert said == (
        f"python -m plotting: --out {out}: would overwrite {which} there, which python -m plotting did not make; "
        "name another folder, e.g. --out plots, or move what is there away."
    )
    assert read(out) == before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (CSV, b"model,mrr\nbert,0.4\n"),
        ("benchmark_summary_report.txt", b"my report"),
        ("figures-data/plot_16_load_time.csv", b"a,b"),
        ("plot_16_load_time.png", b"\x89PNG of mine"),
        ("README.md", b"# My project"),
        ("README.md", b""),
        ("README.md", PAGE + b"edited in a folder of my own"),
        ("pairs.csv", b"base,quote\n"),
        ("runs.jsonl", b'{"device": "cuda:0", "loss": 1.5}\n'),
        ("runs.parquet", b"PAR1 of mine PAR1"),
        ("customBiggerIsBetter.json", b'[\n {\n  "name": "mine", "extra": "none"}]'),
    ],
)
def test_what_is_no_product_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    """A file with a product's name, but not its content, is refused, and so is a page or picture without a product."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(content)

    with pytest.raises(UsageError, match=f"would overwrite {name} there"):
        files.write_together(tmp_path, {"unmeasured_pairs.csv": HEADER, name: b"new"})
    assert {path: found for path, found in read(tmp_path).items() if found is not None} == {name: content}


@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "dangling link"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    """A link, a folder or a pipe with a product's name is refused, even beside products, and nothing waits for it."""
    out, page = tmp_path / "out", tmp_path / "out/README.md"
    files.write_together(out, {CSV: HEADER})
    (tmp_path / "page").write_bytes(PAGE)
    if kind == "folder":
        page.mkdir()
    elif kind == "pipe":
        os.mkfifo(page)
    else:
        page.symlink_to(tmp_path / ("page" if kind == "link" else "gone"))

    with pytest.raises(UsageError, match=r"would overwrite README\.md there"):
        files.write_together(out, {CSV: HEADER + b"new", "README.md": PAGE})
    assert (out / CSV).read_bytes() == HEADER
    assert (tmp_path / "page").read_bytes() == PAGE


def test_products_of_earlier_versions_are_replaced(tmp_path: Path) -> None:
    """Every product of the committed example, in every format, is recognised as one beside its CSV."""
    names = [str(path.relative_to(EXAMPLE)) for path in (EXAMPLE, EXAMPLE / data.FOLDER) for path in path.glob("*.*")]
    files.prepare(EXAMPLE, names)
    assert {*FIGURES, "README.md", CSV, "benchmark_summary_report.txt"} < set(names)

    everything = [file for name in FIGURES for file in Output(FORMATS).files(name).values()]
    files.write_together(tmp_path, {CSV: HEADER} | dict.fromkeys(everything, b"a picture"))
    files.prepare(tmp_path, [CSV, *everything])


def test_exports_are_replaced_without_other_products(saves: Path) -> None:
    """Each export is recognised by itself, that of no runs too."""
    out = exported(saves, "csv", "jsonl", "customBiggerIsBetter")
    (out / "runs.jsonl").write_bytes(b"")
    for path in list(out.iterdir()):
        files.prepare(out, [path.name])

    (out / "README.md").write_text("my charts")
    with pytest.raises(UsageError, match=r"README\.md"):
        files.prepare(out, ["pairs.csv", "README.md"])


@pytest.mark.parametrize("out", ["", "  ", "/", "/..", "~/plots", "a\0b", ".git/plots", "results/.journal"])
def test_what_is_hardly_meant_is_refused(
    results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    """An empty --out, the root, a ~ that no shell replaced, and folders of git and of the journals are refused."""
    monkeypatch.chdir(results.parent)
    before = read(results.parent)

    assert refused(capsys, "--out", out) == (
        f"python -m plotting: argument --out: {out!r} is no place for products, type the path of a folder, such as "
        "plots; type python -m plotting --help."
    )
    assert read(results.parent) == before


def test_what_a_kill_left_is_deleted(tmp_path: Path) -> None:
    """The parts of a run that was killed while it wrote are deleted by the next; a user's hidden files stay."""
    (tmp_path / "figures-data").mkdir()
    own = {".abcd1234.csv": b"mine", ".README.md.new": b"mine", "figures-data/.notes.csv": b"mine"}
    for name, content in own.items():
        (tmp_path / name).write_bytes(content)
    done = subprocess.run([sys.executable, "-c", SELF_KILLED, tmp_path], cwd=product.ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.rglob(f"{files.ROOM}*"))) == 2
    assert not (tmp_path / CSV).exists()

    files.write_together(tmp_path, {CSV: HEADER, "figures-data/a.csv": HEADER})
    assert {name: content for name, content in read(tmp_path).items() if content is not None} == own | {
        CSV: HEADER,
        "figures-data/a.csv": HEADER,
    }


def test_the_parts_of_a_living_run_stay(tmp_path: Path) -> None:
    """A run that begins while another one writes into the same folder leaves that one's parts alone."""
    with files._make_room(tmp_path) as room:
        (room / "0").write_bytes(b"in work")
        files.write_together(tmp_path, {CSV: HEADER})
        assert (room / "0").read_bytes() == b"in work"
    assert read(tmp_path) == {CSV: HEADER}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB."""
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], check=False).returncode
    ):
        pytest.skip("mounting a file system is not permitted here")
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)


def test_a_full_disk_leaves_all_files_as_they_were(
    small_disk: Path, saves: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a disk without room for one of the files, every other is still the old one, and no part is left."""
    out = small_disk / "plots"
    files.write_together(out, {"pairs.csv": HEADER, "pairs.jsonl": b"", "runs.csv": HEADER, "runs.jsonl": b""})
    (out / "ballast").write_bytes(b"0" * 30_000)
    before = read(out)

    said = refused(capsys, "--results", str(saves), "--out", str(out), "--export=csv,jsonl")
    assert "cannot write there (No space left on device)" in said
    assert read(out) == before
