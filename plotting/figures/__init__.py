"""FIGURES: file name -> what draws it from the table. No file access here.

A new figure is one entry, and one short function where none of these serves.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from plotting.figures.bars import metric_bars, ram_bars
from plotting.figures.heat import device_map
from plotting.figures.panels import combined, precision_panels

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from matplotlib.figure import Figure

FIGURES: dict[str, Callable[[pd.DataFrame], Figure]] = {
    "plot_12_tokens_per_second.png": partial(metric_bars, name="tokens_per_sec"),
    "plot_13_ram_usage.png": ram_bars,
    "plot_14_tokens_per_sec_per_watt.png": partial(metric_bars, name="tps_per_watt"),
    "plot_15_joules_per_token.png": partial(metric_bars, name="joules_per_token"),
    "plot_16_load_time.png": partial(metric_bars, name="load_time_s"),
    "device_comparison_tokens_per_sec.png": partial(device_map, name="tokens_per_sec"),
    "device_comparison_efficiency.png": partial(device_map, name="tps_per_watt"),
    "precision_comparison_fp16_vs_bf16.png": precision_panels,
    "combined_device_precision_comparison.png": combined,
}

EXPLANATIONS = {
    "plot_12_tokens_per_second.png": "New tokens per second of the whole run, from encoded image to last token.",
    "plot_13_ram_usage.png": "Memory during the runs: on unified memory what loading added, over what was in use "
    "before; on a discrete GPU host memory and VRAM; on a CPU the process that ran the model.",
    "plot_14_tokens_per_sec_per_watt.png": "Throughput for each watt drawn during the runs.",
    "plot_15_joules_per_token.png": "Energy of the runs divided by the tokens that they made.",
    "plot_16_load_time.png": "Time until every weight was in memory, where it was recorded.",
    "device_comparison_tokens_per_sec.png": "Throughput, devices by models; a word in a cell says why it is empty.",
    "device_comparison_efficiency.png": "Throughput per watt, devices by models.",
    "precision_comparison_fp16_vs_bf16.png": "What changes between fp16 and bf16: throughput, memory, efficiency, "
    "energy.",
    "combined_device_precision_comparison.png": "Every device and precision in one view, a panel for each model.",
}
