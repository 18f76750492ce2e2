"""The command line, run in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plotting.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return the one sentence that refuses a command line; the exit code must be 2, and stdout empty."""
    try:
        code = main(arguments)
    except SystemExit as left:
        code = int(left.code or 0)
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert "Traceback" not in err
    [sentence] = err.splitlines()
    return str(sentence)


def exported(folder: Path, *formats: str) -> Path:
    """Export the saves of a folder through the command line, and return where to."""
    out = folder / "plots"
    assert main(["--results", str(folder), "--out", str(out), f"--export={','.join(formats)}"]) == 0
    return out
