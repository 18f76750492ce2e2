"""A value that was not measured: null in a Record, with the reason beside it. Never 0."""

from collections.abc import Mapping
from typing import Any


class NotMeasured(Exception):
    """Raised by a formula instead of a value. Its text is the reason, without a full stop."""


NO_REASON = "the save contains no reason"


def require(section: Any, name: str) -> Any:
    """Return a field of a section of a Record.

    Raises:
        NotMeasured: it is null. The text is the reason in the section.
    """
    if section[name] is None:
        raise NotMeasured(section["reasons"].get(name) or NO_REASON)
    return section[name]


def explain_nulls(values: Mapping[str, Any], reasons: Mapping[str, str]) -> dict[str, str]:
    """Return the reason for each null in `values`: the `reasons` of the section that holds them.

    Raises:
        KeyError: `reasons` has none for a null.
    """
    return {name: reasons[name] for name, value in values.items() if value is None}


def make_null_section(declared: Any, reason: str, **known: Any) -> Any:
    """Return a section of a Record, of which `declared` is the type, with null and `reason` for all but `known`."""
    nulls = [name for name in declared.__annotations__ if name not in known and name != "reasons"]
    return {**dict.fromkeys(nulls), **known, "reasons": dict.fromkeys(nulls, reason)}
