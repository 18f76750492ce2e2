"""jetson-stats' client of the jtop service: its readings, stamped on arrival, and its errors in words.

The client waits without limit in several places, and importing its package changes this process; both are limited here.
"""

import importlib
import importlib.metadata
import multiprocessing
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent import futures
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from benchmarks.power.base import SensorUnavailable

T = TypeVar("T")


class JtopReading(NamedTuple):
    """One tick: ns of CLOCK_MONOTONIC at its arrival, {rail: mW}, and the RAM in use."""

    time_ns: int
    rails: dict[str, int]
    ram_bytes: int | None


class Connection:
    """A client of the service, with the service's own interval and the board's L4T release, if it shows that."""

    def __init__(self, package: Any, interval_s: float, patience_s: float) -> None:
        self._readings: deque[JtopReading] = deque(maxlen=1000)  # a hundred times what is asked for
        self._uptime: Any = None
        self._abandoned = False
        self._client = package.jtop(interval=interval_s)
        self._client.attach(self._receive)
        try:
            _run_within(patience_s, lambda: self._start(time.monotonic() + patience_s))
        except TimeoutError:
            self._abandoned = True
            raise SensorUnavailable(
                f"jtop: the service accepts connections, but does not answer within {patience_s:g} s; "
                "type `sudo systemctl restart jtop`."
            ) from None
        except Exception as error:
            raise _explain_refusal(error) from error
        self.interval_s = float(self._client.interval)
        self.l4t: str | None = None
        # The client asks dpkg, nvcc and others for versions in a thread. That must end before anything is measured,
        # and `board` waits for it.
        with suppress(TimeoutError, AttributeError, KeyError):
            self.l4t = _run_within(patience_s, lambda: self._client.board)["hardware"].get("L4T") or None

    def take_readings(self) -> list[JtopReading]:
        """Return the readings that arrived since the last call."""
        return [self._readings.popleft() for _ in range(len(self._readings))]

    def describe_error(self) -> str | None:
        """Return why the client stopped, in words; None while it runs."""
        try:
            return None if self._client.ok(spin=True) else "it ended the connection"
        except Exception as error:  # noqa: BLE001 - any error of the client's thread comes out here
            return " ".join(f"{type(error).__name__}: {error}".split())

    def close(self) -> None:
        """Stop the client's thread; harmless to repeat."""
        self._client.detach(self._receive)
        with suppress(TimeoutError):
            _run_within(2.0, self._client.close)
        if self._client.ident is not None:
            self._client.join(2.0)

    def _start(self, deadline: float) -> None:
        """Start the client, again if the service's first reading takes longer than three intervals.

        It then reports "Error connection". On a Thor with NVIDIA's pylibjetsonpower a reading takes a second.
        """
        while True:
            try:
                self._client.start()
            except Exception as error:
                if "Error connection" not in str(error) or time.monotonic() > deadline - 0.5:
                    raise
                time.sleep(0.2)
            else:
                if self._abandoned:
                    self._client.close()
                return

    def _receive(self, client: Any) -> None:
        """Keep a reading, in the client's thread.

        After a missed push the client repeats the last reading (`_get_data` ignores whether its wait succeeded). The
        board's uptime, which the service reads at each tick, tells old from new.
        """
        now, uptime, power, memory = time.monotonic_ns(), None, None, None
        with suppress(KeyError, AttributeError):  # a service may send some of them
            power = client.power
            uptime = client.uptime
            memory = client.memory
        if uptime is None or uptime != self._uptime:
            self._uptime = uptime
            self._readings.append(JtopReading(now, parse_milliwatts(power), parse_ram_bytes(memory)))


def parse_milliwatts(power: Any) -> dict[str, int]:
    """Return {rail: mW now} of jtop's `power`, without rails that are offline or have no whole number of mW."""
    rails = power.get("rail") if isinstance(power, dict) else None
    found: dict[str, int] = {}
    for name, values in (rails if isinstance(rails, dict) else {}).items():
        now = values.get("power") if isinstance(values, dict) and values.get("online", True) else None
        if isinstance(name, str) and type(now) is int:
            found[name] = now
    return found


def parse_ram_bytes(memory: Any) -> int | None:
    """Return the RAM in use by jtop's `memory` (no dict, but read like one), which counts in KiB; None without it."""
    try:
        used = memory["RAM"]["used"]
    except (AttributeError, IndexError, KeyError, TypeError):
        return None
    return used * 1024 if type(used) is int and used > 0 else None


def import_package() -> Any:
    """Import jetson-stats' package, or raise SensorUnavailable."""
    before = multiprocessing.get_start_method(allow_none=True)
    try:
        return importlib.import_module("jtop")
    except ModuleNotFoundError as error:
        raise SensorUnavailable(
            "jtop: jetson-stats is not installed here; type `jtop --version` on the board, and then "
            "`python -m pip install 'jetson-stats==MAJOR.MINOR.*'` with that version."
        ) from error
    except Exception as error:
        raise SensorUnavailable(f"jtop: jetson-stats cannot be imported ({error!r}); reinstall it.") from error
    finally:
        # Importing it makes `fork` this process's start method (jtop/service.py).
        multiprocessing.set_start_method(before, force=True)


def _explain_refusal(error: Exception) -> SensorUnavailable:
    """Return why the service cannot be used, and what to type next."""
    text = " ".join(str(error).split())[:300] or type(error).__name__
    mismatch = re.search(r"service: \[([\w.+-]{1,40})\]", text)
    if "ismatch" in text and mismatch is not None:
        version = re.match(r"(\d{1,4})\.(\d{1,4})(\.|$)", mismatch[1])
        wanted = f"=={version[1]}.{version[2]}.*" if version else f"=={mismatch[1]}"
        ours = importlib.metadata.version("jetson-stats")
        return SensorUnavailable(
            f"jtop: the board's service is jetson-stats {mismatch[1]}, but this environment has {ours}; "
            f"type `python -m pip install 'jetson-stats{wanted}'`."
        )
    if "not active" in text:
        return SensorUnavailable(
            "jtop: the service does not run (/run/jtop.sock); type `sudo systemctl start jtop`, "
            "and in a container mount that socket."
        )
    if "access" in text or isinstance(error, PermissionError):
        return SensorUnavailable(
            "jtop: this user has no access to the service; type `sudo usermod -aG jtop $USER`, log out and in again."
        )
    return SensorUnavailable(f"jtop: the service cannot be used ({text}); type `sudo systemctl restart jtop`.")


def _run_within(seconds: float, work: Callable[[], T]) -> T:
    """Return `work()`, or raise TimeoutError: the client waits without limit for a service that hangs."""
    future: futures.Future[T] = futures.Future()

    def carry_out() -> None:
        try:
            future.set_result(work())
        except Exception as error:  # noqa: BLE001 - the caller raises it
            future.set_exception(error)

    threading.Thread(target=carry_out, name="jtop", daemon=True).start()
    try:
        return future.result(timeout=seconds)
    except futures.TimeoutError:  # another class before Python 3.11
        raise TimeoutError from None
