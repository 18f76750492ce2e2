"""The heat maps: devices and precisions by models."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import seaborn as sns

from plotting.figures import style
from plotting.metrics import METRICS, shown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def device_map(table: pd.DataFrame, name: str) -> Figure:
    """Return the map of one metric: a row for each device and precision, a column for each model."""
    metric = METRICS[name]
    models = list(dict.fromkeys(table.sort_values("model_order")["model"]))
    ordered = table.sort_values(["device_order", "precision_order"])
    rows = list(dict.fromkeys(zip(ordered["device"], ordered["precision"], strict=True)))
    figure = style.canvas(max(10.5, 4.5 + 1.25 * len(models)), 2.6 + 0.6 * max(len(rows), 3))
    axes = figure.subplots()
    style.title(figure, f"{metric.label} by device and model, {metric.direction}", table)
    if not table[name].notna().any():
        style.say_nothing_measured(axes, metric.label, style.reasons(table, name))
        return figure
    values = table.pivot_table(index=["device", "precision"], columns="model", values=name, dropna=False)
    values = values.reindex(index=rows, columns=models)
    cells = table.set_index(["device", "precision", "model"])
    texts = [[_text(cells.loc[(*row, model)], name) for model in models] for row in rows]
    sns.heatmap(
        values.to_numpy(),
        ax=axes,
        annot=texts,
        fmt="",
        cmap="YlGnBu",
        mask=values.isna().to_numpy(),
        linewidths=2,
        annot_kws={"fontsize": 11},
        cbar_kws={"label": metric.axis},
        xticklabels=[style.plain(model) for model in models],
        yticklabels=[style.plain(f"{device}, {precision}") for device, precision in rows],
    )
    axes.set_facecolor("#EFEFEF")
    axes.grid(visible=False)
    axes.set_xlabel("")
    axes.tick_params(axis="y", rotation=0)
    axes.tick_params(axis="x", rotation=0 if len(models) <= 8 else 35)
    for y in range(len(rows)):
        for x in range(len(models)):
            if math.isnan(values.iloc[y, x]):
                axes.text(
                    x + 0.5,
                    y + 0.5,
                    texts[y][x],
                    ha="center",
                    va="center",
                    fontsize=9,
                    color=style.GREY,
                    style="italic",
                )
    return figure


def _text(row: pd.Series, name: str) -> str:
    """Return what stands in a cell: the value, or why there is none."""
    value = row[name]
    return style.SHORT.get(row["status"], "not measured") if math.isnan(value) else shown(value)
