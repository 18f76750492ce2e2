"""The error for users."""

from benchmarks.formatting import make_printable


class BenchmarkError(Exception):
    """An error whose text tells the user what was asked, what was found and what to type next."""

    def __str__(self) -> str:
        return make_printable(super().__str__())
