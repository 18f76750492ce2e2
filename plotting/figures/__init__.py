"""FIGURES: file name -> what draws it from the table. No file access here.

A new figure is one entry, and one short function where none of these serves.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from matplotlib.figure import Figure

from plotting.figures.bars import metric_bars, ram_bars
from plotting.figures.combined import combined
from plotting.figures.heat import device_map
from plotting.figures.panels import PANELS, precision_panels


@dataclass(frozen=True)
class FigureSpec:
    """A figure: its title and explanation on the page, the metrics that it shows, and (table, theme) -> Figure."""

    title: str
    explanation: str
    metrics: tuple[str, ...]
    draw: Callable[..., Figure]


FIGURES: dict[str, FigureSpec] = {
    "plot_12_tokens_per_second.png": FigureSpec(
        "Plot 12: tokens per second",
        "New tokens per second of the whole run, from encoded image to last token; whiskers are 95% intervals over the "
        "runs, and a line is what decoding at the memory's peak rate would give (MBU 100%), where both are known.",
        ("tokens_per_sec",),
        partial(metric_bars, name="tokens_per_sec"),
    ),
    "plot_13_ram_usage.png": FigureSpec(
        "Plot 13: RAM usage",
        "Memory during the runs: on unified memory what loading added, over what was in use before; on a discrete "
        "GPU host memory and VRAM; on a CPU the process that ran the model.",
        ("avg_ram_gb",),
        partial(ram_bars, name="avg_ram_gb"),
    ),
    "plot_14_tokens_per_sec_per_watt.png": FigureSpec(
        "Plot 14: tokens per second per watt",
        "Throughput for each watt drawn during the runs; whiskers as of joules per token.",
        ("tps_per_watt",),
        partial(metric_bars, name="tps_per_watt"),
    ),
    "plot_15_joules_per_token.png": FigureSpec(
        "Plot 15: joules per token",
        "Energy of the runs divided by the tokens that they made; whiskers are the expanded uncertainty (k=2, about "
        "95%), which holds the spread of the runs and what the sensor adds.",
        ("joules_per_token",),
        partial(metric_bars, name="joules_per_token"),
    ),
    "plot_16_load_time.png": FigureSpec(
        "Plot 16: load time",
        "Time until every weight was in memory, where it was recorded.",
        ("load_time_s",),
        partial(metric_bars, name="load_time_s"),
    ),
    "device_comparison_tokens_per_sec.png": FigureSpec(
        "Devices: tokens per second",
        "Throughput, devices by models; a word in a cell says why it is empty.",
        ("tokens_per_sec",),
        partial(device_map, name="tokens_per_sec"),
    ),
    "device_comparison_efficiency.png": FigureSpec(
        "Devices: efficiency",
        "Throughput per watt, devices by models.",
        ("tps_per_watt",),
        partial(device_map, name="tps_per_watt"),
    ),
    "precision_comparison_fp16_vs_bf16.png": FigureSpec(
        "Precisions: fp16 against bf16",
        "What changes with the precision: throughput, memory, efficiency, energy; a row for each model and device.",
        PANELS,
        precision_panels,
    ),
    "combined_device_precision_comparison.png": FigureSpec(
        "Devices and precisions together",
        "Every device and precision in one view, a panel for each model.",
        ("tokens_per_sec",),
        partial(combined, name="tokens_per_sec"),
    ),
}
