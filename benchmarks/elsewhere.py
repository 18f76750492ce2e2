"""pytest-benchmark's storage in elasticsearch, with a file for what it does not take."""

from __future__ import annotations

import copy
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import redact
from benchmarks.errors import BenchmarkError

if TYPE_CHECKING:
    from benchmarks.storage.saves import AtomicFileStorage

ELASTICSEARCH = "elasticsearch+"
LAST_CLIENT = 7
"""pytest-benchmark names a document's type in each request, and the client of elasticsearch 8 has none."""


def check(uri: str) -> None:
    """Raise BenchmarkError where pytest-benchmark could not speak to elasticsearch: it would notice at the end."""
    if not uri.startswith(ELASTICSEARCH):
        return
    try:
        found = version("elasticsearch")
    except PackageNotFoundError:
        found = ""
    if not found or int(found.split(".")[0]) > LAST_CLIENT:
        there = f"elasticsearch {found}" if found else "none"
        raise BenchmarkError(
            f"--benchmark-storage={ELASTICSEARCH}...: pytest-benchmark needs elasticsearch's client of version "
            f"{LAST_CLIENT}, and {there} is installed here; type pip install 'elasticsearch<{LAST_CLIENT + 1}'."
        )


class Backed:
    """A stock storage, with a file for what it does not take: its errors, and sessions without a measured pair.

    Attributes:
        saved: the file, None where there was no need for one.
        stored: sentences on what the stock storage took.
    """

    def __init__(self, stock: Any, files: Callable[[], AtomicFileStorage], troubles: list[str]) -> None:
        self._stock, self._files, self._troubles = stock, files, troubles
        self.saved: Path | None = None
        self.stored: list[str] = []

    def save(self, output_json: dict[str, Any], save: str) -> None:
        """Hand a save to the stock storage, and write the file where it is not taken."""
        kept = copy.deepcopy(output_json)  # the stock storage takes apart what it is given
        pairs, others = len(kept["benchmarks"]), len(kept.get("unmeasured", []))
        if not pairs:
            self.stored = [f"Nothing was stored in {self}: it takes measured pairs only."]
            self._write(kept, save)
            return
        try:
            self._stock.save(output_json, save)
        except Exception as error:  # noqa: BLE001 - whatever its client raises, a day's work is not lost for it
            first = redact.make_printable(redact.hide_secrets(str(error)))[:300]
            self._troubles.append(
                f"The save could not be stored in {self} ({type(error).__name__}: {first}); "
                "type the same with --resume to store it, without measuring again."
            )
            self._write(kept, save)
            return
        self.stored = [
            f"Stored in {self}: {pairs} of {pairs + others} pairs, a document each, with the Record in extra_info.",
            *(["The Records of the others stand in `unmeasured` of each document."] if others else []),
            "python -m plotting reads files: add --benchmark-json=results/NAME.json to have one beside it.",
        ]

    def _write(self, output_json: dict[str, Any], save: str) -> None:
        files = self._files()
        files.save(output_json, save)
        self.saved = files.saved

    def __str__(self) -> str:
        return redact.hide_secrets(str(self._stock))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stock, name)
