"""A line of a journal that was edited, removed, doubled or moved is seen by its seal.

Tests benchmarks.storage.journal.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.storage import journal
from tests.support.journals import OLD, fail_on_complaint, find_refusal, read_old_lines, write_sealed, write_unsealed

SMOLVLM2 = "smolvlm2-bf16"


def test_the_advice_of_a_refusal_helps(tmp_path: Path) -> None:
    """Without the line that a refusal names, and those after it, the journal is continued."""
    path = write_sealed(tmp_path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:8] + lines[9:]))
    refusal = find_refusal(path)
    assert refusal is not None
    assert (
        "line 9 is damaged (its seal does not match: it was changed or moved, or a line before it is missing)"
        in refusal
    )

    path.write_text("".join(lines[:8]))
    assert find_refusal(path) is None


def test_an_older_journal_is_sealed_from_the_next_line(tmp_path: Path) -> None:
    """A session that continues a journal without seals seals what it adds, and an edit before that is then seen too."""
    path = tmp_path / "thor.jsonl"
    path.write_bytes(OLD.read_bytes())
    written = journal.Journal(path, journal.read_journal(path), fail_on_complaint)
    for _ in range(2):
        written.append(SMOLVLM2, [{"do": "restart"}])
    written.close()

    assert find_refusal(path) is None
    whole = path.read_text()
    assert whole.startswith(OLD.read_text())
    path.write_text(whole.replace("40.0", "41.0", 1))
    assert "line 23 is damaged (its seal does not match" in str(find_refusal(path))
    path.write_text(whole.rpartition(',"seal"')[0] + "}\n")
    assert "line 24 is damaged (it has no seal)" in str(find_refusal(path))


def test_a_journal_whose_seals_were_taken_away_is_refused(tmp_path: Path) -> None:
    """A head that promises seals is not believed where the lines, or itself, have none."""
    path = write_sealed(tmp_path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        del line["seal"]
    assert "its head was changed, or it is not a journal of this version" in str(
        find_refusal(write_unsealed(path, lines))
    )
    path = write_sealed(tmp_path)
    first, _, rest = path.read_text().partition("\n")
    path.write_text(first + "\n" + "\n".join(line.partition(',"seal"')[0] + "}" for line in rest.splitlines()) + "\n")
    assert "line 2 is damaged (it has no seal)" in str(find_refusal(path))


@pytest.fixture
def sealed(tmp_path: Path) -> bytes:
    """What OLD holds, as this version writes it."""
    return write_sealed(tmp_path).read_bytes()


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_damage_to_a_sealed_journal_is_seen(tmp_path: Path, sealed: bytes, data: st.DataObject) -> None:
    """Of a journal with a damaged line or byte either the undamaged beginning is taken, or nothing."""
    path, whole, entries = tmp_path / "thor.jsonl", sealed, read_old_lines()[1:]
    lines = whole.splitlines(keepends=True)
    place, other = data.draw(st.integers(0, len(lines) - 1)), data.draw(st.integers(0, len(lines)))
    byte, cut = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.binary(max_size=3))
    damaged = {
        "gone": lines[:place] + lines[place + 1 :],
        "twice": [*lines[:other], lines[place], *lines[other:]],
        "moved": [*(rest := lines[:place] + lines[place + 1 :])[:other], lines[place], *rest[other:]],
        "bytes": [whole[:byte], cut, whole[byte + len(cut) :]],
        "torn": [whole[:byte]],
    }[data.draw(st.sampled_from(["gone", "twice", "moved", "bytes", "torn"]))]
    path.write_bytes(b"".join(damaged))
    refusal = find_refusal(path)
    if refusal is None:
        found = journal.read_journal(path).entries
        assert found == entries[: len(found)]
    else:
        assert "delete" in refusal
