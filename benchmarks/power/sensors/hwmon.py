"""Jetson boards through the kernel's hwmon files: the INA3221 by its labels, Thor's input by its INA238.

No service, no root, nothing started: two small files a rail. A reading of two rails takes 0.06 ms of a core
(measured on files of the same layout: 0.13% at 20 Hz); on a board each file is a transfer of about 0.55 ms over
I2C beside that, in which the reader sleeps. That is why `auto` takes it before jtop, whose service forks a process
and reads the whole board at every tick, and before tegrastats, which is a process more that reads it likewise.

Neither chip averages over the whole period: the INA3221 measures its channels in turn, 1.1 ms each, so
that power which swings faster than that is sampled, not integrated.
"""

import time

from benchmarks.power.base import PowerSample, PowerTarget, SensorLost, SensorUnavailable
from benchmarks.power.sensors import chips, rails
from benchmarks.power.sensors.jetson import JetsonMonitor
from benchmarks.power.sensors.kernel_files import check_number


class HwmonMonitor(JetsonMonitor):
    """The sum of a board's rails, 20 Hz: GPU and SoC, or with `hwmon:whole` the module or the board's input."""

    takes_text = True
    period_s = 0.05

    @classmethod
    def check(cls, argument: str | None) -> None:
        if argument not in (None, "whole"):
            raise SensorUnavailable(
                f"--power-monitor=hwmon:{argument}: there is no {argument!r}; "
                "type hwmon for GPU and SoC, or hwmon:whole for all of the module."
            )

    def __init__(self, target: PowerTarget, argument: str | None = None) -> None:
        self.check(argument)
        shown = chips.channels(target.root)
        board = rails.board_of(shown)
        if board is None:
            raise SensorUnavailable(f"hwmon: no INA3221 shows the rails of a Jetson board ({_seen(shown)}).")
        chosen = board.whole if argument else board.gpu_soc
        if chosen is None:
            raise SensorUnavailable(f"hwmon: nobody says which rails are all of {board.name}; type hwmon alone.")
        if missing := rails.missing(chosen, shown):
            raise SensorUnavailable(f"hwmon: {board.name} lacks {', '.join(missing)} ({_seen(shown)}).")
        self.settle(board, chosen, target.root)
        if board.whole is not None and board.whole.with_cpu and not rails.missing(board.whole, shown):
            self.wider = "hwmon:whole"
        self._channels = [shown[label] for label in chosen.labels]
        for channel, label in zip(self._channels, self.rails, strict=True):
            for name in channel.files:
                remedy = f"type sudo chmod a+r {channel.folder}/*_input"
                check_number(f"hwmon: {label}", channel.folder / name, remedy)
        read = ", ".join(dict.fromkeys(channel.chip for channel in self._channels))
        self.source = f"hwmon of {read}, rails of {chosen.holds}"

    def read(self) -> list[PowerSample]:
        before = time.monotonic_ns()
        watts = [channel.watts() for channel in self._channels]
        if None in watts:
            gone = [channel.folder for channel in self._channels if not channel.folder.is_dir()]
            if gone:
                raise SensorLost(f"hwmon: {gone[0]} is gone")
        known = [value for value in watts if value is not None]
        total = sum(known) if len(known) == len(watts) else None  # a missing rail is not 0 W
        return [PowerSample((before + time.monotonic_ns()) // 2, total)]


def _seen(channels: dict[str, chips.Channel]) -> str:
    return "there are " + ", ".join(channels) if channels else "there are no rails at all"
