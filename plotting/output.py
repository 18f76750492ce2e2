"""Form of the figures: formats, resolution, theme. Imports no matplotlib, so that bad usage is reported at once."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FORMATS = ("png", "svg", "pdf")
THEMES = ("light", "dark")
LOWEST_DPI, HIGHEST_DPI = 50, 600
TABOO = frozenset({".git", ".journal"})  # folders that belong to other programs


@dataclass(frozen=True)
class Output:
    """Form of the figures; `dpi` applies to PNG."""

    formats: tuple[str, ...] = ("png",)
    dpi: int = 150
    theme: str = "light"

    def files(self, name: str) -> dict[str, str]:
        """Return {format: file name} of a figure of FIGURES."""
        stem = name.removesuffix(".png")
        return {form: f"{stem}.{form}" for form in self.formats}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the figures to the command line."""
    parser.add_argument(
        "--figure-format",
        type=parse_list,
        default=Output.formats,
        metavar="LIST",
        help="png, svg, pdf or several of them, such as png,svg (default: png)",
    )
    parser.add_argument(
        "--dpi", type=_parse_dpi, default=Output.dpi, metavar="N", help="resolution of PNG (default: %(default)s)"
    )
    parser.add_argument("--theme", choices=THEMES, default=Output.theme, help="default: %(default)s")


def parse_list(text: str, choices: Sequence[str] = FORMATS) -> tuple[str, ...]:
    """Return the distinct names in a comma-separated list, for argparse."""
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if unknown := [name for name in found if name not in choices]:
        raise argparse.ArgumentTypeError(f"unknown format {unknown[0]!r}, choose from {', '.join(choices)}")
    return found


def parse_folder(text: str) -> Path:
    """Return the folder of --out, for argparse; refuse what is hardly meant, such as an empty text or an unread ~."""
    parts = Path(os.path.realpath(text.replace("\0", ""))).parts
    if not text.strip() or "\0" in text or text.startswith("~") or len(parts) < 2 or TABOO & set(parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no place for products, type the path of a folder, such as plots")
    return Path(text)


def _parse_dpi(text: str) -> int:
    if not text.isdecimal() or not LOWEST_DPI <= int(text) <= HIGHEST_DPI:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {LOWEST_DPI} to {HIGHEST_DPI}")
    return int(text)
