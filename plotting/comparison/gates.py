"""The regression gate: --fail-if 'tokens_per_sec<-5%'.

A gate fails if a pair has the verdict worse and changed by more than the limit. Changes within noise pass, so a
limit under 2% acts as 2%. Inconclusive ones pass too, and are named. A gate also fails if it cannot be judged: a pair
lost its value or is not comparable, or no pair of the baseline has a value. Pairs without a value in the baseline are
ignored.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from plotting.analysis.conditions import shorten
from plotting.comparison.compare import Line
from plotting.comparison.statistics import INCONCLUSIVE, NOT_COMPARABLE, WORSE
from plotting.metrics.registry import METRICS, show_ends
from plotting.text import join_names

FORM = re.compile(r"\s*(?P<metric>\w+)\s*(?P<sign><|>)\s*(?P<percent>[+-]?\d+(\.\d*)?|[+-]?\.\d+)\s*(?P<unit>%?)\s*")
EXAMPLE = "--fail-if 'tokens_per_sec<-5%'"


class BadGate(Exception):
    """A gate that cannot be used; the message says what was asked, what is wrong, and what to type."""


@dataclass(frozen=True)
class Gate:
    """A limit on changes for the worse, in percent; negative if higher is better."""

    metric: str
    percent: float

    def __str__(self) -> str:
        return f"{self.metric}{'<' if METRICS[self.metric].higher_is_better else '>'}{self.percent:g}%"

    def fails_on(self, line: Line) -> bool:
        """Return whether a line is worse by more than the limit."""
        change = 100 * ((line.ratio or 1.0) - 1)
        beyond = change < self.percent if METRICS[self.metric].higher_is_better else change > self.percent
        return line.verdict == WORSE and beyond


def parse(text: str) -> Gate:
    """Return the gate that was typed.

    Raises:
        BadGate: it is invalid.
    """
    found = FORM.fullmatch(text)
    if not found:
        raise BadGate(f"--fail-if {text!r} needs a metric, < or >, and a percentage; type it as {EXAMPLE}.")
    name, sign, percent = found["metric"], found["sign"], float(found["percent"])
    if name not in METRICS:
        near = difflib.get_close_matches(name, METRICS, n=3, cutoff=0.4)
        known = ", ".join(near or [name for name in METRICS if _can_be_limited(name)])
        raise BadGate(f"--fail-if {text!r}: there is no metric {name!r}; type one of {known}.")
    better = METRICS[name].higher_is_better
    if better is None:
        neither = f"neither a higher nor a lower value of {name} is better"
        raise BadGate(f"--fail-if {text!r}: {neither}; type a gate for another metric.")
    if not _can_be_limited(name):
        raise BadGate(
            f"--fail-if {text!r}: {name} is a count, mostly 0, and has no change in percent; a pair without a good run "
            f"fails any gate, such as {EXAMPLE}."
        )
    right = f"type --fail-if '{name}{'<-' if better else '>'}{abs(percent):g}%'."
    if not found["unit"]:
        raise BadGate(f"--fail-if {text!r} needs a percent sign: a limit is a change in percent; {right}")
    if sign != ("<" if better else ">") or (percent > 0 if better else percent < 0):
        more = "higher" if better else "lower"
        raise BadGate(f"--fail-if {text!r} would fail on an improvement: a {more} {name} is better; {right}")
    if better and percent <= -100:
        raise BadGate(f"--fail-if {text!r} can never fail: no value falls by more than 100%; type a limit such as -5%.")
    return Gate(name, percent + 0.0)


def _can_be_limited(name: str) -> bool:
    return METRICS[name].higher_is_better is not None and METRICS[name].unit != "runs"


def find_failures(gates: Sequence[Gate], found: Sequence[Line]) -> list[str]:
    """Return a sentence for each failure of a gate."""
    return [f"--fail-if '{gate}': {failure}." for gate in gates for failure in _find_failures(gate, found)]


def list_limits(gates: Iterable[Gate]) -> dict[str, float]:
    """Return {metric: the smallest change that its gates allow, as a share}."""
    falling = sorted(gates, key=lambda gate: abs(gate.percent), reverse=True)
    return {gate.metric: abs(gate.percent) / 100 for gate in falling}


def find_undecided(gates: Sequence[Gate], found: Sequence[Line]) -> list[str]:
    """Return a sentence for each gate and side with inconclusive pairs, which fail no gate."""
    lines = [line for line in found if line.verdict == INCONCLUSIVE]
    return [
        f"--fail-if '{gate}' does not fail on {pairs}, {save}, which is inconclusive: {why}."
        for gate in gates
        for (save, why), pairs in _group_by_reason(line for line in lines if line.metric == gate.metric).items()
    ]


def _find_failures(gate: Gate, found: Sequence[Line]) -> Iterator[str]:
    lines = [line for line in found if line.metric == gate.metric]
    baseline = {line.pair: line for line in lines if line.save == lines[0].save}
    judged = [line for line in lines if line.save != lines[0].save and baseline[line.pair].value is not None]
    unknown = [line for line in judged if line.verdict == NOT_COMPARABLE]
    for line in judged:
        if gate.fails_on(line):
            yield f"{line.pair}, {line.save}: {_describe_change(line)}"
    for (save, why), pairs in _group_by_reason(unknown).items():
        yield f"{pairs}, {save}: could not be judged ({why})"
    for (save, why), pairs in _group_by_reason([] if judged else baseline.values()).items():
        yield f"no pair could be judged: {save} has no value of {pairs} ({why})"


def _group_by_reason(lines: Iterable[Line]) -> dict[tuple[str, str], str]:
    """Return {(side, why): its pairs}; the reasons of a save are shortened."""
    return join_names(((line.save, shorten(line.why) if line.value is None else line.why), line.pair) for line in lines)


def _describe_change(line: Line) -> str:
    """Return `-8.1% (95% interval -9.0% to -7.2%; single session)`."""
    low, high = ((bound or 1.0) - 1 for bound in (line.ratio_low, line.ratio_high))
    return f"{(line.ratio or 1.0) - 1:+.1%} (95% interval {show_ends(low, high, '{:+.%d%%}', 1)}; {line.basis})"
