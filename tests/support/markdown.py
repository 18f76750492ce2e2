"""Parts of a Markdown page: its code blocks, sections, table rows and anchors."""

import re


def list_blocks(text: str) -> list[str]:
    """Return the code blocks without a language."""
    return re.findall(r"^```\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def find_section(text: str, heading: str) -> str:
    """Return what stands below a heading, up to the next one of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    return re.split(rf"^#{{1,{level}}} ", text.partition(f"\n{heading}\n")[2], flags=re.MULTILINE)[0]


def list_rows(text: str) -> list[list[str]]:
    """Return the cells of each table row, headers included; an escaped bar does not end a cell."""
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]


def list_anchors(text: str) -> set[str]:
    """Return the anchors that a Markdown page gives its headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
