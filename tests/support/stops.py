"""A session of two pairs, stopped by a signal in its second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.support import product
from tests.support.processes import children

if TYPE_CHECKING:
    import signal

RUNS = 12
OPTIONS = ("--models=llava,smolvlm2", "--precisions=bf16", f"--runs={RUNS}", "--warmup-runs=1", "--benchmark-save=thor")


def stop(command: list[str], number: signal.Signals) -> tuple[int, list[int], str]:
    """Send a signal while the second pair is measured; return (exit code, its descendants then, what was said)."""
    with product.Terminal(command) as terminal:
        terminal.wait_for("llava-bf16: measured")
        terminal.wait_for("smolvlm2-bf16  run ")
        descendants = children(terminal.process.pid)
        terminal.process.send_signal(number)
        time.sleep(0.03)
        terminal.process.send_signal(number)  # they come in showers; the second Ctrl-C alone ends it at once
        return terminal.finish(), descendants, terminal.said
