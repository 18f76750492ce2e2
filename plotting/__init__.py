"""From saved benchmarks to decisions: metrics, figures, reports, comparison.

    load      saves -> Records, the only reader; survives bad files and names them
    metrics   METRICS: name, label, unit, direction, formula
    stats     quantiles and intervals of runs; `sampling` draws those of a Record's metrics
    frame     Records -> one table: deduplicated within a series, ordered, labelled
    figures/  the nine figures: table -> Figure, no file access
    report    the table -> CSV, summary, README
    compare   sides of saves beside each other; `differences` judges, `gates` fails, `formats` writes
    export/   pairs and runs as files for other tools
    __main__  the command line

Reads the JSON alone: of `benchmarks` it imports nothing but constants and types of `benchmarks.record`.
"""
