"""How much of a table the figures show: so much that words can be read and colours told apart, in seconds."""

import pandas as pd

from plotting.analysis.ranking import CATEGORIES
from plotting.table.work_groups import split_by_work

MOST = {"device": 16, "precision": 5, "model": 60}
MOST_PAIRS = 600
LEFT_OUT = "left_out"


def choose(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that the figures draw, the same in all; `attrs[LEFT_OUT]` has a sentence on what is left out.

    Drawn are the devices, precisions and models of the best pairs: with the most metrics, then the most tokens/s.
    """
    known = table[list(CATEGORIES)].notna().sum(axis=1)
    best = table.assign(known=known).sort_values(["known", "tokens_per_sec"], ascending=False, kind="stable")
    said = []
    for name, most in MOST.items():
        values, room = list(dict.fromkeys(best[name])), most
        if name == "model":  # in the figure of panels each model of each kind of work has one
            pairs = MOST_PAIRS // (best["device"].nunique() * best["precision"].nunique())
            room = min(pairs, most // len(split_by_work(best)))
        if len(values) > room:
            best = best[best[name].isin(values[:room])]
            said.append(f"{room} of {len(values):,} {name}s")
    if not said:
        return table
    shown = table.loc[sorted(best.index)].reset_index(drop=True)
    shown.attrs[LEFT_OUT] = [f"Drawn: {', '.join(said)}, with the most metrics and tokens/s; figures-data/ has all."]
    return shown
