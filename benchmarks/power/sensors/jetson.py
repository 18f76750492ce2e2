"""The base of the Jetson sensors: their rails, and the stated errors of the chips that measure them."""

import itertools
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.machine import jetson
from benchmarks.power.base import PowerMonitor
from benchmarks.power.sensors import chips, ina3221, ranges
from benchmarks.power.sensors.rails import Board, RailSum


class JetsonMonitor(PowerMonitor):
    """A sensor of a Jetson's rails. Its gain error is not specified: the shunts' tolerance is unknown."""

    _heard_ns = 0  # when the last reading came
    gain_source = "TI's SBOS576 specifies 0.25% at most for the INA3221; the tolerance of the shunts is not specified"

    def _open(
        self, wait: Callable[[], tuple[Board, list[int]]], asked_s: float, root: Path, release: str | None = None
    ) -> str:
        """Use GPU and SOC of the board that the first readings show, and the period of those readings.

        `wait` waits for them and returns the board and their times in ns. `asked_s` is the period that the sensor was
        asked for, and `release` is L4T's, if the sensor shows it. Return the release and what the rails feed, in words.
        """
        try:
            board, times = wait()
        except BaseException:  # Ctrl-C too must leave no thread and no process behind
            self.close()
            raise
        self._use_rails(board, board.gpu_soc, root)
        # a sensor may be slower than asked
        self.period_s = max(asked_s, median(b - a for a, b in itertools.pairwise(times)) / 1e9)
        self._heard_ns = times[-1]
        release = release or jetson.read_l4t(root)
        software = f"L4T {release}" if release else "L4T's release could not be read"
        return f"{software}, rails of {board.gpu_soc.feeds}"

    def _use_rails(self, board: Board, rail_sum: RailSum, root: Path) -> None:
        """Set rails, scope and the stated errors of a board's sum.

        Shunts and voltages come from the kernel's files below `root` if they are there, else from BOARDS: tegrastats
        and jtop read the same chips, and show neither.
        """
        self.rails, self.scope, self.gpu_only = rail_sum.labels, rail_sum.scope, not rail_sum.includes_cpu
        self.largest_w = ranges.compute_largest_w(board.rated_w)
        self.range_source = ranges.describe(board.rated_w, f"NVIDIA's data sheet of {board.rated}")
        shown = chips.find_channels(root)
        read = {label: (shown[label].volts, shown[label].shunt_ohm) for label in self.rails if label in shown}
        stated = {label: (volts, ohms) for label, (volts, ohms) in read.items() if volts and ohms and ohms > 0}
        listed = {rail.label: (rail.volts, rail.shunt_ohm) for rail in board.rails}
        pairs: list[ina3221.Channel] = [stated.get(label) or listed[label] for label in self.rails]
        self._shunts = [ohms for _, ohms in pairs]
        self.resolution_w = ina3221.compute_resolution_w(pairs)
        self.offset_uncertainty_w = ina3221.compute_offset_uncertainty_w(pairs)
        self.offset_source = f"the shunts of {board.name} are not specified"
        if self.offset_uncertainty_w is not None:
            shunts = ", ".join(f"{(ohms or 0) * 1e3:g} mOhm at {volts:.3g} V" for volts, ohms in pairs)
            whose = "the kernel's files" if len(stated) == len(pairs) else board.source
            self.offset_source = f"+-80 uV at each shunt ({ina3221.DATA_SHEET}): {shunts}, from {whose}"
        times = (shown[label].averaging_s for label in self.rails if label in shown)
        known = [seconds for seconds in times if seconds is not None]
        self.averaging_s = max(known) if len(known) == len(pairs) else None
