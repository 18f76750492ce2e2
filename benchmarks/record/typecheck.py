"""Runtime check of data from a file against declared types: TypedDicts, dataclasses and their fields."""

import math
import types
import typing
from dataclasses import is_dataclass
from functools import lru_cache
from typing import Any


def fits(value: object, hint: Any) -> bool:
    """Return whether `value` matches the annotation `hint`, including everything in it.

    An int is accepted for a float, a bool for neither. NaN and infinity never match, because JSON has none.
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, option) for option in inner)
    if origin is list:
        return isinstance(value, list) and all(fits(item, inner[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(k, inner[0]) and fits(v, inner[1]) for k, v in value.items())
    if origin is tuple:
        return isinstance(value, tuple) and _all_fit(value, inner)
    if typing.is_typeddict(hint):
        return isinstance(value, dict) and all(key in value and fits(value[key], h) for key, h in _hints(hint).items())
    if is_dataclass(hint):
        return isinstance(value, hint) and all(fits(getattr(value, k), h) for k, h in _hints(hint).items())  # type: ignore[arg-type]
    if hint is float:
        return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
    return type(value) is hint


def _all_fit(values: tuple[object, ...], hints: tuple[Any, ...]) -> bool:
    if hints[-1] is Ellipsis:
        hints = hints[:1] * len(values)
    return len(values) == len(hints) and all(map(fits, values, hints))


@lru_cache
def _hints(declared: Any) -> dict[str, Any]:
    return typing.get_type_hints(declared)
