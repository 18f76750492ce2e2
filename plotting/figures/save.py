"""Figures as bytes, the same on every run, with title and alternative text inside."""

from io import BytesIO
from xml.sax.saxutils import escape

import matplotlib as mpl
from matplotlib.figure import Figure

METADATA = {
    "png": ("Description", "Software"),
    "svg": ("Description", "Date", "Creator"),
    "pdf": ("Subject", "CreationDate", "Creator", "Producer"),
}
"""Format -> field of the alternative text, and fields to leave out, which would differ between runs."""
MOST_PIXELS = 80e6  # a larger picture gets a lower resolution; Pillow warns of more than 89 million pixels


def render(figure: Figure, form: str, title: str, alt: str, dpi: int) -> bytes:
    """Return a figure as png, svg or pdf, with title and alternative text, but no date or version."""
    words, *left_out = METADATA[form]
    dpi = min(dpi, int((MOST_PIXELS / figure.get_size_inches().prod()) ** 0.5))
    written = BytesIO()
    with mpl.rc_context({"svg.hashsalt": "edge-vlm-bench"}):  # the ids in an SVG would be random
        figure.savefig(written, format=form, dpi=dpi, metadata={"Title": title, words: alt} | dict.fromkeys(left_out))
    if form != "svg":
        return written.getvalue()
    # screen readers read a <desc> after the <title>
    return written.getvalue().replace(b"</title>", f"</title>\n <desc>{escape(alt)}</desc>".encode(), 1)
