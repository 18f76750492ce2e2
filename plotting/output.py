"""In which form figures are written: formats, resolution, theme. Imports no matplotlib: bad usage must cost nothing."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

FORMATS = ("png", "svg", "pdf")
THEMES = ("light", "dark")
LOWEST_DPI, HIGHEST_DPI = 50, 600


@dataclass(frozen=True)
class Output:
    """The form of the figures; `dpi` is that of PNG."""

    formats: tuple[str, ...] = ("png",)
    dpi: int = 150
    theme: str = "light"

    def files(self, name: str) -> dict[str, str]:
        """Return {format: file name} of a figure of FIGURES."""
        stem = name.removesuffix(".png")
        return {form: f"{stem}.{form}" for form in self.formats}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the figures' form to the command line."""
    add: Callable[..., argparse.Action] = parser.add_argument
    add(
        "--figure-format",
        type=_formats,
        default=Output.formats,
        metavar="LIST",
        help="png, svg, pdf or several: png,svg (default: png)",
    )
    add("--dpi", type=_dpi, default=Output.dpi, metavar="N", help="resolution of PNG (default: %(default)s)")
    add("--theme", choices=THEMES, default=Output.theme, help="light or dark figures (default: %(default)s)")


def chosen(options: argparse.Namespace) -> Output:
    """Return what a command line asks for."""
    return Output(options.figure_format, options.dpi, options.theme)


def _formats(text: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if unknown := [form for form in found if form not in FORMATS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is no format of figures, which are {', '.join(FORMATS)}")
    return found


def _dpi(text: str) -> int:
    if not text.isdecimal() or not LOWEST_DPI <= int(text) <= HIGHEST_DPI:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {LOWEST_DPI} to {HIGHEST_DPI}")
    return int(text)
