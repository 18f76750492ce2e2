"""The unit suite: each test's docstring is the claim that it proves."""
