"""`python -m plotting compare`: sides, statistics, gates, and how they are printed."""
