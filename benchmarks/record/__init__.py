"""The Record: everything known about one pair, as it is saved in the JSON.

A Record is plain JSON data (dicts, lists, strings, finite numbers, booleans, null). For a measured pair it is the
benchmark's `extra_info`; for a pair without a good run it is an entry of the file's top-level list `unmeasured`.

Rules for the whole Record, checked by `find_violations`:

* A value that was not measured is `null`, never 0, and its section gives the reason in `reasons[<field>]`.
* A name ends in its unit: `_s` seconds, `_w` watts, `_j` joules, `_bytes` bytes.
* Raw values per run are stored. `plotting` derives every ratio, so a new metric needs no new measurement.

What must hold between its values is in `consistency`; readers make no figure of a part that breaks a rule.

Schema history (readers refuse a newer one, and read every older one):

1. The first.
2. Adds `power.idle_s`, and the memory as a power sensor reports it: `memory.sensor_ram_*`.
3. Adds `numerics.decode_check`, the proof that decoding does the work that it claims, and the copies of memory before
   and after the runs: `roofline.bandwidth_*`.
"""

import math
from collections.abc import Iterator
from typing import Any, TypedDict

from benchmarks.record import sections  # typecheck evaluates the annotations

SCHEMA = 3

ADDED: dict[int, dict[str, tuple[str, ...]]] = {
    2: {"power": ("idle_s",), "memory": ("sensor_ram_avg_bytes", "sensor_ram_peak_bytes", "sensor_ram_source")},
    3: {
        "numerics": ("decode_check",),
        "roofline": ("bandwidth_before_bytes_per_s", "bandwidth_after_bytes_per_s", "bandwidth_spread"),
    },
}
"""Schema -> the fields that it added, by section. `add_missing_fields` adds them to older Records."""

MEASURED = "measured"
FAILED = "failed"
DID_NOT_FIT = "did not fit"
SKIPPED = "skipped"
INTERRUPTED = "interrupted"
STATUSES = (MEASURED, FAILED, DID_NOT_FIT, SKIPPED, INTERRUPTED)

ENERGY_COVERAGE = 0.95
"""The least share of a run's window that sensor samples must cover for its energy to count."""

ENERGY_RUNS = 0.90
"""The least share of the good runs that must have covered energy; below it J/token is null."""

CACHE_FACTOR = 8
"""The least ratio of decoder weights to last-level cache for which a bandwidth utilisation is given.

At most 1/8 of the weights can then stay in the cache between two steps.
"""

TRACE_POINTS = 2000
"""The most points of a stored power trace."""

LATENCY_LOW_S, LATENCY_HIGH_S, LATENCY_BINS = 1e-5, 1e2, 200
"""Token latency histogram: `LATENCY_BINS` bins of equal width in log10 between the two bounds."""


WORDS = frozenset({"message", "stage", "first_message", "first_nonfinite", "nonfinite_kind"})
"""Fields that describe a failure: null means that there was none, and needs no reason."""


class Record(TypedDict):
    """One pair. The module's docstring has the rules."""

    schema: int
    status: str  # one of STATUSES
    message: str | None  # one sentence why it was not measured; null if it was
    pair: sections.Pair
    checkpoint: sections.Checkpoint
    workload: sections.WorkloadInfo
    engine: sections.Engine
    load: sections.Load
    counts: sections.Counts
    runs: sections.Runs | None  # null without a good run
    failures: sections.Failures
    power: sections.Power
    memory: sections.Memory
    health: sections.Health
    numerics: sections.Numerics
    sample: sections.Sample | None  # null without published weights
    roofline: sections.Roofline
    trace: sections.Trace | None
    token_latency: sections.TokenLatency | None
    times: sections.Times
    interruptions: list[sections.Interruption]
    reasons: dict[str, str]


def add_missing_fields(record: dict[str, Any]) -> dict[str, Any]:
    """Return a Record with the fields that newer schemas have added: null, with that as the reason.

    Other data is returned unchanged; `fits` refuses it.
    """
    own = record.get("schema")
    if type(own) is not int:
        return record
    for name, fields in ((name, fields) for schema in ADDED if own < schema for name, fields in ADDED[schema].items()):
        section = record.get(name)
        if isinstance(section, dict) and isinstance(section.get("reasons"), dict):
            why = dict.fromkeys(fields, f"schema {own} had no such field")
            record = record | {name: {**dict.fromkeys(fields), **section, "reasons": why | section["reasons"]}}
    return record


def find_violations(value: object, path: str = "record") -> Iterator[str]:
    """Yield a sentence for each value that breaks the rules of this module.

    These are: a null without a reason, a NaN or infinity, and a value that JSON has no type for (pytest-benchmark
    would write it as "UNSERIALIZABLE[...]").
    """
    if isinstance(value, dict):
        reasons = value["reasons"] if isinstance(value.get("reasons"), dict) else {}
        for key, item in value.items():
            null = item is None or (isinstance(item, list) and None in item)
            if null and key not in WORDS and not reasons.get(key):
                yield f"{path}.{key} is null without a reason"
            if item is not None:
                yield from find_violations(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if item is not None:  # the reason of the column covers it
                yield from find_violations(item, f"{path}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{path} is {value}, which JSON cannot hold"
    elif type(value) not in (str, int, float, bool):
        yield f"{path} is a {type(value).__name__}, which JSON cannot hold"
