"""`python -m benchmarks.power`: what this machine's sensors are good for. The first command on a new board."""

from __future__ import annotations

import argparse
import json
import math
import sys
from typing import TYPE_CHECKING, Any

from benchmarks import aside, device
from benchmarks.errors import BenchmarkError
from benchmarks.power import selftest
from benchmarks.power.base import PowerTarget
from benchmarks.versions import versions
from benchmarks.worker.child import check_torch_device

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SECONDS = 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Write what was found; return 0 where `auto` finds a sensor, 1 where it finds none, 2 on bad usage."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.power",
        description="What the power sensors of this machine are good for.",
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="write it as JSON, for a bug report")
    parser.add_argument("--seconds", type=_seconds, default=SECONDS, help="read each sensor so long (default: 5)")
    parser.add_argument("--torch-device", default="auto", help="auto, cuda, cuda:N, mps or cpu (default: auto)")
    chosen = parser.parse_args(arguments)
    try:
        found = report(chosen.torch_device, chosen.seconds)
    except BenchmarkError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    print(json.dumps(found, indent=2) if chosen.json else "\n".join(lines(found)))  # noqa: T201
    return 0 if found["auto"]["sensor"] != "none" else 1


def report(torch_device: str, seconds: float) -> dict[str, Any]:
    """Return everything that is found out, as JSON has it. torch may be missing: a sensor needs none.

    Raises:
        BenchmarkError: there is no such torch device.
    """
    where = device.choose_torch_device(torch_device)
    name, uuid, torch_says = _asked_torch(where)
    target = PowerTarget(where, uuid)
    taken, why_none = selftest.chosen(target)
    return {
        "device": device.identify(where, gpu_uuid=uuid, torch_name=name),
        "torch_device": where,
        "torch_says": torch_says,
        "seconds": seconds,
        "auto": {"sensor": taken, "why_none": why_none},
        "sensors": selftest.examine(target, seconds),
        "versions": versions(),
    }


def _asked_torch(where: str) -> tuple[str | None, str | None, str]:
    """Return (GPU's name, its UUID, what keeps torch from saying)."""
    if where == "cpu":
        return None, None, ""
    try:
        return *aside.call("spawn", check_torch_device, where), ""
    except (BenchmarkError, ImportError) as error:
        return None, None, str(error)


def lines(found: dict[str, Any]) -> Iterator[str]:
    """Yield the report as a person reads it."""
    machine, auto = found["device"], found["auto"]
    yield f"{machine['label']} ({machine['kind']}), torch computes on {found['torch_device']}"
    mode = machine["power_mode"] or f"not known: {machine['reasons'].get('power_mode', '')}"
    yield f"power mode: {mode}; driver: {machine['driver'] or 'none'}; L4T: {machine['l4t'] or 'none'}"
    if found["torch_says"]:
        yield f"torch: {found['torch_says']}"
    yield ""
    for verdict in found["sensors"]:
        yield from _sensor(verdict)
    yield ""
    taken = auto["sensor"]
    yield f"--power-monitor=auto takes {taken}." if taken != "none" else f"--power-monitor=auto: {auto['why_none']}."


def _sensor(verdict: selftest.Verdict) -> Iterator[str]:
    seen, sensor = verdict["seen"], verdict["sensor"]
    if not verdict["works"] or seen is None or sensor is None:
        yield f"{verdict['name']}: no. {verdict['why_not'].removeprefix(verdict['name'] + ': ')}"
        return
    yield f"{verdict['name']}: works. {sensor['source']}"
    yield f"    covers {sensor['scope']}, rails {', '.join(sensor['rails'])}"
    low, mean, high = (_shown(seen, name) for name in ("min_w", "mean_w", "max_w"))
    yield f"    {mean} W now ({low} to {high}), in steps of {_shown(seen, 'resolution_w')} W"
    yield (
        f"    {_shown(seen, 'rate_hz')} readings/s, renewed every {_shown(seen, 'update_period_s')} s; "
        f"by its counter {_shown(seen, 'counter_mean_w')} W"
    )
    yield f"    {_stated(sensor)}"
    if seen["void_samples"]:
        yield f"    {seen['void_samples']} of {seen['samples']} readings were void"
    if seen["lost"]:
        yield f"    lost: {seen['lost']}"


def _stated(sensor: dict[str, Any]) -> str:
    """Return what is stated of a sensor, and by whom, as its budget of uncertainty takes it."""
    gain, offset, seconds = (sensor[name] for name in ("gain_uncertainty", "offset_uncertainty_w", "averaging_s"))
    said = [
        "gain not stated" if gain is None else f"gain +-{gain:.3g} ({sensor['gain_source']})",
        f"offset {'not stated' if offset is None else f'+-{offset:.3g} W'}",
        f"averages over {'nobody knows what' if seconds is None else f'{seconds:.3g} s'}",
    ]
    if sensor["offset_source"]:
        said[1] += f" ({sensor['offset_source']})"
    return "; ".join(said)


def _shown(seen: selftest.Seen, name: str) -> str:
    """Return a value in three digits, or why there is none."""
    value: float | None = seen[name]  # type: ignore[literal-required]
    return f"({seen['reasons'][name]})" if value is None else f"{value:.3g}"


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < 3600:
        raise argparse.ArgumentTypeError(f"asked for {text!r}, needs seconds above 0 and below 3600")
    return number


if __name__ == "__main__":
    sys.exit(main())
