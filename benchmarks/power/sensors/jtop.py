"""jetson-stats' jtop service: GPU+SOC of the Jetson boards, where the service runs anyway.

The client is an optional extra under the AGPL, imported only when this sensor is opened. Its totals and
averages are never used: `tot` depends on the board and the version, `avg` is half the last average.
"""

import importlib.metadata
import time
from pathlib import Path

from benchmarks.power.base import PowerSample, PowerTarget, SensorLost, SensorUnavailable
from benchmarks.power.sensors import rails
from benchmarks.power.sensors.jetson import JetsonMonitor
from benchmarks.power.sensors.jtop_client import Connection, Reading, imported

OPENING_READINGS = 3
RETRY_NS = 1_000_000_000


class JtopMonitor(JetsonMonitor):
    """GPU+SOC rails from the jtop service, stamped on arrival, at 10 Hz where no other client asked for less.

    Attributes:
        interval_s: what the service is asked for; the first client's wish holds for all.
        patience_s: how long it may take to answer, seconds.
        silence_s: so long without anything new, the service is lost, seconds.
        return_s: how long a lost service may take to come back, seconds; systemd waits 10 before it starts it.
    """

    of_gpu = True  # until its rails say otherwise
    ram_source = "jtop: MemTotal - MemFree - Buffers - Cached"
    interval_s = 0.1
    patience_s = 10.0
    silence_s = 5.0
    return_s = 30.0

    def __init__(self, target: PowerTarget, argument: str | None = None) -> None:  # noqa: ARG002
        self._lost_ns: int | None = None  # since when the service has been away
        self._retry_ns: int | None = None  # when to try to connect again; None while connected
        self._why = self._absence = ""
        self._package = imported()
        self._connection = Connection(self._package, self.interval_s, self.patience_s)
        known = self.open_by(self._opening, self._connection.interval_s, target.root, self._connection.l4t)
        self.source = f"jtop service, jetson-stats {importlib.metadata.version('jetson-stats')}, {known}"

    def read(self) -> list[PowerSample]:
        now = time.monotonic_ns()
        if self._retry_ns is not None:
            return self._reconnect(now)
        readings = self._connection.new_readings()
        if readings:
            self._heard_ns = readings[-1].time_ns
            self._tell_return(readings[0].time_ns)
            return [PowerSample(r.time_ns, rails.watts_of(r.rails, self.rails), None, r.ram_bytes) for r in readings]
        why = self._connection.trouble()
        if why is None and now - self._heard_ns > max(self.silence_s, 5 * self.period_s) * 1e9:
            why = f"nothing new has come for {self.silence_s:g} s"
        return [] if why is None else self._tell_loss(now, why)

    def close(self) -> None:
        self._connection.close()

    def _opening(self) -> tuple[rails.Board, list[int]]:
        """Return the board and the times of the first OPENING_READINGS readings.

        Raises:
            SensorUnavailable: none came, or they hold no board's rails.
        """
        found: list[Reading] = []
        deadline = time.monotonic() + self.patience_s
        while len(found) < OPENING_READINGS and time.monotonic() < deadline and self._connection.trouble() is None:
            found += self._connection.new_readings()
            time.sleep(self.interval_s / 4)
        if len(found) < 2:
            why = self._connection.trouble() or f"gave {len(found)} readings in {self.patience_s:g} s"
            raise SensorUnavailable(f"jtop: the service {why}; type `sudo systemctl restart jtop` and try again.")
        board = next((known for reading in found if (known := rails.showing(reading.rails)) is not None), None)
        if board is None:
            names = ", ".join(sorted({name for reading in found for name in reading.rails})) or "no rail at all"
            raise SensorUnavailable(
                f"jtop: the service shows {names}, and not the GPU's rails of a known board; "
                "type --power-monitor=tegrastats, or --power-monitor=none to measure without joules."
            )
        return board, [reading.time_ns for reading in found]

    def _tell_loss(self, now: int, why: str) -> list[PowerSample]:
        """Begin to wait for the service, once; the stretch until it is back holds no energy."""
        self._connection.close()
        if self.remarks:
            raise SensorLost(f"the jtop service was lost a second time: {why}")
        self._retry_ns = now + RETRY_NS
        if self._lost_ns is not None:  # a service that is going takes connections for a while yet
            self._absence = why
            return []
        self._lost_ns, self._why = now, why
        return [PowerSample(now, None)]

    def _reconnect(self, now: int) -> list[PowerSample]:
        """Try to connect anew, now and then: each try costs a client with threads and processes of its own."""
        if self._retry_ns is None or self._lost_ns is None or now < self._retry_ns:
            return []
        if now - self._lost_ns > self.return_s * 1e9:
            away = f"after {self.return_s:g} s {self._absence}"
            raise SensorLost(f"the jtop service was lost ({self._why}), and {away}")
        self._retry_ns = now + RETRY_NS
        self._absence = "its socket has not come back"
        if Path(self._package.service.JTOP_PIPE).exists():
            try:
                self._connection = Connection(self._package, self.interval_s, min(2.0, self.patience_s))
            except SensorUnavailable as refusal:
                self._absence = str(refusal)
            else:
                self._retry_ns, self._heard_ns = None, now
        return []

    def _tell_return(self, now: int) -> None:
        """Note for the Record that the service was away, where it was."""
        if self._lost_ns is not None:
            away = (now - self._lost_ns) / 1e9
            said = f"The jtop service was lost ({self._why}) and was connected to again after {away:.1f} s;"
            self.remarks = (f"{said} the runs meanwhile have no joules.",)
            self._lost_ns = None
