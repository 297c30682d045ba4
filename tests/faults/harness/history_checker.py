"""Whether one order of operations explains what several processes did to a session, and saw of it.

The search is Wing and Gong's, with Lowe's memory of where it has been: from what is there, try each
operation that may come next. One may come next unless another had ended before it began. Where
nothing is left to try, no order explains the history. Two things keep it short: what changes
nothing is taken as soon as it fits, and what may never have happened is dropped at the last moment
only, when others that began after its end have to go on.

Pure: it knows nothing of stores but the rules in `_after`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final, Literal

import attrs

Kind = Literal["load", "generation", "save", "cas", "expected", "rewind", "fork", "delete"]
Outcome = Literal["ok", "refused", "unknown"]
_READS: Final = frozenset({"load", "generation"})
# How many steps of an order that leads nowhere are told.
_TOLD: Final = 6


@attrs.define(kw_only=True, eq=False)
class Operation:
    """What somebody did to a session, from when to when.

    Values are named by their digests. `before` is what a `cas` or `rewind` is made of, `after` what
    a save leaves, `seen` what a load answered (None: no session). `number` is the generation that
    was expected or answered, for a refusal `actual` the one that was there. `ended` of what nobody
    heard the end of is the moment after which nothing could come of it any more.
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
        """Whether it leaves what is there as it is, whenever it was."""
        return self.kind in _READS or self.outcome == "refused"

    def __str__(self) -> str:
        named = {"before": self.before, "after": self.after, "seen": self.seen}
        told = [f"{name} {digest[7:15]}" for name, digest in named.items() if digest is not None]
        told += [f"generation {self.number}"] if self.number is not None else []
        return " ".join([self.kind, self.outcome, *told, f"[{self.began:.6f}, {self.ended:.6f}]"])


@attrs.frozen
class _There:
    """What is there: a generation and the digest of a value; 0 and None when nothing is.

    `last` is the last number that was given under the id: deleting takes one, too.
    """

    generation: int
    value: str | None
    last: int = 0

    def __str__(self) -> str:
        value = self.value[7:15] if self.value is not None else "nothing"
        return f"{value} at {self.generation}"


@attrs.frozen
class _Place:
    """How far an order has come: all before `first`, and some of the others."""

    first: int
    taken: frozenset[int]
    there: _There

    def length(self) -> int:
        """How many operations the order has."""
        return self.first + len(self.taken)


def explain(operations: Sequence[Operation]) -> str:
    """Empty when some order explains the history of a session, else where every order ends.

    In the beginning nothing is there.
    """
    known = [one for one in operations if one.outcome != "unknown" or one.kind not in _READS]
    listed = sorted(known, key=lambda one: one.began)
    begin = _Place(0, frozenset(), _There(0, None))
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
    while before is not None and len(order) < _TOLD:
        order.insert(0, str(before.there))
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
    """Where an order may go on from here; the likeliest last."""
    candidates, first_end = _may_come(listed, place)
    changes: list[tuple[float, int, _There]] = []
    for index in candidates:
        one = listed[index]
        after = _after(one, place.there)
        if after is not None and one.changes_nothing:
            yield _taking(place, index, after)
            return
        if one.outcome == "unknown" and one.ended <= first_end:
            changes.append((math.inf, index, place.there))
        if after is not None:
            changes.append((one.ended, index, after))
    for _, index, after in sorted(changes, key=lambda change: -change[0]):
        yield _taking(place, index, after)


def _taking(place: _Place, index: int, there: _There) -> _Place:
    taken = set(place.taken) | {index}
    first = place.first
    while first in taken:
        taken.discard(first)
        first += 1
    return _Place(first, frozenset(taken), there)


def _after(one: Operation, there: _There) -> _There | None:
    """What is there after an operation that came out as it did; None when it cannot have.

    What nobody heard the end of is taken as done.
    """
    if one.kind == "load":
        return there if there.value == one.seen else None
    if one.kind == "generation":
        return there if there.generation == one.number else None
    if one.outcome == "refused":
        return there if _refuses(one, there) else None
    if one.kind == "delete":
        return there if there.value is None else _There(0, None, there.last + 1)
    if _refuses(one, there) or one.after is None:
        return None
    if one.kind == "rewind" and one.outcome == "ok" and one.number != there.generation + 1:
        return None
    return _There(there.last + 1, one.after, there.last + 1)


def _refuses(one: Operation, there: _There) -> bool:
    """Whether a condition does not hold; and if a generation was told, whether it was that one."""
    if one.actual is not None and one.actual != there.generation:
        return False
    if one.kind in {"cas", "rewind"}:
        return there.value != one.before
    if one.kind == "expected":
        return there.generation != one.number
    return one.kind == "fork" and there.generation != 0
