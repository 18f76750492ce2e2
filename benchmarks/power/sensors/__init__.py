"""One file a power sensor, and what several of them share. `benchmarks.power.MONITORS` is their registry."""
