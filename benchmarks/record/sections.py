"""The sections of a Record, field by field; `record` states the rules that hold in all of them."""

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
    weights_id: str | None  # what the weights are, where no revision says it: a content hash
    adapter: str | None  # LoRA adapter that is active beside the weights
    licence: str
    model_class: str | None  # transformers class that loaded
    parameters: int | None
    remote_code: bool  # whether it was allowed to run code of its own
    remarks: list[str]  # in what this differs from the published model, in sentences
    reasons: dict[str, str]


class WorkloadImage(TypedDict):
    """A source photograph; `sha256` is of its source bytes."""

    name: str
    sha256: str
    licence: str  # "not stated" for the user's own


class WorkloadInfo(TypedDict):
    """What every run had to do. `hash` covers everything here but the names and licences."""

    hash: str
    recipe: str  # how a source photograph becomes the encoded image that a run starts from
    images: list[WorkloadImage]
    prompts: list[str]
    new_tokens: int  # exactly so many new tokens for each sequence
    batch_size: int  # sequences in a run
    requests: int  # distinct requests; run i takes request i mod requests


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
    """One loading of the weights, each part timed apart."""

    load_time_s: float | None  # from_pretrained + every weight touched or on the device, synchronised
    method: str | None  # how the weights came to the device, e.g. "from the files straight to the device"
    peak_ram_bytes: int | None  # of the child while it loaded, file-mapped pages included
    peak_vram_bytes: int | None  # of the allocator on the device while it loaded
    import_s: float | None  # torch, transformers and the model's classes; null where a forkserver had them
    processor_s: float | None
    context_s: float | None  # CUDA context; null on a CPU
    file_bytes: int | None  # size of the weight files
    page_cache_share: float | None  # share of them in the page cache when loading began, 0 to 1
    reasons: dict[str, str]


class Runs(TypedDict):
    """Columns: one value for each good run, in order. A column nothing of which was measured is null.

    The marks of a run, each after the device is synchronised: start -> preprocessed ->
    vision encoded -> first token -> end. The window of a run is start -> end.
    """

    run: list[int]  # index among the planned runs; failed runs leave gaps
    request: list[int]
    start_s: list[float]  # start of the window since the first run's, CLOCK_MONOTONIC
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
    """How many runs; `planned` = `attempted` where the pair is complete."""

    planned: int
    attempted: int
    good: int
    failed: int
    warmup: int
    restarts: int  # children replaced after they died


class Failures(TypedDict):
    """Failed runs, and how the pair could not start."""

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

    energy_j: float | None  # of all those runs together; null where the sensor cannot tell the phase apart
    length_s: float | None  # of all those runs together
    sample_count: int | None  # samples, or ticks of the counter, inside the phase
    uncertainty: list[UncertaintyTerm]
    reasons: dict[str, str]


class Phases(TypedDict):
    """Energy between the marks, pooled over the good runs with at least ENERGY_COVERAGE.

    Where all four are there, they add up to the energy of those runs.
    """

    run_count: int | None
    resolution_s: float | None  # the shortest time that the sensor tells apart
    resolution_source: str | None  # which of its times that is
    preprocess: Phase  # start -> preprocessed
    vision: Phase  # preprocessed -> vision encoded
    prefill: Phase  # vision encoded -> first token
    decode: Phase  # first token -> end
    reasons: dict[str, str]


class Power(TypedDict):
    """Where the joules come from."""

    monitor: str  # "nvml", "replay", "none", ...
    source: str | None  # library and driver with versions, or the replayed file
    scope: str | None  # what the sensor covers: "gpu", "gpu+soc", "module", ...
    scope_mismatch: bool  # the sensor does not cover what computed: kept out of rankings
    rails: list[str] | None
    method: str | None  # "counter" | "integration"
    period_s: float | None  # median time between samples
    sample_count: int | None
    energy_runs: int | None  # good runs with at least ENERGY_COVERAGE
    idle_w: float | None  # with the model loaded, mean of before and after
    idle_before_w: float | None
    idle_after_w: float | None
    idle_s: float | None  # length of the shortest window that idle power was measured in
    update_s: float | None  # how often the sensor updates, as its readings show
    uncertainty: list[UncertaintyTerm]  # of the energy of the good runs with at least ENERGY_COVERAGE
    phases: Phases
    flags: list[str]  # sentences about doubts, e.g. counter and integration 7% apart
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
    ram_predicted_bytes: int | None  # the least that the model takes, known before it is loaded
    ram_available_bytes: int | None  # MemAvailable before it is loaded
    ram_available_min_bytes: int | None  # the lowest MemAvailable from then on; null without a floor
    ram_floor_bytes: int | None  # what must stay available (--ram-floor)
    ram_file_bytes: int | None  # the child's file-mapped pages (weights, libraries), average
    vram_avg_bytes: int | None
    vram_peak_bytes: int | None
    torch_peak_bytes: int | None  # allocator's peak of tensors on the device
    sensor_ram_avg_bytes: int | None  # the machine's RAM in use as the power sensor saw it, beside `ram_*`
    sensor_ram_peak_bytes: int | None  # the highest of its readings in the runs
    sensor_ram_source: str | None  # how the sensor counts it
    sample_count: int | None
    reasons: dict[str, str]


class Health(TypedDict):
    """Whether the machine was itself: before and after the runs."""

    temperature_before_c: float | None
    temperature_after_c: float | None
    clock_before_hz: float | None
    clock_after_hz: float | None
    throttled: list[str] | None  # reasons seen during warm-up and runs, once a second; [] is none
    finite_logits: bool | None  # of the first warm-up's first step
    reasons: dict[str, str]


class Numerics(TypedDict):
    """One untimed pass before the warm-up that looks at the output of every innermost module."""

    modules: int | None  # whose outputs were looked at
    first_nonfinite: str | None  # the first whose output is not finite; null where all are
    nonfinite_kind: str | None  # "inf" or "nan"
    allowed: bool  # measured all the same (--allow-nonfinite)
    reasons: dict[str, str]


class Sample(TypedDict):
    """What the model said in the first good run, so that a reader sees that it described the photograph."""

    image: str
    prompt: str
    text: str


class Trace(TypedDict):
    """Power over the runs in at most TRACE_POINTS equal bins; `time_s` counts as `runs.start_s`."""

    time_s: list[float]
    min_w: list[float]
    mean_w: list[float]
    max_w: list[float]


class Roofline(TypedDict):
    """What one decode step must read, and what the memory can give: both sides of the utilisation."""

    weight_bytes: int | None  # read whole in every step; tied weights once, adapters too
    row_bytes: int | None  # rows looked up in embedding tables, for each sequence
    kv_bytes_per_token: int | None  # K and V of layers with the whole context, for each position of a sequence
    kv_window_tokens: int | None  # positions that a sliding-window layer attends to; 0 without such layers
    kv_window_bytes_per_token: int | None  # K and V of all those layers
    cache_bytes: int | None  # last-level cache of what computes
    bandwidth_bytes_per_s: float | None  # peak of its memory
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
    """Where a session ended in the middle of a pair, and another went on (--resume).

    `start_s` and `trace.time_s` count on through it, as if it had taken a minute.
    """

    after_runs: int
    resumed: str  # ISO 8601, UTC
    same_boot: bool
