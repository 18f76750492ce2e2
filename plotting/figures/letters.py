"""Letters of the figures' font: which it lacks, and how wide the others are."""

from functools import cache

from matplotlib.font_manager import findfont
from matplotlib.ft2font import FT2Font

BOX = "□"
EXPLAINED = f"{BOX} stands for a letter that the figures' font lacks; README.md has it."
AVERAGE = 0.56  # ems: no 30 letters of an ordinary text are wider on average
SPAN = 30  # letters over which widths are averaged


@cache
def _look_up(letter: str) -> tuple[str, float]:
    """Return a letter, or a box for it, and its width, in ems."""
    font = FT2Font(findfont("DejaVu Sans"))
    font.set_size(1, 72)
    shown = letter if font.get_char_index(ord(letter)) else BOX
    return shown, font.load_char(ord(shown)).linearHoriAdvance / 65536


def replace_missing(text: str) -> str:
    """Return text with a box for each letter that the font lacks."""
    return "\n".join("".join(_look_up(letter)[0] for letter in line) for line in text.split("\n"))


def compute_width(text: str) -> float:
    """Return how many times wider than average the letters of a line are where they are widest, at least 1."""
    widths = [_look_up(letter)[1] for letter in text.replace("\n", "")]
    span = max(1, min(len(widths), SPAN))
    return max(1.0, *(sum(widths[at : at + span]) / (AVERAGE * span) for at in range(0, len(widths) + 1, span)))
