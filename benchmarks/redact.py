"""Secrets and terminal commands out of texts: error messages quote what strangers wrote, and Records travel far.

Used where texts leave: an error before it is cut (half a token is a secret too), a Record, a line of a journal.
"""

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

HIDDEN = "[secret]"
SHORTEST = 8
"""A secret of fewer characters would take ordinary words with it."""
NAMES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_TOKEN", "HF_HUB_TOKEN")
PATTERNS = re.compile(
    r"hf_[a-z0-9]{20,}"  # a token of the Hub, https://huggingface.co/docs/hub/security-tokens
    r"|(?<=bearer )[\w.~+/=-]{8,}|(?<=basic )[\w+/=-]{12,}"
    r"|(?<=://)[^\s/@]*:\S*(?=@)|(?<=://)[^\s/@:]+(?=@)"  # user:password of a URL, whatever is in it
    r"|(?<=[?&]token=)[^\s&]+|(?<=signature=)[^\s&]+",  # of a URL's query
    re.IGNORECASE,
)


def hide_secrets(value: str) -> str:
    """Return `value` with tokens of the Hub, bearer tokens and passwords in URLs hidden."""
    for secret in _known(tuple(os.environ.get(name, "") for name in NAMES), _token_file()):
        value = value.replace(secret, HIDDEN)
    return PATTERNS.sub(HIDDEN, value)


def make_printable(value: str) -> str:
    """Return `value` with a space for each character that a terminal would obey instead of showing it."""
    return "".join(character if character.isprintable() else " " for character in value)


def hide_secrets_everywhere(value: Any) -> Any:
    """Return a copy of JSON data with every text in it cleaned; columns of numbers are handed on as they are."""
    if isinstance(value, str):
        return hide_secrets(value)
    if isinstance(value, dict):
        return {key: hide_secrets_everywhere(item) for key, item in value.items()}
    if isinstance(value, list):
        return (
            value
            if all(type(item) in (int, float) for item in value)
            else [hide_secrets_everywhere(item) for item in value]
        )
    return value


@lru_cache
def _known(values: tuple[str, ...], file: Path) -> tuple[str, ...]:
    """Return the secrets of this user: those of the environment, and the one that `hf auth login` keeps."""
    try:
        kept = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        kept = ""
    return tuple(secret for value in (*values, kept) if len(secret := value.strip()) >= SHORTEST)


def _token_file() -> Path:
    """Return where huggingface_hub keeps the token: its own HF_TOKEN_PATH, HF_HOME, XDG_CACHE_HOME."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{cache}/huggingface"
    return Path(os.environ.get("HF_TOKEN_PATH") or f"{home}/token").expanduser()
