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

LARGEST = {
    "_per_s": 1e15, "_s": 1e7, "_w": 1e5, "_bytes": 1e15, "_tokens": 1e7, "images": 1e7, "_coverage": 1.000001,
    "_share": 1, "_spread": 1,
}  # fmt: skip
"""End of a name -> the largest value that is possible. The smallest is 0, or of SIGNED the opposite."""
SIGNED = ("_w", "energy_j", "ram_delta_bytes")
SHORTEST_S = 1e-6  # a decode step: Python alone takes longer
ROUNDING, ROUNDED = 1e-6, 1.01
GROWTH = 1.25
"""The largest ratio of unified memory to what was used plus what was free, which are not read at one moment."""
APART = {"counter": 10.0, "integration": 3.0}
"""The largest ratio of a run's mean power to the readings. A counter is another instrument than those."""
IDLE = ("idle_w", "idle_before_w", "idle_after_w")
PHASES = ("preprocess", "vision", "prefill", "decode")
QUANTILES = {"p50_s": 0.5, "p95_s": 0.95, "p99_s": 0.99}
WORK = "work"
Rules = dict[str, bool]
"""{what is wrong, in words: whether the rule holds}"""


def find_contradiction(record: Any, part: str) -> str:
    """Return what is wrong with a part of a Record, in words; "" if nothing is. Its work comes first."""
    rules, fields = PARTS[part]
    for path, names in fields.items():
        section = reduce(getitem, path, record) or {}
        for name in names if section else ():
            column = section[name] if isinstance(section[name], list) else [section[name]]
            largest = next((limit for end, limit in LARGEST.items() if name.endswith(end)), inf)
            smallest = -largest if name.endswith(SIGNED) else 0
            if wrong := [n for n in column if isinstance(n, int | float) and not smallest <= n <= largest]:
                return f"{name} is {wrong[0]:g}"
    return next((wrong for wrong, holds in rules(record).items() if not holds), "")


def _check_work(record: Any) -> Rules:
    counts, reasons, runs = record["counts"], record["failures"]["by_reason"], record["runs"]
    good, failed, attempted, planned = (counts[name] for name in ("good", "failed", "attempted", "planned"))
    proof = record["numerics"]["decode_check"]
    rules = {
        f"{good} good and {failed} failed runs are not {attempted} attempted of {planned}": (
            good + failed == attempted <= planned
        ),
        f"it does not list {good} good runs": good == (len(runs["run"]) if runs else 0),
        "its failures do not add up": sum(reasons.values()) == record["failures"]["count"],
        "its decoding is beyond its bound": (
            record["status"] != MEASURED or proof is None or 0 <= proof["difference"] <= proof["bound"]
        ),
    }
    return rules | (_check_runs(runs, record["workload"], attempted) if runs else {})


def _check_runs(runs: Any, work: Any, attempted: int) -> Rules:
    count, batch, tokens, latency = len(runs["run"]), work["batch_size"], work["new_tokens"], runs["latency_s"]
    asked = {
        "request": [number % max(work["requests"], 1) for number in runs["run"]],
        "sequences": [batch] * count,
        "new_tokens": [max(tokens, 1) * max(batch, 1)] * count,
    }
    requests = [*zip(runs["request"], runs["prompt_tokens"], runs["image_tokens"], runs["images"], strict=True)]
    return {
        "its runs are not numbered in order": _rise([-1, *runs["run"], attempted], by=1),
        "its runs do not do the work of its workload": all(runs[name] == column for name, column in asked.items()),
        "runs of one request have different inputs": len(set(requests)) == len(set(runs["request"])),
        "the parts of a run are not its time": (
            _fill(latency, runs["ttft_s"], runs["decode_s"])
            and _fill(runs["ttft_s"], *(runs[name] for name in ("preprocess_s", "vision_s", "prefill_s")))
        ),
        "two runs overlap": _rise(chain(*zip(runs["start_s"], map(add, runs["start_s"], latency), strict=True))),
        "no device decodes so fast": min(latency) >= SHORTEST_S * max(tokens - 1, 1),
    }


def _check_energy(record: Any) -> Rules:
    runs, power, trace = record["runs"], record["power"], record["trace"]
    mean, before, after = (power[name] for name in IDLE)
    columns = [runs[name] or [] for name in ("energy_j", "latency_s", "energy_coverage")] if runs else [[]] * 3
    rows = [(j, s) for j, s, share in zip(*columns, strict=False) if j is not None and share >= ENERGY_COVERAGE]
    phases = [power["phases"][name] for name in PHASES]
    terms = [term for each in (power, *phases) for term in each["uncertainty"]]
    readings = [trace["min_w"], trace["mean_w"], trace["max_w"]] if trace else []
    low, high = _bound_power(power, trace)
    return {
        f"the power of a run is not from {low:.3g} to {high:.3g} W": all(low * s <= j <= high * s for j, s in rows),
        "its least, mean and largest power are out of order": all(map(_rise, zip(*readings, strict=False))),
        "its idle power is not the mean": None in (mean, before, after) or _rise([2 * mean, before + after, 2 * mean]),
        "an uncertainty is negative": all(term["relative"] >= 0 for term in terms),
        "its phases have more energy than its runs": (
            not rows or sum(each["energy_j"] or 0.0 for each in phases) <= ROUNDED * sum(j for j, _ in rows)
        ),
    }


def _bound_power(power: Any, trace: Any) -> tuple[float, float]:
    """Return what a run's mean power must lie between, watts: near the readings in the runs and the idle time."""
    largest, apart = LARGEST["_w"], APART.get(power["method"], 1.0)
    readings = [*trace["min_w"], *trace["max_w"]] if trace else []
    readings += [watts for name in IDLE if (watts := power[name]) is not None] if readings else [-largest, largest]
    low, high = min(readings), max(readings)
    return max(low / apart if low > 0 else low * apart, -largest), min(high * apart, largest)


def _check_memory(record: Any) -> Rules:
    memory = record["memory"]
    sizes = {name.removesuffix("_bytes"): memory[name] for name in Memory.__annotations__ if name.endswith("_bytes")}
    ends = [(sizes[f"{name}_avg"], sizes[f"{name}_peak"]) for name in ("ram", "vram", "sensor_ram")]
    used, free, average = sizes["ram_baseline"], sizes["ram_available"], sizes["ram_avg"]
    if memory["kind"] != "unified":
        ends += [(record["load"]["peak_ram_bytes"], sizes["ram_peak"])]
    elif None not in (used, free) and not record["interruptions"]:
        ends += [(sizes["ram_peak"], GROWTH * (used + free))]
    return {
        "a size is above its peak or that of the machine": all(
            low <= ROUNDED * high for low, high in ends if None not in (low, high)
        ),
        "it is not the baseline and what was added": sizes["ram_delta"] in (None, (average or 0) - (used or 0)),
    }


def _check_token_latency(record: Any) -> Rules:
    found, runs = record["token_latency"], record["runs"]
    if found is None or runs is None:
        return {}
    counts, span = found["counts"], log10(LATENCY_HIGH_S / LATENCY_LOW_S)
    steps = len(runs["run"]) * (record["workload"]["new_tokens"] - 1)
    places = {name: log10(max(found[name], LATENCY_LOW_S) / LATENCY_LOW_S) / span * LATENCY_BINS for name in QUANTILES}
    ranks = [(min(int(places[name]), LATENCY_BINS - 1), ceil(share * steps)) for name, share in QUANTILES.items()]
    least = sum(count * LATENCY_LOW_S * 10 ** (at / LATENCY_BINS * span) for at, count in enumerate(counts) if at)
    return {
        f"it does not count {steps} steps": sum(counts) == steps and min(counts) >= 0,
        "its quantiles are not in their bins": all(
            sum(counts[:at]) < rank <= sum(counts[: at + 1]) for at, rank in ranks
        ),
        "its quantiles are out of order": _rise([0.0, *(found[name] for name in QUANTILES)], by=0.0),
        "its steps take longer than the runs": least <= ROUNDED * sum(runs["decode_s"] or [inf]),
    }


def _check_bandwidth(record: Any) -> Rules:
    part = record["roofline"]
    peak, share = part["bandwidth_bytes_per_s"], 1 - (part["bandwidth_spread"] or 0)
    copies = [part[f"bandwidth_{when}_bytes_per_s"] for when in ("before", "after")]
    return {
        "a copy is not within its peak and spread": all(
            share * peak <= ROUNDED * rate <= ROUNDED**2 * peak for rate in copies if rate is not None
        )
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
    return tuple(name for name in section.__annotations__ if name.endswith(tuple(LARGEST)) and "energy" not in name)


PARTS: dict[str, tuple[Callable[[Any], Rules], dict[tuple[str, ...], tuple[str, ...]]]] = {
    WORK: (_check_work, {("counts",): tuple(Counts.__annotations__), ("runs",): _list_numbers(Runs)}),
    "energy": (_check_energy, {("power",): ("method", *IDLE), ("runs",): ("energy_j", "energy_coverage")}),
    "memory": (_check_memory, {("memory",): _list_numbers(Memory)}),
    "load": (lambda _: {}, {("load",): _list_numbers(Load)}),
    "token latency": (_check_token_latency, {(): ("token_latency",)}),
    "memory bandwidth": (_check_bandwidth, {("roofline",): _list_numbers(Roofline)}),
}
"""Part of a Record -> its rules, and {section: the fields that a reader cannot use if one is broken}."""
