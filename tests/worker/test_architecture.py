"""The sizes of the published models: by hand, by known values, and by their real processors.

Tests benchmarks.worker.architecture.
"""

import pytest

from benchmarks import workload
from benchmarks.machine.estimate import ModelSize, RequestSize
from benchmarks.models import MODELS
from benchmarks.processes.helper import run_in_process
from benchmarks.record import typecheck
from benchmarks.worker.architecture import compute_model_size, compute_request_size
from tests.support.jobs import IMAGE_TOKENS

GB_A_TOKEN = {
    "internvl2-2b": 3.4,
    "llava": 13.2,
    "moondream2": 2.6,
    "smolvlm2": 3.4,
    # Computed here, where the published arithmetic counts something else:
    "gemma3n": 2 * (1.892 + 0.537),  # "4.0 effective" is the body; the head is read too, tied to the embedding
    "gemma3n-e4b": 2 * (3.956 + 0.537),  # "8.0 effective", as above
    "phi": 2 * (3.221 + 0.615),  # 7.4 is Phi-3.5's; Phi-4's vocabulary is six times as large
    "smolvlm2-256m": 0.269,
}
"""2 bytes x decoder weights, GB: the known upper bounds for decoding these models in bf16."""


@pytest.mark.parametrize("model_id", GB_A_TOKEN)
def test_published_sizes(model_id: str) -> None:
    """At full size the weights that a step reads are the known ones, to 2%."""
    found = compute_model_size(MODELS[model_id], "bf16")

    assert found["traffic"]["weight_bytes"] / 1e9 == pytest.approx(GB_A_TOKEN[model_id], rel=0.02)


def test_smolvlm2_256m_by_hand() -> None:
    """SmolVLM2-256M: 30 layers and an untied head, by hand; norms are counted, and are 0.03%."""
    hidden, inner, layers, vocabulary, kv = 576, 1536, 30, 49280, 3 * 64
    layer = 2 * hidden * hidden + 2 * hidden * kv + 3 * hidden * inner
    norms = (2 * layers + 1) * hidden
    found = compute_model_size(MODELS["smolvlm2-256m"], "bf16")

    assert layer == 3_538_944
    assert found["decoder_parameters"] == layers * layer + vocabulary * hidden + norms
    assert found["head_parameters"] == vocabulary * hidden
    assert found["traffic"] == {
        "weight_bytes": 2 * found["decoder_parameters"],
        "row_bytes": 2 * hidden,
        "kv_bytes_per_token": layers * 2 * kv * 2,
        "kv_window_tokens": 0,
        "kv_window_bytes_per_token": 0,
    }
    assert found["vision_parameters"] + found["decoder_parameters"] + vocabulary * hidden == found["parameters"]


def test_gemma3n_by_hand() -> None:
    """Gemma 3n E2B looks up one row of each table, and of its 30 layers 6 attend to all, 24 to 512 positions."""
    found = compute_model_size(MODELS["gemma3n"], "bf16")["traffic"]

    token, per_layer, image, audio = 2048, 30 * 256, 2048, 1536
    assert found["row_bytes"] == 2 * (token + per_layer + image + audio)
    assert found["kv_window_tokens"] == 512
    assert found["kv_bytes_per_token"] == 6 * 2 * (2 * 256) * 2
    assert found["kv_window_bytes_per_token"] == 24 * 2 * (2 * 256) * 2


VISION_POSITIONS = {
    "gemma3n": (768 // 16) ** 2,
    "internvl2-2b": 13 * (448 // 14) ** 2,
    "llava": (336 // 14) ** 2,
    "moondream2": 9 * (378 // 14) ** 2,
    "phi": 5 * (448 // 14) ** 2,
    "smolvlm2": 13 * (384 // 14) ** 2,
}
"""Passes x patches of a 640x480 photograph."""


@pytest.mark.parametrize("model_id", IMAGE_TOKENS)
def test_positions_of_a_request(model_id: str) -> None:
    """The real processor makes the published number of image tokens and vision positions of a photograph."""
    image = workload.encode(workload.read_photographs(None)[0])
    found = compute_request_size(MODELS[model_id], image, workload.PROMPTS[0])

    assert found["vision_positions"] == VISION_POSITIONS[model_id]
    assert found["image_tokens"] == IMAGE_TOKENS[model_id]
    assert 5 < found["prompt_tokens"] - found["image_tokens"] < 60
    assert typecheck.fits(found, RequestSize)


def test_a_helper_process_answers_in_the_declared_form() -> None:
    """A helper process returns the size in the declared form."""
    found = run_in_process("forkserver", compute_model_size, MODELS["smolvlm2-256m"], "fp16")

    assert typecheck.fits(found, ModelSize)
