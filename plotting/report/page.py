"""README.md beside the figures: the study's page. Table -> Markdown."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from benchmarks.record import MEASURED
from plotting.analysis import conditions
from plotting.analysis.observations import list_observations
from plotting.analysis.ranking import HEADLINES, split_for_ranking
from plotting.figures import FIGURES, alt_text, data
from plotting.metrics.registry import METRICS
from plotting.output import Output
from plotting.report.summary import BREAKDOWN, cell, dates, places, unmeasured, why_none
from plotting.table.work_groups import WorkGroup
from plotting.text import Verbatim, escape


def markdown(table: pd.DataFrame, files: Sequence[Path], problems: Sequence[str], output: Output | None = None) -> str:
    """Return the page, with the figures in the form in which they are written.

    Everything that goes into the template is escaped, except Verbatim.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("plotting.report"),
        finalize=escape,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown, not HTML: `finalize` escapes
    )
    environment.filters["join"] = _join
    measured = table[table["status"] == MEASURED]
    page: str = environment.get_template("README.md.jinja").render(
        dates=dates(table),
        files=sources(table, files),
        conditions=conditions.describe_conditions(table),
        devices=_devices(table),
        models=_models(measured),
        precisions=list(dict.fromkeys(table.sort_values("precision_order")["precision"])),
        findings=[_finding(part, name) for name in HEADLINES for part in split_for_ranking(table, name)],
        observations=list_observations(table),
        columns=("device", "model", "precision", *BREAKDOWN.values()),
        rows=[_row(row) for _, row in table.iterrows()],
        rule=Verbatim("|" + "---|" * (3 + len(BREAKDOWN))),
        figures=[_figure(table, name, output or Output()) for name in FIGURES],
        numbers=Verbatim(data.FOLDER),
        power=[*conditions.describe_power(table), *conditions.describe_uncertainty(table)] or ["Nothing was measured."],
        unmeasured=unmeasured(table),
        remarks=_sentences(measured, "remarks"),
        flags=_sentences(measured, "power_flags") + _sentences(measured, "doubts"),
        samples=_samples(measured),
        problems=problems,
        metrics=METRICS.values(),
    )
    return page


def sources(table: pd.DataFrame, files: Sequence[Path]) -> dict[str, str]:
    """Return what of the table is from each file: {name: "Jetson Thor, 12 pairs, hub weights"}."""
    found = {}
    for name in sorted({path.name for path in files}):
        rows = table[table["save"] == name]
        devices, weights = (", ".join(filter(None, dict.fromkeys(rows[key]))) for key in ("device_name", "weights"))
        count = f"{len(rows)} pair{'' if len(rows) == 1 else 's'}"
        kinds = f", {weights} weights" if weights else ""
        found[name] = f"{devices}, {count}{kinds}" if len(rows) else "nothing that another save does not hold better"
    return found


def _join(values: Sequence[Any], between: str) -> Verbatim:
    return Verbatim(between.join(str(escape(value)) for value in values))


def _devices(table: pd.DataFrame) -> list[dict[str, Any]]:
    found = []
    for device, rows in table.groupby("device", sort=False):
        measured = rows[rows["status"] == MEASURED]
        first = (measured if len(measured) else rows).iloc[0]
        names = ("device_kind", "power_mode", "driver", "torch", "transformers")
        found.append(
            {"device": device, "pairs": f"{len(measured)} of {len(rows)}"} | {name: first[name] for name in names}
        )
    return found


def _models(measured: pd.DataFrame) -> list[dict[str, Any]]:
    columns = ["model", "checkpoint", "weights", "revision", "weights_id", "parameters", "image_tokens"]
    rows = measured.sort_values("model_order")[columns].drop_duplicates(["model", "checkpoint", "weights", "revision"])
    return [
        {
            **row,
            "size": _recorded(row["parameters"] / 1e6, ".1f", " million"),
            "image_tokens": _recorded(row["image_tokens"], ".0f"),
        }
        for row in rows.to_dict("records")
    ]


def _recorded(value: float, digits: str, unit: str = "") -> str:
    return "not recorded" if pd.isna(value) else f"{value:{digits}}{unit}"


def _finding(part: WorkGroup, name: str) -> dict[str, Any]:
    metric = METRICS[name]
    title = f"{metric.axis}, {metric.direction}{f', {part.words}' if part.words else ''}"
    # without the backslash a Markdown list would count on: of two at the first place one would be the second
    lines = [Verbatim(escape(line).replace(". ", "\\. ", 1)) for line in places(part.table, name)]
    return {"title": title, "lines": lines, "why": why_none(part.table, name)}


def _figure(table: pd.DataFrame, name: str, output: Output) -> dict[str, Any]:
    """Return what the page says of a figure: a picture that browsers show, and links to the other files."""
    spec, files = FIGURES[name], output.files(name)
    picture = next((files[form] for form in ("png", "svg") if form in files), "")
    numbers = f"{data.FOLDER}/{name.replace('.png', '.csv')}"
    return {
        "title": spec.title,
        "explanation": spec.explanation,
        "alt": alt_text.describe(table, spec.title, spec.metrics),
        "picture": Verbatim(picture),
        "links": Verbatim(", ".join(f"[{file}]({file})" for file in [*files.values(), numbers] if file != picture)),
    }


def _row(row: pd.Series) -> list[str]:
    """Return the cells of one pair; a cell is empty where nothing was measured."""
    values = ["" if (text := cell(row, name)) == "-" else text for name in BREAKDOWN]
    if row["status"] != MEASURED:
        values[0] = str(row["status"])
    return [row["device"], row["model"], row["precision"], *values]


def _samples(measured: pd.DataFrame) -> list[dict[str, str]]:
    """Return what each model said in its first run, where published weights did."""
    rows = measured[measured["sample"] != ""]
    columns = ["model", "precision", "device", "sample_image", "sample_prompt", "sample"]
    return [{str(k): str(v) for k, v in row.items()} for row in rows[columns].to_dict("records")]


def _sentences(measured: pd.DataFrame, column: str) -> list[str]:
    """Return, each once, `model: sentence` of a column of sentences."""
    found = measured.loc[measured[column] != "", ["model", column]]
    return list(dict.fromkeys(f"{model}: {text}" for model, text in found.itertuples(index=False)))
