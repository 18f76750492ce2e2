"""Form of the figures: formats, resolution, theme, embedded texts, and the same bytes each time.

Tests plotting.figures.save, plotting.output and plotting.text.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from plotting.__main__ import main
from plotting.figures import FIGURES, alt_text
from plotting.figures.save import render
from plotting.output import FORMATS, Output
from plotting.report import page
from plotting.text import escape
from tests.support import made, product
from tests.support.drawing import draw
from tests.support.factory import record

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

ALT = 'Bars & "<words>" of 3 devices, 51.2 J/token ± 1%.'
NAME = "plot_12_tokens_per_second.png"


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", [NAME, "device_comparison_efficiency.png", "precision_comparison_fp16_vs_bf16.png"])
def test_the_same_table_gives_the_same_bytes(lone: pd.DataFrame, name: str, form: str) -> None:
    """A figure drawn twice has the same bytes in every format, and no date."""
    first, second = (render(draw(name, lone), form, "Title", ALT, 60) for _ in range(2))

    assert first == second
    assert not re.search(rb"20[2-9]\d-\d\d-\d\dT|D:20\d\d|CreationDate|[Mm]atplotlib v", first)


def test_a_png_says_what_it_shows(lone: pd.DataFrame, tmp_path: Path) -> None:
    """A PNG has title, alternative text, and the chosen resolution."""
    figure = draw(NAME, lone)
    sizes = {}
    for dpi in (60, 120):
        (tmp_path / "a.png").write_bytes(render(figure, "png", "Title", ALT, dpi))
        with Image.open(tmp_path / "a.png") as image:
            assert (image.info["Title"], image.info["Description"]) == ("Title", ALT)
            sizes[dpi] = image.size

    assert sizes[120] == tuple(2 * side for side in sizes[60])


def test_an_svg_says_what_it_shows(lone: pd.DataFrame) -> None:
    """An SVG is well-formed and starts with title and description, which screen readers read."""
    root = ET.fromstring(render(draw(NAME, lone), "svg", "Title", ALT, 150))  # noqa: S314 - our own

    assert [child.tag.rpartition("}")[2] for child in root][:2] == ["title", "desc"]
    assert [child.text for child in root][:2] == ["Title", ALT]


def test_a_pdf_is_whole(lone: pd.DataFrame) -> None:
    """A PDF has the start and end of the format, and its title."""
    content = render(draw(NAME, lone), "pdf", "Title", ALT, 150)

    assert content.startswith(b"%PDF")
    assert content.rstrip().endswith(b"%%EOF")
    assert b"/Title (Title)" in content


@pytest.mark.parametrize(("form", "picture"), [("png,svg", "png"), ("svg,pdf", "svg"), ("pdf", "")])
def test_the_page_links_what_is_written(lone: pd.DataFrame, form: str, picture: str) -> None:
    """The page shows a picture that browsers display, and links the other formats and the numbers."""
    text = page.write_page(lone, [], [], Output(tuple(form.split(","))))

    for name, spec in FIGURES.items():
        stem = name.removesuffix(".png")
        alt = alt_text.describe_figure(lone, spec.title, spec.metrics)
        assert (f"]({stem}.{picture})" in text) == bool(picture)
        assert text.count(f"![{escape(alt)!s}](") == (1 if picture else 0)
        assert str(escape(alt)) in text
        links = set(re.findall(rf"\[{stem}\.(\w+)\]\({stem}\.\w+\)", text))
        assert links == set(form.split(",")) - {picture}
        assert f"(figures-data/{stem}.csv)" in text


def test_options_of_the_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command line sets formats, resolution and theme, and each figure has its numbers as CSV."""
    made.on(tmp_path / "results", [record("phi")])
    out = tmp_path / "plots"
    options = ["--results", str(tmp_path / "results"), "--out", str(out)]
    assert main([*options, "--figure-format=png,svg", "--dpi=50", "--theme=dark"]) == 0

    written = {line.removeprefix(f"{out}/") for line in capsys.readouterr().out.splitlines()}
    for name in FIGURES:
        stem = name.removesuffix(".png")
        assert {name, f"{stem}.svg", f"figures-data/{stem}.csv"} <= written
        assert (out / "figures-data" / f"{stem}.csv").read_text().startswith("section,device,model,precision,state")
        with Image.open(out / name) as image:
            corner = image.convert("RGB").getpixel((0, 0))
            assert corner == (0x14, 0x18, 0x1D)
            assert image.info["dpi"][0] == pytest.approx(50, abs=0.1)
    assert not list(out.glob("*.pdf"))
    assert {path.name for path in out.glob("*.csv")} == {"vision_model_metrics.csv", "unmeasured_pairs.csv"}


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--figure-format=gif", "unknown format 'gif', choose from png, svg, pdf"),
        ("--figure-format=png,", "unknown format '', choose from png, svg, pdf"),
        ("--dpi=5000", "'5000' is not a whole number from 50 to 600"),
        ("--dpi=-1", "'-1' is not a whole number from 50 to 600"),
        ("--theme=blue", "invalid choice: 'blue'"),
    ],
)
def test_a_bad_form_is_one_sentence(capsys: pytest.CaptureFixture[str], option: str, said: str) -> None:
    """An invalid format, resolution or theme is refused with 2, in one sentence that lists the choices."""
    with pytest.raises(SystemExit) as left:
        main([option])

    [sentence] = capsys.readouterr().err.splitlines()
    assert left.value.code == 2
    assert said in sentence
    assert sentence.endswith("type python -m plotting --help.")


def test_a_users_settings_change_no_byte(tmp_path: Path) -> None:
    """A notebook's MPLBACKEND and a matplotlibrc, even a damaged one, in the working folder change nothing."""
    made.on(tmp_path / "results", [record()])
    rc = b"figure.dpi: 33\nfont.size: 40\ntext.usetex: True\nsavefig.transparent: True\n\xff\xfe"
    (tmp_path / "user").mkdir()
    (tmp_path / "user/matplotlibrc").write_bytes(rc)
    backend = "module://matplotlib_inline.backend_inline"
    for name, folder, settings in (
        ("plain", tmp_path, {}),
        ("bent", tmp_path / "user", {"MPLBACKEND": backend, "MATPLOTLIBRC": str(tmp_path / "user")}),
    ):
        options = ("--results", str(tmp_path / "results"), "--out", str(tmp_path / name), "--dpi=50")
        command = [sys.executable, "-m", "plotting", *options, "--figure-format=png,svg"]
        done = product.run(command, folder, **settings)
        assert (done.returncode, done.stderr) == (0, "")

    plain = {path.name: path.read_bytes() for path in (tmp_path / "plain").rglob("*.*") if path.is_file()}
    assert plain == {path.name: path.read_bytes() for path in (tmp_path / "bent").rglob("*.*") if path.is_file()}
