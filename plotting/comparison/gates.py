"""The regression gate: --fail-if 'tokens_per_sec<-5%'. Lines of a comparison -> what failed, in sentences.

A gate fails where a pair is worse by more than its limit: the verdict of the comparison, and a change
beyond the limit. Within noise never fails, so under 2% a limit acts as 2%. It fails too where it cannot
be judged: a pair that lost its value or is not comparable, or no pair at all that both sides have.
A pair that only the later side has is not compared, nor one without a value on either.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from plotting.analysis.conditions import shorten
from plotting.comparison.compare import Line
from plotting.comparison.statistics import NOT_COMPARABLE, WORSE
from plotting.metrics.registry import METRICS

FORM = re.compile(r"\s*(?P<metric>\w+)\s*(?P<sign><|>)\s*(?P<percent>[+-]?\d+(\.\d*)?|[+-]?\.\d+)\s*(?P<unit>%?)\s*")
COUNTED = "runs"
EXAMPLE = "--fail-if 'tokens_per_sec<-5%'"


class BadGate(Exception):
    """What was asked, what is wrong with it, and what to type, in one sentence."""


@dataclass(frozen=True)
class Gate:
    """A limit on a change for the worse: `metric` must not change beyond `percent`, negative where more is better."""

    metric: str
    percent: float

    def __str__(self) -> str:
        """Return it as it is typed."""
        return f"{self.metric}{'<' if METRICS[self.metric].higher_is_better else '>'}{self.percent:g}%"

    def broken_by(self, line: Line) -> bool:
        """Return whether a line is worse by more than the limit."""
        if line.verdict != WORSE or line.ratio is None:
            return False
        change = 100 * (line.ratio - 1)
        return change < self.percent if METRICS[self.metric].higher_is_better else change > self.percent


def parse(text: str) -> Gate:
    """Return the gate that was typed.

    Raises:
        BadGate: it is none.
    """
    found = FORM.fullmatch(text)
    if not found:
        raise BadGate(f"--fail-if {text!r} is no metric, < or >, and a percentage; type it as {EXAMPLE}.")
    name, sign, percent = found["metric"], found["sign"], float(found["percent"])
    if name not in METRICS:
        near = difflib.get_close_matches(name, METRICS, n=3, cutoff=0.4)
        there = ", ".join(near or [name for name in METRICS if _has_limits(name)])
        raise BadGate(f"--fail-if {text!r}: there is no metric {name!r}; type one of {there}.")
    better = METRICS[name].higher_is_better
    if better is None:
        raise BadGate(f"--fail-if {text!r}: neither more nor less of {name} is better; type another metric's gate.")
    if not _has_limits(name):
        raise BadGate(
            f"--fail-if {text!r}: {name} is a count, mostly 0, and has no change in percent; a pair without a good run "
            f"fails any gate, such as {EXAMPLE}."
        )
    right = f"type --fail-if '{name}{'<-' if better else '>'}{abs(percent):g}%'."
    if not found["unit"]:
        raise BadGate(f"--fail-if {text!r} has no percent sign, and a limit is a change in percent; {right}")
    if sign != ("<" if better else ">") or (percent > 0 if better else percent < 0):
        more = "more" if better else "less"
        raise BadGate(f"--fail-if {text!r} would fail on what is no regression: {more} of {name} is better; {right}")
    if better and percent <= -100:
        raise BadGate(f"--fail-if {text!r} can never fail: nothing falls by more than 100%; type a limit such as -5%.")
    return Gate(name, percent + 0.0)


def _has_limits(name: str) -> bool:
    return METRICS[name].higher_is_better is not None and METRICS[name].unit != COUNTED


def failures(gates: Sequence[Gate], found: Sequence[Line]) -> list[str]:
    """Return a sentence for each failure; none where all gates are passed."""
    return [f"--fail-if '{gate}': {failure}." for gate in gates for failure in _failures(gate, found)]


def _failures(gate: Gate, found: Sequence[Line]) -> Iterator[str]:
    lines = [line for line in found if line.metric == gate.metric]
    baseline = {line.pair: line for line in lines if line.save == lines[0].save}
    judged = [line for line in lines if line.save != lines[0].save and baseline[line.pair].value is not None]
    unknown = [line for line in judged if line.verdict == NOT_COMPARABLE]
    for line in judged:
        if gate.broken_by(line):
            yield f"{line.pair}, {line.save}: {_change(line)}"
    for (save, why), pairs in _by_reason(unknown).items():
        yield f"{pairs}, {save}: could not be judged ({why})"
    for (save, why), pairs in _by_reason([] if judged else baseline.values()).items():
        yield f"no pair could be judged: {save} has no value of {pairs} ({why})"


def _by_reason(lines: Iterable[Line]) -> dict[tuple[str, str], str]:
    """Return {(side, why): its pairs}, so that each reason is said once; a save's own words are cut short."""
    found: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        why = shorten(line.why) if line.value is None else line.why
        found.setdefault((line.save, why), []).append(line.pair)
    return {key: ", ".join(pairs) for key, pairs in found.items()}


def _change(line: Line) -> str:
    """Return `-8.1% (95% interval -9.0% to -7.2%; single session)`."""
    low, high = ((bound or 1.0) - 1 for bound in (line.ratio_low, line.ratio_high))
    return f"{(line.ratio or 1.0) - 1:+.1%} (95% interval {low:+.1%} to {high:+.1%}; {line.basis})"
