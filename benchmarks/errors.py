"""The error for users."""


class BenchmarkError(Exception):
    """An error whose text tells the user what was asked, what was found and what to type next."""

    def __str__(self) -> str:
        return "".join(character if character.isprintable() else " " for character in super().__str__())
