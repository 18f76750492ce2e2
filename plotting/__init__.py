"""From saved benchmarks to decisions: metrics, figures, reports, comparison.

    load      saves -> Records, the only reader; survives bad files and names them
    metrics   METRICS: name, label, unit, direction, formula
    formulas  what they compute, with `energies` and `utilisation`; `runs` reads a Record's runs
    stats     quantiles and intervals of runs; `sampling` draws those of a Record's metrics
    frame     Records -> one table: deduplicated within a series, ordered, labelled; `row` is one Record's
    sections  the table -> its parts by kind of work: unlike work is shown and ranked apart
    states    what stands in place of a value, and what makes one doubtful, in words
    spans     whiskers, rooflines, and whether two values differ beyond noise
    figures/  the nine figures: table, theme -> Figure, no file access
    behind    the numbers behind a figure as CSV, and its content in words
    findings  the table -> leaders and observations, by stated rules
    products  all of it into one folder: CSV, figures in the formats of `output`, summary, page
    compare   `sides` of saves beside each other; `differences` judges, `gates` fails, `formats` writes
    export/   pairs and runs as files for other tools
    __main__  the command line; `choice` finds the saves that it means

Reads the JSON alone: of `benchmarks` it imports nothing but constants and types of `benchmarks.record`.
"""
