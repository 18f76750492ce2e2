"""The regression gate: what fails it, what passes, and how it may be typed wrong.

Tests plotting.comparison.gates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from plotting.comparison import compare, gates
from plotting.metrics.registry import show_ends
from tests.support import made
from tests.support.factory import NO_SENSOR, record, stretch, unmeasured

if TYPE_CHECKING:
    from pathlib import Path

TYPED = ("tokens_per_sec<-5%", "joules_per_token>5%")


def noisy(model: str = "phi", *, slower: float = 1.0, seed: int = 1, **chosen: Any) -> dict[str, Any]:
    """Return a Record whose runs vary by 1%."""
    built = record(model, runs=60, **chosen)
    return stretch(built, slower * np.exp(0.01 * np.random.default_rng(seed).standard_normal(60)))


def judge(folder: Path, *sides: list[dict[str, Any]], typed: tuple[str, ...] = TYPED) -> list[str]:
    """Return the failures of the gates for sides a, b, ... with these Records."""
    names = "abc"[: len(sides)]
    tables = {name: made.one(folder / name, *records) for name, records in zip(names, sides, strict=True)}
    limits = [gates.parse(text) for text in typed]
    return gates.find_failures(limits, compare.compare_sides(tables, metrics=[gate.metric for gate in limits]))


def test_worse_beyond_the_limit_fails(tmp_path: Path) -> None:
    """A pair that is 9% slower fails a gate of 5% in each metric, with change and interval."""
    speed, energy = judge(tmp_path, [noisy()], [noisy(slower=1.1, seed=2)])

    assert speed.startswith("--fail-if 'tokens_per_sec<-5%': Phi bf16, b: -9.")
    assert "(95% interval -" in speed
    assert speed.endswith("; single session).")
    assert energy.startswith("--fail-if 'joules_per_token>5%': Phi bf16, b: +")


def test_worse_within_the_limit_passes(tmp_path: Path) -> None:
    """A pair that is certainly slower by 9% passes a gate of 15%, and fails one of 8%."""
    sides = [noisy()], [noisy(slower=1.1, seed=2)]

    assert judge(tmp_path / "15", *sides, typed=("tokens_per_sec<-15%",)) == []
    [sentence] = judge(tmp_path / "8", *sides, typed=("tokens_per_sec<-8%",))
    assert sentence.startswith("--fail-if 'tokens_per_sec<-8%': Phi bf16, b: -9.2% (95% interval")


def test_better_passes(tmp_path: Path) -> None:
    """A much faster pair passes."""
    assert judge(tmp_path, [noisy()], [noisy(slower=0.6, seed=2)]) == []


def test_within_noise_never_fails(tmp_path: Path) -> None:
    """A change within noise passes any limit, and so does a change under 2%."""
    built = stretch(record("phi", runs=60), np.repeat([0.4, 1.8], 30))
    small = noisy(slower=1.015, seed=2)

    assert judge(tmp_path / "wide", [noisy()], [built], typed=("tokens_per_sec<-5%",)) == []
    assert judge(tmp_path / "small", [noisy()], [small], typed=("tokens_per_sec<0%",)) == []


def test_an_inconclusive_pair_fails_no_gate_and_is_named(tmp_path: Path) -> None:
    """A pair that may or may not be slower passes, and a sentence says how many more sessions would decide."""
    sides = {"a": made.one(tmp_path / "a", noisy()), "b": made.one(tmp_path / "b", noisy(slower=1.05, seed=2))}
    limits = [gates.parse(text) for text in TYPED]
    found = compare.compare_sides(sides, limits=gates.list_limits(limits))

    assert {line.verdict for line in found if line.metric == "tokens_per_sec" and line.save == "b"} == {"inconclusive"}
    assert gates.find_failures(limits, found) == []
    assert gates.find_undecided(limits, found)[0] == (
        "--fail-if 'tokens_per_sec<-5%' does not fail on Phi bf16, b, which is inconclusive: "
        "2 more sessions per side would decide it."
    )


def test_the_ends_of_a_ratio_are_told_apart() -> None:
    """The interval of a ratio has more decimals where its ends would look alike."""
    assert show_ends(0.95112, 0.95118, "{:.%df}", 3) == "0.9511 to 0.9512"
    assert show_ends(-0.0911, -0.0911, "{:+.%d%%}", 1) == "-9.1% to -9.1%"
    assert show_ends(-0.09111, -0.0911, "{:+.%d%%}", 1) == "-9.111% to -9.110%"


def test_the_smallest_limit_of_a_metric_counts() -> None:
    """Of two gates on one metric the tighter one says which change matters."""
    typed = ("tokens_per_sec<-5%", "tokens_per_sec<-20%", "joules_per_token>300%")

    limits = gates.list_limits(gates.parse(text) for text in typed)
    assert limits == {"tokens_per_sec": 0.05, "joules_per_token": 3.0}


def test_every_later_side_is_judged(tmp_path: Path) -> None:
    """Each later side is compared with the first."""
    found = judge(tmp_path, [noisy()], [noisy(seed=3)], [noisy(slower=1.2, seed=2)], typed=TYPED[:1])

    assert [sentence.split(": ")[1] for sentence in found] == ["Phi bf16, c"]


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (unmeasured("phi", "bf16"), f"failed: {unmeasured('phi', 'bf16')['message']}"),
        (noisy("llava"), "not in this save"),
        (noisy(new_tokens=32), "differs in workload (new tokens 16, 32)"),
    ],
    ids=["failed", "gone", "unlike"],
)
def test_what_cannot_be_judged_fails(tmp_path: Path, after: dict[str, Any], why: str) -> None:
    """A pair of the baseline that failed, is missing or did other work fails the gate, with the reason."""
    [sentence] = judge(tmp_path, [noisy()], [after], typed=TYPED[:1])

    assert sentence == f"--fail-if 'tokens_per_sec<-5%': Phi bf16, b: could not be judged ({why})."


def test_a_single_value_cannot_be_judged(tmp_path: Path) -> None:
    """The load time of one save a side has no known spread, so its gate fails and says what to do."""
    [sentence] = judge(tmp_path, [noisy()], [noisy()], typed=("load_time_s>10%",))

    why = "one session per side gives one value, whose variation is unknown: compare three saves per side"
    assert sentence == f"--fail-if 'load_time_s>10%': Phi bf16, b: could not be judged ({why})."


def test_what_the_baseline_lacks_is_not_judged(tmp_path: Path) -> None:
    """A new pair, and a pair that failed on both sides, do not fail a gate."""
    lost = unmeasured("llava", "bf16")

    assert judge(tmp_path, [noisy(), lost], [noisy(seed=2), lost, noisy("gemma3n")]) == []


def test_a_gate_that_judges_nothing_fails(tmp_path: Path) -> None:
    """A gate fails if no pair of the baseline has its metric."""
    powerless = [noisy(power_w=None)], [noisy(power_w=None)]

    [sentence] = judge(tmp_path, *powerless, typed=TYPED[1:])
    assert sentence.endswith(f": no pair could be judged: a has no value of Phi bf16 ({NO_SENSOR}).")


def test_a_reason_is_said_once_and_short(tmp_path: Path) -> None:
    """Pairs with one reason share a sentence, and the reason is cut before its brackets."""
    blind = [noisy(model, power_w=None) for model in ("llava", "phi")]
    for built in blind:
        built["power"]["reasons"] = dict.fromkeys(built["power"]["reasons"], "no sensor (rapl: none; nvml: none)")
    seeing = [noisy(model) for model in ("llava", "phi")]

    assert judge(tmp_path / "lost", seeing, blind, typed=TYPED[1:]) == [
        "--fail-if 'joules_per_token>5%': LLaVA bf16, Phi bf16, b: could not be judged (no sensor)."
    ]
    assert judge(tmp_path / "none", blind, blind, typed=TYPED[1:]) == [
        "--fail-if 'joules_per_token>5%': no pair could be judged: a has no value of LLaVA bf16, Phi bf16 (no sensor)."
    ]


@pytest.mark.parametrize(
    "text", ["tokens_per_sec<-5%", " tokens_per_sec < -5.0 % ", "tokens_per_sec<-05%"], ids=["plain", "spaced", "zero"]
)
def test_a_gate_may_be_typed_with_room(text: str) -> None:
    """Spaces and extra zeros do not matter."""
    assert str(gates.parse(text)) == "tokens_per_sec<-5%"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tokens_per_sec", "needs a metric, < or >, and a percentage; type it as --fail-if 'tokens_per_sec<-5%'"),
        ("tokens_per_sec<=-5%", "needs a metric, < or >, and a percentage; type it as --fail-if 'tokens_per_sec<-5%'"),
        ("tokens_per_sec<-nan%", "needs a metric, < or >, and a percentage; type it as --fail-if 'tokens_per_sec<-5%'"),
        ("", "needs a metric, < or >, and a percentage; type it as --fail-if 'tokens_per_sec<-5%'"),
        ("token_per_sec<-5%", "there is no metric 'token_per_sec'; type one of tokens_per_sec, "),
        ("x<-5%", "there is no metric 'x'; type one of tokens_per_sec, decode_tokens_per_sec, "),
        ("tokens_per_sec<-5", "needs a percent sign: a limit is a change in percent; type --fail-if 'tokens_per_"),
        (
            "tokens_per_sec>5%",
            "on an improvement: a higher tokens_per_sec is better; type --fail-if 'tokens_per_sec<-5%'",
        ),
        (
            "tokens_per_sec<5%",
            "on an improvement: a higher tokens_per_sec is better; type --fail-if 'tokens_per_sec<-5%'",
        ),
        (
            "joules_per_token<-5%",
            "improvement: a lower joules_per_token is better; type --fail-if 'joules_per_token>5%'",
        ),
        (
            "joules_per_token>-5%",
            "improvement: a lower joules_per_token is better; type --fail-if 'joules_per_token>5%'",
        ),
        ("tokens_per_sec<-100%", "can never fail: no value falls by more than 100%; type a limit such as -5%"),
        ("failed_runs>0%", "failed_runs is a count, mostly 0, and has no change in percent; a pair without a good run"),
        (
            "avg_power_watts>5%",
            "neither a higher nor a lower value of avg_power_watts is better; type a gate for another",
        ),
        ("runs<-5%", "neither a higher nor a lower value of runs is better; type a gate for another metric"),
    ],
)
def test_an_invalid_gate_is_refused(text: str, said: str) -> None:
    """An invalid gate is refused in one sentence that repeats it, says what is wrong, and what to type."""
    with pytest.raises(gates.BadGate) as refused:
        gates.parse(text)

    sentence = str(refused.value)
    assert sentence.startswith(f"--fail-if {text!r}")
    assert said in sentence
    assert sentence.endswith(".")
