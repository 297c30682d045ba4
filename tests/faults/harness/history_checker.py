"""The linearizability checker: does one order of operations explain the history of a session?

The search is Wing and Gong's, with Lowe's set of visited states: from each state, try every
operation that may come next. One may come next unless another had ended before it began. Where
nothing is left to try, no order explains the history. Two rules keep the search short: an operation
that changes nothing is taken as soon as it fits, and one that may never have happened is dropped at
the last moment only, when others that began after its end have to go on.

Pure: the rules of a store are in `_after` alone.

Source: Wing and Gong, "Testing and verifying concurrent objects", 1993; Lowe, "Testing for
linearizability", 2017.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, Literal

import attrs

Kind = Literal["load", "generation", "save", "cas", "expected", "rewind", "fork", "delete"]
Outcome = Literal["ok", "refused", "unknown"]
_READS: Final = frozenset({"load", "generation"})
# How many steps of the longest order are in a failure.
_SHOWN: Final = 6


@attrs.define(kw_only=True, eq=False)
class Operation:
    """One operation of a process on a session, with the moments of its begin and end.

    Values are named by their digests. `before` is the value that a `cas` or `rewind` expects,
    `after` the one that a save stores, `seen` the one that a load returned (None: no session).
    `number` is the generation that was expected or returned, `actual` the stored one that a refusal
    names. For an unknown outcome `ended` is the moment after which it has no effect any more.
    """

    session: str
    kind: Kind
    began: float
    ended: float = math.inf
    outcome: Outcome = "unknown"
    before: str | None = None
    after: str | None = None
    seen: str | None = None
    number: int | None = None
    actual: int | None = None

    @property
    def changes_nothing(self) -> bool:
        """Whether the operation leaves the stored value as it is."""
        return self.kind in _READS or self.outcome == "refused"

    def __str__(self) -> str:
        named = {"before": self.before, "after": self.after, "seen": self.seen}
        facts = [f"{name} {digest[7:15]}" for name, digest in named.items() if digest is not None]
        facts += [f"generation {self.number}"] if self.number is not None else []
        return " ".join([self.kind, self.outcome, *facts, f"[{self.began:.6f}, {self.ended:.6f}]"])


@attrs.frozen
class _Stored:
    """The stored state: a generation and the digest of a value; 0 and None for no session.

    `last` is the last generation used under the id: a deletion uses one, too.
    """

    generation: int
    value: str | None
    last: int = 0

    def __str__(self) -> str:
        value = self.value[7:15] if self.value is not None else "nothing"
        return f"{value} at {self.generation}"


@attrs.frozen
class _Place:
    """A partial order: it has all operations before `first`, and some of the others."""

    first: int
    taken: frozenset[int]
    stored: _Stored

    def length(self) -> int:
        """How many operations the order has."""
        return self.first + len(self.taken)


def explain(operations: Sequence[Operation]) -> str:
    """Return "" when some order explains the history of a session, else where the longest one ends.

    In the beginning there is no session.
    """
    known = [one for one in operations if one.outcome != "unknown" or one.kind not in _READS]
    listed = sorted(known, key=lambda one: one.began)
    begin = _Place(0, frozenset(), _Stored(0, None))
    waiting, farthest = [begin], begin
    came_from: dict[_Place, _Place | None] = {begin: None}
    while waiting:
        place = waiting.pop()
        if place.first == len(listed):
            return ""
        farthest = max(farthest, place, key=_Place.length)
        for further in _next(listed, place):
            if further not in came_from:
                came_from[further] = place
                waiting.append(further)
    order: list[str] = []
    before: _Place | None = farthest
    while before is not None and len(order) < _SHOWN:
        order.insert(0, str(before.stored))
        before = came_from[before]
    stuck = "; ".join(str(listed[index]) for index in _may_come(listed, farthest)[0])
    return f"ILLEGAL: after {', '.join(order)} none of these may come: {stuck}"


def _may_come(listed: Sequence[Operation], place: _Place) -> tuple[list[int], float]:
    """The operations that may come next, and the first end among them."""
    found: list[int] = []
    first_end = math.inf
    for index in range(place.first, len(listed)):
        if index in place.taken:
            continue
        if listed[index].began > first_end:
            break
        found.append(index)
        first_end = min(first_end, listed[index].ended)
    return [index for index in found if listed[index].began <= first_end], first_end


def _next(listed: Sequence[Operation], place: _Place) -> Iterator[_Place]:
    """The orders that are one operation longer; the likeliest last."""
    candidates, first_end = _may_come(listed, place)
    changes: list[tuple[float, int, _Stored]] = []
    for index in candidates:
        one = listed[index]
        after = _after(one, place.stored)
        if after is not None and one.changes_nothing:
            yield _taking(place, index, after)
            return
        if one.outcome == "unknown" and one.ended <= first_end:
            changes.append((math.inf, index, place.stored))
        if after is not None:
            changes.append((one.ended, index, after))
    for _, index, after in sorted(changes, key=lambda change: -change[0]):
        yield _taking(place, index, after)


def _taking(place: _Place, index: int, stored: _Stored) -> _Place:
    taken = set(place.taken) | {index}
    first = place.first
    while first in taken:
        taken.discard(first)
        first += 1
    return _Place(first, frozenset(taken), stored)


def _after(one: Operation, stored: _Stored) -> _Stored | None:
    """The state after an operation with its outcome; None when the outcome is impossible.

    An operation with an unknown outcome is taken as done.
    """
    if one.kind == "load":
        return stored if stored.value == one.seen else None
    if one.kind == "generation":
        return stored if stored.generation == one.number else None
    if one.outcome == "refused":
        return stored if _refuses(one, stored) else None
    if one.kind == "delete":
        return stored if stored.value is None else _Stored(0, None, stored.last + 1)
    if _refuses(one, stored) or one.after is None:
        return None
    if one.kind == "rewind" and one.outcome == "ok" and one.number != stored.generation + 1:
        return None
    return _Stored(stored.last + 1, one.after, stored.last + 1)


def _refuses(one: Operation, stored: _Stored) -> bool:
    """Whether the operation's condition fails, at the generation that the refusal names if any."""
    if one.actual is not None and one.actual != stored.generation:
        return False
    if one.kind in {"cas", "rewind"}:
        return stored.value != one.before
    if one.kind == "expected":
        return stored.generation != one.number
    return one.kind == "fork" and stored.generation != 0
