"""`python -m benchmarks.power`: test this machine's power sensors. The first command on a new board."""

import argparse
import io
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.formatting import make_printable
from benchmarks.machine import device, sysfs
from benchmarks.machine.inputs import number_that
from benchmarks.machine.versions import read_versions
from benchmarks.power import selftest
from benchmarks.power.base import PowerTarget
from benchmarks.processes.helper import run_in_process
from benchmarks.worker.devices import check_torch_device


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report; return 0 if `auto` finds a sensor, 1 if it finds none, 2 on bad usage."""
    description = "Test the power sensors of this machine."
    parser = argparse.ArgumentParser(prog="python -m benchmarks.power", description=description, allow_abbrev=False)
    parser.add_argument("--json", action="store_true", help="print JSON, for a bug report")
    seconds = number_that(lambda number: 0 < number < 3600, "seconds above 0 and below 3600")
    parser.add_argument("--seconds", type=seconds, default=5.0, help="how long to read each sensor (default: 5)")
    parser.add_argument("--torch-device", default="auto", help="auto, cuda, cuda:N, mps or cpu (default: auto)")
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # the terminal may lack letters of a device's name
    try:
        report = build_report(options.torch_device, options.seconds)
        lines = [json.dumps(report, indent=2)] if options.json else map(make_printable, format_report(report))
        print("\n".join(lines), flush=True)
    except KeyboardInterrupt:
        return 130
    except BenchmarkError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        sys.stdout = None  # what is in its buffer has no place to go
        if not isinstance(error, BrokenPipeError):
            print(f"The test broke off ({error.strerror}): check the output's disk and ulimit -n.", file=sys.stderr)
        return 2
    return 0 if report["auto"]["sensor"] != "none" else 1


def build_report(torch_device: str, seconds: float) -> dict[str, Any]:
    """Test the sensors and return the results as JSON, or raise BenchmarkError. No sensor needs torch."""
    root = sysfs.find_root()
    where = device.choose_torch_device(torch_device, root)
    name, uuid, torch_error = _ask_torch(where)
    target = PowerTarget(where, uuid, root)
    sensor, why_none = selftest.choose_auto(target)
    return {
        "device": device.identify(where, root, gpu_uuid=uuid, torch_name=name),
        "torch_device": where,
        "torch_says": torch_error,
        "seconds": seconds,
        "auto": {"sensor": sensor, "why_none": why_none},
        "sensors": selftest.examine_sensors(target, seconds),
        "versions": read_versions(),
    }


def _ask_torch(where: str) -> tuple[str | None, str | None, str]:
    """Return (the GPU's name, its UUID, torch's error)."""
    if where == "cpu":
        return None, None, ""
    try:
        return *run_in_process("spawn", check_torch_device, where), ""
    except (BenchmarkError, ImportError) as error:
        return None, None, str(error)


def format_report(report: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the report for a person."""
    machine, where, error = report["device"], report["torch_device"], report["torch_says"]
    yield f"{machine['label']} ({machine['kind']})"
    yield "; ".join(_describe_machine(machine)) or "nothing else is known about this machine"
    if not machine["own_root"]:
        yield f"device and sensor files are read from the folder ${sysfs.ROOT}, not from this system's own root"
    yield f"torch was asked for {where}, but: {error}" if error else f"torch runs the model on {where}"
    yield ""
    jetson = machine["kind"].startswith("jetson")
    broken = [] if jetson else [verdict["name"] for verdict in report["sensors"] if not verdict["works"]]
    hidden = [name for name in broken if name in ("hwmon", "tegrastats", "jtop")]
    for verdict in report["sensors"]:
        if verdict["name"] not in hidden:
            yield from _describe_verdict(verdict)
    if hidden:
        yield f"{', '.join(hidden)} do not work: no file identifies a Jetson board; --json lists the details."
    yield ""
    yield _describe_choice(report)


def _describe_choice(report: dict[str, Any]) -> str:
    """Return which sensor `auto` chooses, or what to type instead."""
    if report["auto"]["sensor"] != "none":
        return f"--power-monitor=auto chooses {report['auto']['sensor']}."
    for verdict in report["sensors"]:
        if verdict["works"]:
            anyway = f"type --power-monitor={verdict['name']} to measure anyway."
            return f"--power-monitor=auto chooses no sensor: no working sensor covers this device; {anyway}"
    return "--power-monitor=auto chooses no sensor: none works; type --power-monitor=csv:FILE for a wall meter's log."


def _describe_machine(machine: dict[str, Any]) -> Iterator[str]:
    """Yield the known facts of a machine in words, and for a Jetson why its power mode is unknown."""
    releases = (("L4T", machine["l4t"]), ("JetPack", machine["jetpack"]), ("driver", machine["driver"]))
    yield from (name for name in (machine["module"], machine["gpu"]) if name)
    yield from (f"{name} {release}" for name, release in releases if release)
    if machine["power_mode"]:
        yield f"power mode {machine['power_mode']}"
    elif machine["kind"].startswith("jetson"):
        yield f"power mode unknown: {machine['reasons']['power_mode']}"


def _describe_verdict(verdict: dict[str, Any]) -> Iterator[str]:
    name, seen, sensor = verdict["name"], verdict["seen"], verdict["sensor"]
    if not verdict["works"]:
        yield f"{name} does not work: {verdict['why_not'].removeprefix(f'{name}: ')}"
        return
    yield f"{name} works: {sensor['source']}"
    yield f"    covers {sensor['scope']}, rails {', '.join(sensor['rails'])}"
    if verdict["mismatch"]:
        anyway = "if it is chosen by name, its energy is flagged and not ranked"
        yield f"    {verdict['mismatch']}: auto does not choose it; {anyway}"
    yield f"    idle (no model runs now): {_format_range(seen)}"
    yield f"    rate: {_format_value(seen, 'rate_hz', 'readings/s')}"
    yield f"    a new value every: {_format_value(seen, 'update_period_s', 's')}"
    yield f"    smallest step seen: {_format_value(seen, 'resolution_w', 'W')}"
    yield f"    mean by its energy counter: {_format_value(seen, 'counter_mean_w', 'W')}"
    yield from (f"    {line}" for line in _describe_stated(sensor))
    if seen["void_samples"]:
        yield f"    {seen['void_samples']} of {seen['samples']} readings were invalid"
    if seen["lost"]:
        yield f"    lost: {seen['lost']}"


def _describe_stated(sensor: dict[str, Any]) -> Iterator[str]:
    """Yield the stated errors of a sensor and their sources, as in its budget of uncertainty."""
    if (step := sensor["resolution_w"]) is not None:
        yield f"smallest step specified for its chips: {step:.3g} W"
    gain, offset, seconds = sensor["gain_uncertainty"], sensor["offset_uncertainty_w"], sensor["averaging_s"]
    gain = "not specified" if gain is None else f"+-{gain:.3g} of each reading"
    offset = "not specified" if offset is None else f"+-{offset:.3g} W"
    yield f"gain error: {gain}" + (f" ({sensor['gain_source']})" if sensor["gain_source"] else "")
    yield f"offset error at 0 W: {offset}" + (f" ({sensor['offset_source']})" if sensor["offset_source"] else "")
    yield f"a reading averages over: {'not specified' if seconds is None else f'{seconds:.3g} s'}"
    largest = "not stated" if sensor["largest_w"] is None else f"up to {sensor['largest_w']:g} W"
    yield f"range of a reading: {largest}" + (f" ({sensor['range_source']})" if sensor["range_source"] else "")


def _format_range(seen: dict[str, Any]) -> str:
    """Return mean and range of the watts, or why there are none."""
    low, mean, high = seen["min_w"], seen["mean_w"], seen["max_w"]
    if mean is None:
        return f"no watts ({seen['reasons']['mean_w']})"
    return f"{mean:.3g} W" if low == high else f"{mean:.3g} W ({low:.3g} to {high:.3g} W)"


def _format_value(seen: dict[str, Any], key: str, unit: str) -> str:
    """Return a value in three digits, or why it is unknown."""
    return f"unknown ({seen['reasons'][key]})" if seen[key] is None else f"{seen[key]:.3g} {unit}"


if __name__ == "__main__":
    sys.exit(main())
