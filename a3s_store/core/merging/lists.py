"""Three-way merges of values, lists and collections: pure functions.

Each takes `base`, the common ancestor, `ours` and `theirs`. Laws: where ours is base, theirs is the
result, and the other way round; nothing that either side added is missing; the order within each
side is kept.
"""

from __future__ import annotations

import math
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
    """Whether two values are written alike: as models compare, so True is not 1."""
    return one is other or (one == other and alike(one, other))


def merge_value(base: T, ours: T, theirs: T, overwritten: list[str], name: str) -> T:
    """A field: of the side that changed it. Where both did ours, and its `name` is added."""
    if same(ours, base) or same(ours, theirs):
        return theirs
    if not same(theirs, base):
        overwritten.append(name)
    return ours


def merge_total(base: int, ours: int, theirs: int) -> int:
    """A counter: theirs and what we added; up to 2^64 - 1. A smaller one of ours was assigned."""
    return min(theirs + ours - base, MOST) if ours >= base else ours


def merge_cost(base: float, ours: float, theirs: float, added: Sequence[float]) -> float:
    """A sum of costs: theirs and ours, of which `added` came since `base`; a smaller one stands.

    Finite, as a sum that is saved has to be.
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
    """A list that grows at its end and loses its oldest: what both kept, theirs, then ours.

    A list that was replaced counts as all new.
    """
    kept = min(kept_of(base, ours), kept_of(base, theirs))
    return (*base[len(base) - kept :], *added_to(base, theirs), *added_to(base, ours))


def added_to(base: Sequence[T], now: Sequence[T]) -> Sequence[T]:
    """Return what was added to `base`, which grew at its end and may have lost its oldest."""
    return now[kept_of(base, now) :]


def kept_of(base: Sequence[T], now: Sequence[T]) -> int:
    """How many of the last values of `base` the list begins with."""
    if tuple(now[: len(base)]) == tuple(base):
        return len(base)
    return overlap(base, now)


def merge_keyed(
    base: Mapping[K, T],
    ours: Mapping[K, T],
    theirs: Mapping[K, T],
    both: Callable[[K, T | None, T, T], Mapping[K, T]],
) -> dict[K, T]:
    """Values with an identity: theirs in their order, then ours that are new.

    Gone on one side and untouched on the other is gone, gone and changed stays. `both` is asked
    what becomes of a value that both sides changed, and may return more than one.
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
    """An ordered set: added by either is in, removed by either is out. Theirs come first."""
    if tuple(ours) == tuple(base):
        return tuple(theirs)
    if tuple(theirs) == tuple(base):
        return tuple(ours)
    removed = set(base) - set(ours)
    kept = [key for key in theirs if key not in removed]
    known = {*base, *theirs}
    return (*dict.fromkeys([*kept, *(key for key in ours if key not in known)]),)
