"""The metrics: their registry, their formulas and their intervals."""
