"""Which branches have the first messages of a conversation: found by comparing chain hashes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

from a3s_store.backends.sqlite.rows.message_log import chain_hash_if_stored, segments_of
from a3s_store.core.conversation import ChainHashes
from a3s_store.core.segments import Segment


def find(
    conn: sqlite3.Connection,
    likely: Iterable[int],
    further: Callable[[], Iterable[int]],
    hashes: ChainHashes,
) -> tuple[int | None, int]:
    """The branch that has most of these messages as its first, and how many those are."""
    branch, shared = _longest_shared(conn, likely, hashes)
    if branch is None or (
        shared < len(hashes) and not is_open(conn, segments_of(conn, branch, None), shared)
    ):
        other, more = _longest_shared(conn, further(), hashes)
        if other is not None and (branch is None or more > shared):
            branch, shared = other, more
    return branch, shared


def _longest_shared(
    conn: sqlite3.Connection, branches: Iterable[int], hashes: ChainHashes
) -> tuple[int | None, int]:
    best: int | None = None
    longest = -1
    for branch in dict.fromkeys(branches):
        shared = _shared(conn, branch, hashes)
        if shared > longest:
            best, longest = branch, shared
        if longest == len(hashes):
            break
    return best, max(longest, 0)


def _shared(conn: sqlite3.Connection, branch: int, hashes: ChainHashes) -> int:
    """Return how many of these messages the branch begins with, by stored chain hashes."""
    parts = segments_of(conn, branch, None)
    high = min(len(hashes), _reach(conn, parts))

    def equal(length: int) -> bool:
        return chain_hash_if_stored(conn, parts, length) == hashes.at(length)

    if high == 0 or equal(high):
        return high
    # Most conversations differ from where the known messages end.
    low = hashes.start or 1
    if low >= high or not equal(low):
        low = 0
    for part in parts:
        end = high if part.end is None else min(high, part.end)
        if end <= low:
            continue
        if part.source_start is not None:
            low = _longest_stored(conn, part, low, end, hashes)
            if low < end:
                break
        elif end < high and equal(end):
            low = end
        else:
            return _halve(low, end, equal)
    return low


def _halve(low: int, high: int, equal: Callable[[int], bool]) -> int:
    """The last number that is equal, where `low` is and `high` is not."""
    while high - low > 1:
        middle = (low + high) // 2
        if equal(middle):
            low = middle
        else:
            high = middle
    return low


def _longest_stored(
    conn: sqlite3.Connection, part: Segment, low: int, high: int, hashes: ChainHashes
) -> int:
    """The greatest length above `low` whose chain hash is stored and equal; else `low`."""
    found = conn.execute(
        "SELECT length, chain_hash FROM branch_chain WHERE branch_key = ? AND length > ? "
        "AND length <= ? ORDER BY length DESC",
        (part.branch, low, high),
    ).fetchall()
    return next((length for length, one in found if one == hashes.at(length)), low)


def _reach(conn: sqlite3.Connection, parts: list[Segment]) -> int:
    """How many messages can be read along these segments.

    Fewer than they name, where the rows behind a branch's heads were collected.
    """
    reach = 0
    for part in parts:
        # How far do the rows of this segment go?
        (rows,) = conn.execute(
            "SELECT max(seq) + 1 FROM message WHERE branch_key = ? AND seq < ?",
            (part.source, 2**62 if part.end is None else part.seq(part.end)),
        ).fetchone()
        reach = max(part.start, (rows or 0) - part.offset)
        if part.end is not None and reach < part.end:
            break
    return reach


def is_open(conn: sqlite3.Connection, parts: list[Segment], length: int) -> bool:
    """Whether the next message of a branch with `length` messages may be its source's next row.

    It may only follow the last row of the source's own open segment: otherwise a head of the source
    would read a message of another conversation.
    """
    last = parts[-1] if parts else None
    if last is None or last.end is not None or length < last.start:
        return False
    row = conn.execute(
        "SELECT coalesce((SELECT max(seq) + 1 FROM message WHERE branch_key = :source), 0) "
        "FROM branch_segment WHERE branch_key = :source AND source_branch = :source "
        "AND end_seq IS NULL AND start_seq <= :seq",
        {"source": last.source, "seq": last.seq(length)},
    ).fetchone()
    if row is None:
        return False
    # Its own segment, behind others, may have no row yet.
    return bool(row[0] == last.seq(length) or (row[0] < last.seq(length) and length == last.start))
