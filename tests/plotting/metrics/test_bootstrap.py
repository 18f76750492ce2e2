"""Intervals of one session: they cover as often as they say, and respect how runs are related."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from plotting.metrics import bootstrap
from plotting.metrics.intervals import spreads
from plotting.metrics.registry import BOUNDS, SAMPLED
from plotting.report import csv_files
from tests.support import made, product
from tests.support.factory import record, unmeasured
from tests.support.simulated import Bench

if TYPE_CHECKING:
    from pathlib import Path

SESSIONS = 2000


def share(bounds: list[bootstrap.Bounds], truth: float) -> float:
    """Return how many intervals hold the truth; an end that is not known is no miss."""
    return sum(not (low > truth or high < truth) for low, high in bounds) / len(bounds)


@pytest.mark.parametrize("runs", [100, 300])
def test_tokens_per_sec_is_covered(runs: int) -> None:
    """Of 2,000 sessions of related runs the 95% interval of the rate holds the true one in 92% to 98%."""
    bench = Bench(runs)
    truth = runs / float(bench.times.sum() * math.exp(bench.noise**2 / 2))

    assert 0.92 <= share([bench.rate(session) for session in bench.sessions(SESSIONS)], truth) <= 0.98


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_quantiles_are_covered(q: float) -> None:
    """Of 2,000 sessions of 300 runs the 95% intervals of the latency's p50 and p95 hold the true ones in 92% to 98%."""
    bench = Bench(300)
    truth = float(np.quantile(Bench(300, memory=0).sessions(4000), q))

    assert 0.92 <= share([bench.quantile(session, q) for session in bench.sessions(SESSIONS)], truth) <= 0.98


@pytest.mark.parametrize("runs", [16, 20, 24, 30])
def test_few_runs_cover_the_rate(runs: int) -> None:
    """Of 2,000 sessions of so few runs over 12 requests the intervals of at least 90% hold the true rate."""
    bench = Bench(runs, noise=0.3)
    truth = runs / float(bench.times.sum() * math.exp(bench.noise**2 / 2))

    assert share([bench.rate(session) for session in bench.sessions(SESSIONS)], truth) >= 0.90


@pytest.mark.parametrize("noise", [0.03, 0.3])
@pytest.mark.parametrize("runs", [8, 12, 16, 20, 24, 30])
def test_few_runs_know_their_median(runs: int, noise: float) -> None:
    """Sessions of so few runs over 12 requests all have both ends of a median, and at least 90% hold the true one."""
    bench = Bench(runs, noise=noise)
    truth = float(np.quantile(Bench(runs, noise=noise, memory=0).sessions(10_000), 0.5))
    found = [bench.quantile(session, 0.5) for session in bench.sessions(SESSIONS)]

    assert share(found, truth) >= 0.90
    assert not np.isnan(found).any()


@pytest.mark.parametrize("q", [0.95, 0.99])
def test_a_tail_that_is_known_is_covered(q: float) -> None:
    """With just the runs that a tail needs, all of 500 sessions have both ends, and at least 90% hold the true one."""
    runs = bootstrap.runs_needed(q)
    bench = Bench(runs, noise=0.3)
    truth = float(np.quantile(Bench(runs, noise=0.3, memory=0).sessions(2000), q))
    found = [bench.quantile(session, q) for session in bench.sessions(500)]

    assert share(found, truth) >= 0.90
    assert not np.isnan(found).any()


def test_where_intervals_break() -> None:
    """20 runs that remember 0.8 of the one before hold the rate in 82%, the median in 89% (docs/measurement.md)."""
    bench = Bench(20, noise=0.3, memory=0.8)
    sessions = bench.sessions(SESSIONS)
    rate = 20 / float(bench.times.sum() * math.exp(bench.noise**2 / 2))
    median = float(np.quantile(Bench(20, noise=0.3, memory=0).sessions(10_000), 0.5))

    assert share([bench.rate(session) for session in sessions], rate) == pytest.approx(0.82, abs=0.03)
    assert share([bench.quantile(session, 0.5) for session in sessions], median) == pytest.approx(0.89, abs=0.03)


def test_what_requests_differ_by_is_no_noise() -> None:
    """Where requests take unlike times and nothing else varies, the rate has no spread: each keeps its share."""
    bench = Bench(96, noise=0.0)
    [session] = bench.sessions(1)
    low, high = bench.rate(session)

    assert session.std() > 0.1 * session.mean()
    assert high == pytest.approx(low)


def test_neighbours_count_as_one() -> None:
    """Runs that drift together give a wider interval than the same runs in a mixed order."""
    drifting = 1 + 0.1 * np.sin(np.arange(200) / 30)
    mixed = np.random.default_rng(0).permutation(drifting)
    bench = Bench(200, requests=1)
    (low, high), (mixed_low, mixed_high) = bench.rate(drifting), bench.rate(mixed)

    assert high - low > 2 * (mixed_high - mixed_low)


def test_ends_of_a_quantile_are_runs() -> None:
    """Both ends of a quantile's interval are runs that happened, on either side of it."""
    bench = Bench()
    [session] = bench.sessions(1)
    low, high = bench.quantile(session, 0.5)

    assert {low, high} <= set(session.tolist())
    assert low < float(np.median(session)) < high


@pytest.mark.parametrize(("q", "runs"), [(0.95, 72), (0.99, 368)])
def test_a_tail_needs_so_many_runs(q: float, runs: int) -> None:
    """One run fewer than `runs_needed` leaves a tail's end open, and so many do not, whatever the runs are."""
    assert bootstrap.runs_needed(q) == bootstrap.runs_needed(1 - q) == runs
    for requests, memory in ((1, 0.0), (4, 0.5), (12, 0.9)):
        for count in (runs - 1, runs):
            [session] = Bench(count, requests, memory=memory).sessions(1)
            low, high = Bench(count, requests).quantile(session, q)
            assert (math.isnan(low), math.isnan(high)) == (False, count < runs)


def test_as_many_runs_are_needed_as_independent_ones_would_be() -> None:
    """Of `runs_needed` independent runs the largest lies below the true p95 in at most 2.5%, of one fewer in more."""
    runs = bootstrap.runs_needed(0.95)

    assert 0.95**runs <= 0.025 < 0.95 ** (runs - 1)
    assert bootstrap.runs_needed(0.5) == bootstrap.LEAST_RUNS


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_a_quantile_by_its_definition(q: float) -> None:
    """The ends are those of all runs between which the share below is within t standard errors, block by block."""
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
        if abs(count / 120 - q) <= bootstrap.t_quantile(9) * error:
            held.append(count)

    assert bench.quantile(session, q) == (sorted(session)[held[0] - 1], sorted(session)[held[-1]])


def test_blocks_that_no_request_links_are_not_compared() -> None:
    """Two rounds of 12 requests in four blocks are two comparisons of two blocks, not one of four."""
    assert bootstrap.Resampling(list(range(12)) * 2).t == pytest.approx(4.302653)
    assert bootstrap.Resampling([0] * 24).t == pytest.approx(3.182446)


def test_the_page_says_how_many_runs_a_quantile_needs() -> None:
    """docs/measurement.md has the runs that any interval, and the upper ends of p95 and p99, need."""
    p95, p99 = map(bootstrap.runs_needed, (0.95, 0.99))
    sentence = f"the upper end of a p95 takes {p95}, of a p99 {p99}"

    assert sentence in " ".join((product.ROOT / "docs/measurement.md").read_text().split())


@pytest.mark.parametrize("requests", [[0] * 8, [0, 1] * 4, list(range(12)), [0] * 7 + [1], [3, 1, 1, 3, 1, 1, 3, 1, 1]])
def test_any_requests_have_an_interval(requests: list[int]) -> None:
    """From eight runs on there is an interval, whatever requests they took, also ones that came once."""
    runs = bootstrap.Resampling(requests)
    values = np.arange(1.0, len(requests) + 1)
    [low], [high] = runs.around(np.array([values.sum()]), runs.totals([values]))

    assert 0 < low < values.sum() < high < math.inf


def test_fewer_runs_have_none() -> None:
    """Seven runs have no interval, and say so."""
    with pytest.raises(ValueError, match="7 runs have no interval, 8 have"):
        bootstrap.Resampling([0] * 7)
    assert spreads(record(runs=7), {}, SAMPLED) == {}


def test_twice_gives_the_same() -> None:
    """The same runs give the same interval to the last bit."""
    bench = Bench()
    [session] = bench.sessions(1)

    assert bench.rate(session) == bench.rate(session)


@pytest.mark.parametrize("name", SAMPLED)
def test_every_metric_of_runs_has_an_interval(name: str) -> None:
    """Each metric that is made of runs has an interval around its value in the table."""
    noise = np.exp(0.05 * np.random.default_rng(3).standard_normal(60))
    varied = record(runs=60)
    for column in ("latency_s", "preprocess_s", "vision_s", "prefill_s", "ttft_s", "decode_s", "energy_j"):
        varied["runs"][column] = list(varied["runs"][column] * noise)
    varied["runs"]["energy_j"] = list(varied["runs"]["energy_j"] * noise[::-1])
    values = {metric: formula(varied)[0] or math.nan for metric, formula in SAMPLED.items()}
    low, high = spreads(varied, values, SAMPLED)[name].bounds

    assert low < values[name]
    assert math.isnan(high) == name.endswith("p95_s") or high > values[name]


def test_energy_that_is_not_covered_is_in_no_interval() -> None:
    """A run that samples do not cover has no weight in the interval of J/token, whatever stands in its energy."""
    whole, holed = record(runs=40), record(runs=40)
    holed["runs"]["energy_j"][3] = 1e9
    holed["runs"]["energy_coverage"][3] = 0.1
    values = {name: formula(holed)[0] or math.nan for name, formula in SAMPLED.items()}

    found, same = (spreads(one, values, SAMPLED)["joules_per_token"].bounds for one in (holed, whole))
    assert found == pytest.approx(same)


def test_the_table_and_the_csv_have_the_intervals(tmp_path: Path) -> None:
    """The table and the CSV have <metric>_low and <metric>_high, which are empty where there are too few runs."""
    table = made.one(tmp_path, record("phi"), record("llava", runs=5), unmeasured("smolvlm2", "bf16"))
    few, enough = csv.DictReader(io.StringIO(csv_files.write_measured(table)))

    assert (few["model"], few["tokens_per_sec_low"], few["tokens_per_sec_high"]) == ("LLaVA", "", "")
    assert float(enough["tokens_per_sec_low"]) == pytest.approx(32.0)
    assert float(enough["tokens_per_sec_high"]) == pytest.approx(32.0)
    assert table[list(BOUNDS)].notna().any(axis=1).tolist() == [False, True, False]
