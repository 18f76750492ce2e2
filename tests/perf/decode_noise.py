"""How far the decoding of sound miniatures is from one forward without a cache, over many seeds.

`python -m tests.perf.decode_noise [SEEDS]` prints the table of docs/measurement.md: for each family and precision the
largest difference over the seeds, and its share of the bound.
"""

import sys

import torch

from benchmarks.formatting import align_columns
from benchmarks.worker.decode_check import BOUNDS
from tests.support.decoding import FAMILIES, make_checker

SEEDS = 50


def main(seeds: int) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    names = {dtype: str(dtype).removeprefix("torch.") for dtype in BOUNDS}
    rows = [("family", *(f"{name}, of {BOUNDS[dtype]:g}" for dtype, name in names.items()))]
    for family in FAMILIES:
        cells = []
        for dtype in BOUNDS:
            check = make_checker(family, dtype)
            largest = max(check(seed)["difference"] or 0.0 for seed in range(seeds))
            cells.append(f"{largest:.1e} ({largest / BOUNDS[dtype]:.0%})")
        rows.append((family, *cells))
    print("\n".join(align_columns(rows)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS)
