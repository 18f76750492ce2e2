"""What the user sees during the runs: pair, run, failed runs, tokens/s, time left."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

import pytest

from benchmarks.formatting import format_duration, format_number, make_printable

LINE_EVERY_S = 30.0  # seconds between lines if lines cannot be rewritten, as in a CI log
REWRITE_EVERY_S = 0.2


class Progress:
    """Writes around pytest's output capture: one line that is rewritten on a terminal, plain lines in a log."""

    def __init__(self, config: pytest.Config) -> None:
        self._reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
        self._capture: Any = config.pluginmanager.get_plugin("capturemanager")
        self._live = bool(self._reporter and self._reporter.isatty)
        self._due = 0.0

    def say(self, text: str) -> None:
        """Write `text` now, as a line that stays."""
        if self._reporter is None:
            return
        text = make_printable(text)
        with self._uncaptured():
            if self._live:
                self._reporter.rewrite(text, erase=True)
                self._reporter.write("\n")
            else:
                self._reporter.ensure_newline()
                self._reporter.write_line(text)

    def show(self, text: str) -> None:
        """Show `text` if the last one is old enough: often on a terminal, rarely in a log."""
        now = time.monotonic()
        if self._reporter is None or now < self._due:
            return
        self._due = now + (REWRITE_EVERY_S if self._live else LINE_EVERY_S)
        if not self._live:
            self.say(text)
            return
        with self._uncaptured():
            self._reporter.rewrite(text, erase=True)

    def begin(self) -> None:
        """Start a pair: a log's first line comes LINE_EVERY_S from now."""
        self._due = time.monotonic() + (0.0 if self._live else LINE_EVERY_S)

    @contextmanager
    def _uncaptured(self) -> Iterator[None]:
        """Write around the capture. If the terminal is gone, measuring continues."""
        held = nullcontext() if self._capture is None else self._capture.global_and_fixture_disabled()
        with suppress(OSError), held:
            yield


def format_progress(
    pair: str, done: int, planned: int, failed: int, tokens_per_sec: float | None, elapsed_s: float
) -> str:
    """Return one progress line; the time left assumes that the runs keep their speed."""
    left = elapsed_s / done * (planned - done) if done else None
    speed = "" if tokens_per_sec is None else f"  {format_number(tokens_per_sec)} tok/s"
    rest = "" if left is None else f"  {format_duration(left)} left"
    return f"{pair}  run {done}/{planned}  failed {failed}{speed}{rest}"
