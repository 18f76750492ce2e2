"""From saved benchmarks to decisions: metrics, figures, reports, comparison.

    load      saves -> Records, the only reader; survives bad files and names them
    metrics   METRICS: name, label, unit, direction, formula
    frame     Records -> one table: deduplicated within a series, ordered, labelled
    figures/  the nine figures: table -> Figure, no file access
    report    the table -> CSV, summary, README
    compare   saves side by side
    export/   pairs and runs as files for other tools
    __main__  the command line

Reads the JSON alone: of `benchmarks` it imports nothing but constants and types of `benchmarks.record`.
"""
