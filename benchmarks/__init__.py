"""edge-vlm-bench: vision-language models on edge devices, in tokens/s, GB and joules.

A *pair* (model, precision) is one parametrized benchmark, `test_generate[<model>-<precision>]`. A *run* is one
generation: a photograph and a prompt in, exactly N new tokens out. It is one round of pytest-benchmark. The time that
a run's energy is charged to is its *window*.

Two processes share the work. The parent is the *meter*: pytest, the `benchmark` fixture, the sensors, the progress.
The child is the *thing measured*: a new process for each pair, which loads the model and answers each request with
time marks. The parent blocks while a window is open.

The path of one number, in six files:

    models/smolvlm2 -> pair/measure -> worker/generation -> pair/build_record -> plotting/metrics/registry
    -> plotting/figures/bars

The rooms, from the bottom to the top. A room imports only rooms below it (`tox run -e lint` checks this):

    record/      the Record that is saved: its schema, its sections, the checks, the headline formulas
    machine/     what this machine is and can do: device, memory, health, memory bandwidth, roofline
    processes/   how parent and child talk, how a process starts, and how it ends with its parent
    models/      MODELS: one file per family, with its ids, dimensions and offline builder
    hub/         a published checkpoint: found in the cache, or downloaded
    worker/      the child: loading, generation and its time marks; the only room besides models/ with torch
    power/       PowerMonitor; sensors/ with one file per sensor; analysis/ with the energy maths
    planning/    the Plan of a session, the device's capability, the preview of --plan
    storage/     saves, the journal of unfinished sessions, and --resume
    pair/        one pair: its child, its meters, its runs, its Record

Beside them: plugin (pytest hooks and fixtures), neighbours (pytest's other plugins), options (the command line),
harness (pytest-benchmark's private parts), state (of a session), summary and progress (the terminal), workload
(photographs, prompts, tokens, batch), signals, redact (no secrets in texts), formatting, errors.
"""
