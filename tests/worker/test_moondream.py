"""Our own Moondream2 gives the results of the reference implementation, and works with `generate`.

Tests benchmarks.worker.moondream.configuration, benchmarks.worker.moondream.crops,
benchmarks.worker.moondream.layers, benchmarks.worker.moondream.modeling, benchmarks.worker.moondream.processing,
benchmarks.worker.moondream.text and benchmarks.worker.moondream.vision.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForMultimodalLM, AutoProcessor

from benchmarks.models import MODELS, tokenizer
from benchmarks.worker.generation import count_image_tokens
from benchmarks.worker.moondream import MoondreamConfig, MoondreamForConditionalGeneration, MoondreamProcessor
from benchmarks.worker.moondream.configuration import TextDims, VisionDims
from benchmarks.worker.moondream.crops import cut, select_tiling
from tests.support import formula

REFERENCE: dict[str, Any] = json.loads((Path(__file__).parent.parent / "data" / "moondream.json").read_text())
PUBLISHED_CONFIG = {
    "architectures": ["HfMoondream"],
    "auto_map": {"AutoConfig": "hf_moondream.HfConfig", "AutoModelForCausalLM": "hf_moondream.HfMoondream"},
    "config": {},
    "model_type": "moondream1",
    "torch_dtype": "float16",
    "transformers_version": "4.44.0",
}
"""The config.json that the reference's HfMoondream writes with `push_to_hub`."""
IDS = {"bos_token_id": formula.BOS, "eos_token_id": formula.END, "pad_token_id": formula.END}
STEPS = 5
CLOSE = {"rtol": 0.0, "atol": 1e-4}


def filled(dtype: torch.dtype = torch.float32) -> Any:
    """Return the small model with the formula's weights."""
    model = MoondreamForConditionalGeneration(MoondreamConfig(config=formula.DIMS, **IDS))
    shapes = {name: tuple(weight.shape) for name, weight in model.named_parameters()}
    state = {name: torch.from_numpy(values) for name, values in formula.weights(shapes).items()}
    model.load_state_dict(state)
    model.generation_config.eos_token_id = None
    return model.eval().to(dtype)


@pytest.fixture(scope="module")
def model() -> Any:
    """Return the small model in fp32."""
    return filled()


def request(*tilings: tuple[int, int], cut_short: int = 0) -> dict[str, torch.Tensor]:
    """Return the inputs of PROMPT on the formula's crops, a row for each tiling; later rows have shorter prompts."""
    image = [formula.BOS] + [formula.IMAGE] * VisionDims().image_tokens
    rows = [image + formula.PROMPT[: len(formula.PROMPT) - cut_short * place] for place in range(len(tilings))]
    longest = len(rows[0])
    crops = [torch.from_numpy(formula.crops(*tiling)).permute(0, 3, 1, 2) for tiling in tilings]
    return {
        "input_ids": torch.tensor([[formula.END] * (longest - len(row)) + row for row in rows]),
        "attention_mask": torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows]),
        "pixel_values": torch.cat(crops).float() / 127.5 - 1,
        "tilings": torch.tensor(tilings),
    }


@pytest.fixture(scope="module")
def batch(model: Any) -> tuple[dict[str, torch.Tensor], list[list[int]], torch.Tensor]:
    """Return a batch of unlike images and prompts, and its (tokens, logits)."""
    inputs = request((1, 2), (1, 1), cut_short=3)
    return inputs, *generated(model, inputs)


def generated(model: Any, inputs: Mapping[str, torch.Tensor], **options: Any) -> tuple[list[list[int]], torch.Tensor]:
    """Return (new tokens of each row, logits of each step)."""
    options = {"use_cache": True, "max_new_tokens": STEPS, "do_sample": False} | options
    with torch.inference_mode():
        made = model.generate(**inputs, **options, output_logits=True, return_dict_in_generate=True)
    return made.sequences[:, inputs["input_ids"].shape[1] :].tolist(), torch.stack(made.logits)


def test_the_published_weights_fit() -> None:
    """At the published dimensions each weight has the reference's name and shape: 1,927,237,104 parameters."""
    with torch.device("meta"):
        whole = MoondreamForConditionalGeneration(MoondreamConfig())
    found: dict[str, Any] = {}
    for name, weight in whole.state_dict().items():
        entry = found.setdefault(re.sub(r"\.\d+\.", ".*.", name), [0, list(weight.shape)])
        entry[0] += 1

    assert found == REFERENCE["weights"]
    assert sum(weight.numel() for weight in whole.parameters()) == 1_927_237_104


@pytest.mark.parametrize(("width", "height", "rows", "columns"), REFERENCE["tilings"])
def test_tilings(width: int, height: int, rows: int, columns: int) -> None:
    """Photographs of all sizes get the reference's grid of crops."""
    assert select_tiling(height - 112, width - 112, 266, 12) == (rows, columns)


@pytest.mark.parametrize("reference", REFERENCE["crops"], ids=lambda made: "x".join(map(str, made["size"])))
def test_crops(reference: dict[str, Any]) -> None:
    """A photograph's crops, enlarged or shrunk, equal those of libvips to one of 255 levels on average."""
    made, _ = cut(Image.fromarray(formula.photograph(*reference["size"])), VisionDims())
    apart = np.abs(made[:, ::36, ::36].astype(int) - np.array(reference["pixels"]))

    assert made.shape == (reference["count"], 378, 378, 3)
    assert apart.mean() < 0.5
    assert np.quantile(apart, 0.999) <= 3


@pytest.mark.parametrize("reference", REFERENCE["answers"], ids=lambda answer: "x".join(map(str, answer["tiling"])))
def test_features_agree_with_the_reference(model: Any, reference: dict[str, Any]) -> None:
    """The 729 vectors of an image are those of the reference: encoder, joined crops, pooling and projector."""
    inputs = request(tuple(reference["tiling"]))
    with torch.inference_mode():
        (features,) = model.model.vision(inputs["pixel_values"], inputs["tilings"])

    torch.testing.assert_close(features[::81, ::9], torch.tensor(reference["features"]), **CLOSE)
    assert float(features.mean()) == pytest.approx(reference["features_mean"], abs=1e-5)
    assert float(features.std()) == pytest.approx(reference["features_std"], abs=1e-5)


@pytest.mark.parametrize("reference", REFERENCE["answers"], ids=lambda answer: "x".join(map(str, answer["tiling"])))
def test_logits_agree_with_the_reference(model: Any, reference: dict[str, Any]) -> None:
    """`generate` makes the reference's tokens, and its logits at the prompt and at each step from the cache."""
    tokens, logits = generated(model, request(tuple(reference["tiling"])))

    assert tokens == [reference["tokens"]]
    torch.testing.assert_close(logits[:, 0, ::8], torch.tensor(reference["logits"]), **CLOSE)


def test_a_batch_of_unlike_images(model: Any, batch: Any) -> None:
    """Each row of a padded batch has the same tokens and logits as alone, for any crops of the others."""
    inputs, tokens, logits = batch
    for row, crops in enumerate((slice(0, 3), slice(3, 5))):
        seen = inputs["attention_mask"][row].bool()
        alone = {name: inputs[name][row][seen][None] for name in ("input_ids", "attention_mask")}
        alone |= {"pixel_values": inputs["pixel_values"][crops], "tilings": inputs["tilings"][row : row + 1]}
        own_tokens, own_logits = generated(model, alone)

        assert own_tokens == [tokens[row]]
        torch.testing.assert_close(own_logits[:, 0], logits[:, row], **CLOSE)
    assert tokens[0] != tokens[1]


@pytest.mark.parametrize("options", [{"use_cache": False}, {"cache_implementation": "static"}], ids=str)
def test_the_cache_changes_nothing(model: Any, batch: Any, options: dict[str, Any]) -> None:
    """Decoding from a cache, also a static one, gives the same logits as without a cache."""
    inputs, tokens, logits = batch
    again, other = generated(model, inputs, **options)

    assert again == tokens
    torch.testing.assert_close(other, logits, **CLOSE)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision(model: Any, dtype: torch.dtype) -> None:
    """In fp16 and in bf16 the logits are finite, of that type's precision, and near those in fp32."""
    inputs = request((1, 2))
    _, exact = generated(model, inputs, max_new_tokens=1)
    _, logits = generated(filled(dtype), inputs | {"pixel_values": inputs["pixel_values"].to(dtype)}, max_new_tokens=1)

    assert torch.isfinite(logits).all()
    # four hundred roundings one after another: 27 blocks and 2, about 14 to each
    assert float((logits - exact).abs().mean() / exact.std()) < 20 * torch.finfo(dtype).eps


def test_vision_ends_once(model: Any) -> None:
    """The module that marks "vision encoded" runs once for a request, and nothing of the vision path runs after it."""
    ran: list[str] = []
    path = MODELS["moondream2"].vision_end
    hooks = [
        module.register_forward_hook(lambda *_, name=name: ran.append(name))
        for name, module in model.named_modules()
        if name.startswith("model.vision")
    ]
    generated(model, request((1, 2), (1, 1)))
    for hook in hooks:
        hook.remove()

    assert ran.count(path) == 1
    assert ran[ran.index(path) :] == [path, "model.vision"]


def write_published(folder: Path, config: dict[str, Any], dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Write a checkpoint as published, whose code creates a file when it is run, and return its weights."""
    shapes = {name: tuple(weight.shape) for name, weight in filled().named_parameters()}
    state = {name: torch.from_numpy(values).to(dtype) for name, values in formula.weights(shapes).items()}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "hf_moondream.py").write_text(f"from pathlib import Path\nPath({str(folder / 'ran')!r}).touch()\n")
    made = tokenizer.build(
        512, {"<|endoftext|>": formula.END}, {}, bos="<|endoftext|>", eos="<|endoftext|>", pad="<|endoftext|>"
    )
    made.backend_tokenizer.save(str(folder / "tokenizer.json"))
    return state


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_a_published_checkpoint_loads_without_its_code(tmp_path: Path, dtype: torch.dtype) -> None:
    """The Auto classes choose ours for the published config.json, load every weight, and run no code."""
    state = write_published(tmp_path, PUBLISHED_CONFIG | {"config": formula.DIMS}, torch.float16)
    model, report = AutoModelForMultimodalLM.from_pretrained(
        tmp_path, dtype=dtype, trust_remote_code=False, output_loading_info=True
    )
    processor = AutoProcessor.from_pretrained(tmp_path, trust_remote_code=False)

    assert type(model) is MoondreamForConditionalGeneration
    assert type(processor) is MoondreamProcessor
    assert not any(report.values())
    assert all(torch.equal(weight, state[name].to(dtype)) for name, weight in model.named_parameters())
    assert len(state) == len(dict(model.named_parameters()))
    assert not (tmp_path / "ran").exists()


def test_the_published_config_means_the_published_dimensions(tmp_path: Path) -> None:
    """The published config.json names no dimension: all are the published ones, and end tokens are 50256."""
    (tmp_path / "config.json").write_text(json.dumps(PUBLISHED_CONFIG))
    config = AutoConfig.from_pretrained(tmp_path, trust_remote_code=False)

    assert type(config) is MoondreamConfig
    assert (config.text, config.vision) == (TextDims(), VisionDims())
    assert (config.bos_token_id, config.eos_token_id, config.image_token_id) == (50256, 50256, 51199)
    assert count_image_tokens(config, torch.tensor([[50256, 51199, 51199, 198]])) == 2


def test_a_model_that_was_loaded_answers_as_one_that_was_built(tmp_path: Path, model: Any) -> None:
    """from_pretrained, which builds on the meta device, leaves no tensor empty."""
    model.save_pretrained(tmp_path)
    loaded = AutoModelForMultimodalLM.from_pretrained(tmp_path, dtype=torch.float32)
    loaded.generation_config.eos_token_id = None

    assert generated(loaded, request((1, 2)))[0] == generated(model, request((1, 2)))[0]


def conversation(*parts: Image.Image | str) -> list[dict[str, Any]]:
    """Return one message of images and texts."""
    content = [
        {"type": "text", "text": part} if isinstance(part, str) else {"type": "image", "image": part} for part in parts
    ]
    return [{"role": "user", "content": content}]


@pytest.fixture
def processor(tmp_path: Path) -> Any:
    """Return the processor of a checkpoint directory."""
    write_published(tmp_path, PUBLISHED_CONFIG | {"config": formula.DIMS} | IDS, torch.float16)
    return MoondreamProcessor.from_pretrained(tmp_path)


def test_a_prompt(processor: Any, tmp_path: Path) -> None:
    """A prompt is BOS, 729 image positions and the question; a saved and reloaded processor gives the same."""
    photograph = Image.fromarray(formula.photograph(640, 480))
    asked = conversation(photograph, "What is it?")
    inputs = processor.apply_chat_template(asked, add_generation_prompt=True, tokenize=True, return_dict=True)
    ids = inputs["input_ids"][0].tolist()
    crops = torch.from_numpy(cut(photograph, VisionDims())[0]).permute(0, 3, 1, 2).float()
    again = tmp_path / "again"
    again.mkdir()
    processor.save_pretrained(again)
    reloaded = AutoProcessor.from_pretrained(again).apply_chat_template(asked)

    assert ids[0] == formula.BOS
    assert ids[1:730] == [formula.IMAGE] * 729
    assert processor.tokenizer.decode(ids[730:]) == "\n\nQuestion:What is it?\n\nAnswer:"
    assert formula.IMAGE not in ids[730:]
    assert inputs["tilings"].tolist() == [[2, 4]]
    assert inputs["pixel_values"].shape == (9, 3, 378, 378)
    torch.testing.assert_close(inputs["pixel_values"], crops.div(255).sub(0.5).div(0.5))  # as the reference has it
    assert torch.equal(reloaded["input_ids"], inputs["input_ids"])
    assert torch.equal(reloaded["pixel_values"], inputs["pixel_values"])


def test_a_batch_of_prompts_is_padded_on_the_left(processor: Any) -> None:
    """Prompts of different lengths are padded on the left, and the crops of all photographs are concatenated."""
    large, small = (Image.fromarray(formula.photograph(*size)) for size in ((640, 480), (300, 200)))
    inputs = processor.apply_chat_template(
        [conversation(large, "What is it, and where?"), conversation(small, "What?")]
    )

    assert inputs["pixel_values"].shape[0] == 9 + 2
    assert inputs["tilings"].tolist() == [[2, 4], [1, 1]]
    padding = (inputs["attention_mask"] == 0).sum(-1).tolist()
    assert padding[0] == 0
    assert padding[1] > 0
    assert inputs["input_ids"][1, padding[1]] == formula.BOS
    assert inputs["attention_mask"][1].tolist() == sorted(inputs["attention_mask"][1].tolist())


def test_what_it_was_not_made_for_is_refused(processor: Any) -> None:
    """Two images in a message, or a text alone, are refused with a reason."""
    photograph = Image.fromarray(formula.photograph(300, 200))
    for parts, found in (((photograph, photograph, "?"), "1 texts and 2 images"), (("?",), "1 texts and 0 images")):
        with pytest.raises(ValueError, match=f"one question on one image in one message; found {found}"):
            processor.apply_chat_template(conversation(*parts))


def test_a_checkpoint_without_a_tokenizer(tmp_path: Path) -> None:
    """A directory without tokenizer.json is refused with the repository that has it."""
    (tmp_path / "config.json").write_text(json.dumps(PUBLISHED_CONFIG))

    with pytest.raises(FileNotFoundError, match=r"has no tokenizer\.json; .* vikhyatk/moondream2, revision 2024-08-26"):
        MoondreamProcessor.from_pretrained(tmp_path)
