"""A figure as bytes: the same figure gives the same bytes in every format, and says what it shows."""

from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

import matplotlib as mpl
from matplotlib.figure import Figure


def rendered(figure: Figure, form: str, title: str, alt: str, dpi: int) -> bytes:
    """Return a figure as png, svg or pdf, with title and alternative text in it and neither date nor version."""
    written = BytesIO()
    # ids of an SVG's parts would be random
    with mpl.rc_context({"svg.hashsalt": "edge-vlm-bench"}):
        figure.savefig(written, format=form, dpi=dpi, metadata=_metadata(form, title, alt))
    found = written.getvalue()
    return _described(found, alt) if form == "svg" else found


def _metadata(form: str, title: str, alt: str) -> dict[str, Any]:
    if form == "png":
        return {"Title": title, "Description": alt, "Software": None}
    if form == "svg":
        return {"Title": title, "Description": alt, "Date": None, "Creator": None}
    return {"Title": title, "Subject": alt, "CreationDate": None, "Creator": None, "Producer": None}


def _described(svg: bytes, alt: str) -> bytes:
    """Return an SVG with a <desc> behind its <title>: what screen readers read out."""
    return svg.replace(b"</title>", f"</title>\n <desc>{escape(alt)}</desc>".encode(), 1)
