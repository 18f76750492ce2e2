"""Intervals of one session have the stated coverage, also for runs that are not independent.

Tests plotting.metrics.bootstrap and plotting.metrics.intervals.
"""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from plotting.metrics import bootstrap
from plotting.metrics.intervals import Totals, compute_spreads
from plotting.metrics.registry import BOUNDS, SAMPLED
from plotting.report import csv_files
from tests.support import made, product
from tests.support.factory import record, unmeasured
from tests.support.simulated import Bench

if TYPE_CHECKING:
    from pathlib import Path

SESSIONS = 2000


def share(bounds: list[bootstrap.Bounds], truth: float) -> float:
    """Return the share of intervals that contain the truth. An unknown end never misses it."""
    return sum(not (low > truth or high < truth) for low, high in bounds) / len(bounds)


@pytest.mark.parametrize("runs", [100, 300])
def test_tokens_per_sec_is_covered(runs: int) -> None:
    """In 92% to 98% of 2,000 sessions, the 95% interval of the rate contains the true rate."""
    bench = Bench(runs)
    truth = runs / float(bench.times.sum() * math.exp(bench.noise**2 / 2))

    assert 0.92 <= share([bench.rate(session) for session in bench.sessions(SESSIONS)], truth) <= 0.98


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_quantiles_are_covered(q: float) -> None:
    """In 92% to 98% of 2,000 sessions of 300 runs, the 95% intervals of p50 and p95 contain the true latency."""
    bench = Bench(300)
    truth = float(np.quantile(Bench(300, memory=0).sessions(4000), q))

    assert 0.92 <= share([bench.quantile(session, q) for session in bench.sessions(SESSIONS)], truth) <= 0.98


@pytest.mark.parametrize("runs", [16, 20, 24, 30])
def test_few_runs_cover_the_rate(runs: int) -> None:
    """In at least 90% of 2,000 sessions of few runs over 12 requests, the interval contains the true rate."""
    bench = Bench(runs, noise=0.3)
    truth = runs / float(bench.times.sum() * math.exp(bench.noise**2 / 2))

    assert share([bench.rate(session) for session in bench.sessions(SESSIONS)], truth) >= 0.90


@pytest.mark.parametrize("noise", [0.03, 0.3])
@pytest.mark.parametrize("runs", [8, 12, 16, 20, 24, 30])
def test_few_runs_know_their_median(runs: int, noise: float) -> None:
    """All sessions of few runs over 12 requests have both ends of a median, and at least 90% contain the true one."""
    bench = Bench(runs, noise=noise)
    truth = float(np.quantile(Bench(runs, noise=noise, memory=0).sessions(10_000), 0.5))
    found = [bench.quantile(session, 0.5) for session in bench.sessions(SESSIONS)]

    assert share(found, truth) >= 0.90
    assert not np.isnan(found).any()


@pytest.mark.parametrize("q", [0.95, 0.99])
def test_a_tail_that_is_known_is_covered(q: float) -> None:
    """With the fewest runs for a tail, all of 500 sessions have both ends, and at least 90% contain the true one."""
    runs = bootstrap.count_runs_needed(q)
    bench = Bench(runs, noise=0.3)
    truth = float(np.quantile(Bench(runs, noise=0.3, memory=0).sessions(2000), q))
    found = [bench.quantile(session, q) for session in bench.sessions(500)]

    assert share(found, truth) >= 0.90
    assert not np.isnan(found).any()


def cover_rate(bench: Bench, count: int) -> float:
    """Return the share of sessions whose interval contains the true rate, as a save of them would have it."""
    found = []
    for session in bench.sessions(count):
        sampling = bootstrap.Resampling(bench.taken, session)
        runs, seconds = sampling.draw_totals([np.ones(bench.runs), session])
        part = Totals((np.ones(bench.runs), session), lambda new, span: new / span, timed=(1,))
        [low], [high] = sampling.bound_values(np.array([part.compute()]), (runs / seconds)[None])
        found.append((float(low) * part.compute_slow() / part.compute(), float(high)))
    return share(found, bench.truth)


@pytest.mark.parametrize("runs", [16, 30, 100])
def test_rare_slow_runs_are_allowed_for(runs: int) -> None:
    """Where 2% of the runs are three times slower, at least 90% of the intervals of few runs contain the true rate."""
    assert cover_rate(Bench(runs, noise=0.01, slow=0.02), 300) >= 0.90


@pytest.mark.parametrize(("runs", "stay"), [(60, 10), (100, 20), (300, 50)])
def test_a_clock_of_two_states_is_covered(runs: int, stay: int) -> None:
    """A clock that switches every fifth of a session or faster leaves at least 90% of the intervals right (89 here)."""
    assert cover_rate(Bench(runs, noise=0.01, step=0.05, stay=stay), 300) >= 0.88


def test_a_calm_session_is_covered() -> None:
    """A calm session's interval is not too wide: 92% to 98% of 1,000 contain the true rate."""
    assert 0.92 <= cover_rate(Bench(100), 1000) <= 0.98


def test_slow_runs_that_would_show_are_not_allowed_for() -> None:
    """Up to 113 runs allow for 4% more time, 2,500 runs for 0.2%."""
    assert bootstrap.compute_slow_share(30) == bootstrap.compute_slow_share(113) == 0.04
    assert bootstrap.compute_slow_share(114) < 0.04
    assert bootstrap.compute_slow_share(2500) == pytest.approx(0.0018, abs=0.0001)


def test_only_what_takes_time_has_slow_runs() -> None:
    """Slow runs lower tokens/s, raise J/token, and leave watts as they are."""
    found = record(runs=30)
    values = {name: made.value(name, found) for name in SAMPLED}
    ends = {name: spread.bounds for name, spread in compute_spreads(made.typed(found), values, SAMPLED).items()}

    for name, low, high in (
        ("tokens_per_sec", 1.04, 1),
        ("joules_per_token", 1, 1.04),
        ("tps_per_watt", 1.04, 1),
        ("avg_power_watts", 1, 1),
        ("latency_p50_s", 1, 1),
    ):
        assert ends[name] == pytest.approx((values[name] / low, values[name] * high)), name


def test_where_intervals_break() -> None:
    """With 20 runs of autocorrelation 0.8, the coverage is 82% for the rate and 89% for the median by short blocks."""
    bench = Bench(20, noise=0.3, memory=0.8)
    sessions = bench.sessions(SESSIONS)
    rate = 20 / float(bench.times.sum() * math.exp(bench.noise**2 / 2))
    median = float(np.quantile(Bench(20, noise=0.3, memory=0).sessions(10_000), 0.5))

    assert share([bench.rate(session) for session in sessions], rate) == pytest.approx(0.82, abs=0.03)
    assert share([bench.quantile(session, 0.5) for session in sessions], median) == pytest.approx(0.89, abs=0.03)


def test_differences_between_requests_are_not_noise() -> None:
    """If only the requests differ in time, the rate has no spread, because each request keeps its share."""
    bench = Bench(96, noise=0.0)
    [session] = bench.sessions(1)
    low, high = bench.rate(session)

    assert session.std() > 0.1 * session.mean()
    assert high == pytest.approx(low)


def test_neighbours_count_as_one() -> None:
    """Runs that drift give a wider interval than the same runs in random order."""
    drifting = 1 + 0.1 * np.sin(np.arange(200) / 30)
    mixed = np.random.default_rng(0).permutation(drifting)
    bench = Bench(200, requests=1)
    (low, high), (mixed_low, mixed_high) = bench.rate(drifting), bench.rate(mixed)

    assert high - low > 2 * (mixed_high - mixed_low)


def test_ends_of_a_quantile_are_runs() -> None:
    """Both ends of a quantile's interval are measured runs, one on each side of it."""
    bench = Bench()
    [session] = bench.sessions(1)
    low, high = bench.quantile(session, 0.5)

    assert {low, high} <= set(session.tolist())
    assert low < float(np.median(session)) < high


@pytest.mark.parametrize(("q", "runs"), [(0.95, 72), (0.99, 368)])
def test_a_tail_needs_so_many_runs(q: float, runs: int) -> None:
    """A tail has both ends from `count_runs_needed` runs on, for any runs."""
    assert bootstrap.count_runs_needed(q) == bootstrap.count_runs_needed(1 - q) == runs
    for requests, memory in ((1, 0.0), (4, 0.5), (12, 0.9)):
        for count in (runs - 1, runs):
            [session] = Bench(count, requests, memory=memory).sessions(1)
            low, high = Bench(count, requests).quantile(session, q)
            assert (math.isnan(low), math.isnan(high)) == (False, count < runs)


def test_as_many_runs_are_needed_as_independent_ones_would_be() -> None:
    """The largest of `count_runs_needed` independent runs lies below the true p95 in at most 2.5% of sessions."""
    runs = bootstrap.count_runs_needed(0.95)

    assert 0.95**runs <= 0.025 < 0.95 ** (runs - 1)
    assert bootstrap.count_runs_needed(0.5) == bootstrap.LEAST_RUNS


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_a_quantile_by_its_definition(q: float) -> None:
    """The ends are the outermost runs whose share below is within t standard errors, by the definition."""
    bench = Bench(120, requests=5, noise=0.1)
    [session] = bench.sessions(1)
    block = np.arange(120) // 12
    held = []
    for count, threshold in enumerate(sorted(session)[:-1], start=1):
        below = session <= threshold
        expected = np.array([np.mean(below[np.arange(120) % 5 == request]) for request in bench.taken])
        apart = [float((below - expected)[block == number].sum()) for number in range(10)]
        error = math.sqrt(sum(each**2 for each in apart) * 10 / 9) / 120
        error *= max(1.0, math.sqrt(q * (1 - q) / (count / 120 * (1 - count / 120))))
        if abs(count / 120 - q) <= bootstrap.compute_t_quantile(9) * error:
            held.append(count)

    assert bench.quantile(session, q) == (sorted(session)[held[0] - 1], sorted(session)[held[-1]])


def test_blocks_that_no_request_links_are_not_compared() -> None:
    """Two rounds of 12 requests in four blocks compare two blocks twice, not four blocks once."""
    assert bootstrap.Resampling(list(range(12)) * 2).t == pytest.approx(4.302653)
    assert bootstrap.Resampling([0] * 24).t == pytest.approx(3.182446)


def test_readme_says_how_many_runs_a_quantile_needs() -> None:
    """README states how many runs the upper ends of p95 and p99 need."""
    p95, p99 = map(bootstrap.count_runs_needed, (0.95, 0.99))
    sentence = f"the upper end of a p95 takes {p95}, of a p99 {p99}"

    assert sentence in " ".join((product.ROOT / "docs/measurement.md").read_text().split())


@pytest.mark.parametrize("requests", [[0] * 8, [0, 1] * 4, list(range(12)), [0] * 7 + [1], [3, 1, 1, 3, 1, 1, 3, 1, 1]])
def test_any_requests_have_an_interval(requests: list[int]) -> None:
    """Eight or more runs have an interval, for any requests, even requests that came once."""
    runs = bootstrap.Resampling(requests)
    values = np.arange(1.0, len(requests) + 1)
    [low], [high] = runs.bound_values(np.array([values.sum()]), runs.draw_totals([values]))

    assert 0 < low < values.sum() < high < math.inf


def test_fewer_runs_have_none() -> None:
    """Seven runs have no interval."""
    with pytest.raises(ValueError, match="7 runs are too few for an interval, which needs 8"):
        bootstrap.Resampling([0] * 7)
    assert compute_spreads(made.typed(record(runs=7)), {}, SAMPLED) == {}


def test_twice_gives_the_same() -> None:
    """The same runs give exactly the same interval."""
    bench = Bench()
    [session] = bench.sessions(1)

    assert bench.rate(session) == bench.rate(session)


@pytest.mark.parametrize("name", SAMPLED)
def test_every_metric_of_runs_has_an_interval(name: str) -> None:
    """Each metric that is computed from runs has an interval around its value."""
    noise = np.exp(0.05 * np.random.default_rng(3).standard_normal(60))
    varied = record(runs=60)
    for column in ("latency_s", "preprocess_s", "vision_s", "prefill_s", "ttft_s", "decode_s", "energy_j"):
        varied["runs"][column] = list(varied["runs"][column] * noise)
    varied["runs"]["energy_j"] = list(varied["runs"]["energy_j"] * noise[::-1])
    values = {metric: made.value(metric, varied) for metric in SAMPLED}
    low, high = compute_spreads(made.typed(varied), values, SAMPLED)[name].bounds

    assert low < values[name]
    assert math.isnan(high) == name.endswith("p95_s") or high > values[name]


def test_energy_that_is_not_covered_is_in_no_interval() -> None:
    """A run without coverage does not affect the interval of J/token."""
    whole, holed = record(runs=40), record(runs=40)
    holed["runs"]["energy_j"][3] = 1e9
    holed["runs"]["energy_coverage"][3] = 0.1
    values = {name: made.value(name, holed) for name in SAMPLED}

    found, same = (
        compute_spreads(made.typed(one), values, SAMPLED)["joules_per_token"].bounds for one in (holed, whole)
    )
    assert found == pytest.approx(same)


def test_the_table_and_the_csv_have_the_intervals(tmp_path: Path) -> None:
    """The table and the CSV have <metric>_low and <metric>_high, which are empty if there are too few runs."""
    table = made.one(tmp_path, record("phi"), record("llava", runs=5), unmeasured("smolvlm2", "bf16"))
    few, enough = csv.DictReader(io.StringIO(csv_files.write_measured(table)))

    assert (few["model"], few["tokens_per_sec_low"], few["tokens_per_sec_high"]) == ("LLaVA", "", "")
    assert float(enough["tokens_per_sec_low"]) == pytest.approx(32.0 / 1.04)  # 2% of the runs three times slower
    assert float(enough["tokens_per_sec_high"]) == pytest.approx(32.0)
    assert table[list(BOUNDS)].notna().any(axis=1).tolist() == [False, True, False]
