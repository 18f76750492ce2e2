"""Turn saved benchmarks into tables, figures, reports and comparisons.

    load         read saves: keep every good Record, name every other one
    check        check a Record once, completely; everything after it trusts the Record
    selection    find the saves that the command line names
    files        write files atomically
    text         escape text for Markdown and CSV
    output       the options of the figures' file formats
    metrics/     METRICS: the name, label, unit, direction and formula of each, and the 95% intervals
    table/       one table of all Records: a row for each pair of a series, ordered and labelled
    analysis/    rankings, observations, and sentences about the conditions of measurement
    figures/     the nine figures, their footnotes, and the numbers behind them
    report/      the CSV files, the summary, and the page with all figures
    comparison/  compare two or more saves pair by pair, and fail on regressions
    export/      pairs and runs as files for other tools
    __main__     the command line

`plotting` reads JSON files only. Of `benchmarks` it imports only `benchmarks.record`.
"""
