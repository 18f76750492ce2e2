"""Runtime check of data from a file against declared types: TypedDicts, dataclasses and their fields."""

import sys
import types
import typing
from dataclasses import is_dataclass
from functools import lru_cache
from typing import Any

NUMBERS: dict[Any, tuple[set[type], float]] = {int: ({int}, 2**63 - 1), float: ({int, float}, sys.float_info.max)}
"""Type -> the types that pass for it, and the largest value."""


def fits(value: object, hint: Any) -> bool:
    """Return whether `value` matches the annotation `hint`, including everything in it.

    An int passes for a float, a bool for neither. A float that is not finite and an int of more than
    64 bits pass for nothing: JSON cannot hold the first, and arithmetic overflows with the second.
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, option) for option in inner)
    if origin is list:
        return isinstance(value, list) and _items_fit(value, inner[0])
    if origin is dict:
        return isinstance(value, dict) and all(fits(k, inner[0]) and fits(v, inner[1]) for k, v in value.items())
    if origin is tuple:
        return isinstance(value, tuple) and _all_fit(value, inner)
    if typing.is_typeddict(hint):
        return isinstance(value, dict) and all(k in value and fits(value[k], h) for k, h in read_hints(hint).items())
    if is_dataclass(hint):
        return isinstance(value, hint) and all(fits(getattr(value, k), h) for k, h in read_hints(hint).items())  # type: ignore[arg-type]
    return _numbers_fit([value], hint) if hint in NUMBERS else type(value) is hint


def _items_fit(items: list[Any], hint: Any) -> bool:
    if hint == float | None:
        return _numbers_fit([item for item in items if item is not None], float)
    return _numbers_fit(items, hint) if hint in NUMBERS else all(fits(item, hint) for item in items)


def _numbers_fit(values: list[Any], hint: type) -> bool:
    """Return whether all values are numbers of a type. One call for thousands of values is fast."""
    types_allowed, largest = NUMBERS[hint]
    return set(map(type, values)) <= types_allowed and all(-largest <= value <= largest for value in values)


def _all_fit(values: tuple[object, ...], hints: tuple[Any, ...]) -> bool:
    if hints[-1] is Ellipsis:
        hints = hints[:1] * len(values)
    return len(values) == len(hints) and all(map(fits, values, hints))


@lru_cache
def read_hints(declared: Any) -> dict[str, Any]:
    """Return the declared type of each field of a TypedDict or dataclass."""
    return typing.get_type_hints(declared)
