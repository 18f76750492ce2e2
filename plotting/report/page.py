"""README.md beside the figures: the results page, in Markdown."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from benchmarks.record import MEASURED
from plotting.analysis import conditions
from plotting.analysis.observations import list_observations
from plotting.analysis.ranking import HEADLINES
from plotting.figures import FIGURES, data
from plotting.figures.alt_text import describe_figure
from plotting.load import show
from plotting.metrics.registry import METRICS
from plotting.output import Output
from plotting.report.summary import BREAKDOWN, describe_dates, list_cells, list_rankings, list_unmeasured
from plotting.selection import quote
from plotting.table.columns import IDENTITY
from plotting.text import Verbatim, count, escape


def write_page(
    table: pd.DataFrame, files: Sequence[Path], problems: Sequence[str], output: Output | None = None
) -> str:
    """Return the page, with links to the figures in their formats.

    Everything that goes into the template is escaped, except Verbatim.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("plotting.report"),
        finalize=escape,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown, not HTML: `finalize` escapes
    )
    environment.filters |= {
        "join": _join,
        "bullets": lambda found: _join([Verbatim(f"- {escape(each)}") for each in found], "\n"),
    }
    measured = table[table["status"] == MEASURED]
    page: str = environment.get_template("README.md.jinja").render(
        dates=describe_dates(table),
        files=describe_saves(table, files),
        conditions=conditions.describe_conditions(table),
        devices=_list_devices(table),
        models=_list_models(measured),
        precisions=list(dict.fromkeys(table.sort_values("precision_order")["precision"])),
        rankings=[*list_rankings(table, HEADLINES)],
        observations=list_observations(table),
        columns=(*IDENTITY, *BREAKDOWN.values()),
        rows=[
            [*row[[*IDENTITY]], *("" if cell == "-" else cell for cell in list_cells(row))]
            for _, row in table.iterrows()
        ],
        rule=Verbatim("|" + "---|" * (3 + len(BREAKDOWN))),
        figures=[_describe_figure(table, name, output or Output()) for name in FIGURES],
        numbers=Verbatim(data.FOLDER),
        power=[*conditions.describe_power(table), *conditions.describe_uncertainty(table)] or ["Nothing was measured."],
        unmeasured=list_unmeasured(table),
        remarks=_list_sentences(measured, "remarks"),
        warnings=[*_list_sentences(measured, "power_flags"), *_list_sentences(measured, "doubts")],
        samples=measured[measured["sample"] != ""].to_dict("records"),
        problems=problems,
        metrics=METRICS.values(),
    )
    return page


def describe_saves(table: pd.DataFrame, files: Sequence[Path]) -> dict[str, str]:
    """Return what the table holds from each file: {name as it is typed: "Jetson Thor, 12 pairs, hub weights"}."""
    found = {}
    for name in sorted({path.name for path in files}):
        rows = table[table["save"] == show(name)]
        devices, weights = (", ".join(filter(None, dict.fromkeys(rows[key]))) for key in ("device_name", "weights"))
        kinds = f", {weights} weights" if weights else ""
        typed = quote(name) if quote(name) not in found else show(name)  # one pattern may stand for two odd names
        found[typed] = f"{devices}, {count(len(rows), 'pair')}{kinds}" if len(rows) else "superseded by other saves"
    return found


def _join(values: Sequence[Any], between: str) -> Verbatim:
    return Verbatim(between.join(str(escape(value)) for value in values))


def _list_devices(table: pd.DataFrame) -> list[dict[str, Any]]:
    found = []
    for _, rows in table.groupby("device", sort=False):
        measured = rows[rows["status"] == MEASURED]
        first = (measured if len(measured) else rows).iloc[0]
        found.append({**first, "pairs": f"{len(measured)} of {len(rows)}"})
    return found


def _list_models(measured: pd.DataFrame) -> list[dict[str, Any]]:
    rows = measured.sort_values("model_order").drop_duplicates(["model", "checkpoint", "weights", "revision"])
    found = []
    for row in rows.to_dict("records"):
        size, tokens = row["parameters"], row["image_tokens"]
        row["size"] = "not recorded" if pd.isna(size) else f"{size / 1e6:.1f} million"
        row["image_tokens"] = "not recorded" if pd.isna(tokens) else f"{tokens:.0f}"
        found.append(row)
    return found


def _describe_figure(table: pd.DataFrame, name: str, output: Output) -> dict[str, Any]:
    """Return a figure's entry: a picture that browsers show, and links to the other files."""
    spec, files = FIGURES[name], output.files(name)
    picture = next((files[form] for form in ("png", "svg") if form in files), "")
    numbers = f"{data.FOLDER}/{name.replace('.png', '.csv')}"
    return {
        "title": spec.title,
        "explanation": spec.explanation,
        "alt": describe_figure(table, spec.title, spec.metrics),
        "picture": Verbatim(picture),
        "links": Verbatim(", ".join(f"[{file}]({file})" for file in [*files.values(), numbers] if file != picture)),
    }


def _list_sentences(measured: pd.DataFrame, column: str) -> list[str]:
    """Return the distinct `model: sentence` of a column of sentences."""
    found = measured.loc[measured[column] != "", ["model", column]]
    return list(dict.fromkeys(f"{model}: {text}" for model, text in found.itertuples(index=False)))
