"""The four recipes of CONTRIBUTING.md work: each is applied as it stands to a copy of the code."""

import csv
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.support import factory, product

BLOCK = re.compile(r"^```(diff|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEW_FILE = re.compile(r"^`([\w/]+\.py)`:\n\n```python", re.MULTILINE)


def read_recipe(title: str) -> str:
    """Return the section of CONTRIBUTING.md under a heading."""
    text = (product.ROOT / "CONTRIBUTING.md").read_text()
    return text.partition(f"\n### {title}\n")[2].partition("\n### ")[0].partition("\n## ")[0]


def apply_recipe(title: str, root: Path) -> None:
    """Copy the code to `root` and apply a recipe there."""
    for name in ("benchmarks", "plotting"):
        shutil.copytree(product.ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(product.ROOT / name, root)
    section = read_recipe(title)
    files = NEW_FILE.findall(section)
    for kind, block in BLOCK.findall(section):
        if kind == "python":
            (root / files.pop(0)).write_text(block)
        else:
            apply_diff(block, root)


def apply_diff(diff: str, root: Path) -> None:
    """Apply a diff by its context: each hunk's old lines must be in the file exactly once."""
    header, *hunks = re.split(r"^@@.*\n", diff, flags=re.MULTILINE)
    path = root / header.splitlines()[1].removeprefix("+++ b/")
    text = path.read_text()
    for hunk in hunks:
        old = "".join(f"{line[1:]}\n" for line in hunk.splitlines() if line[:1] != "+")
        new = "".join(f"{line[1:]}\n" for line in hunk.splitlines() if line[:1] != "-")
        assert text.count(old) == 1, f"{path.name} no longer holds:\n{old}"
        text = text.replace(old, new)
    path.write_text(text)


def run_python(root: Path, *arguments: str) -> str:
    """Run Python in the copy and return its output."""
    done = product.run([sys.executable, *arguments], cwd=root, PYTHONPATH=str(root))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_model(tmp_path: Path) -> None:
    """A model is one entry: it is listed with its checkpoint, and each precision becomes a test."""
    apply_recipe("A model", tmp_path)

    listed = run_python(tmp_path, "-m", "pytest", "benchmarks", "--models=help")
    collected = run_python(tmp_path, "-m", "pytest", "benchmarks", "--models=internvl3-8b", "--collect-only", "-q")
    assert "OpenGVLab/InternVL3-8B-hf" in listed
    assert "test_generate[internvl3-8b-bf16]" in collected


def test_a_sensor(tmp_path: Path) -> None:
    """A sensor is one file and one entry: it reads watts from the hardware, and its refusal says what to do."""
    apply_recipe("A sensor", tmp_path)
    battery = tmp_path / "board/sys/class/power_supply/BAT0"
    battery.mkdir(parents=True)
    (battery / "power_now").write_text("12500000\n")
    code = (
        "import sys; from pathlib import Path; from benchmarks import power; from benchmarks.power.base import *;"
        "chosen = power.select('battery', PowerTarget('cpu', root=Path(sys.argv[1])));"
        "print(chosen.name, chosen.monitor.read()[0].watts)\n"
        "try: power.select('battery', PowerTarget('cpu', root=Path('/nonexistent')))\n"
        "except SensorUnavailable as refusal: print(refusal)"
    )

    first, second = run_python(tmp_path, "-c", code, str(tmp_path / "board")).splitlines()
    assert first == "battery 12.5"
    assert second.endswith("cannot be read; unplug a machine that has a battery.")


@pytest.mark.parametrize("title", ["A metric", "A figure"])
def test_a_metric_and_a_figure(title: str, tmp_path: Path) -> None:
    """A metric or a figure is one entry: it appears for old saves, in the CSV or as a PNG, and on the page."""
    apply_recipe(title, tmp_path)
    factory.save(tmp_path / "results/m/0001_thor.json", [factory.record(latency_s=0.5)])
    run_python(tmp_path, "-m", "plotting")

    plots = tmp_path / "results/plots"
    page = (plots / "README.md").read_text()
    if title == "A figure":
        assert (plots / "plot_17_decode_throughput.png").read_bytes().startswith(b"\x89PNG")
        assert "(plot_17_decode_throughput.png)" in page
    else:
        (row,) = csv.DictReader((plots / "vision_model_metrics.csv").read_text().splitlines())
        assert float(row["images_per_sec"]) == pytest.approx(2.0)
        assert "photographs / time of the runs" in page
