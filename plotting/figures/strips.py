"""Rows of axes: the models of a section, as many in each row as it has room for."""

from collections.abc import Iterator
from dataclasses import dataclass

from plotting.table.work_groups import WorkGroup


@dataclass(frozen=True)
class Strip:
    """Some models of a section, in one row of axes; `first` of its section or not."""

    section: WorkGroup
    models: list[str]
    first: bool

    @property
    def devices(self) -> list[str]:
        """The section's devices, in the table's order."""
        return _ordered(self.section, "device")

    @property
    def precisions(self) -> list[str]:
        """The section's precisions, in the table's order."""
        return _ordered(self.section, "precision")

    @property
    def series(self) -> list[tuple[str, str]]:
        """The section's pairs of device and precision, in the table's order."""
        return series(self.section)


def models(section: WorkGroup) -> list[str]:
    """Return a section's models, in the table's order."""
    return _ordered(section, "model")


def series(section: WorkGroup) -> list[tuple[str, str]]:
    """Return a section's pairs of device and precision, in the table's order."""
    ordered = section.table.sort_values(["device_order", "precision_order"])
    return list(dict.fromkeys(zip(ordered["device"], ordered["precision"], strict=True)))


def split(section: WorkGroup, each: int) -> Iterator[Strip]:
    """Yield a section's strips, of `each` models, the last one of what remains."""
    found = models(section)
    for at in range(0, len(found), each):
        yield Strip(section, found[at : at + each], first=at == 0)


def _ordered(section: WorkGroup, name: str) -> list[str]:
    return list(dict.fromkeys(section.table.sort_values(f"{name}_order")[name]))
