"""Where the messages of a branch lie, and how a changed conversation is put together: pure.

A *branch* is a conversation that only grows at its end. It is made of segments, each of which names
the branch that has the rows, so that a branch which forks another copies nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import attrs

from a3s_store.core.list_diff import Run


class Range(NamedTuple):
    """The numbers from `start` up to, and without, `end`."""

    start: int
    end: int


@attrs.frozen
class Segment:
    """Positions `start` up to `end` of `branch` lie in rows of branch `source`; end None: open.

    With a `source_start`, that is the first one's `seq` there, and the chain hashes of the rows are
    not this branch's; None: `seq` is the position. A `source` of 0 is the branch itself, before it
    has a key.
    """

    start: int
    end: int | None
    source: int
    source_start: int | None = None
    branch: int | None = None

    def seq(self, position: int) -> int:
        """Return the `seq`, in the source, of the message at a position of the branch."""
        return position + self.offset

    @property
    def offset(self) -> int:
        """How much the `seq` of a row is above its position."""
        return 0 if self.source_start is None else self.source_start - self.start


def cut(segments: Iterable[Segment], length: int) -> list[Segment]:
    """Return the first `length` positions of these segments."""
    return [
        attrs.evolve(one, end=length if one.end is None else min(one.end, length))
        for one in segments
        if one.start < length
    ]


def segment_at(segments: Iterable[Segment], length: int) -> Segment | None:
    """Return the segment that has the last of the first `length` messages; None without one."""
    for one in segments:
        if one.start < length and (one.end is None or length <= one.end):
            return one
    return None


def pieces_of(segments: list[Segment], shared: int, runs: Iterable[Run]) -> list[Segment]:
    """Return the segments of the messages that a new conversation shares with these segments.

    They have the positions of the new one: of its first `shared` messages, and of the `runs`.
    """
    pieces = cut(segments, shared)
    for run in runs:
        for one in cut(segments, run.old + run.count):
            assert one.end is not None, "cut segments end"
            first = max(one.start, run.old)
            if first < one.end:
                start = first - run.old + run.new
                pieces.append(Segment(start, start + one.end - first, one.source, one.seq(first)))
    return pieces


def filled(pieces: Iterable[Segment]) -> list[Segment]:
    """Return these segments, with segments of the branch's own rows between them."""
    found: list[Segment] = []
    position = 0
    for piece in pieces:
        if piece.start > position:
            found.append(Segment(position, piece.start, 0))
        found.append(piece)
        position = piece.end or position
    return found


def merged(ranges: Iterable[tuple[int, int]]) -> list[Range]:
    """Return the same numbers as ranges in order that do not touch."""
    found: list[Range] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1].end:
            found[-1] = Range(found[-1].start, max(end, found[-1].end))
        else:
            found.append(Range(start, end))
    return found


def gaps(ranges: Iterable[tuple[int, int]], first: int, end: int) -> list[Range]:
    """Return the numbers from `first` up to `end` that are in none of these ranges."""
    found: list[Range] = []
    for start, stop in merged(ranges):
        if first < min(start, end):
            found.append(Range(first, min(start, end)))
        first = max(first, stop)
    return [*found, Range(first, end)] if first < end else found
