"""Themes: colours of page, text and devices, and the contrasts that they need."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.colors import to_hex, to_rgb

# Okabe and Ito's colours, which colour-blind readers can tell apart (https://jfly.uni-koeln.de/color/).
# Their yellow is left out: it is hard to see on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#6F6F6F", "#8B5E3C")
TEXT_CONTRAST, MARK_CONTRAST = 4.5, 3.0
"""Least contrast of text, and of other marks (WCAG 2.2, success criteria 1.4.3 and 1.4.11)."""


@dataclass(frozen=True)
class Theme:
    """Colours of a page: `grey` for minor text, `pale` for lines and surfaces without a meaning."""

    page: str
    ink: str
    grey: str
    pale: str
    shades: str
    """Colour map of the heat maps; its lowest colour is closest to the page."""

    @property
    def rc(self) -> dict[str, Any]:
        """The colours as matplotlib settings."""
        surfaces = dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), self.page)
        texts = dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), self.ink)
        return surfaces | texts | {"axes.edgecolor": self.pale, "grid.color": self.pale, "hatch.linewidth": 0.8}

    def outline(self, colour: str) -> str:
        """Return a colour, mixed with ink until it stands out from the page."""
        steps = (mix(colour, self.ink, share / 20) for share in range(21))
        return next((step for step in steps if compute_contrast(step, self.page) >= MARK_CONTRAST), self.ink)

    def tint(self, colour: str, share: float) -> str:
        """Return a colour mixed with the page; a `share` of 1 gives the page."""
        return mix(colour, self.page, share)


LIGHT = Theme(page="#FFFFFF", ink="#222222", grey="#5F5F5F", pale="#D9D9D9", shades="YlGnBu")
DARK = Theme(page="#14181D", ink="#ECEFF1", grey="#A7B0B8", pale="#3C444C", shades="YlGnBu_r")
THEMES = {"light": LIGHT, "dark": DARK}


def mix(colour: str, other: str, share: float) -> str:
    """Return a colour mixed with another; a `share` of 1 gives the other."""
    pairs = zip(to_rgb(colour), to_rgb(other), strict=True)
    red, green, blue = (a + (b - a) * share for a, b in pairs)
    return to_hex((red, green, blue))


def compute_luminance(colour: str) -> float:
    """Return the relative luminance, 0 to 1 (WCAG 2.2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def compute_contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    dark, light = sorted((compute_luminance(one), compute_luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def choose_ink(colour: str, inks: Sequence[str] = ("#000000", "#FFFFFF")) -> str:
    """Return the ink with the best contrast on a colour; black or white always reaches 4.58."""
    return max(inks, key=lambda ink: compute_contrast(ink, colour))


def assign_colours(table: pd.DataFrame) -> dict[str, str]:
    """Return a colour for each device, by its place in the table: the same in every figure and theme."""
    rounds = [COLOURS, *(tuple(mix(colour, "#000000", share) for colour in COLOURS) for share in (0.45, 0.7))]
    shades = [colour for colours in rounds for colour in colours]
    return {device: shades[place % len(shades)] for place, device in enumerate(dict.fromkeys(table["device"]))}
