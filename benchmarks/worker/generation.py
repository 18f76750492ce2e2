"""One run: encoded image bytes in, exactly N new tokens out, with a time mark after each step.

    start -> preprocessed -> vision encoded -> first token -> end

Each mark is taken after the device is synchronised, in ns of CLOCK_MONOTONIC, like the parent's samples.
"""

import io
import time
from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from transformers import LogitsProcessor, LogitsProcessorList
from transformers.generation.streamers import BaseStreamer

from benchmarks.processes.protocol import DecodeCheck, Numerics, RunMarks
from benchmarks.worker.batch import check_batch
from benchmarks.worker.decode_check import check_decoding
from benchmarks.worker.loading import LoadedModel, synchronise
from benchmarks.worker.numerics import NonFiniteWatch

# SmolVLM2's published config says use_cache false, Gemma 3n's generation config samples.
GREEDY: dict[str, Any] = {"do_sample": False, "num_beams": 1, "use_cache": True}


class TokenStreamer(BaseStreamer):  # type: ignore[misc]
    """Stamps each token as `generate` delivers it.

    On CUDA `generate` calls `put(tokens.cpu())`, which waits for the device.
    """

    def __init__(self) -> None:
        self.stamps: list[int] = []
        self._prompt_passed = False

    def put(self, value: object) -> None:
        if self._prompt_passed:
            self.stamps.append(time.monotonic_ns())
        self._prompt_passed = True

    def end(self) -> None:
        pass


class TokenProcessor(LogitsProcessor):  # type: ignore[misc]
    """Stamps each token when its logits are ready, for devices where the streamer lags.

    On MPS transformers defers its stop check, so tokens reach a streamer one step late:
    https://github.com/huggingface/transformers (generation/stopping_criteria.py, DeferredStopCheck).
    """

    def __init__(self, device: torch.device) -> None:
        self.stamps: list[int] = []
        self._device = device

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        synchronise(self._device)
        self.stamps.append(time.monotonic_ns())
        return scores


class FiniteLogits(LogitsProcessor):  # type: ignore[misc]
    """Notes whether the logits of every step are finite. For warm-up runs only: the check costs time."""

    def __init__(self) -> None:
        self.finite = True

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        self.finite = self.finite and bool(torch.isfinite(scores).all())
        return scores


def choose_mark_method(device: torch.device) -> str:
    """Return how token marks are taken on `device`: "streamer" or "logits"."""
    return "logits" if device.type == "mps" else "streamer"


class Generator:
    """Runs requests on a loaded model."""

    def __init__(self, loaded: LoadedModel, images: Sequence[bytes], prompts: Sequence[str], new_tokens: int) -> None:
        self._loaded = loaded
        self._images = images
        self._prompts = prompts
        self._new_tokens = new_tokens
        self._vision_ns: int | None = None
        # Without an end token nothing stops early, and no logits processor is needed to prevent it.
        loaded.model.generation_config.eos_token_id = None

    def hook_vision(self, path: str) -> None:
        """Mark "vision encoded" after each run of the module at `path`, the last one of the vision path."""

        def mark(*_: object) -> None:
            synchronise(self._loaded.device)
            self._vision_ns = time.monotonic_ns()

        self._loaded.model.get_submodule(path).register_forward_hook(mark)

    def check_batch(self, batch: int) -> None:
        """Raise BatchTooLarge if `batch` sequences do not fit in memory beside the model."""
        check_batch(self._loaded.model, self._preprocess([(0, 0)]), self._new_tokens, batch)

    def verify(self, request: Sequence[tuple[int, int]]) -> Numerics:
        """Check the output of every module for NaN and Inf: one prefill and one decode step, untimed."""
        inputs = self._preprocess(request)
        with NonFiniteWatch(self._loaded.model) as watch, torch.inference_mode():
            self._loaded.model.generate(**inputs, **GREEDY, max_new_tokens=2)
        return watch.result()

    def prove(self, request: Sequence[tuple[int, int]]) -> DecodeCheck:
        """Compare decoding with the cache, as in a run, with one forward without a cache; untimed."""
        return check_decoding(self._loaded.model, self._preprocess(request), self._new_tokens, GREEDY)

    def run(
        self, request: Sequence[tuple[int, int]], *, check_logits: bool = False, keep_text: bool = False
    ) -> RunMarks:
        """Generate for one request: an (image index, prompt index) for each sequence.

        Raises:
            ContextExceeded: the run needs more positions than the model has.
            WrongTokenCount: a sequence did not get exactly `new_tokens` tokens.
        """
        device, model = self._loaded.device, self._loaded.model
        clock, options, check = self._make_observers(check_logits=check_logits)
        self._vision_ns = None
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        synchronise(device)
        start_ns = time.monotonic_ns()
        inputs = self._preprocess(request)
        synchronise(device)
        preprocessed_ns = time.monotonic_ns()
        self._check_context(inputs["input_ids"].shape[1])
        with torch.inference_mode():
            output = model.generate(**inputs, **options)
        synchronise(device)
        end_ns = time.monotonic_ns()
        new = output.shape[1] - inputs["input_ids"].shape[1]
        if new != self._new_tokens or len(clock.stamps) != new:
            raise WrongTokenCount(self._new_tokens, new, len(clock.stamps))
        image_tokens = count_image_tokens(model.config, inputs["input_ids"])
        decode = self._loaded.processor.tokenizer.decode
        return {
            "start_ns": start_ns,
            "preprocessed_ns": preprocessed_ns,
            "vision_ns": self._vision_ns,
            "first_token_ns": clock.stamps[0],
            "end_ns": end_ns,
            "token_gaps_s": [(b - a) / 1e9 for a, b in zip(clock.stamps, clock.stamps[1:], strict=False)],
            "prompt_tokens": int(inputs["attention_mask"].sum()) - image_tokens,
            "image_tokens": image_tokens,
            "new_tokens": new * len(request),
            "finite_logits": check.finite if check else None,
            "torch_peak_bytes": torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None,
            "text": decode(output[0, -new:], skip_special_tokens=True) if keep_text else None,
        }

    def _check_context(self, prompt: int) -> None:
        limit = getattr(self._loaded.model.config.get_text_config(), "max_position_embeddings", None)
        if limit is not None and prompt + self._new_tokens > limit:
            raise ContextExceeded(prompt, self._new_tokens, limit)

    def _make_observers(
        self, *, check_logits: bool
    ) -> tuple[TokenStreamer | TokenProcessor, dict[str, Any], FiniteLogits | None]:
        """Return the token clock, the options of `generate`, and the check of the logits, if any."""
        options: dict[str, Any] = {**GREEDY, "max_new_tokens": self._new_tokens}
        check = FiniteLogits() if check_logits else None
        processors: list[Any] = [check] if check else []
        clock: TokenStreamer | TokenProcessor
        if choose_mark_method(self._loaded.device) == "streamer":
            clock = options["streamer"] = TokenStreamer()
        else:
            clock = TokenProcessor(self._loaded.device)
            processors.append(clock)
        if processors:
            options["logits_processor"] = LogitsProcessorList(processors)
        return clock, options, check

    def _preprocess(self, request: Sequence[tuple[int, int]]) -> Any:
        """Return the tensors of a request, on the device."""
        elements = [(self._images[image], self._prompts[prompt]) for image, prompt in request]
        return preprocess(self._loaded.processor, elements).to(self._loaded.device, dtype=self._loaded.dtype)


def preprocess(processor: Any, elements: Sequence[tuple[bytes, str]]) -> Any:
    """Return the tensors of photographs with prompts: images decoded, chat template and processor applied."""
    conversations = [
        [{"role": "user", "content": [{"type": "image", "image": _decode(image)}, {"type": "text", "text": prompt}]}]
        for image, prompt in elements
    ]
    batched = len(conversations) > 1
    return processor.apply_chat_template(
        conversations if batched else conversations[0],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        processor_kwargs={"padding": True} if batched else {},
    )


class ContextExceeded(RuntimeError):
    """A run needs more positions than the model has; its output there would be meaningless."""

    def __init__(self, prompt: int, new: int, limit: int) -> None:
        super().__init__(
            f"the prompt takes {prompt} positions, and --new-tokens needs {new} more, but the model has {limit}; "
            "type a smaller --new-tokens, or shorten the prompts"
        )


class WrongTokenCount(RuntimeError):
    """A run made another number of tokens than asked for, so its time is meaningless."""

    def __init__(self, asked: int, made: int, marked: int) -> None:
        super().__init__(f"asked for {asked} new tokens per sequence, got {made} tokens and {marked} time marks")


def count_image_tokens(config: Any, input_ids: torch.Tensor) -> int:
    """Return the number of image positions in `input_ids`, over all sequences."""
    token = getattr(config, "image_token_id", None)
    token = config.vision_config.image_token_id if token is None else token  # Phi-4 keeps it there
    return int((input_ids == token).sum())


def _decode(encoded: bytes) -> Image.Image:
    """Decode the JPEG bytes of `workload.encode`; Pillow's own limit of pixels stays on."""
    return Image.open(io.BytesIO(encoded), formats=("JPEG",)).convert("RGB")
