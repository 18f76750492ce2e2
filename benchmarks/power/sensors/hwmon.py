"""Jetson boards through the kernel's hwmon files: the INA3221 by its labels, Thor's input by its INA238.

It needs no service, no root and no process: two small files a rail. A reading of two rails takes 0.06 ms of a core
(measured on files of the same layout: 0.13% at 20 Hz). On a board each file adds a transfer of about 0.55 ms over I2C,
during which the reader sleeps. The INA3221 measures its channels in turn, 1.1 ms each, so faster swings of power are
sampled, not integrated.
"""

import math
import shlex
import time

from benchmarks.power.base import PowerSample, PowerTarget, SensorLost, SensorUnavailable, check_number
from benchmarks.power.sensors import chips, ina3221, rails
from benchmarks.power.sensors.jetson import JetsonMonitor


class HwmonMonitor(JetsonMonitor):
    """The sum of a board's rails at 20 Hz: GPU and SoC, or with `hwmon:whole` the module or the board's input."""

    takes_argument = True
    is_void_no_gap = True
    period_s = 0.05

    @classmethod
    def check(cls, argument: str | None) -> None:
        if argument not in (None, "whole"):
            raise SensorUnavailable(
                f"--power-monitor=hwmon:{argument}: there is no {argument!r}; "
                "type hwmon for GPU and SoC, or hwmon:whole for the whole module."
            )

    def __init__(self, target: PowerTarget, argument: str | None = None) -> None:
        self.check(argument)
        shown = chips.find_channels(target.root)
        listing = ", ".join(shown)[:200] or "no rails at all"
        board = rails.find_board(shown)
        if board is None:
            raise SensorUnavailable(f"hwmon: no INA3221 has the rails of a Jetson board (found {listing}).")
        rail_sum = board.whole if argument else board.gpu_soc
        if rail_sum is None:
            rails_of = f"the rails of a whole {board.name}"
            raise SensorUnavailable(f"hwmon: {rails_of} are not documented; type --power-monitor=hwmon.")
        if missing := rails.list_missing(rail_sum, shown):
            raise SensorUnavailable(f"hwmon: {board.name} lacks {', '.join(missing)} (found {listing}).")
        self._use_rails(board, rail_sum, target.root)
        if board.whole is not None and board.whole.includes_cpu and not rails.list_missing(board.whole, shown):
            self.wider_option = "hwmon:whole"
        self._channels = [shown[label] for label in self.rails]
        for channel, label in zip(self._channels, self.rails, strict=True):
            for name in channel.files:
                remedy = f"type sudo chmod a+r {shlex.quote(str(channel.folder))}/*_input"
                check_number(f"hwmon: {label}", channel.folder / name, remedy)
        if any(channel.is_ina3221 for channel in self._channels):
            self.range_source += f"; each INA3221 up to 163.8 mV and 26 V ({ina3221.DATA_SHEET})"
        names = ", ".join(dict.fromkeys(channel.chip for channel in self._channels))
        self.source = f"hwmon of {names}, rails of {rail_sum.feeds}"

    def read(self) -> list[PowerSample]:
        before = time.monotonic_ns()
        found = [channel.read() for channel in self._channels]
        now = (before + time.monotonic_ns()) // 2
        known = [numbers for numbers in found if numbers is not None]
        if len(known) < len(found):
            for channel in self._channels:
                if not channel.folder.is_dir():
                    raise SensorLost(f"hwmon: {channel.folder} is gone")
            return [PowerSample(now, None)]  # a missing rail is not 0 W
        watts = sum(math.prod(numbers) * 1e-6 for numbers in known)
        read = zip(self._channels, known, self._shunts, strict=True)
        if any(channel.is_beyond(numbers, ohms) for channel, numbers, ohms in read):
            return [PowerSample(now, None, refused_w=watts)]
        return [self.judge(PowerSample(now, watts))]
