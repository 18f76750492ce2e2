"""Remove secrets and terminal codes from texts that leave the program: errors, Records and journal lines.

Errors quote foreign texts. They are cleaned before they are cut, because half a token is a secret too.
"""

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.machine.inputs import read_regular

HIDDEN = "[secret]"
SHORTEST = 8  # hiding a shorter secret would hide ordinary words
NAMES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_TOKEN", "HF_HUB_TOKEN")
PATTERNS = re.compile(
    r"hf_[a-z0-9]{20,}"  # a token of the Hub, https://huggingface.co/docs/hub/security-tokens
    r"|(?<=bearer )[\w.~+/=-]{8,}|(?<=basic )[\w+/=-]{12,}"
    r"|(?<=://)[^\s/@]*:\S*(?=@)|(?<=://)[^\s/@:]+(?=@)"  # user:password of a URL
    r"|(?<=[?&]token=)[^\s&]+|(?<=signature=)[^\s&]+",  # of a URL's query
    re.IGNORECASE,
)

_names: tuple[str, ...] = ()  # which no pattern hides


def set_names(*names: str) -> None:
    """Keep names that look like a token, which --resume needs; raise BenchmarkError if one contains a real token."""
    global _names  # noqa: PLW0603 - a process measures one session at a time
    _names = names
    if any(name != _hide_own(name) for name in names):
        raise BenchmarkError(
            "--benchmark-save, --device-label: one contains a token of this user (of HF_TOKEN or `hf auth login`); "
            "type another name."
        )


def hide_secrets(value: str) -> str:
    """Return `value` with tokens of the Hub, bearer tokens and passwords in URLs hidden."""
    value = _hide_own(value)
    return PATTERNS.sub(lambda found: found[0] if any(found[0] in name for name in _names) else HIDDEN, value)


def _hide_own(value: str) -> str:
    """Return `value` with this user's own tokens hidden."""
    for secret in _list_secrets(tuple(os.environ.get(name, "") for name in NAMES), _find_token_file()):
        value = value.replace(secret, HIDDEN)
    return value


def hide_secrets_everywhere(value: Any) -> Any:
    """Return JSON data with secrets hidden in every text; lists of numbers are not copied."""
    if isinstance(value, str):
        return hide_secrets(value)
    if isinstance(value, dict):
        return {key: hide_secrets_everywhere(item) for key, item in value.items()}
    if isinstance(value, list) and not all(type(item) in (int, float) for item in value):
        return [hide_secrets_everywhere(item) for item in value]
    return value


@lru_cache
def _list_secrets(values: tuple[str, ...], file: Path) -> tuple[str, ...]:
    """Return this user's secrets: those in the environment, and the token that `hf auth login` stored."""
    try:
        kept = read_regular(file, 100_000).decode()
    except (OSError, UnicodeDecodeError):
        kept = ""
    return tuple(secret for value in (*values, kept) if len(secret := value.strip()) >= SHORTEST)


def _find_token_file() -> Path:
    """Return huggingface_hub's token file, by HF_TOKEN_PATH, HF_HOME or XDG_CACHE_HOME."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{cache}/huggingface"
    return Path(os.environ.get("HF_TOKEN_PATH") or f"{home}/token").expanduser()
