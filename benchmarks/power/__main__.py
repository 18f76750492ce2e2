"""`python -m benchmarks.power`: what this machine's sensors are good for. The first command on a new board."""

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.machine import device, sysfs
from benchmarks.machine.versions import read_versions
from benchmarks.power import selftest
from benchmarks.power.base import PowerTarget
from benchmarks.processes.helper import run_in_process
from benchmarks.worker.devices import check_torch_device

SECONDS = 5.0
OF_JETSONS = ("hwmon", "tegrastats", "jtop")
SHOWN = (
    ("rate", "rate_hz", "readings/s"),
    ("a new value every", "update_period_s", "s"),
    ("smallest step seen", "resolution_w", "W"),
    ("mean by its energy counter", "counter_mean_w", "W"),
)
OF_ANOTHER = "they are sensors of Jetson boards, and this machine does not say that it is one; --json says more."


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
        BenchmarkError: there is no such torch device, or $EDGE_VLM_BENCH_ROOT is no folder.
    """
    root = sysfs.find_root()
    where = device.choose_torch_device(torch_device, root)
    name, uuid, torch_says = _asked_torch(where)
    target = PowerTarget(where, uuid, root)
    taken, why_none = selftest.chosen(target)
    return {
        "device": device.identify(where, root, gpu_uuid=uuid, torch_name=name),
        "torch_device": where,
        "torch_says": torch_says,
        "seconds": seconds,
        "auto": {"sensor": taken, "why_none": why_none},
        "sensors": selftest.examine(target, seconds),
        "versions": read_versions(),
    }


def _asked_torch(where: str) -> tuple[str | None, str | None, str]:
    """Return (GPU's name, its UUID, what keeps torch from saying)."""
    if where == "cpu":
        return None, None, ""
    try:
        return *run_in_process("spawn", check_torch_device, where), ""
    except (BenchmarkError, ImportError) as error:
        return None, None, str(error)


def lines(found: dict[str, Any]) -> Iterator[str]:
    """Yield the report as a person reads it."""
    machine, taken = found["device"], found["auto"]["sensor"]
    yield f"{machine['label']} ({machine['kind']})"
    yield "; ".join(_machine(machine)) or "nothing more is known of it"
    if not machine["own_root"]:
        yield f"its files are read below ${sysfs.ROOT}, and are not this system's own"
    where, obstacle = found["torch_device"], found["torch_says"]
    yield f"torch is to compute on {where}, but: {obstacle}" if obstacle else f"torch computes on {where}"
    yield ""
    jetson = machine["kind"].startswith("jetson")
    of_another = [v["name"] for v in found["sensors"] if not (jetson or v["works"]) and v["name"] in OF_JETSONS]
    for verdict in found["sensors"]:
        if verdict["name"] not in of_another:
            yield from _sensor(verdict)
    if of_another:
        yield f"{', '.join(of_another)} do not work: {OF_ANOTHER}"
    yield ""
    if taken != "none":
        yield f"--power-monitor=auto takes {taken}."
    elif named := [verdict["name"] for verdict in found["sensors"] if verdict["works"]]:
        yield f"--power-monitor=auto takes none: what works covers other work; type --power-monitor={named[0]}."
    else:
        yield "--power-monitor=auto takes none: none works. Type --power-monitor=csv:FILE for the log of a wall meter."


def _machine(machine: dict[str, Any]) -> Iterator[str]:
    """Yield what is known of a machine, in words; of a Jetson also why its power mode is not."""
    versions = (("L4T", machine["l4t"]), ("JetPack", machine["jetpack"]), ("driver", machine["driver"]))
    yield from (name for name in (machine["module"], machine["gpu"]) if name)
    yield from (f"{name} {version}" for name, version in versions if version)
    if machine["power_mode"]:
        yield f"power mode {machine['power_mode']}"
    elif machine["kind"].startswith("jetson"):
        yield f"power mode not known: {machine['reasons']['power_mode']}"


def _sensor(verdict: selftest.Verdict) -> Iterator[str]:
    name, seen, sensor = verdict["name"], verdict["seen"], verdict["sensor"]
    if not verdict["works"] or seen is None or sensor is None:
        yield f"{name} does not work: {verdict['why_not'].removeprefix(f'{name}: ')}"
        return
    yield f"{name} works: {sensor['source']}"
    yield f"    covers {sensor['scope']}, rails {', '.join(sensor['rails'])}"
    if verdict["mismatch"]:
        yield f"    {verdict['mismatch']}: auto leaves it out; by its name it is measured, flagged, and not ranked"
    yield f"    idle (the suite runs nothing now): {_range(seen)}"
    yield from (f"    {words}: {_known(seen, key, unit)}" for words, key, unit in SHOWN)
    yield from (f"    {line}" for line in _stated(sensor))
    if seen["void_samples"]:
        yield f"    {seen['void_samples']} of {seen['samples']} readings were void"
    if seen["lost"]:
        yield f"    lost: {seen['lost']}"


def _range(seen: selftest.Seen) -> str:
    """Return the watts that were seen, or why there are none."""
    low, mean, high = seen["min_w"], seen["mean_w"], seen["max_w"]
    if low is None or mean is None or high is None:
        return f"no watts ({seen['reasons']['mean_w']})"
    return f"{mean:.3g} W" if low == high else f"{mean:.3g} W ({low:.3g} to {high:.3g} W)"


def _stated(sensor: dict[str, Any]) -> Iterator[str]:
    """Yield what is stated of a sensor, and by whom, as its budget of uncertainty takes it."""
    gain, offset, seconds, step = (
        sensor[name] for name in ("gain_uncertainty", "offset_uncertainty_w", "averaging_s", "resolution_w")
    )
    if step is not None:
        yield f"smallest step, as is stated of its chips: {step:.3g} W"
    for words, stated, source in (
        ("gain, an error in proportion", None if gain is None else f"+-{gain:.3g} of each reading", "gain_source"),
        ("offset, an error at 0 W", None if offset is None else f"+-{offset:.3g} W", "offset_source"),
    ):
        yield f"{words}: {stated or 'not stated'}" + (f" ({sensor[source]})" if sensor[source] else "")
    yield f"a reading is the mean over: {'not stated' if seconds is None else f'{seconds:.3g} s'}"


def _known(seen: selftest.Seen, key: str, unit: str) -> str:
    """Return a value in three digits, or why there is none."""
    value: float | None = seen[key]  # type: ignore[literal-required]
    return f"not known ({seen['reasons'][key]})" if value is None else f"{value:.3g} {unit}"


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
