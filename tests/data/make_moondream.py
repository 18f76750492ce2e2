"""Make moondream.json with the reference implementation of Moondream2; see README.md beside this file.

python -m tests.data.make_moondream FOLDER, where FOLDER holds the reference's `moondream` at d77e82c
with `torch.float16` made `torch.float32` throughout, and pyvips can be imported.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import torch

from tests.support import formula

STEPS = 5
SIZES = [
    (width, height)
    for width in (100, 378, 379, 448, 500, 640, 800, 1024, 1280, 1920, 4000)
    for height in (90, 378, 427, 480, 600, 720, 1080, 3000)
]
PHOTOGRAPHS = [(640, 480), (500, 300), (1280, 720)]


def main(folder: str) -> None:
    """Write moondream.json."""
    sys.path.insert(0, folder)
    images = importlib.import_module("moondream.torch.image_crops")
    found = {
        "weights": weights(),
        "tilings": [[*size, *tiling(images, *size)] for size in SIZES],
        "crops": [cut(images, *size) for size in PHOTOGRAPHS],
        "answers": [answer(*rows_columns) for rows_columns in formula.TILINGS],
    }
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in found.items())
    Path(__file__).with_name("moondream.json").write_text(f"{{\n{lines}\n}}\n")


def build(dims: dict[str, Any]) -> Any:
    """Return the reference's model; its tokenizer, which it would fetch, is not needed."""
    reference: Any = importlib.import_module("moondream.torch.moondream")
    config = importlib.import_module("moondream.torch.config").MoondreamConfig
    reference.Tokenizer.from_pretrained = lambda *_, **__: None
    return reference.MoondreamModel(config.from_dict(dims), dtype=torch.float32)


def weights() -> dict[str, Any]:
    """Return {name: [how many, shape]} of the published weights, the blocks' numbers written as *."""
    with torch.device("meta"):
        model = build({})
    found: dict[str, Any] = {}
    for name, weight in model.named_parameters():  # HfMoondream keeps the model as its attribute `model`
        entry = found.setdefault("model." + re.sub(r"\.\d+\.", ".*.", name), [0, list(weight.shape)])
        entry[0] += 1
    return found


def tiling(images: Any, width: int, height: int) -> tuple[int, int]:
    """Return the reference's tiling of a photograph: the margins are taken off as its `overlap_crop_image` does."""
    rows, columns = images.select_tiling(height - 112, width - 112, 266, 12)
    return rows, columns


def cut(images: Any, width: int, height: int) -> dict[str, Any]:
    """Return every 36th pixel of the reference's crops of a photograph, by libvips."""
    made = images.overlap_crop_image(formula.photograph(width, height), overlap_margin=4, max_crops=12)["crops"]
    return {"size": [width, height], "count": len(made), "pixels": made[:, ::36, ::36].tolist()}


def answer(rows: int, columns: int) -> dict[str, Any]:
    """Return what the reference makes of an image and PROMPT: features, each step's logits, and tokens."""
    reference: Any = importlib.import_module("moondream.torch.moondream")
    model = build(formula.DIMS | {"tokenizer": {"bos_id": formula.BOS, "eos_id": formula.END}})
    state = {f"model.{name}": tuple(weight.shape) for name, weight in model.named_parameters()}
    made = formula.weights(state)
    model.load_state_dict({name.removeprefix("model."): torch.from_numpy(made[name]) for name in made})
    crops = torch.from_numpy(formula.crops(rows, columns)).permute(0, 3, 1, 2).float().div(255).sub(0.5).div(0.5)
    reference.prepare_crops = lambda *_, **__: (crops, (rows, columns))
    with torch.no_grad():
        features = model._run_vision_encoder(None)
        image = model.encode_image(reference.Image.new("RGB", (1, 1)))
        steps = generate(model, image)
    return {
        "tiling": [rows, columns],
        "features": _rounded(features[::81, ::9]),
        "features_mean": float(features.mean()),
        "features_std": float(features.std()),
        "tokens": [int(logits.argmax()) for logits in steps],
        "logits": [_rounded(logits[0, ::8]) for logits in steps],
    }


def generate(model: Any, image: Any) -> list[torch.Tensor]:
    """Return each step's logits, as the reference's `_generate_text` computes them."""
    cache, position = image.kv_cache, image.pos
    logits, _, token, position = model._prefill_prompt(cache, torch.tensor([formula.PROMPT]), position)
    steps = [logits]
    text = importlib.import_module("moondream.torch.text")
    while len(steps) < STEPS:
        mask = torch.ones(1, 1, position + 1, dtype=torch.bool)
        embedded = text.text_encoder(token, model.text)
        logits, _, update = model.ops["decode_one_token"](
            embedded, cache, mask, position, model.text, model.config.text
        )
        cache[:, :, :, :, position : position + 1, :] = update
        token, position = logits.argmax(dim=-1), position + 1
        steps.append(logits)
    return steps


def _rounded(values: torch.Tensor) -> Any:
    return [_rounded(row) for row in values] if values.ndim > 1 else [round(value, 6) for value in values.tolist()]


if __name__ == "__main__":
    main(sys.argv[1])
