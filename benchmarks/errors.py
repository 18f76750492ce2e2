"""The one error that users meet."""


class BenchmarkError(Exception):
    """A sentence for the user: what was asked, what was found, what to type next."""
