"""Format numbers, sizes, times and tables for people."""


def format_number(value: float) -> str:
    """Return a value with three significant digits: 0.0428, 12.3, 796."""
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def format_duration(seconds: float) -> str:
    """Return seconds as "45 s", "12 min" or "3 h 05 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def format_size(count: int) -> str:
    """Return bytes as "10.9 GB" or "4.2 MB"."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def format_gb(size: float) -> str:
    """Return bytes as "10.9 GB"."""
    return f"{size / 1e9:.1f} GB"


def align_columns(rows: list[tuple[str, ...]]) -> list[str]:
    """Return rows as lines, with the first column aligned left and the others right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in rows
    ]


def make_printable(value: str) -> str:
    """Return `value` with a space for each character that a terminal does not show, such as escape codes."""
    return "".join(character if character.isprintable() else " " for character in value)
