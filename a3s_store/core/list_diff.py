"""Compare a list with the stored one: pure functions, no I/O.

Most lists grow at their end. From others the oldest values were dropped (a buffer with a cap), or
one value changed (a run that went on), or both. For these the plan is small; it is right for any
two lists.

Values are compared by identity first: they are frozen, so the same object is the same value, and
comparing 10 000 of them takes 25 microseconds. Where few are identical, they are compared by value.
"""

from __future__ import annotations

import bisect
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import attrs


class Plan(NamedTuple):
    """How to turn stored rows into a new list.

    The first `drop_front` rows are removed. The next `keep` rows have the first `keep` new values,
    of which those at the positions in `replace` are written again. Rows after them are removed, and
    new values from position `keep` on are added.
    """

    drop_front: int
    keep: int
    replace: tuple[int, ...]


def begins(new: tuple[Any, ...], old: tuple[Any, ...]) -> bool:
    """Whether `new` begins with the values of `old`.

    Tuples are ordered by their first difference, or else by their lengths: `<=` stops there and
    copies nothing. Models have no order, so a difference raises.
    """
    try:
        return old <= new
    except TypeError:
        return False


def common(old: tuple[Any, ...], new: tuple[Any, ...]) -> int:
    """Return the number of values that both tuples begin with."""
    low, high = 0, min(len(old), len(new))
    if begins(new, old) or begins(old, new):
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if old[low:middle] == new[low:middle]:
            low = middle
        else:
            high = middle
    return low


def recognise(old: tuple[Any, ...], new: tuple[Any, ...]) -> Plan:
    """Return the plan for values that are compared by identity first, then by equality."""
    if begins(new, old):
        return Plan(0, len(old), ())
    found = plan([*map(id, old)], [*map(id, new)])
    if 2 * len(found.replace) > found.keep:
        return plan(old, new)
    changed = tuple(i for i in found.replace if old[found.drop_front + i] != new[i])
    return found._replace(replace=changed)


def plan(old: Sequence[Any], new: Sequence[Any]) -> Plan:
    """Return the plan that leaves most rows of `old` alone, of the few offsets worth trying."""
    offsets = {0, len(old) - overlap(old, new)}
    if new and new[0] in old:
        offsets.add(old.index(new[0]))
    best = max(sorted(offsets), key=lambda offset: _untouched(old, new, offset))
    keep = min(len(old) - best, len(new))
    changed = tuple(i for i in range(keep) if old[best + i] != new[i])
    return Plan(best, keep, changed)


def _untouched(old: Sequence[Any], new: Sequence[Any], offset: int) -> int:
    return sum(a == b for a, b in zip(old[offset:], new, strict=False))


def overlap(old: Sequence[Any], new: Sequence[Any]) -> int:
    """Return the largest m for which the last m of `old` are the first m of `new`.

    By the failure function of Knuth, Morris and Pratt: comparing at each offset is quadratic for a
    list of equal values, and repeated equal events are common.
    """
    if not old or not new:
        return 0
    failure = [0] * len(new)
    matched = 0
    for index in range(1, len(new)):
        while matched and new[index] != new[matched]:
            matched = failure[matched - 1]
        if new[index] == new[matched]:
            matched += 1
        failure[index] = matched
    matched = 0
    for value in old:
        if matched == len(new):
            matched = failure[matched - 1]
        while matched and value != new[matched]:
            matched = failure[matched - 1]
        if value == new[matched]:
            matched += 1
    return matched


@attrs.frozen
class Run:
    """`count` values that are at position `new` of one list and at `old` of another."""

    new: int
    old: int
    count: int


def shared_runs(old: Sequence[Hashable], new: Sequence[Hashable], start: int) -> list[Run]:
    """Return which values of `new` from position `start` on are in `old`, too, as runs in order.

    They may be in any order in `old`. Each run is as long as it can be.
    """
    places: dict[Hashable, list[int]] = {}
    for index, value in enumerate(old):
        places.setdefault(value, []).append(index)
    runs: list[Run] = []
    position, after = start, 0
    while position < len(new):
        found = places.get(new[position])
        if found is None:
            position += 1
            continue
        # Of equal values the first behind the last run, or else the last of all.
        at = bisect.bisect_left(found, after)
        place = found[at] if at < len(found) else found[-1]
        count = 1
        while (
            position + count < len(new)
            and place + count < len(old)
            and new[position + count] == old[place + count]
        ):
            count += 1
        runs.append(Run(position, place, count))
        position += count
        after = place + count
    return runs
