"""A pair's runs: the time marks of good runs, and the failed runs counted by reason."""

import math
from collections import Counter

from benchmarks.processes.protocol import RunMarks, WorkerFailed, list_moments
from benchmarks.record import DID_NOT_FIT, LATENCY_BINS, LATENCY_HIGH_S, LATENCY_LOW_S
from benchmarks.record.sections import Counts, Failures, Runs, TokenLatency

MAX_RESTARTS_IN_A_ROW, MAX_RESTARTS = 3, 25
"""How often a dead child is replaced without a good run in between, and in the whole pair."""
MAX_FAILURES_IN_A_ROW = 20  # after this many the pair is given up: 2500 equal failures tell no more than 20

BEFORE_RUNS = ("load", "verify", "warmup")  # a failure at one of these stages ends a pair before its first run
AT_RESTART = "at restart"
TRIED_AGAIN = ", tried again"  # follows the stage of a failure after which everything was repeated in a new process
MISFITS = (DID_NOT_FIT, "BatchTooLarge")
"""Reasons of failures whose message says why memory was too small: from the guard, and from the child."""
NO_VISION_MARK = "at least one run has no time mark at the end of vision encoding"
SECONDS = 1e-9


class RunLog:
    """Counts runs and keeps the time marks of good runs. A failed warm-up is a failure, not a run."""

    def __init__(self, planned: int, warmup: int) -> None:
        self.planned = planned
        self.warmup = warmup
        self.attempted = 0
        self.restarts = 0
        self.repeats = 0  # failures before the runs after which everything was repeated
        self.restarts_in_a_row = 0
        self.failures_in_a_row = 0
        self.reasons: Counter[str] = Counter()
        self.first: WorkerFailed | None = None  # failure
        self.last: WorkerFailed | None = None
        self.misfit: str | None = None  # why the model did not fit into memory
        self.marks: list[RunMarks] = []
        self.run_indices: list[int] = []
        self.requests: list[int] = []
        self.finite_logits: bool | None = None

    def add_run(self, request: int, marks: RunMarks) -> None:
        """Add a good run."""
        self.run_indices.append(self.attempted)
        self.requests.append(request)
        self.marks.append(marks)
        self.attempted += 1
        self.failures_in_a_row = self.restarts_in_a_row = 0

    def add_failure(self, stage: str, failure: WorkerFailed) -> None:
        """Add a failure; only one at "run" uses up a planned run."""
        self.reasons[failure.reason] += 1
        self._note_misfit(failure)
        failure.stage = stage
        self.first, self.last = self.first or failure, failure
        self.repeats += stage.endswith(TRIED_AGAIN)
        if stage == "run":
            self.attempted += 1
            self.failures_in_a_row += 1

    def add_failed_restart(self, failure: WorkerFailed) -> None:
        """Add the failure of a replacement child."""
        self.reasons[f"{failure.reason} {AT_RESTART}"] += 1
        self._note_misfit(failure)

    def _note_misfit(self, failure: WorkerFailed) -> None:
        if failure.reason in MISFITS:
            self.misfit = str(failure)

    def add_restart(self) -> None:
        """Count a replaced child."""
        self.restarts += 1
        self.restarts_in_a_row += 1

    def replay(self, stage: str, request: int, marks: RunMarks | None, reason: str, message: str) -> None:
        """Add a good run, a failure or a restart of an earlier session."""
        if marks is not None:
            self.add_run(request, marks)
        elif stage == "restart":
            self.add_restart()
        elif stage == AT_RESTART:
            self.add_failed_restart(WorkerFailed(reason, message))
        else:
            self.add_failure(stage, WorkerFailed(reason, message))

    @property
    def given_up(self) -> bool:
        """Whether further runs would only repeat known failures."""
        return (
            self.misfit is not None
            or self.failed_before_runs
            or self.restarts > MAX_RESTARTS
            or self.restarts_in_a_row > MAX_RESTARTS_IN_A_ROW
            or self.failures_in_a_row >= MAX_FAILURES_IN_A_ROW
        )

    @property
    def did_not_fit(self) -> bool:
        """Whether memory was too small: by the guard, or because out-of-memory errors left no good run."""
        cause = self.cause
        return self.misfit is not None or (not self.marks and cause is not None and cause.ran_out_of_memory)

    @property
    def failed_before_runs(self) -> bool:
        """Whether the pair was ended at one of BEFORE_RUNS."""
        return self.last is not None and self.last.stage in BEFORE_RUNS

    @property
    def cause(self) -> WorkerFailed | None:
        """The failure that kept the pair from its runs, or else the first one; None without failures."""
        return self.last if self.failed_before_runs else self.first

    @property
    def windows(self) -> list[tuple[int, int]]:
        """(start, end) of each good run, ns of CLOCK_MONOTONIC."""
        return [(marks["start_ns"], marks["end_ns"]) for marks in self.marks]

    @property
    def phases(self) -> dict[str, list[tuple[int, int]] | None]:
        """(start, end) of each phase in each good run, ns of CLOCK_MONOTONIC; None if a run lacks the mark."""
        marks = self.marks
        encoded = [vision for m in marks if (vision := m["vision_ns"]) is not None]
        seen = len(encoded) == len(marks)
        return {
            "preprocess": [(m["start_ns"], m["preprocessed_ns"]) for m in marks],
            "vision": [(m["preprocessed_ns"], e) for m, e in zip(marks, encoded, strict=True)] if seen else None,
            "prefill": [(e, m["first_token_ns"]) for m, e in zip(marks, encoded, strict=True)] if seen else None,
            "decode": [(m["first_token_ns"], m["end_ns"]) for m in marks],
        }

    @property
    def latencies_s(self) -> list[float]:
        """Window lengths of the good runs, seconds."""
        return _list_lengths(self.windows) or []

    @property
    def torch_peak_bytes(self) -> int | None:
        """The highest peak of torch's allocator over the good runs, bytes; None without CUDA."""
        return max((peak for marks in self.marks if (peak := marks["torch_peak_bytes"]) is not None), default=None)

    @property
    def tokens_per_sec(self) -> float | None:
        """New tokens / time of the runs, for progress and the terminal; None without a good run."""
        total = sum(self.latencies_s)
        return sum(marks["new_tokens"] for marks in self.marks) / total if total else None

    def count_runs(self) -> Counts:
        """Return the Record's counts."""
        return {
            "planned": self.planned,
            "attempted": self.attempted,
            "good": len(self.marks),
            "failed": self.attempted - len(self.marks),
            "warmup": self.warmup,
            "restarts": self.restarts,
        }

    def summarise_failures(self) -> Failures:
        """Return the Record's failures."""
        return {
            "count": sum(self.reasons.values()),
            "by_reason": dict(self.reasons),
            "stage": self.first.stage.removesuffix(TRIED_AGAIN) if self.first else None,
            "first_message": self.first.sentence if self.first else None,
            "reasons": {},
        }

    def build_columns(
        self,
        batch_size: int,
        energy_j: list[float | None] | None,
        coverage: list[float] | None,
        energy_reason: str | None,
    ) -> Runs | None:
        """Return the Record's columns of runs; None without a good run."""
        if not self.marks:
            return None
        origin = self.marks[0]["start_ns"]
        phases = {name: _list_lengths(windows) for name, windows in self.phases.items()}
        reasons = dict.fromkeys((f"{name}_s" for name, seconds in phases.items() if seconds is None), NO_VISION_MARK)
        if energy_j is None or None in energy_j:
            reasons["energy_j"] = energy_reason or "the sensor's samples do not cover every run"
        if coverage is None:
            reasons["energy_coverage"] = energy_reason or "no sensor"
        marks = self.marks
        return {
            "run": self.run_indices,
            "request": self.requests,
            "start_s": [(m["start_ns"] - origin) * SECONDS for m in marks],
            "latency_s": self.latencies_s,
            "preprocess_s": phases["preprocess"] or [],
            "vision_s": phases["vision"],
            "prefill_s": phases["prefill"],
            "ttft_s": [(m["first_token_ns"] - m["start_ns"]) * SECONDS for m in marks],
            "decode_s": phases["decode"] or [],
            "prompt_tokens": [m["prompt_tokens"] for m in marks],
            "image_tokens": [m["image_tokens"] for m in marks],
            "new_tokens": [m["new_tokens"] for m in marks],
            "sequences": [batch_size] * len(marks),
            "images": [batch_size] * len(marks),
            "energy_j": energy_j,
            "energy_coverage": coverage,
            "reasons": reasons,
        }

    def summarise_token_latency(self) -> TokenLatency | None:
        """Return quantiles and a histogram of the times between tokens; None if no run has two tokens."""
        gaps = sorted(gap for m in self.marks for gap in m["token_gaps_s"])
        if not gaps:
            return None
        counts = [0] * LATENCY_BINS
        span = math.log10(LATENCY_HIGH_S / LATENCY_LOW_S)
        for gap in gaps:
            place = math.log10(max(gap, LATENCY_LOW_S) / LATENCY_LOW_S) / span * LATENCY_BINS
            counts[min(int(place), LATENCY_BINS - 1)] += 1
        return {
            "p50_s": _quantile(gaps, 0.50),
            "p95_s": _quantile(gaps, 0.95),
            "p99_s": _quantile(gaps, 0.99),
            "low_s": LATENCY_LOW_S,
            "high_s": LATENCY_HIGH_S,
            "counts": counts,
        }


def are_in_order(marks: RunMarks) -> bool:
    """Return whether a run's time marks are in order, and its end is after its start."""
    known = list_moments(marks)
    return known == sorted(known) and known[0] < known[-1]


def _list_lengths(windows: list[tuple[int, int]] | None) -> list[float] | None:
    """Return the lengths of windows, seconds."""
    return None if windows is None else [(end - start) * SECONDS for start, end in windows]


def _quantile(ordered: list[float], q: float) -> float:
    """Return the smallest value that at least the share `q` of all values does not exceed."""
    return ordered[max(0, math.ceil(q * len(ordered)) - 1)]
