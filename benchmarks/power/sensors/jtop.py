"""jetson-stats' jtop service: GPU+SOC of the Jetson boards, if the service runs anyway.

The client is an optional extra under the AGPL, imported only when this sensor is opened. Its totals and averages are
never used: `tot` depends on the board and the version, and `avg` contains half of the last average.
"""

import importlib.metadata
import time
from pathlib import Path

from benchmarks.power.base import PowerSample, PowerTarget, SensorLost, SensorUnavailable
from benchmarks.power.sensors import rails
from benchmarks.power.sensors.jetson import JetsonMonitor
from benchmarks.power.sensors.jtop_client import Connection, JtopReading, import_package

RETRY_NS = 1_000_000_000


class JtopMonitor(JetsonMonitor):
    """GPU+SOC rails from the jtop service at 10 Hz, stamped on arrival."""

    gpu_only = True  # until its rails show otherwise
    ram_source = "jtop: MemTotal - MemFree - Buffers - Cached"
    interval_s = 0.1  # to ask for; the first client's holds for all
    patience_s = 10.0  # for an answer
    silence_s = 5.0  # without a new reading, then the service is lost
    return_s = 30.0  # for a lost service to come back; systemd restarts it after 10

    def __init__(self, target: PowerTarget, argument: str | None = None) -> None:
        self._lost_ns: int | None = None  # when the service was lost
        self._retry_ns: int | None = None  # when to connect again; None while connected
        self._loss = self._absence = ""
        self._package = import_package()
        self._connection = Connection(self._package, self.interval_s, self.patience_s)
        software = self._open(self._wait_for_board, self._connection.interval_s, target.root, self._connection.l4t)
        self.source = f"jtop service, jetson-stats {importlib.metadata.version('jetson-stats')}, {software}"

    def read(self) -> list[PowerSample]:
        now = time.monotonic_ns()
        if self._retry_ns is not None:
            self._reconnect(now)
            return []
        readings = self._connection.take_readings()
        if readings:
            self._heard_ns = readings[-1].time_ns
            if self._lost_ns is not None:
                event = f"The jtop service was lost ({self._loss}) and came back after"
                away_s = (readings[0].time_ns - self._lost_ns) / 1e9
                self.remarks = (f"{event} {away_s:.1f} s; the runs in between have no energy.",)
                self._lost_ns = None
            found = ((r.time_ns, rails.sum_watts(r.rails, self.rails), r.ram_bytes) for r in readings)
            return [self.judge(PowerSample(time_ns, watts, None, ram)) for time_ns, watts, ram in found]
        error = self._connection.describe_error()
        if error is None and now - self._heard_ns > max(self.silence_s, 5 * self.period_s) * 1e9:
            error = f"there was no new reading for {self.silence_s:g} s"
        return [] if error is None else self._disconnect(now, error)

    def close(self) -> None:
        self._connection.close()

    def _wait_for_board(self) -> tuple[rails.Board, list[int]]:
        """Return the board and the times of the first readings in ns, or raise SensorUnavailable."""
        found: list[JtopReading] = []
        deadline = time.monotonic() + self.patience_s
        while len(found) < 3 and time.monotonic() < deadline and not self._connection.describe_error():
            found += self._connection.take_readings()
            time.sleep(self.interval_s / 4)
        if len(found) < 2:
            why = self._connection.describe_error() or f"sent {len(found)} readings in {self.patience_s:g} s"
            raise SensorUnavailable(f"jtop: the service {why}; type `sudo systemctl restart jtop` and try again.")
        boards = [rails.find_complete_board(reading.rails) for reading in found]
        board = next((board for board in boards if board is not None), None)
        if board is None:
            names = ", ".join(sorted({name for reading in found for name in reading.rails}))[:200] or "no rail at all"
            raise SensorUnavailable(
                f"jtop: the service reports {names}, but not the GPU rails of a known board; "
                "type --power-monitor=tegrastats, or --power-monitor=none to measure without energy."
            )
        return board, [reading.time_ns for reading in found]

    def _disconnect(self, now: int, why: str) -> list[PowerSample]:
        """Wait for the service to come back, once; the time until then has no energy."""
        self._connection.close()
        if self.remarks:
            raise SensorLost(f"the jtop service was lost a second time: {why}")
        self._retry_ns = now + RETRY_NS
        if self._lost_ns is not None:  # a service that is stopping still takes connections
            self._absence = why
            return []
        self._lost_ns, self._loss = now, why
        return [PowerSample(now, None)]

    def _reconnect(self, now: int) -> None:
        """Try to connect once a second: each try costs a client with threads and processes."""
        if self._retry_ns is None or self._lost_ns is None or now < self._retry_ns:
            return
        if now - self._lost_ns > self.return_s * 1e9:
            raise SensorLost(f"the jtop service was lost ({self._loss}), and after {self.return_s:g} s {self._absence}")
        self._retry_ns = now + RETRY_NS
        self._absence = "its socket has not come back"
        if Path(self._package.service.JTOP_PIPE).exists():
            try:
                self._connection = Connection(self._package, self.interval_s, min(2.0, self.patience_s))
            except SensorUnavailable as refusal:
                self._absence = str(refusal)
            else:
                self._retry_ns, self._heard_ns = None, now
