"""Moondream2 of January 2025 in torch and transformers: its published weights without its remote code.

Importing this package registers the published `model_type` with transformers' Auto classes. They
prefer a registered class to the `auto_map` of a checkpoint, so no code of the checkpoint is run.
Facts and figures: https://github.com/m87-labs/moondream, moondream/torch at d77e82c.
"""

from transformers import AutoConfig, AutoModelForMultimodalLM, AutoProcessor

from benchmarks.worker.moondream.configuration import MoondreamConfig
from benchmarks.worker.moondream.modeling import MoondreamForConditionalGeneration
from benchmarks.worker.moondream.processing import MoondreamProcessor

__all__ = ["MoondreamConfig", "MoondreamForConditionalGeneration", "MoondreamProcessor"]

AutoConfig.register(MoondreamConfig.model_type, MoondreamConfig, exist_ok=True)
AutoModelForMultimodalLM.register(MoondreamConfig, MoondreamForConditionalGeneration, exist_ok=True)
AutoProcessor.register(MoondreamConfig, MoondreamProcessor, exist_ok=True)
