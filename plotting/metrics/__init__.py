"""The metrics: their registry, the formulas, and the intervals of each."""
