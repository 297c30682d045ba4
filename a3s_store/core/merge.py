"""Three-way merges of values, lists and collections: pure functions.

Each takes `base`, the common ancestor, `ours` and `theirs`. Laws: where ours is base, theirs is the
answer, and the other way round; nothing that either side added is missing; the order within each
side is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

from a3s_store.core.list_diff import overlap

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

_MOST = 2**64 - 1


def merge_value(base: T, ours: T, theirs: T, overwritten: list[str], name: str) -> T:
    """A field: of whoever changed it. Where both did ours, and its `name` is added to the list."""
    if ours in (base, theirs):
        return theirs
    if theirs != base:
        overwritten.append(name)
    return ours


def merge_total(base: int, ours: int, theirs: int) -> int:
    """A counter: theirs and what we added; up to 2^64 - 1. A smaller one of ours was assigned."""
    return min(theirs + ours - base, _MOST) if ours >= base else ours


def merge_cost(base: float, ours: float, theirs: float, added: Sequence[float]) -> float:
    """A sum of costs: theirs and ours, of which `added` came since `base`; a smaller one stands."""
    expected = base
    for cost in added:
        expected += cost
    if ours == base:
        return theirs
    if ours == expected:
        return math.fsum((theirs, *added))
    return math.fsum((theirs, ours, -base)) if ours >= base else ours


def merge_log(base: Sequence[T], ours: Sequence[T], theirs: Sequence[T]) -> tuple[T, ...]:
    """A list that grows at its end and loses its oldest: what both kept, theirs, then ours.

    A list that was replaced counts as all new.
    """
    kept_ours, kept_theirs = _kept(base, ours), _kept(base, theirs)
    kept = min(kept_ours, kept_theirs)
    return (*base[len(base) - kept :], *theirs[kept_theirs:], *ours[kept_ours:])


def _kept(base: Sequence[T], now: Sequence[T]) -> int:
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
    what becomes of a value that both sides changed, and may answer more than one.
    """
    merged: dict[K, T] = {}
    for key in (*theirs, *(key for key in ours if key not in theirs)):
        before, our, their = base.get(key), ours.get(key), theirs.get(key)
        if our in (their, before):
            value = their
        elif their == before or their is None:
            value = our
        elif our is None:
            value = their
        else:
            merged.update(both(key, before, our, their))
            continue
        if value is not None:
            merged[key] = value
    return merged


def merge_set(base: Sequence[K], ours: Sequence[K], theirs: Sequence[K]) -> tuple[K, ...]:
    """An ordered set: added by either is in, removed by either is out. Theirs come first."""
    removed = set(base) - set(ours)
    kept = [key for key in theirs if key not in removed]
    known = {*base, *theirs}
    return (*dict.fromkeys([*kept, *(key for key in ours if key not in known)]),)
