"""The processor: from a photograph and a question to the tensors that the model takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import BatchFeature, PreTrainedTokenizerFast

from benchmarks.worker.moondream.configuration import MoondreamConfig
from benchmarks.worker.moondream.crops import cut

if TYPE_CHECKING:
    from PIL import Image

END = "<|endoftext|>"
QUESTION = "{question}"
CHAT_TEMPLATE = f"\n\nQuestion:{QUESTION}\n\nAnswer:"
"""Follows the image: the published token ids [198, 198, 24361, 25], the question, [198, 198, 33706, 25]."""

Conversation = list[dict[str, Any]]


class MoondreamProcessor:
    """Returns BOS + 729 image positions + question for each conversation, and the crops of its photograph.

    It has the methods of transformers' processors that the suite calls, and reads the published
    config.json and tokenizer.json.
    """

    def __init__(self, config: MoondreamConfig, tokenizer: Any, chat_template: str = CHAT_TEMPLATE) -> None:
        self.config = config
        self.tokenizer = tokenizer
        self.chat_template = chat_template

    @classmethod
    def from_pretrained(cls, folder: str | Path, **_: Any) -> MoondreamProcessor:
        """Return the processor of a checkpoint directory.

        Raises:
            FileNotFoundError: the directory has no tokenizer.json.
        """
        file = Path(folder) / "tokenizer.json"
        if not file.is_file():
            raise FileNotFoundError(
                f"{folder} has no tokenizer.json; copy that of vikhyatk/moondream2, revision 2024-08-26, there."
            )
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(file), bos_token=END, eos_token=END, pad_token=END)
        return cls(MoondreamConfig.from_pretrained(folder), tokenizer)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the tokenizer, and config.json unless the model has written it."""
        self.tokenizer.save_pretrained(folder)
        if not (Path(folder) / "config.json").exists():
            self.config.save_pretrained(folder)

    def apply_chat_template(
        self,
        conversations: Conversation | list[Conversation],
        *,
        add_generation_prompt: bool = True,
        tokenize: bool = True,
        return_dict: bool = True,
        return_tensors: str = "pt",
        processor_kwargs: dict[str, Any] | None = None,  # batches are always padded, on the left
    ) -> Any:
        """Return input_ids, attention_mask, pixel_values (fp32) and tilings of one or more conversations.

        Raises:
            ValueError: a conversation is not one question on one photograph, or the options ask for no tensors.
        """
        if not (tokenize and return_dict and return_tensors == "pt"):
            raise ValueError("MoondreamProcessor returns only a dict of torch tensors.")
        batch = conversations if isinstance(conversations[0], list) else [conversations]
        asked = [_question(conversation) for conversation in batch]
        ids = [self._ids(question, add_generation_prompt=add_generation_prompt) for _, question in asked]
        return BatchFeature(self._padded(ids) | self._crops([photograph for photograph, _ in asked]))

    def _ids(self, question: str, *, add_generation_prompt: bool) -> list[int]:
        """Return a prompt's ids. Each part is encoded separately, as in the published code."""
        before, after = self.chat_template.split(QUESTION)
        parts = [before, question, after if add_generation_prompt else ""]
        ids = [token for part in parts for token in self.tokenizer.encode(part, add_special_tokens=False)]
        image = [self.config.image_token_id] * self.config.vision.image_tokens
        return [self.config.bos_token_id, *image, *ids]

    def _padded(self, ids: Sequence[list[int]]) -> dict[str, torch.Tensor]:
        longest = max(map(len, ids))
        padding = [longest - len(row) for row in ids]
        return {
            "input_ids": torch.tensor(
                [[self.config.pad_token_id] * n + row for n, row in zip(padding, ids, strict=True)]
            ),
            "attention_mask": torch.tensor([[0] * n + [1] * (longest - n) for n in padding]),
        }

    def _crops(self, photographs: Sequence[Image.Image]) -> dict[str, torch.Tensor]:
        crops, tilings = zip(*[cut(photograph, self.config.vision) for photograph in photographs], strict=True)
        pixels = torch.from_numpy(np.concatenate(crops)).permute(0, 3, 1, 2)
        return {"pixel_values": pixels.float() / 127.5 - 1, "tilings": torch.tensor(tilings)}


def _question(conversation: Conversation) -> tuple[Image.Image, str]:
    parts = [part for message in conversation for part in message["content"]]
    photographs = [part["image"] for part in parts if part["type"] == "image"]
    questions = [part["text"] for part in parts if part["type"] == "text"]
    if (len(conversation), len(photographs), len(questions)) != (1, 1, 1):
        raise ValueError(
            f"Moondream2 answers one question on one image in one message; found {len(questions)} texts and "
            f"{len(photographs)} images in {len(conversation)} messages."
        )
    return photographs[0], questions[0]
