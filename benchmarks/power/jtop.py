"""jetson-stats' jtop service: GPU+SOC of the Jetson boards, where the service runs anyway.

The client is an optional extra under the AGPL, imported only when this sensor is opened. Its totals and
averages are never used: `tot` depends on the board and the version, `avg` is half the last average.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import multiprocessing
import queue
import re
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from benchmarks.power import jetson
from benchmarks.power.base import PowerMonitor, PowerSample, PowerTarget, SensorLost, SensorUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
Rails = dict[str, int]
OPENING_READINGS = 3
RETRY_NS = 1_000_000_000
MISMATCH = re.compile(r"service: \[([^\]]{1,40})\]")
VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})(\.|$)")


class JtopMonitor(PowerMonitor):
    """GPU+SOC rails from the jtop service, stamped on arrival, at 10 Hz where no other client asked for less.

    Attributes:
        interval_s: what the service is asked for; the first client's wish holds for all.
        patience_s: how long it may take to answer, seconds.
        silence_s: so long without anything new, the service is lost, seconds.
        return_s: how long a lost service may take to come back, seconds; systemd waits 10 before it starts it.
    """

    of_gpu = True
    scope = jetson.SCOPE
    gain_source = jetson.GAIN_SOURCE
    interval_s = 0.1
    patience_s = 10.0
    silence_s = 5.0
    return_s = 30.0

    def __init__(self, target: PowerTarget, argument: str | None = None) -> None:  # noqa: ARG002
        self._lost_ns: int | None = None  # since when the service has been away
        self._retry_ns: int | None = None  # when to try to connect again; None while connected
        self._why = self._absence = ""
        self._package = _imported()
        self._connection = _Connection(self._package, self.interval_s, self.patience_s)
        try:
            layout, times = self._opening()
        except BaseException:  # Ctrl-C too must leave no thread behind
            self._connection.close()
            raise
        self.rails = layout.rails
        self.period_s = jetson.period_s(times, self._connection.interval_s)
        self._heard_ns = times[-1]
        release = self._connection.l4t or jetson.l4t(target.root)
        board = f"L4T {release}" if release else "L4T's release could not be read"
        version = importlib.metadata.version("jetson-stats")
        self.source = f"jtop service, jetson-stats {version}, {board}, rails of {layout.holds}"

    def read(self) -> list[PowerSample]:  # noqa: D102
        now = time.monotonic_ns()
        if self._retry_ns is not None:
            return self._reconnect(now)
        readings = self._connection.new_readings()
        if readings:
            self._heard_ns = readings[-1][0]
            self._tell_return(readings[0][0])
            return [PowerSample(time_ns, jetson.watts_of(rails, self.rails)) for time_ns, rails in readings]
        why = self._connection.trouble()
        if why is None and now - self._heard_ns > max(self.silence_s, 5 * self.period_s) * 1e9:
            why = f"nothing new has come for {self.silence_s:g} s"
        return [] if why is None else self._tell_loss(now, why)

    def close(self) -> None:  # noqa: D102
        self._connection.close()

    def _opening(self) -> tuple[jetson.Layout, list[int]]:
        """Return the board's layout and the times of the first OPENING_READINGS readings.

        Raises:
            SensorUnavailable: none came, or they hold no board's rails.
        """
        found: list[tuple[int, Rails]] = []
        deadline = time.monotonic() + self.patience_s
        while len(found) < OPENING_READINGS and time.monotonic() < deadline and self._connection.trouble() is None:
            found += self._connection.new_readings()
            time.sleep(self.interval_s / 4)
        if len(found) < 2:
            why = self._connection.trouble() or f"gave {len(found)} readings in {self.patience_s:g} s"
            raise SensorUnavailable(f"jtop: the service {why}; type `sudo systemctl restart jtop` and try again.")
        layout = next((known for _, rails in found if (known := jetson.layout_of(rails)) is not None), None)
        if layout is None:
            names = ", ".join(sorted({name for _, rails in found for name in rails})) or "no rail at all"
            raise SensorUnavailable(
                f"jtop: the service shows {names}, and not the GPU's rails of a known board; "
                "type --power-monitor=tegrastats, or --power-monitor=none to measure without joules."
            )
        return layout, [time_ns for time_ns, _ in found]

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
                self._connection = _Connection(self._package, self.interval_s, min(2.0, self.patience_s))
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


class _Connection:
    """A client of the service whose readings are stamped as they arrive.

    Attributes:
        interval_s: the service's own, which another client may have set.
        l4t: the board's L4T release, as the service says; None where it does not.
    """

    def __init__(self, package: Any, interval_s: float, patience_s: float) -> None:
        self._readings: deque[tuple[int, Rails]] = deque()
        self._uptime: Any = None
        self._given_up = False
        self._client = package.jtop(interval=interval_s)
        self._client.attach(self._take)
        try:
            _within(patience_s, lambda: self._start(time.monotonic() + patience_s))
        except TimeoutError:
            self._given_up = True
            raise SensorUnavailable(
                f"jtop: the service takes connections and does not answer within {patience_s:g} s; "
                "type `sudo systemctl restart jtop`."
            ) from None
        except Exception as error:
            raise _refusal(error) from error
        self.interval_s = float(self._client.interval)
        self.l4t: str | None = None
        # The client asks dpkg, nvcc and others for versions in a thread of its own. That must be over before
        # anything is measured, and `board` waits for it.
        with suppress(TimeoutError, AttributeError, KeyError):
            self.l4t = _within(patience_s, lambda: self._client.board)["hardware"].get("L4T") or None

    def _start(self, deadline: float) -> None:
        """Start the client, again where the service's first reading takes longer than three intervals.

        It reports "Error connection" then; on a Thor with NVIDIA's pylibjetsonpower a reading takes a second.
        """
        while True:
            try:
                self._client.start()
            except Exception as error:
                if "Error connection" not in str(error) or time.monotonic() > deadline - 0.5:
                    raise
                time.sleep(0.2)
            else:
                if self._given_up:  # nobody waits for it any more
                    self._client.close()
                return

    def new_readings(self) -> list[tuple[int, Rails]]:
        """Return what has arrived since the last call: (ns of CLOCK_MONOTONIC, {rail: mW})."""
        return [self._readings.popleft() for _ in range(len(self._readings))]

    def trouble(self) -> str | None:
        """Return why the client has stopped, in words; None while it goes on."""
        try:
            return None if self._client.ok(spin=True) else "it ended the connection"
        except Exception as error:  # noqa: BLE001 - whatever ended the client's thread comes out here
            return " ".join(f"{type(error).__name__}: {error}".split())

    def close(self) -> None:
        """Have the client's thread end; harmless to repeat."""
        self._client.detach(self._take)
        with suppress(TimeoutError):
            _within(2.0, self._client.close)
        if self._client.ident is not None:
            self._client.join(2.0)

    def _take(self, client: Any) -> None:
        """Note a reading, in the client's thread.

        After a missed push the client gives out the last reading as if it were new (`_get_data` does not look
        whether its wait succeeded). The board's uptime, which the service reads at each tick, tells them apart.
        """
        now, uptime, power = time.monotonic_ns(), None, None
        with suppress(KeyError, AttributeError):  # a service that does not send the one may send the other
            power = client.power
            uptime = client.uptime
        if uptime is None or uptime != self._uptime:
            self._uptime = uptime
            self._readings.append((now, milliwatts(power)))


def milliwatts(power: Any) -> Rails:
    """Return {rail: mW now} of jtop's `power`; what is offline or has no whole number of mW is left out."""
    rails = power.get("rail") if isinstance(power, dict) else None
    found: Rails = {}
    for name, values in (rails if isinstance(rails, dict) else {}).items():
        now = values.get("power") if isinstance(values, dict) and values.get("online", True) else None
        if isinstance(name, str) and isinstance(now, int) and not isinstance(now, bool):
            found[name] = now
    return found


def _imported() -> Any:
    """Return jetson-stats' package.

    Raises:
        SensorUnavailable: it is not here, or cannot be imported.
    """
    before = multiprocessing.get_start_method(allow_none=True)
    try:
        return importlib.import_module("jtop")
    except ModuleNotFoundError as error:
        raise SensorUnavailable(
            "jtop: jetson-stats is not installed here; type `jtop --version` on the board, and then "
            "`python -m pip install 'jetson-stats==MAJOR.MINOR.*'` with what it says."
        ) from error
    except Exception as error:
        raise SensorUnavailable(f"jtop: jetson-stats cannot be imported ({error!r}); install it anew.") from error
    finally:
        # Importing it makes `fork` this process's start method (jtop/service.py), which is ours to choose.
        multiprocessing.set_start_method(before, force=True)


def _refusal(error: Exception) -> SensorUnavailable:
    """Return why the service cannot be used, with what to type next."""
    said = " ".join(str(error).split()) or type(error).__name__
    mismatch = MISMATCH.search(said)
    if "ismatch" in said and mismatch is not None:
        version = VERSION.match(mismatch[1])
        wanted = f"=={version[1]}.{version[2]}.*" if version else f"=={mismatch[1]}"
        ours = importlib.metadata.version("jetson-stats")
        return SensorUnavailable(
            f"jtop: the board's service is jetson-stats {mismatch[1]} and this environment has {ours}; "
            f"type `python -m pip install 'jetson-stats{wanted}'`."
        )
    if "not active" in said:
        return SensorUnavailable(
            "jtop: the service does not run (/run/jtop.sock); type `sudo systemctl start jtop`, "
            "and in a container mount that socket."
        )
    if "access" in said or isinstance(error, PermissionError):
        return SensorUnavailable(
            "jtop: this user may not use the service; type `sudo usermod -aG jtop $USER`, log out and in again."
        )
    return SensorUnavailable(f"jtop: the service cannot be used ({said}); type `sudo systemctl restart jtop`.")


def _within(seconds: float, work: Callable[[], T]) -> T:
    """Return `work()`, or raise TimeoutError: the client waits for ever for a service that hangs."""
    done: queue.SimpleQueue[tuple[T, None] | tuple[None, Exception]] = queue.SimpleQueue()

    def carry_out() -> None:
        try:
            done.put((work(), None))
        except Exception as error:  # noqa: BLE001 - raised by the caller
            done.put((None, error))

    threading.Thread(target=carry_out, name="jtop", daemon=True).start()
    try:
        result, error = done.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]  # one of the two is there
