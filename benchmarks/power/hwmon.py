"""Jetson boards through the kernel's hwmon files: the INA3221 by its labels, Thor's input by its INA238.

No service, no root, nothing started: two small files a rail. A reading of two rails takes 0.06 ms of a core
(measured on files of the same layout: 0.13% at 20 Hz); on a board each file is a transfer of about 0.55 ms over
I2C beside that, in which the reader sleeps. That is why `auto` takes it before jtop, whose service forks a process
and reads the whole board at every tick, and before tegrastats, which is a process more that reads it likewise.

Neither chip averages over the whole period: the INA3221 measures its channels in turn, 1.1 ms each, so
that power which swings faster than that is sampled, not integrated.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import smallfiles
from benchmarks.power import rails
from benchmarks.power.base import PowerMonitor, PowerSample, PowerTarget, SensorLost, SensorUnavailable
from benchmarks.power.files import check_number

if TYPE_CHECKING:
    from pathlib import Path

CHIPS = ("ina3221", "ina238")
FOLDERS = ("sys/class/hwmon/hwmon*", "sys/bus/i2c/devices/*/hwmon/hwmon*")
INPUT = "VIN"  # the INA238 of Thor has no label, and sits before the carrier board


@dataclass(frozen=True)
class Channel:
    """One rail: watts are the product of its files' numbers times `unit`."""

    folder: Path
    files: tuple[str, ...]
    unit: float

    def watts(self) -> float | None:
        """Return power, negative where current flows back; None where it cannot be read or is no number."""
        found = [smallfiles.number(self.folder / name) for name in self.files]
        known = [value for value in found if value is not None]
        return math.prod(known) * self.unit if len(known) == len(found) else None


class HwmonMonitor(PowerMonitor):
    """The sum of a board's rails, 20 Hz: GPU and SoC, or with `hwmon:whole` the module or the board's input.

    The gain is not stated: the chip's is good to 0.25% (TI SBOS576), but nobody states the shunts' tolerance.
    """

    takes_text = True
    period_s = 0.05

    @classmethod
    def check(cls, argument: str | None) -> None:  # noqa: D102
        if argument not in (None, "whole"):
            raise SensorUnavailable(
                f"--power-monitor=hwmon:{argument}: there is no {argument!r}; "
                "type hwmon for GPU and SoC, or hwmon:whole for all of the module."
            )

    def __init__(self, target: PowerTarget, argument: str | None = None) -> None:
        self.check(argument)
        channels = _channels(target.root)
        chosen, missing = rails.of_board(channels, rails.WHOLE if argument else rails.GPU_AND_SOC)
        if chosen is None:
            raise SensorUnavailable(f"hwmon: no INA3221 shows the rails of a Jetson board ({_seen(channels)}).")
        if missing:
            raise SensorUnavailable(f"hwmon: {chosen.board} lacks {', '.join(missing)} ({_seen(channels)}).")
        self.rails, self.scope, self.of_gpu = chosen.labels, chosen.scope, not chosen.with_cpu
        self._channels = [channels[label] for label in chosen.labels]
        for channel, label in zip(self._channels, self.rails, strict=True):
            for name in channel.files:
                remedy = f"type sudo chmod a+r {channel.folder}/*_input"
                check_number(f"hwmon: {label}", channel.folder / name, remedy)
        self.source = "hwmon of " + ", ".join(dict.fromkeys(_chip(channel.folder) for channel in self._channels))

    def read(self) -> list[PowerSample]:  # noqa: D102
        before = time.monotonic_ns()
        watts = [channel.watts() for channel in self._channels]
        if None in watts:
            gone = [channel.folder for channel in self._channels if not channel.folder.is_dir()]
            if gone:
                raise SensorLost(f"hwmon: {gone[0]} is gone")
        known = [value for value in watts if value is not None]
        total = sum(known) if len(known) == len(watts) else None  # a missing rail is not 0 W
        return [PowerSample((before + time.monotonic_ns()) // 2, total)]


def _channels(root: Path) -> dict[str, Channel]:
    """Return {label: channel} of the chips below `root`; a label that two channels bear says nothing."""
    found: list[tuple[str, Channel]] = []
    folders = {folder.resolve() for pattern in FOLDERS for folder in root.glob(pattern)}
    for folder in sorted(folders):
        chip = _chip(folder).partition(" ")[0]
        if chip == "ina3221":
            found += [(smallfiles.text(folder / f"in{n}_label"), _of_ina3221(folder, n)) for n in (1, 2, 3)]
        elif chip == "ina238":
            # https://docs.kernel.org/hwmon/ina238.html: power1_input is in microwatts
            found.append((smallfiles.text(folder / "in1_label") or INPUT, Channel(folder, ("power1_input",), 1e-6)))
    labels = [label for label, _ in found]
    return {label: channel for label, channel in found if label and labels.count(label) == 1}


def _of_ina3221(folder: Path, n: int) -> Channel:
    """Return a channel: https://docs.kernel.org/hwmon/ina3221.html has millivolts and milliamperes."""
    return Channel(folder, (f"in{n}_input", f"curr{n}_input"), 1e-6)


def _chip(folder: Path) -> str:
    """Return the chip's name, with how it averages where it says: that decides what its readings are worth."""
    name = smallfiles.text(folder / "name") or smallfiles.text(folder.parent.parent / "name")
    if name not in CHIPS:
        return name
    settings = [(word, smallfiles.text(folder / word)) for word in ("samples", "update_interval")]
    said = [f"{word} {value}" for word, value in settings if value]
    return f"{name} ({', '.join(said)})" if said else name


def _seen(channels: dict[str, Channel]) -> str:
    return "there are " + ", ".join(channels) if channels else "there are no rails at all"
