"""What must hold between the values of a Record, beyond their types: for each part of it, rules of one sentence each.

A Record that breaks a rule of its WORK cannot be believed. A rule of another part concerns that part alone.
"""

from collections.abc import Callable, Iterable
from functools import reduce
from itertools import chain, pairwise
from math import ceil, inf, log10
from operator import add, getitem
from typing import Any

from benchmarks.record import ENERGY_COVERAGE, LATENCY_BINS, LATENCY_HIGH_S, LATENCY_LOW_S, MEASURED
from benchmarks.record.sections import Counts, Load, Memory, Roofline, Runs

# end of a name -> the largest value that is possible; the smallest is 0, or of SIGNED the opposite
LARGEST = {
    "_per_s": 1e15,
    "load_time_s": 1e5,
    "_s": 1e7,
    "_w": 1e5,
    "_bytes": 1e15,
    "_tokens": 1e7,
    "images": 1e7,
    "_share": 1,
}
SIGNED = ("_w", "energy_j", "ram_delta_bytes")
SHORTEST_S = 1e-6  # of a decode step: Python alone takes longer
ROUNDING, ROUNDED = 1e-6, 1.01
LEAST_BYTES = 1e7  # of any process with a model
GROWTH = 1.25  # unified memory / what was used plus what was free, which are not read at one moment
APART = {"counter": 10.0, "integration": 3.0}  # a run's mean power / the readings, which a counter does not use
IDLE = ("idle_w", "idle_before_w", "idle_after_w")
MOST_W = LARGEST["_w"]
QUANTILES = {"p50_s": 0.5, "p95_s": 0.95, "p99_s": 0.99}
WORK = "work"
Rules = dict[str, bool]  # what is wrong, in words -> whether the rule holds


def find_contradiction(record: Any, part: str) -> str:
    """Return what is wrong with a part of a Record, in words; "" if nothing is. Its WORK comes first."""
    check, fields = PARTS[part]
    sections = [(reduce(getitem, path, record) or {}, names) for path, names in fields.items()]
    for name, value in ((name, section.get(name)) for section, names in sections for name in names):
        largest = next((limit for end, limit in LARGEST.items() if name.endswith(end)), inf)
        smallest = -largest if name.endswith(SIGNED) else 0
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, int | float) and not smallest <= number <= largest:
                return f"{name} is {number:g}"
    return next((wrong for wrong, holds in check(record).items() if not holds), "")


def _check_work(record: Any) -> Rules:
    counts, runs, work, failures = (record[name] for name in ("counts", "runs", "workload", "failures"))
    good, failed, attempted, planned = (counts[name] for name in ("good", "failed", "attempted", "planned"))
    proof, listed = record["numerics"]["decode_check"], len(runs["run"]) if runs else 0
    rules = {
        f"{listed} runs are listed, and counted are {good} good, {failed} failed, {attempted} of {planned} attempted": (
            listed == good == attempted - failed and attempted <= planned
        ),
        "its failures do not add up": sum(failures["by_reason"].values()) == failures["count"],
        "its decoding is beyond its bound": (
            record["status"] != MEASURED or not proof or 0 <= proof["difference"] <= proof["bound"]
        ),
    }
    return rules | (_check_runs(runs, work, attempted) if runs else {})


def _check_runs(runs: Any, work: Any, attempted: int) -> Rules:
    batch, new, latency = work["batch_size"], work["new_tokens"], runs["latency_s"]
    asked = [(number % max(work["requests"], 1), batch, new * batch) for number in runs["run"]]
    inputs = {*zip(*(runs[name] for name in ("request", "prompt_tokens", "image_tokens", "images")), strict=True)}
    windows = zip(runs["start_s"], map(add, runs["start_s"], latency), strict=True)
    return {
        "its runs are not numbered in order": _rise([-1, *runs["run"], attempted], by=1),
        "its runs do not do the work of its workload": (
            min(new, batch) > 0 and asked == [*zip(runs["request"], runs["sequences"], runs["new_tokens"], strict=True)]
        ),
        "runs of one request have different inputs": len(inputs) == len(set(runs["request"])),
        "the parts of a run are not its time": (
            _fill(latency, runs["ttft_s"], runs["decode_s"])
            and _fill(runs["ttft_s"], runs["preprocess_s"], runs["vision_s"], runs["prefill_s"])
        ),
        "two runs overlap": _rise(chain(*windows)),
        "no device decodes so fast": min(latency) >= SHORTEST_S * max(new - 1, 1),
    }


def _check_energy(record: Any) -> Rules:
    runs, power, trace = record["runs"], record["power"], record["trace"]
    columns = [runs[name] or [] for name in ("energy_j", "latency_s", "energy_coverage")] if runs else [[]] * 3
    rows = [(j, s) for j, s, share in zip(*columns, strict=False) if j is not None and share >= ENERGY_COVERAGE]
    phases = [power["phases"][name] for name in ("preprocess", "vision", "prefill", "decode")]
    mean, *ends = (power[name] for name in IDLE)
    readings = [trace["min_w"], trace["mean_w"], trace["max_w"]] if trace else []
    watts = [each for each in chain(*readings, ends if trace else ()) if each is not None] or [-MOST_W, MOST_W]
    apart = APART.get(power["method"], 1.0) if trace else 1.0
    low, high = min(min(watts) / apart, min(watts) * apart), min(max(watts) * apart, MOST_W)
    return {
        f"the power of a run is not from {low:.3g} to {high:.3g} W": all(low * s <= j <= high * s for j, s in rows),
        "a run is covered for longer than it took": max(columns[2], default=0) <= 1 + ROUNDING,
        "its least, mean and largest power are out of order": all(map(_rise, zip(*readings, strict=False))),
        "its idle power is not the mean": None in (mean, *ends) or _fill([mean], [ends[0] / 2], [ends[1] / 2]),
        "an uncertainty is negative": all(t["relative"] >= 0 for each in (power, *phases) for t in each["uncertainty"]),
        "its phases have more energy than its runs": (
            not rows or sum(each["energy_j"] or 0 for each in phases) <= ROUNDED * sum(j for j, _ in rows)
        ),
    }


def _check_memory(record: Any) -> Rules:
    memory, loaded = record["memory"], record["load"]["peak_ram_bytes"]
    average, peak, used, free = (memory[f"ram_{name}_bytes"] for name in ("avg", "peak", "baseline", "available"))
    ends = [(memory[f"{name}_avg_bytes"], memory[f"{name}_peak_bytes"]) for name in ("ram", "vram", "sensor_ram")]
    if memory["kind"] != "unified":
        ends += [(loaded, peak)]
    elif None not in (used, free) and not record["interruptions"]:
        ends += [(peak, GROWTH * (used + free))]
    return {
        "a size is above its peak or that of the machine": all(
            low <= ROUNDED * high for low, high in ends if None not in (low, high)
        ),
        "no process that runs a model has so little": average is None or average >= LEAST_BYTES,
        "it is not the baseline and what was added": memory["ram_delta_bytes"] in (None, (average or 0) - (used or 0)),
    }


def _check_token_latency(record: Any) -> Rules:
    found, runs, span = record["token_latency"], record["runs"], log10(LATENCY_HIGH_S / LATENCY_LOW_S)
    if not found or not runs:
        return {}
    counts, steps = found["counts"], len(runs["run"]) * (record["workload"]["new_tokens"] - 1)
    least = sum(count * LATENCY_LOW_S * 10 ** (at / LATENCY_BINS * span) for at, count in enumerate(counts) if at)
    places = {name: log10(max(found[name], LATENCY_LOW_S) / LATENCY_LOW_S) / span * LATENCY_BINS for name in QUANTILES}
    ranks = [(min(int(places[name]), LATENCY_BINS - 1), ceil(share * steps)) for name, share in QUANTILES.items()]
    return {
        f"it does not count {steps} steps": sum(counts) == steps and min(counts) >= 0,
        "its quantiles are not in their bins": all(sum(counts[:at]) < n <= sum(counts[: at + 1]) for at, n in ranks),
        "its quantiles are out of order": _rise([0.0, *(found[name] for name in QUANTILES)], by=0.0),
        "its steps take longer than the runs": least <= ROUNDED * sum(runs["decode_s"] or [inf]),
    }


def _rise(values: Iterable[float], by: float = -ROUNDING) -> bool:
    """Return whether each value is above the one before it, by at least so much."""
    return all(high - low >= by for low, high in pairwise(values))


def _fill(whole: list[float] | None, *parts: list[float] | None) -> bool:
    """Return whether in each run the known parts fit into the whole, and fill it if all are known."""
    known = [part for part in parts if part is not None]
    rests = [row[0] - sum(row[1:]) for row in zip(whole, *known, strict=True)] if whole else [0.0]
    return min(rests) >= -ROUNDING and (len(known) < len(parts) or max(rests) <= ROUNDING)


def _list_numbers(section: Any) -> tuple[str, ...]:
    return tuple(name for name in section.__annotations__ if name.endswith(tuple(LARGEST)))


PARTS: dict[str, tuple[Callable[[Any], Rules], dict[tuple[str, ...], tuple[str, ...]]]] = {
    WORK: (_check_work, {("counts",): tuple(Counts.__annotations__), ("runs",): _list_numbers(Runs)}),
    "energy": (_check_energy, {("power",): ("method", *IDLE), ("runs",): ("energy_j", "energy_coverage")}),
    "memory": (_check_memory, {("memory",): _list_numbers(Memory)}),
    "load": (lambda _: {}, {("load",): _list_numbers(Load)}),
    "token latency": (_check_token_latency, {(): ("token_latency",)}),
    "memory bandwidth": (lambda _: {}, {("roofline",): _list_numbers(Roofline)}),
}
"""Part of a Record -> its rules, and {section: the fields that a reader cannot use if one is broken}."""
