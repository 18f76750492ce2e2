"""What the sensors of the Jetson boards share: their rails, and what is known of the chips that measure those."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median

from benchmarks.machine import jetson
from benchmarks.power.base import PowerMonitor
from benchmarks.power.sensors import chips, ina3221, rails


class JetsonMonitor(PowerMonitor):
    """A sensor of a Jetson's rails. Its gain is not stated: the chip's is, and the shunts' tolerance is not."""

    _heard_ns = 0  # when the last reading came
    gain_source = (
        "TI's SBOS576 states 0.25% at most for the INA3221 alone; nobody states the tolerance of the boards' shunts"
    )

    def open_by(
        self, first: Callable[[], tuple[rails.Board, list[int]]], asked_s: float, root: Path, release: str | None = None
    ) -> str:
        """Take GPU and SOC of the board that a sensor's `first` readings show, and the pace that they came at.

        Args:
            first: waits for them; returns the board and their times, ns, or raises SensorUnavailable.
            asked_s: the period that was asked for, seconds.
            root: the file system's root.
            release: L4T's, where the sensor says it; else that of the board's files.

        Returns:
            L4T's release and what the rails feed, in words.
        """
        try:
            board, times = first()
        except BaseException:  # Ctrl-C too must leave no thread and no process behind
            self.close()
            raise
        self.settle(board, board.gpu_soc, root)
        self.period_s, self._heard_ns = period_s(times, asked_s), times[-1]
        release = release or jetson.read_l4t(root)
        software = f"L4T {release}" if release else "L4T's release could not be read"
        return f"{software}, rails of {board.gpu_soc.holds}"

    def settle(self, board: rails.Board, chosen: rails.Sum, root: Path) -> None:
        """Take the sum of a board's rails, and what is known of it.

        Shunts and voltages are those that the kernel shows below `root`, where it shows the rails and their shunts,
        else those of BOARDS: tegrastats and jtop read the same chips, and show neither.
        """
        self.rails, self.scope, self.of_gpu = chosen.labels, chosen.scope, not chosen.with_cpu
        shown = chips.channels(root)
        found = [_known(board.rail(label), shown.get(label)) for label in chosen.labels]
        pairs = [(volts, ohms) for volts, ohms, _ in found]
        self.resolution_w = ina3221.resolution_w(pairs)
        self.offset_uncertainty_w = ina3221.offset_uncertainty_w(pairs)
        self.offset_source = f"nobody states the shunts of {board.name}"
        if self.offset_uncertainty_w is not None:
            whose = "the kernel's files" if all(read for _, _, read in found) else board.source
            self.offset_source = f"+-80 uV at each shunt ({ina3221.DATA_SHEET}): {_described(pairs)} by {whose}"
        self.averaging_s = _longest(chosen.labels, shown)


def _known(rail: rails.Rail, channel: chips.Channel | None) -> tuple[float | None, float | None, bool]:
    """Return (volts, shunt in ohms, whether the kernel shows them)."""
    volts, ohms = (None, None) if channel is None else (channel.volts, channel.shunt_ohm)
    if volts and ohms and ohms > 0:
        return volts, ohms, True
    return rail.volts, rail.shunt_ohm, False


def _described(pairs: Sequence[ina3221.Channel]) -> str:
    return ", ".join(f"{(ohms or 0) * 1e3:g} mOhm at {volts:.3g} V" for volts, ohms in pairs)


def _longest(labels: Sequence[str], shown: Mapping[str, chips.Channel]) -> float | None:
    """Return the longest time that a reading of any of the rails averages over, seconds; None where one is unknown."""
    times = [shown[label].averaging_s if label in shown else None for label in labels]
    known = [seconds for seconds in times if seconds is not None]
    return max(known) if known and len(known) == len(times) else None


def period_s(times_ns: Sequence[int], asked_s: float) -> float:
    """Return the median time between readings, seconds, at least `asked_s`: a sensor may be slower than asked."""
    return max([asked_s, *([median(b - a for a, b in itertools.pairwise(times_ns)) / 1e9] if times_ns[1:] else [])])
