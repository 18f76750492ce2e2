"""One run: encoded image bytes in, exactly N new tokens out, and a mark at each step between.

    start -> preprocessed -> vision encoded -> first token -> end

Each mark is taken after the device is synchronised, in ns of CLOCK_MONOTONIC, the clock that the
parent's samples bear too.
"""

import io
import time
from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from transformers import LogitsProcessor, LogitsProcessorList
from transformers.generation.streamers import BaseStreamer

from benchmarks.processes.protocol import Numerics, RunMarks
from benchmarks.worker import batch as batches
from benchmarks.worker import numerics
from benchmarks.worker.loading import LoadedModel, synchronise

# SmolVLM2's published config says use_cache false, Gemma 3n's generation config samples.
GREEDY: dict[str, Any] = {"do_sample": False, "num_beams": 1, "use_cache": True}


class TokenStreamer(BaseStreamer):  # type: ignore[misc]
    """Stamp each token as `generate` hands it over.

    On CUDA `generate` calls `put(tokens.cpu())`, which waits for the device: a true device time.
    """

    def __init__(self) -> None:
        self.stamps: list[int] = []
        self._prompt_passed = False

    def put(self, value: object) -> None:  # noqa: ARG002
        if self._prompt_passed:
            self.stamps.append(time.monotonic_ns())
        self._prompt_passed = True

    def end(self) -> None:
        pass


class TokenProcessor(LogitsProcessor):  # type: ignore[misc]
    """Stamp each token when its logits are there, for devices where the streamer lags.

    On MPS transformers defers its stop check, so that tokens reach a streamer one step late:
    https://github.com/huggingface/transformers (generation/stopping_criteria.py, DeferredStopCheck).
    """

    def __init__(self, device: torch.device) -> None:
        self.stamps: list[int] = []
        self._device = device

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        synchronise(self._device)
        self.stamps.append(time.monotonic_ns())
        return scores


class FiniteLogits(LogitsProcessor):  # type: ignore[misc]
    """Note whether every step's logits are finite. For warm-up runs: the check costs time."""

    def __init__(self) -> None:
        self.finite = True

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        self.finite = self.finite and bool(torch.isfinite(scores).all())
        return scores


def mark_method(device: torch.device) -> str:
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
        """Mark "vision encoded" when the module at `path`, the vision path's last, has run."""

        def mark(*_: object) -> None:
            synchronise(self._loaded.device)
            self._vision_ns = time.monotonic_ns()

        self._loaded.model.get_submodule(path).register_forward_hook(mark)

    def check_batch(self, batch: int) -> None:
        """Check that so many sequences fit beside the model.

        Raises:
            BatchTooLarge: they do not.
        """
        batches.check_batch(self._loaded.model, self._preprocess([(0, 0)]), self._new_tokens, batch)

    def verify(self, request: Sequence[tuple[int, int]]) -> Numerics:
        """Look at what every module makes of one request: prefill and one decode step, untimed."""
        inputs = self._preprocess(request)
        with numerics.NonFiniteWatch(self._loaded.model) as watch, torch.inference_mode():
            self._loaded.model.generate(**inputs, **GREEDY, max_new_tokens=2)
        return watch.result()

    def run(
        self, request: Sequence[tuple[int, int]], *, check_logits: bool = False, keep_text: bool = False
    ) -> RunMarks:
        """Generate for one request: an (image index, prompt index) for each sequence.

        Raises:
            ContextExceeded: the model has not so many positions.
            WrongTokenCount: not exactly `new_tokens` came out of each sequence.
        """
        device, model = self._loaded.device, self._loaded.model
        clock, options, check = self._observers(check_logits=check_logits)
        self._vision_ns = None
        _reset_peak(device)
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
        image_tokens = self._image_tokens(inputs["input_ids"])
        said = output[0, -new:] if keep_text else None
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
            "text": None if said is None else self._loaded.processor.tokenizer.decode(said, skip_special_tokens=True),
        }

    def _check_context(self, prompt: int) -> None:
        limit = getattr(self._loaded.model.config.get_text_config(), "max_position_embeddings", None)
        if limit is not None and prompt + self._new_tokens > limit:
            raise ContextExceeded(prompt, self._new_tokens, limit)

    def _observers(
        self, *, check_logits: bool
    ) -> tuple[TokenStreamer | TokenProcessor, dict[str, Any], FiniteLogits | None]:
        """Return the token clock, the options of `generate`, and the logits check if asked for."""
        options: dict[str, Any] = {**GREEDY, "max_new_tokens": self._new_tokens}
        check = FiniteLogits() if check_logits else None
        processors: list[Any] = [check] if check else []
        clock: TokenStreamer | TokenProcessor
        if mark_method(self._loaded.device) == "streamer":
            clock = options["streamer"] = TokenStreamer()
        else:
            clock = TokenProcessor(self._loaded.device)
            processors.append(clock)
        if processors:
            options["logits_processor"] = LogitsProcessorList(processors)
        return clock, options, check

    def _preprocess(self, request: Sequence[tuple[int, int]]) -> Any:
        """Decode the images, apply chat template, tokenizer and image processor; move to the device."""
        conversations = [
            [{"role": "user", "content": [{"type": "image", "image": _decode(self._images[image])},
                                          {"type": "text", "text": self._prompts[prompt]}]}]
            for image, prompt in request
        ]  # fmt: skip
        batched = len(conversations) > 1
        inputs = self._loaded.processor.apply_chat_template(
            conversations if batched else conversations[0],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": True} if batched else {},
        )
        return inputs.to(self._loaded.device, dtype=self._loaded.dtype)

    def _image_tokens(self, input_ids: torch.Tensor) -> int:
        """Count the positions that hold image embeddings, over all sequences."""
        return int((input_ids == image_token_id(self._loaded.model.config)).sum())


class ContextExceeded(RuntimeError):
    """A run that would go beyond the positions that the model has; what it makes there would be no work of its kind."""

    def __init__(self, prompt: int, new: int, limit: int) -> None:
        super().__init__(
            f"the prompt takes {prompt} positions and --new-tokens asks for {new} more, but the model has {limit}; "
            "ask for fewer, or shorten the prompts"
        )


class WrongTokenCount(RuntimeError):
    """A run that did not make the tokens that it was to make; its time would say nothing."""

    def __init__(self, asked: int, made: int, marked: int) -> None:
        super().__init__(f"asked for {asked} new tokens a sequence, got {made} and {marked} marks")


def image_token_id(config: Any) -> int:
    """Return the id that stands for an image position in a prompt; Phi-4 keeps it with the vision config."""
    found = getattr(config, "image_token_id", None)
    return int(found if found is not None else config.vision_config.image_token_id)


def _decode(encoded: bytes) -> Image.Image:
    """Decode what `workload.encode` has made; Pillow's own limit of pixels stands guard in this process."""
    return Image.open(io.BytesIO(encoded), formats=("JPEG",)).convert("RGB")


def _reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
