"""Both themes have the contrasts that WCAG 2.2 requires, and the same device colours.

Tests plotting.figures.theme.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from plotting import output
from plotting.figures import FIGURES
from plotting.figures.theme import (
    COLOURS,
    MARK_CONTRAST,
    TEXT_CONTRAST,
    THEMES,
    Theme,
    assign_colours,
    choose_ink,
    compute_contrast,
    compute_luminance,
)
from tests.support.drawing import MAPS, lay_out, rectangles

if TYPE_CHECKING:
    import pandas as pd


@pytest.fixture(params=THEMES)
def theme(request: pytest.FixtureRequest) -> Theme:
    """Return each theme."""
    return THEMES[request.param]


def test_the_themes_are_those_of_the_command_line() -> None:
    """--theme offers every theme."""
    assert tuple(THEMES) == output.THEMES


def test_contrast_is_that_of_wcag() -> None:
    """Black on white has 21, a colour on itself 1, and #767676 on white 4.54, as WCAG documents."""
    assert compute_contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert compute_contrast("#0072B2", "#0072B2") == 1
    assert compute_contrast("#767676", "#FFFFFF") == pytest.approx(4.54, abs=0.01)
    assert compute_luminance("#FFFFFF") == pytest.approx(1)


def test_texts_can_be_read(theme: Theme) -> None:
    """Both inks have enough contrast on the page, and the main ink on the pale surface too."""
    assert compute_contrast(theme.ink, theme.page) >= 7
    assert compute_contrast(theme.grey, theme.page) >= TEXT_CONTRAST
    assert compute_contrast(theme.ink, theme.tint(theme.pale, 0.5)) >= TEXT_CONTRAST


def test_outlines_can_be_seen(theme: Theme) -> None:
    """Every device's outline has a contrast of at least 3, and a colour with enough contrast is unchanged."""
    for colour in COLOURS:
        assert compute_contrast(theme.outline(colour), theme.page) >= MARK_CONTRAST
        if compute_contrast(colour, theme.page) >= MARK_CONTRAST:
            assert theme.outline(colour) == colour.lower()


def test_any_colour_can_be_written_on() -> None:
    """On every grey and every device's colour, black or white has a contrast of at least 4.5."""
    for colour in (*COLOURS, *(f"#{level:02x}{level:02x}{level:02x}" for level in range(256))):
        assert compute_contrast(choose_ink(colour), colour) >= TEXT_CONTRAST


@pytest.mark.parametrize("name", FIGURES)
def test_a_dark_figure_is_dark_and_legible(study: pd.DataFrame, name: str) -> None:
    """In the dark theme page and axes are dark, and texts outside a map's cells have a contrast of at least 4.5."""
    dark = THEMES["dark"]
    figure = lay_out(FIGURES[name].draw(study, dark))

    assert to_hex(figure.get_facecolor()) == dark.page.lower()
    cells = set(figure.axes[0].texts) if name in MAPS else set()
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text() and text not in cells]
    assert len(texts) > 10
    assert all(compute_contrast(to_hex(text.get_color()), dark.page) >= TEXT_CONTRAST for text in texts)
    for axes in figure.axes:
        if name not in MAPS:
            assert to_hex(axes.get_facecolor()) == dark.page.lower()
        for bar in rectangles(axes):
            assert compute_contrast(to_hex(bar.get_edgecolor()), dark.page) >= MARK_CONTRAST


def test_devices_keep_their_hues(study: pd.DataFrame) -> None:
    """A device's full bars have the same colour in both themes."""
    fills = [
        {to_hex(bar.get_facecolor()) for axes in FIGURES[name].draw(study, theme).axes for bar in rectangles(axes)}
        for theme in THEMES.values()
        for name in ["plot_12_tokens_per_second.png"]
    ]

    assert {colour.lower() for colour in assign_colours(study).values()} <= fills[0] & fills[1]
