"""Secrets and terminal codes never reach a Record, a journal, a terminal or an error text.

Tests benchmarks.redact.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import redact
from benchmarks.errors import BenchmarkError
from benchmarks.processes.protocol import describe_error
from benchmarks.storage import journal, resume
from tests.support import product
from tests.support.journals import HEAD, fail_on_complaint
from tests.support.miniatures import copy_with_template

TOKEN = "hf_" + "Ab1" * 11
OWN = "a-token-of-some-mirror"


@pytest.fixture(autouse=True)
def _no_names() -> Iterator[None]:
    """Let each test begin and end without names that a session has set."""
    redact.set_names()
    yield
    redact.set_names()


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (f"401 for {TOKEN}: no", "401 for [secret]: no"),
        ("Authorization: Bearer abc.def-123456", "Authorization: Bearer [secret]"),
        ("https://user:p@ss/w@hub.example", "https://[secret]@hub.example"),
        ("authorization: BASIC dXNlcjpwYXNzd29yZA==", "authorization: BASIC [secret]"),
        (
            "https://hub.example/x?token=abc&X-Amz-Signature=0a1b",
            "https://hub.example/x?token=[secret]&X-Amz-Signature=[secret]",
        ),
        ("https://user:pass@hub.example/x", "https://[secret]@hub.example/x"),
        (
            "hf_hub_download and hf_transfer: pad_token=<pad>, a@b.example",
            "hf_hub_download and hf_transfer: pad_token=<pad>, a@b.example",
        ),
    ],
)
def test_known_shapes_are_hidden(said: str, kept: str) -> None:
    """Tokens of the Hub, bearer tokens and passwords in URLs are hidden; similar words are not."""
    assert redact.hide_secrets(said) == kept


def test_tokens_of_this_user_are_hidden(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tokens from the environment or the token file are hidden in any shape; an empty one hides nothing."""
    (tmp_path / "token").write_text("kept-by-the-login\n")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_TOKEN_PATH", raising=False)
    monkeypatch.setenv("HF_TOKEN", OWN)
    assert redact.hide_secrets(f"{OWN} and kept-by-the-login") == "[secret] and [secret]"

    monkeypatch.setenv("HF_TOKEN", "")
    assert redact.hide_secrets(f"{OWN} stays") == f"{OWN} stays"


def test_an_error_is_cleaned_before_it_is_cut() -> None:
    """A long message is cut after its tokens are hidden, so no half of a token stays."""
    message = describe_error(ValueError("x" * 490 + TOKEN))["message"]

    assert message == "x" * 490 + "[secret]"


def test_an_error_says_nothing_to_the_terminal() -> None:
    """Escape codes in an error's text are shown as spaces, and an error without words is named by its class."""
    assert describe_error(ValueError("\x1b[31mred\x07\u202e!"))["message"] == " [31mred  !"
    assert describe_error(ValueError(""))["message"] == "ValueError"


def test_a_journal_holds_no_secret(tmp_path: Path) -> None:
    """Whatever line is written, no token in it reaches the disk."""
    written = journal.create_journal(tmp_path, HEAD, fail_on_complaint)
    written.append("llava-bf16", [{"do": "failed", "message": TOKEN, "deep": [{"in": TOKEN}, [1, TOKEN]]}])
    written.close()

    text = written.path.read_text()
    assert "hf_" not in text
    assert text.count("[secret]") == 3


def test_a_session_keeps_no_secret(tmp_path: Path) -> None:
    """A model's error that quotes tokens leaves none in terminal, save or journal."""
    cache = tmp_path / "cache"
    copy_with_template("llava", cache, f"{{{{ raise_exception('401: {TOKEN} and {OWN}') }}}}")
    photograph = tmp_path / "grey.png"
    Image.new("RGB", (640, 480), "grey").save(photograph)
    options = ["--models=llava", "--precisions=bf16", "--runs=2", "--warmup-runs=0", f"--images={photograph}"]
    command = product.command(tmp_path / "results", *options)
    done = product.run(command, EDGE_VLM_BENCH_CACHE=str(cache), HF_TOKEN=OWN)

    kept = [path.read_text() for path in (tmp_path / "results").rglob("*") if path.is_file()]
    assert "TemplateError: 401: [secret] and [secret]" in done.stdout
    assert any("401: [secret] and [secret]" in text for text in kept)
    for text in [done.stdout, done.stderr, *kept]:
        assert TOKEN not in text
        assert OWN not in text


@pytest.mark.parametrize(
    "name", ["hf_abcdefghijklmnopqrstuvwxyz123456", "sk-abcdefghijklmnopqrstuvwxyz", "basic settings-2026"]
)
def test_a_name_that_looks_like_a_token_can_be_resumed(tmp_path: Path, name: str) -> None:
    """The journal has a save's name and a device's label as they were typed, so --resume finds it; no other token."""
    redact.set_names(name, f"board {name}")
    head = HEAD | {"save": name, "fingerprint": {"device": f"board {name}", "--power-monitor": TOKEN}}
    journal.create_journal(tmp_path, head, fail_on_complaint).close()
    found = resume.resume(tmp_path, redact.hide_secrets_everywhere(head), fail_on_complaint)
    found.close()

    assert found.contents.head["save"] == name
    assert found.contents.head["fingerprint"] == {"device": f"board {name}", "--power-monitor": "[secret]"}


def test_a_name_with_a_real_token_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that contains this user's own token would write it into a file's name: it is refused, and not shown."""
    monkeypatch.setenv("HF_TOKEN", OWN)
    with pytest.raises(BenchmarkError, match="one contains a token of this user") as refusal:
        redact.set_names("thor", f"of {OWN}")
    assert OWN not in str(refusal.value)


def test_a_pipe_in_the_place_of_the_token_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_TOKEN_PATH may name a pipe: then no token is known, and nothing waits for one."""
    os.mkfifo(tmp_path / "token")
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "token"))

    assert redact.hide_secrets(f"401 for {TOKEN}") == "401 for [secret]"
