"""jetson-stats' client of the jtop service: what it gives, stamped on arrival, and why it does not.

The client waits for ever in several places, and its package changes this process; both are kept in bounds here.
"""

import importlib
import importlib.metadata
import multiprocessing
import queue
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from benchmarks.power.base import SensorUnavailable

T = TypeVar("T")
Rails = dict[str, int]
MISMATCH = re.compile(r"service: \[([^\]]{1,40})\]")
VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})(\.|$)")


class Reading(NamedTuple):
    """What came at one tick: ns of CLOCK_MONOTONIC at its arrival, {rail: mW}, and the RAM in use."""

    time_ns: int
    rails: Rails
    ram_bytes: int | None


class Connection:
    """A client of the service whose readings are stamped as they arrive.

    Attributes:
        interval_s: the service's own, which another client may have set.
        l4t: the board's L4T release, as the service says; None where it does not.
    """

    def __init__(self, package: Any, interval_s: float, patience_s: float) -> None:
        self._readings: deque[Reading] = deque()
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

    def new_readings(self) -> list[Reading]:
        """Return what has arrived since the last call."""
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
        now, uptime, power, memory = time.monotonic_ns(), None, None, None
        with suppress(KeyError, AttributeError):  # a service that does not send the one may send the other
            power = client.power
            uptime = client.uptime
            memory = client.memory
        if uptime is None or uptime != self._uptime:
            self._uptime = uptime
            self._readings.append(Reading(now, milliwatts(power), ram_bytes(memory)))


def milliwatts(power: Any) -> Rails:
    """Return {rail: mW now} of jtop's `power`; what is offline or has no whole number of mW is left out."""
    rails = power.get("rail") if isinstance(power, dict) else None
    found: Rails = {}
    for name, values in (rails if isinstance(rails, dict) else {}).items():
        now = values.get("power") if isinstance(values, dict) and values.get("online", True) else None
        if isinstance(name, str) and isinstance(now, int) and not isinstance(now, bool):
            found[name] = now
    return found


def ram_bytes(memory: Any) -> int | None:
    """Return the RAM in use by jtop's `memory`, which counts in KiB, bytes; None where it shows none.

    It is read like a dictionary, and is none.
    """
    try:
        used = memory["RAM"]["used"]
    except (AttributeError, IndexError, KeyError, TypeError):
        return None
    return used * 1024 if isinstance(used, int) and not isinstance(used, bool) and used > 0 else None


def imported() -> Any:
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
