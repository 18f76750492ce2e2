"""Odd names of files, folders, devices and models: nothing is lost, and no terminal, shell or page takes them for more.

Tests plotting.load, plotting.selection and plotting.text.
"""

from __future__ import annotations

import html
import json
import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plotting import selection
from plotting.__main__ import main
from plotting.load import load, show
from plotting.report import page, summary
from plotting.table import build
from plotting.text import escape
from tests.support import made
from tests.support.commands import refused
from tests.support.factory import record, save, unmeasured

if TYPE_CHECKING:
    import pandas as pd

ODD = (
    b"0001_\xff", b"0002_\xfe\xff", b"0003_a\nb", b"0004_\xe2\x80\xaegnp", b"0005_\x1b[31mred", b"[6]", b"-x", b"--out",
    b"a b;$(touch pwned)'", b"9_" + b"n" * 248, b"0010_a|b<br>", b"0011_\xff\xfe", b"*", b"`id`", b"0012_@me http:",
)  # fmt: skip
"""Names of files without their ending: not UTF-8, of several lines, right to left, of 255 bytes, or begun like a
shell's, a terminal's, a pattern's, an option's, HTML's or Markdown's own words."""
WORD = "Dev http://e.org www.e.org @me a@b.org #12 ftp://x.y &lt;b&gt; [^1] <br> <!-- `c` | x"


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder, whose own name is not UTF-8, with a save of each name, and a file that is no save."""
    folder = tmp_path_factory.mktemp("odd") / os.fsdecode(b"res\xfd\n")
    for at, name in enumerate(ODD):
        save(folder / os.fsdecode(name + b".json"), [record("phi", latency_s=0.5 + at / 10)])
    (folder / os.fsdecode(b"zz_\xff\x07.json")).write_text("{")
    return folder


def is_printable(text: str) -> bool:
    """Return whether every line of a text is UTF-8 and leaves a terminal alone."""
    return text.isascii() and all(line.isprintable() for line in text.splitlines())


def test_no_name_costs_a_product(odd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With names that are not UTF-8, of saves, their folder and --out, all products are made and all output is text."""
    out = tmp_path / os.fsdecode(b"plots\xfc")
    assert main(["--dpi=50", "--results", str(odd), "--out", str(out)]) == 0
    said, problems = capsys.readouterr()

    listed = (out / "README.md").read_text(encoding="utf-8").partition("Read from:")[2].partition("## ")[0]
    assert len(re.findall("^- ", listed, re.MULTILINE)) == len(ODD)
    assert is_printable(said + problems)
    assert r"zz_\udcff\x07.json: is not JSON (empty, cut off or damaged); left out" in problems
    files = [path for path in out.rglob("*") if path.is_file()]
    assert len(files) == said.partition("Read from")[0].count("plots") > 20


@pytest.mark.parametrize("name", ODD)
def test_a_name_as_it_is_typed_finds_its_save(odd: Path, name: bytes) -> None:
    """What is printed to be typed is one word for a shell, no option and no command, and it finds the save."""
    typed = selection.quote(os.fsdecode(name))

    assert is_printable(typed)
    [word] = shlex.split(typed)
    assert not word.startswith("-")
    found = selection.choose([word], [odd])
    assert odd / os.fsdecode(name + b".json") in found
    assert len(found) == 1 or "?" in word or word == "*"


def test_names_are_offered_as_they_are_typed(odd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error for a name that matches nothing is one printable line that lists names for a shell."""
    said = refused(capsys, os.fsdecode(b"none\x1b\xff"), "--results", str(odd))

    assert said.isprintable()
    assert r"'none\x1b\udcff' matches no save; type a path, or one of: '*', '?-out', '?x', '0001_?'" in said


@pytest.mark.parametrize("where", ["save", "results"])
def test_a_name_that_is_too_long_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], where: str) -> None:
    """A name beyond what a file system allows is refused in one sentence."""
    made.on(tmp_path, [record()])
    name = "n" * 5000
    arguments = [name, "--results", str(tmp_path)] if where == "save" else ["--results", name]

    said = refused(capsys, *arguments)
    assert f"{name}: there is no such folder" in said or f"'{name}' matches no save" in said


@pytest.mark.parametrize("form", ["table", "json"])
def test_sides_of_odd_names_are_all_compared(odd: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    """Sides of names that are not UTF-8 are all there, each with a name that can be printed."""
    patterns = [os.fsdecode(name) for name in (b"*_\xff", b"0011_\xff\xfe", b"*_\x1b*")]

    assert main(["compare", *patterns, f"--format={form}", "--results", str(odd)]) == 0
    out, err = capsys.readouterr()
    assert is_printable(out + err)
    if form == "json":
        sides = dict.fromkeys(line["save"] for line in json.loads(out))
        assert list(sides) == [r"0001_\udcff", r"0011_\udcff\udcfe", r"0005_\x1b[31mred"]


def list_links(text: str) -> list[str]:
    """Return what GitHub would make a link, a mention, an issue, a tag, a footnote or an entity of."""
    bare = r"(?:https?|ftp)://\w|www\.\w|(?:^|\W)@\w|\w@\w|(?<!&)#\d"
    return re.findall(rf"{bare}|(?<!\\)(?:<|\[\^|`|&(?!#8203;))", text)


def table_of(folder: Path) -> pd.DataFrame:
    """Return the table of a save in which every name is WORD."""
    built, failed = record("phi", weights="hub"), unmeasured("llava", "bf16", message=WORD)
    built["sample"] = {"image": WORD, "prompt": WORD, "text": WORD}
    built["checkpoint"] |= {"name": WORD, "remarks": [WORD]}
    built["power"] |= {"source": WORD, "flags": [WORD]}
    built["pair"]["label"] = WORD
    made.on(folder, [built, failed], label=WORD, power_mode=WORD, driver=WORD)
    return build.build(load(list(folder.iterdir())))


def test_names_make_no_links(tmp_path: Path) -> None:
    """No address, @name, #number, tag, footnote, code or entity in any name of a save is one on the page."""
    text = page.write_page(table_of(tmp_path), [Path(f"{WORD.replace('/', '')}.json")], [WORD])
    own = re.sub(r"```.*?```|`python -m plotting`", "", text, flags=re.DOTALL)

    assert list_links(own) == []
    assert html.unescape(re.sub(r"&#8203;|\\(?=[^\w\s])", "", text)).count("Dev http://e.org") > 10


@given(st.text("1-+.)# @:/wW&<>[]^|`*_~$\\ax", max_size=12))
@example("1. x")
@example("- x")
@example("12) x")
def test_escaped_text_says_the_same(text: str) -> None:
    """Escaped text holds no link, begins no list, and shows what it was made of."""
    escaped = escape(text)

    assert list_links(escaped) == []
    assert not re.match(r"(?:[-+]|\d+[.)])\s", escaped)
    shown = re.sub(r"\\([^\sA-Za-z0-9])", lambda found: f"\0{ord(found[1])}\0", escaped.replace("&#8203;", ""))
    assert re.sub(r"\0(\d+)\0", lambda found: chr(int(found[1])), shown) == text


@given(st.text())
@example("\ud800\udcff")
def test_any_name_is_shown_on_one_line(name: str) -> None:
    """Any name becomes one line of printable text; a printable name is unchanged."""
    assert show(name).isprintable()
    assert show(name) == name or not name.isprintable()


def test_the_summary_has_no_foreign_line(tmp_path: Path) -> None:
    """A name with a line break or a terminal's escape makes no line of its own in the summary."""
    built = record()
    built["pair"]["label"] = "Model\n\x1b[2JTop three by category"
    text = summary.write_summary(made.one(tmp_path, built), [])

    assert "\x1b" not in text
    assert text.count("\nTop three by category\n") == 1
