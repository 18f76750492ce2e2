"""The headline figures of a pair, from the columns of its runs. Both sides use these formulas."""

from benchmarks.record import ENERGY_COVERAGE, ENERGY_RUNS
from benchmarks.record.sections import Runs


def tokens_per_sec(runs: Runs) -> float:
    """Return new tokens / sum of windows."""
    return sum(runs["new_tokens"]) / sum(runs["latency_s"])


def joules_per_token(runs: Runs) -> float | None:
    """Return energy / new tokens over the covered runs; None where too few are covered."""
    if runs["energy_j"] is None or runs["energy_coverage"] is None:
        return None
    columns = zip(runs["energy_j"], runs["energy_coverage"], runs["new_tokens"], strict=True)
    covered = [(joules, tokens) for joules, share, tokens in columns if joules is not None and share >= ENERGY_COVERAGE]
    if len(covered) < ENERGY_RUNS * len(runs["new_tokens"]) or sum(joules for joules, _ in covered) <= 0:
        return None
    return sum(joules for joules, _ in covered) / sum(tokens for _, tokens in covered)
