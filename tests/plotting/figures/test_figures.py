"""All nine figures: they draw any table, say what is missing, and show names unchanged.

Tests plotting.figures.style.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from matplotlib.collections import PathCollection

from plotting.figures import FIGURES, footnotes
from plotting.metrics.registry import METRICS
from tests.support import made
from tests.support.drawing import BARS, COMBINED, MAPS, PRECISION, RAM, device_colours, draw, lay_out, rectangles, words
from tests.support.factory import NO_SENSOR, record, unmeasured

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure

POWER_FIGURES = (
    "plot_14_tokens_per_sec_per_watt.png",
    "plot_15_joules_per_token.png",
    "device_comparison_efficiency.png",
)

WORK = "10 good runs per pair; 1 photograph x 1 prompt; 16 new tokens per sequence; batch 1."
MINIATURE = "Miniature weights: the models' own classes and image tokens with 1.5 million parameters."
METER = "gpu, integration, NVML, driver 580.1"
FOOTNOTES = {
    "study": (
        WORK,
        MINIATURE,
        f"Failed: Gemma3N fp16 ({made.THOR}). Never attempted: Phi fp16 (Laptop).",
    ),
    "powerless": (WORK, MINIATURE),
    "lone": (WORK, MINIATURE),
    "hopeless": (
        "Nothing was measured.",
        "Failed: LLaVA fp16, Phi bf16. Never attempted: LLaVA bf16, Phi fp16.",
    ),
}
"""Table -> what the footnote of each of its figures says."""
OF_POWER = {
    "study": f"Power: {made.THOR}, Laptop, Workstation: {METER}.",
    "powerless": f"Power: {made.THOR}: not measured, {NO_SENSOR}.",
    "lone": f"Power: {made.THOR}: {METER}.",
}
"""Table -> what the footnote of its figures of energy says beside that."""


@pytest.mark.parametrize("table", FOOTNOTES)
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_draws_and_says_its_conditions(name: str, table: str, request: pytest.FixtureRequest) -> None:
    """Each figure draws any table, with a title, and a footnote with conditions and missing pairs."""
    if table == "study":
        figure = request.getfixturevalue("drawn")[name]
    else:
        figure = lay_out(draw(name, request.getfixturevalue(table)))

    footnote = " ".join(figure.get_supxlabel().split())
    assert figure.get_suptitle()
    for sentence in FOOTNOTES[table]:
        assert sentence in footnote
    power, unlike = OF_POWER.get(table, "Power:"), "Not the same on every device: what counts as RAM."
    assert (power in footnote) == (name in (*POWER_FIGURES, PRECISION) and table in OF_POWER)
    assert (unlike in footnote) == (name in (RAM, PRECISION) and table == "study")


def test_a_device_has_one_colour_in_all_figures(drawn: dict[str, Figure], study: pd.DataFrame) -> None:
    """Each device has one colour of its own in all figures."""
    figures = {name: figure for name, figure in drawn.items() if name not in MAPS}
    found = [device_colours(figure, study) for figure in figures.values()]

    assert len(found) == 7
    assert all(colours == found[0] for colours in found)
    assert len(set(found[0].values())) == len(found[0]) == 3


@pytest.mark.parametrize("name", POWER_FIGURES)
def test_without_power_a_figure_says_so(powerless: pd.DataFrame, name: str) -> None:
    """A figure of energy without any sensor is small, and says why, and which command helps."""
    figure = draw(name, powerless)

    [axes] = figure.axes
    [text] = axes.texts
    assert "not measured" in text.get_text()
    assert NO_SENSOR in text.get_text()
    assert "python -m benchmarks.power" in text.get_text()
    assert not rectangles(axes)
    assert not axes.axison
    assert figure.get_figheight() <= 3.5


def test_long_reasons_are_brief_in_figures(tmp_path: Path) -> None:
    """A figure cuts a reason after twelve words, and says where the full text is."""
    long = record(power_w=None)
    why = "no sensor here (hwmon: none of it is there; nvml: neither; rapl: the kernel shows no counter)"
    long["power"]["reasons"] = dict.fromkeys(long["power"]["reasons"], why)
    long["load"] |= {"load_time_s": None, "reasons": {"load_time_s": " ".join(f"word{n}" for n in range(20))}}
    table = made.one(tmp_path, long)
    figures = {name: draw(name, table) for name in ("plot_15_joules_per_token.png", "plot_16_load_time.png")}

    said = [" ".join(" ".join(words(figure)).split()) for figure in figures.values()]
    assert "Power: Jetson Thor: not measured, no sensor here." in said[0]
    assert not any("hwmon" in text for text in said)
    assert "word11 …" in said[1]
    assert "word12" not in said[1]
    assert all(footnotes.MORE in text for text in said)


def test_without_power_the_other_panels_stay(powerless: pd.DataFrame) -> None:
    """Without any sensor the comparison of precisions shows throughput and RAM, and says why the others are empty."""
    axes = draw(PRECISION, powerless).axes

    marks = [
        [len(np.asarray(m.get_offsets())) for m in found.collections if isinstance(m, PathCollection)] for found in axes
    ]
    assert marks == [[2, 2], [2, 2], [], []]
    for found in axes[2:]:
        assert "not measured" in found.texts[0].get_text()
        assert NO_SENSOR in found.texts[0].get_text()


def test_one_pair_without_power_is_said_in_its_place(tmp_path: Path) -> None:
    """If one of several pairs has no energy, its place says so, and the footnote counts it."""
    table = made.one(tmp_path, record("phi", power_w=None), record("llava"))
    figure = draw("plot_15_joules_per_token.png", table)

    assert "not measured" in {word.replace("\n", " ") for word in words(figure)}
    assert "(not for 1 of 2 pairs)" in " ".join(figure.get_supxlabel().split())


@pytest.mark.parametrize("name", [*BARS, RAM, *MAPS])
def test_only_failures_are_words(hopeless: pd.DataFrame, name: str) -> None:
    """If all pairs failed, a figure says that nothing was measured, with the message of the failures."""
    text = " ".join(" ".join(words(draw(name, hopeless))).split())

    assert "not measured" in text
    assert "all 10 runs failed, first with RuntimeError: no" in text


@pytest.mark.parametrize("name", FIGURES)
def test_names_are_shown_as_they_stand(tmp_path: Path, name: str) -> None:
    """Dollar signs, underscores, braces and backslashes in names and messages are shown unchanged."""
    device, model, message = r"Lab $x^{$ a_b\q", "Smol_$VLM^2$", r"no $\frac{ memory_left"
    odd = record()
    odd["pair"] |= {"label": model, "precision": r"$b_{f}^"}
    odd["checkpoint"]["weights"] = r"$w_{"  # a work group of its own, named after the weights
    figure = lay_out(draw(name, made.one(tmp_path, odd, unmeasured("phi", "bf16", message=message), label=device)))

    shown_texts = [text.replace(r"\$", "$") for text in words(figure)]
    assert any(model in text for text in shown_texts)
    assert any(device in " ".join(text.split()) for text in shown_texts)


def test_every_product_is_there() -> None:
    """FIGURES has the nine files of the study, each with title and explanation."""
    assert set(FIGURES) == {*BARS, *MAPS, RAM, PRECISION, COMBINED}
    assert all(spec.title and spec.explanation.endswith(".") for spec in FIGURES.values())
    assert all(set(spec.metrics) <= set(METRICS) for spec in FIGURES.values())
