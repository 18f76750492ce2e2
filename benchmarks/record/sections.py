"""The sections of a Record, field by field. `benchmarks.record` has the rules for all of them."""

from typing import TypedDict


class Pair(TypedDict):
    """What was asked for."""

    id: str  # "<model>-<precision>", as in the test's id
    model: str  # id in MODELS
    label: str  # the model's name in figures
    precision: str  # "fp16" | "bf16"


class Checkpoint(TypedDict):
    """Which weights ran."""

    name: str  # the published checkpoint's name, e.g. "SmolVLM2-2.2B-Instruct"
    repo: str  # Hub repository of that checkpoint
    revision: str | None  # commit of that repository; null for weights made here
    weights: str  # "hub" | "random" | "mini"
    weights_id: str | None  # identifies weights that have no revision: a hash
    adapter: str | None  # the active LoRA adapter
    licence: str
    model_class: str | None  # transformers class that loaded
    parameters: int | None
    remote_code: bool  # whether it was allowed to run its own code
    remarks: list[str]  # sentences on how this differs from the published model
    reasons: dict[str, str]


class WorkloadImage(TypedDict):
    """A source photograph; `sha256` is of its source bytes."""

    name: str
    sha256: str
    licence: str  # "not stated" for the user's own


class WorkloadInfo(TypedDict):
    """The work of every run. `hash` covers everything here except names and licences."""

    hash: str
    recipe: str  # how a source photograph becomes the encoded image that a run starts from
    images: list[WorkloadImage]
    prompts: list[str]
    new_tokens: int  # exact number of new tokens per sequence
    batch_size: int  # sequences in a run
    requests: int  # distinct requests; run i uses request i mod requests


class Engine(TypedDict):
    """What ran the model."""

    name: str  # "eager"
    torch_device: str  # "cuda:0", "cpu", "mps"
    torch_device_name: str | None
    gpu_uuid: str | None
    attention: str | None  # transformers' attn_implementation
    threads: int | None  # torch intra-op threads
    isolation: str  # "process" | "none"
    start_method: str | None  # "spawn" | "forkserver"
    mark_method: str | None  # how the token marks were taken: "streamer" | "logits"
    versions: dict[str, str]  # python, torch, transformers, ...
    reasons: dict[str, str]


class Load(TypedDict):
    """One loading of the weights, with a separate time for each part."""

    load_time_s: float | None  # from_pretrained, until every weight is in memory or on the device, synchronised
    method: str | None  # how the weights were moved to the device, e.g. "from the files directly to the device"
    peak_ram_bytes: int | None  # of the child during the load, file-mapped pages included
    peak_vram_bytes: int | None  # of the allocator on the device during the load
    import_s: float | None  # torch, transformers and the model's classes; null if a forkserver had imported them
    processor_s: float | None
    context_s: float | None  # CUDA context; null on a CPU
    file_bytes: int | None  # size of the weight files
    page_cache_share: float | None  # share of them in the page cache when the load started, 0 to 1
    reasons: dict[str, str]


class Runs(TypedDict):
    """Columns: one value for each good run, in order. A column without any measured value is null.

    The time marks of a run, each after the device is synchronised: start -> preprocessed ->
    vision encoded -> first token -> end. The window of a run is start -> end.
    """

    run: list[int]  # index among the planned runs; failed runs leave gaps
    request: list[int]
    start_s: list[float]  # start of the window after the start of the first run, CLOCK_MONOTONIC
    latency_s: list[float]  # start -> end
    preprocess_s: list[float]  # start -> preprocessed
    vision_s: list[float] | None  # preprocessed -> vision encoded
    prefill_s: list[float] | None  # vision encoded -> first token
    ttft_s: list[float] | None  # start -> first token
    decode_s: list[float] | None  # first token -> end
    prompt_tokens: list[int]  # text tokens, template included, of all sequences
    image_tokens: list[int]  # image positions of all sequences
    new_tokens: list[int]  # generated tokens of all sequences
    sequences: list[int]
    images: list[int]  # photographs of all sequences
    energy_j: list[float | None] | None  # of the window, as `power.method` says
    energy_coverage: list[float] | None  # share of the window that samples cover, 0 to 1
    reasons: dict[str, str]


class Counts(TypedDict):
    """Numbers of runs; `planned` = `attempted` for a complete pair."""

    planned: int
    attempted: int
    good: int
    failed: int
    warmup: int
    restarts: int  # how often a dead child was replaced


class Failures(TypedDict):
    """Failed runs, and failures before the first run."""

    count: int
    by_reason: dict[str, int]  # class of the error, or how the child died
    stage: str | None  # "load", "verify", "warmup", "run": where the first one happened; null without failures
    first_message: str | None  # one sentence; null without failures
    reasons: dict[str, str]


class UncertaintyTerm(TypedDict):
    """One term of the standard uncertainty (k=1) of the pair's energy, relative, and its source."""

    name: str
    relative: float
    source: str


class Phase(TypedDict):
    """Energy of one phase, pooled over the runs of `Phases`."""

    energy_j: float | None  # of all those runs together; null if the sensor cannot resolve the phase
    length_s: float | None  # of all those runs together
    sample_count: int | None  # samples, or ticks of the counter, inside the phase
    uncertainty: list[UncertaintyTerm]
    reasons: dict[str, str]


class Phases(TypedDict):
    """Energy between the time marks, summed over the good runs with at least ENERGY_COVERAGE.

    If all four are known, they add up to the energy of those runs.
    """

    run_count: int | None
    resolution_s: float | None  # the shortest time that the sensor resolves
    resolution_source: str | None  # which property of the sensor that is
    preprocess: Phase  # start -> preprocessed
    vision: Phase  # preprocessed -> vision encoded
    prefill: Phase  # vision encoded -> first token
    decode: Phase  # first token -> end
    reasons: dict[str, str]


class Power(TypedDict):
    """The source of the energy values."""

    monitor: str  # "nvml", "replay", "none", ...
    source: str | None  # library and driver with versions, or the replayed file
    scope: str | None  # what the sensor covers: "gpu", "gpu+soc", "module", ...
    scope_mismatch: bool  # the sensor does not cover the device that ran the model: not ranked
    rails: list[str] | None
    method: str | None  # "counter" | "integration"
    period_s: float | None  # median time between samples
    sample_count: int | None
    energy_runs: int | None  # good runs with at least ENERGY_COVERAGE
    idle_w: float | None  # with the model loaded, mean of before and after
    idle_before_w: float | None
    idle_after_w: float | None
    idle_s: float | None  # length of the shortest idle window
    update_s: float | None  # the sensor's update period, found from its readings
    uncertainty: list[UncertaintyTerm]  # of the energy of the good runs with at least ENERGY_COVERAGE
    phases: Phases
    flags: list[str]  # warnings in sentences, e.g. counter and integration differ by 7%
    reasons: dict[str, str]


class Memory(TypedDict):
    """Over the good runs, in bytes.

    unified: `ram_*` are MemTotal - MemAvailable of the whole machine.
    discrete, host: `ram_*` are the child's RssAnon + RssShmem (sampled) and VmHWM (peak).
    """

    kind: str  # "unified" | "discrete" | "host"
    method: str | None
    ram_avg_bytes: int | None
    ram_peak_bytes: int | None
    ram_baseline_bytes: int | None  # before loading
    ram_delta_bytes: int | None  # average less baseline
    ram_predicted_bytes: int | None  # the least that the model needs, known before the load
    ram_available_bytes: int | None  # MemAvailable before the load
    ram_available_min_bytes: int | None  # the lowest MemAvailable after that; null without a floor
    ram_floor_bytes: int | None  # what must stay free (--ram-floor)
    ram_file_bytes: int | None  # the child's file-mapped pages (weights, libraries), average
    vram_avg_bytes: int | None
    vram_peak_bytes: int | None
    torch_peak_bytes: int | None  # allocator's peak of tensors on the device
    sensor_ram_avg_bytes: int | None  # the machine's used RAM as the power sensor reports it
    sensor_ram_peak_bytes: int | None  # the highest reading during the runs
    sensor_ram_source: str | None  # how the sensor counts it
    sample_count: int | None
    reasons: dict[str, str]


class Health(TypedDict):
    """The machine's condition before, during and after the runs."""

    temperature_before_c: float | None
    temperature_after_c: float | None
    clock_before_hz: float | None
    clock_after_hz: float | None
    throttled: list[str] | None  # reasons during warm-up and runs, read once a second; [] means not throttled
    finite_logits: bool | None  # of the first warm-up's first step
    reasons: dict[str, str]


class DecodeCheck(TypedDict):
    """Decoding with the cache against one forward without it, for one request, after the runs.

    The difference at a new token is |a - b| / |b - mean(b)| of their logits a and b, with norms over the vocabulary.
    """

    difference: float  # the largest over the new tokens
    bound: float  # the pair fails above it
    position: int  # index of the new token with the largest difference
    tokens: int  # new tokens of a sequence that were compared


class Numerics(TypedDict):
    """NaN and Inf check: one untimed pass before the warm-up that checks the output of every innermost module."""

    modules: int | None  # whose outputs were checked
    first_nonfinite: str | None  # the first whose output is not finite; null if all are finite
    nonfinite_kind: str | None  # "inf" or "nan"
    allowed: bool  # whether it is measured anyway (--allow-nonfinite)
    decode_check: DecodeCheck | None  # null if the work was not proved
    reasons: dict[str, str]


class Sample(TypedDict):
    """The text of the first good run: a reader can check that it describes the photograph."""

    image: str
    prompt: str
    text: str


class Trace(TypedDict):
    """Power over the runs in at most TRACE_POINTS equal bins; `time_s` has the same origin as `runs.start_s`."""

    time_s: list[float]
    min_w: list[float]
    mean_w: list[float]
    max_w: list[float]


class Roofline(TypedDict):
    """What one decode step must read, and the memory's bandwidth: the two sides of the utilisation."""

    weight_bytes: int | None  # read completely in every step; tied weights count once, adapters are included
    row_bytes: int | None  # rows read from embedding tables, per sequence
    kv_bytes_per_token: int | None  # K and V of the layers with full attention, per position of a sequence
    kv_window_tokens: int | None  # positions that a sliding-window layer attends to; 0 without such layers
    kv_window_bytes_per_token: int | None  # K and V of all sliding-window layers
    cache_bytes: int | None  # last-level cache of the device that runs the model
    bandwidth_bytes_per_s: float | None  # peak of its memory: the vendor's, or the fastest copy of the session so far
    bandwidth_before_bytes_per_s: float | None  # the last copy before the runs; null with a vendor's figure
    bandwidth_after_bytes_per_s: float | None  # the first copy after them
    bandwidth_spread: float | None  # by how much the slowest copy of the session so far is below the fastest, 0 to 1
    bandwidth_source: str | None  # a vendor's figure, or how it was measured
    reasons: dict[str, str]


class TokenLatency(TypedDict):
    """Times between tokens (decode steps) over the good runs: order statistics, and a histogram."""

    p50_s: float
    p95_s: float
    p99_s: float
    low_s: float
    high_s: float
    counts: list[int]  # LATENCY_BINS bins, equal in log10; outliers are in the end bins


class Times(TypedDict):
    """ISO 8601, UTC."""

    started: str
    finished: str


class Interruption(TypedDict):
    """A session ended in the middle of a pair and another continued it (--resume).

    In `start_s` and `trace.time_s` an interruption takes one minute.
    """

    after_runs: int
    resumed: str  # ISO 8601, UTC
    same_boot: bool
