"""Three-way merges of values, lists and collections: pure functions.

Each takes `base`, the common ancestor, `ours` and `theirs`. Laws: if ours equals base, the result
is theirs, and the other way round; the result has everything that either side added; the order
within each side is kept.
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final, TypeVar

from a3s_store.core.list_diff import overlap
from a3s_store.wire.equality import alike

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

# The largest integer of a counter, and of a sequence number.
MOST: Final = 2**64 - 1
_LARGEST: Final = sys.float_info.max
_ABSENT: Final[Any] = object()


def same(one: object, other: object) -> bool:
    """Return whether two values are equal as models compare them, so that True is not 1."""
    return one is other or (one == other and alike(one, other))


def merge_value(base: T, ours: T, theirs: T, overwritten: list[str], name: str) -> T:
    """Return the field of the side that changed it; if both did, ours, and add its `name`."""
    if same(ours, base) or same(ours, theirs):
        return theirs
    if not same(theirs, base):
        overwritten.append(name)
    return ours


def merge_total(base: int, ours: int, theirs: int) -> int:
    """Return a counter: theirs plus our addition, at most 2^64 - 1; ours if we made it smaller."""
    return min(theirs + ours - base, MOST) if ours >= base else ours


def merge_cost(base: float, ours: float, theirs: float, added: Sequence[float]) -> float:
    """Return a sum of costs: theirs plus the costs `added` to ours; ours if we made it smaller.

    The result is finite, as a saved sum has to be.
    """
    if same(ours, base):
        return theirs
    if same(theirs, base) or ours < base:
        return ours
    expected = base
    for cost in added:
        expected += cost
    try:
        total = math.fsum((theirs, *added) if ours == expected else (theirs, ours, -base))
    except OverflowError:
        total = theirs + (ours - base)
    return max(-_LARGEST, min(total, _LARGEST))


def merge_log(base: Sequence[T], ours: Sequence[T], theirs: Sequence[T]) -> tuple[T, ...]:
    """Return a list that grows at its end and loses its oldest: the common part, theirs, ours.

    The values of a list that was replaced all count as new.
    """
    kept = min(kept_of(base, ours), kept_of(base, theirs))
    return (*base[len(base) - kept :], *added_to(base, theirs), *added_to(base, ours))


def added_to(base: Sequence[T], now: Sequence[T]) -> Sequence[T]:
    """Return the values added to `base`, which grew at its end and may have lost its oldest."""
    return now[kept_of(base, now) :]


def kept_of(base: Sequence[T], now: Sequence[T]) -> int:
    """Return how many of the last values of `base` the list begins with."""
    if tuple(now[: len(base)]) == tuple(base):
        return len(base)
    return overlap(base, now)


def merge_keyed(
    base: Mapping[K, T],
    ours: Mapping[K, T],
    theirs: Mapping[K, T],
    both: Callable[[K, T | None, T, T], Mapping[K, T]],
) -> dict[K, T]:
    """Return values with an identity: theirs in their order, then our new ones.

    A value that one side removed and the other left unchanged is removed; removed by one side and
    changed by the other, it stays. `both` merges a value that both sides changed, and may return
    more than one.
    """
    if [*theirs] == [*base] and all(same(theirs[key], base[key]) for key in base):
        return dict(ours)  # in our order
    merged: dict[K, T] = {}
    for key in (*theirs, *(key for key in ours if key not in theirs)):
        before, our, their = (side.get(key, _ABSENT) for side in (base, ours, theirs))
        if same(our, their) or same(our, before):
            value = their
        elif same(their, before) or their is _ABSENT:
            value = our
        elif our is _ABSENT:
            value = their
        else:
            merged.update(both(key, None if before is _ABSENT else before, our, their))
            continue
        if value is not _ABSENT:
            merged[key] = value
    return merged


def merge_set(base: Sequence[K], ours: Sequence[K], theirs: Sequence[K]) -> tuple[K, ...]:
    """Return an ordered set with everything either side added, without what either removed.

    Theirs come first.
    """
    if tuple(ours) == tuple(base):
        return tuple(theirs)
    if tuple(theirs) == tuple(base):
        return tuple(ours)
    removed = set(base) - set(ours)
    kept = [key for key in theirs if key not in removed]
    known = {*base, *theirs}
    return (*dict.fromkeys([*kept, *(key for key in ours if key not in known)]),)


def each(name: str, base: object, ours: object, theirs: object) -> tuple[Any, Any, Any]:
    """Return an attribute of base, ours and theirs."""
    return getattr(base, name), getattr(ours, name), getattr(theirs, name)


def keyed(
    attribute: str, *sides: tuple[Any, ...] | None
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]] | None:
    """Return base, ours and theirs by an attribute; None if two values of one side share it."""
    identity = operator.attrgetter(attribute)
    base, ours, theirs = ({identity(value): value for value in side or ()} for side in sides)
    if any(
        len(by) != len(side or ()) for by, side in zip((base, ours, theirs), sides, strict=True)
    ):
        return None
    return base, ours, theirs
