"""Figures as bytes, the same on every run, with title and alternative text inside."""

from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

import matplotlib as mpl
from matplotlib.figure import Figure


def render(figure: Figure, form: str, title: str, alt: str, dpi: int) -> bytes:
    """Return a figure as png, svg or pdf, with title and alternative text, but no date or version."""
    written = BytesIO()
    with mpl.rc_context({"svg.hashsalt": "edge-vlm-bench"}):  # the ids in an SVG would be random
        figure.savefig(written, format=form, dpi=dpi, metadata=_list_metadata(form, title, alt))
    if form != "svg":
        return written.getvalue()
    # screen readers read a <desc> after the <title>
    return written.getvalue().replace(b"</title>", f"</title>\n <desc>{escape(alt)}</desc>".encode(), 1)


def _list_metadata(form: str, title: str, alt: str) -> dict[str, Any]:
    if form == "png":
        return {"Title": title, "Description": alt, "Software": None}
    if form == "svg":
        return {"Title": title, "Description": alt, "Date": None, "Creator": None}
    return {"Title": title, "Subject": alt, "CreationDate": None, "Creator": None, "Producer": None}
