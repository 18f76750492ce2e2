"""FIGURES: file name -> how to draw it from the table. No file access here.

A new figure is one entry, and a short function if no existing one fits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from matplotlib.figure import Figure

from plotting.figures.bars import draw_metric_bars, draw_ram_bars
from plotting.figures.combined import draw_panels_by_model
from plotting.figures.heat import draw_heat_map
from plotting.figures.panels import PANELS, draw_precision_panels


@dataclass(frozen=True)
class FigureSpec:
    """A figure: title and explanation for the page, the metrics that it shows, and (table, theme) -> Figure."""

    title: str
    explanation: str
    metrics: tuple[str, ...]
    draw: Callable[..., Figure]


def _show(name: str, draw: Callable[..., Figure], title: str, explanation: str) -> FigureSpec:
    """Return a figure of one metric."""
    return FigureSpec(title, explanation, (name,), partial(draw, name=name))


FIGURES: dict[str, FigureSpec] = {
    "plot_12_tokens_per_second.png": _show(
        "tokens_per_sec", draw_metric_bars, "Plot 12: tokens per second",
        "New tokens per second of the whole run, from image bytes in memory to the last token. Whiskers are 95% "
        "intervals over the runs. A line marks decoding at the memory's peak rate (MBU 100%), if both are known."),
    "plot_13_ram_usage.png": _show(
        "avg_ram_gb", draw_ram_bars, "Plot 13: RAM usage",
        "Memory during the runs. Unified memory: what was in use before loading, and what loading added. Discrete GPU: "
        "host memory and VRAM. CPU: the process that runs the model."),
    "plot_14_tokens_per_sec_per_watt.png": _show(
        "tps_per_watt", draw_metric_bars, "Plot 14: tokens per second per watt",
        "Throughput per watt drawn during the runs. Whiskers: as for joules per token."),
    "plot_15_joules_per_token.png": _show(
        "joules_per_token", draw_metric_bars, "Plot 15: joules per token",
        "Energy of the runs divided by their new tokens. Whiskers are the expanded uncertainty (k=2, about 95%): the "
        "spread of the runs and the known errors of the sensor."),
    "plot_16_load_time.png": _show(
        "load_time_s", draw_metric_bars, "Plot 16: load time",
        "Time until every weight is in memory, if it was recorded."),
    "device_comparison_tokens_per_sec.png": _show(
        "tokens_per_sec", draw_heat_map, "Devices: tokens per second",
        "Throughput by device and model. An empty cell contains the reason."),
    "device_comparison_efficiency.png": _show(
        "tps_per_watt", draw_heat_map, "Devices: efficiency", "Throughput per watt by device and model."),
    "precision_comparison_fp16_vs_bf16.png": FigureSpec(
        "Precisions: fp16 versus bf16",
        "Effect of the precision on throughput, memory, efficiency and energy; one row per model and device.",
        PANELS, draw_precision_panels),
    "combined_device_precision_comparison.png": _show(
        "tokens_per_sec", draw_panels_by_model, "Devices and precisions together",
        "Every device and precision in one view, one panel per model."),
}  # fmt: skip
