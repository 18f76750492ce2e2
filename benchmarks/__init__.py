"""edge-vlm-bench: vision-language models on edge devices, in tokens/s, GB and joules.

A *pair* (model, precision) is one parametrized benchmark, `test_generate[<model>-<precision>]`.
A *run* is one generation: photographs in, exactly N new tokens out; it is one round of
pytest-benchmark. The span of a run that time and energy are charged to is its *window*.

Two processes share the work. The parent is the *meter*: pytest, the `benchmark` fixture, the
sensors' threads, progress. The child, a fresh process for each pair, is the *thing measured*: it
loads the model and answers each request with time marks. The parent blocks while a window is open.

The path of one number:

    models.list_pairs()  ->  test_generate[smolvlm2-bf16]  ->  session: start the child, load, warm up
    ->  benchmark.pedantic, one round a run  ->  worker: marks and counts
    ->  sampled watts and bytes x windows  ->  Record  ->  benchmark.extra_info
    ->  results/<machine>/0001_thor.json  ->  plotting: row -> metric -> bar

Where things are:

    plugin      options, hooks and fixtures: what pytest sees
    options, plan, forecast    the command line, the Plan that it becomes, and what --plan says of it
    session     one pair's life, from nothing to a Record
    runner, meters, tally      its child, its sensors, its runs
    compose, record, sections, verdict   the Record: put together, its schema, and how the pair ended in a sentence
    journal, past, unfinished, recovery    what is on disk between runs, and how --resume goes on with it
    models/     MODELS: which models there are, and how to build one like each
    source, hub/               where a pair's checkpoint is: made here, found in the cache, or downloaded
    workload    photographs x prompts x new tokens x batch
    worker/     the process that owns the model; the only importer of torch and transformers
    power/      PowerMonitor, one file a sensor; energy maths
    storage, elsewhere, signals    a save is written whole, in a file or in elasticsearch; a stopped session is saved
    memory, memory_guard       bytes; whether a model fits, before and while it runs
    device, health, ability    what machine this is; whether it was itself; what it can do
    roofline, estimate, bandwidth, caches    what a decode step reads, and the time and peak that follow
    redact, shape, locks       no secrets; declared types, checked; two sessions told apart
"""
