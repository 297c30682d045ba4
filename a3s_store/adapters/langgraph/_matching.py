"""Which entries and namespaces LangGraph's conditions choose: pure functions."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from a3s_store.errors import InvalidArgumentError

_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


def fits(value: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Return whether a value has what a filter asks for.

    Raises:
        InvalidArgumentError: the filter has an unknown operator.
    """
    return all(_has(value.get(key), one) for key, one in wanted.items())


def matches(namespace: Sequence[str], match_type: str, path: Sequence[str]) -> bool:
    """Return whether a namespace begins ("prefix") or ends ("suffix") so; "*" is any label."""
    if len(namespace) < len(path):
        return False
    part = namespace[: len(path)] if match_type == "prefix" else namespace[-len(path) :]
    return all(wanted in ("*", label) for label, wanted in zip(part, path, strict=True))


def _has(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        if any(key.startswith("$") for key in wanted):
            return all(_compares(found, key, one) for key, one in wanted.items())
        return isinstance(found, Mapping) and fits(found, wanted)
    if isinstance(wanted, list | tuple):
        return (
            isinstance(found, list) and len(found) == len(wanted) and all(map(_has, found, wanted))
        )
    return bool(found == wanted)


def _compares(found: Any, operation: str, wanted: Any) -> bool:
    if operation == "$eq":
        return bool(found == wanted)
    if operation == "$ne":
        return bool(found != wanted)
    if operation not in _ORDERS:
        known = ", ".join(["$eq", "$ne", *_ORDERS])
        what = f"{operation!r} is no operator of filters"
        raise InvalidArgumentError(what, argument="filter", hint=f"There are {known}")
    try:
        return _ORDERS[operation](float(found), float(wanted))
    except (TypeError, ValueError):  # no numbers
        return False
