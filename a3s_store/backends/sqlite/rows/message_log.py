"""The message log: branches, where their messages lie, and heads (design decision D5).

A *branch* is a line of messages that only grows at its end. It is made of segments
(`branch_segment`), which name the branches that physically hold the rows, so that a branch which
forks another copies nothing, and reading never goes from branch to branch. A *head* is
(branch, length). `message_writer` adds messages.

A segment with a `source_start` has rows of another conversation, at other positions: what is left
where the oldest messages were dropped, or one of them changed. The chain hashes of its rows are
that conversation's, so the branch's own are in `branch_chain`, for each length that a head has.

Invariants: 1. a row, once written, never changes; 2. the chain hash at a position names every
message up to it: two heads share their first n messages exactly when their chain hashes at n are
equal; 3. rows that no head needs are removed by `collect`, whichever call dropped the last head;
4. a row in a branch's own segment has the chain hash of that branch's conversation; 5. rows are
added behind the last row of an open segment of the branch they are in, and nowhere else.
"""

from __future__ import annotations

import functools
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import attrs

from a3s_store.backends.sqlite.rows import blobs, bounds
from a3s_store.core.checksums import row_checksum
from a3s_store.core.conversation import Head
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError
from a3s_store.core.digests import EMPTY_CHAIN
from a3s_store.core.segments import Range, Segment, cut, gaps, segment_at

_SEGMENT: Final = "start_seq, end_seq, source_branch, source_start, branch_key, row_checksum"
# No conversation is that long.
_ENDLESS = 2**63 - 1


def segments_of(conn: sqlite3.Connection, branch: int, length: int | None) -> list[Segment]:
    """Where a branch's first `length` messages lie; with None, all segments, the open one last.

    Raises CorruptRowError where one has a wrong checksum, or one is missing before another.
    """
    # Which segments make up this branch?
    rows = conn.execute(
        f"SELECT {_SEGMENT} FROM branch_segment "
        "WHERE branch_key = ? AND start_seq < ? ORDER BY start_seq",
        (branch, _ENDLESS if length is None else length),
    ).fetchall()
    parts = [*map(_segment, rows)]
    # With a segment missing between them, rows would be read at wrong positions.
    if [part.start for part in parts] != [0, *(part.end for part in parts)][: len(parts)]:
        raise CorruptRowError("the segments of its branch do not follow each other", "messages")
    return parts if length is None else cut(parts, length)


def segments_from(conn: sqlite3.Connection, source: int) -> list[Segment]:
    """The segments, of any branch, that have rows of this one; those that reach furthest first."""
    rows = conn.execute(
        f"SELECT {_SEGMENT} FROM branch_segment "
        "WHERE source_branch = ? ORDER BY end_seq IS NOT NULL, source_start, end_seq DESC",
        (source,),
    ).fetchall()
    return [*map(_segment, rows)]


def _segment(row: tuple[Any, ...]) -> Segment:
    """Return the segment in a row. Raises CorruptRowError where its checksum is wrong."""
    *fields, checksum = row
    for number in fields:
        if number is not None and not -bounds.SUMS < number < bounds.SUMS:
            raise CorruptRowError("a number in its segments is out of bounds", "messages")
    part = Segment(*fields)
    # Rows of schema 6 and older have none.
    if checksum is not None and checksum != _segment_checksum(part):
        raise CorruptRowError(NOT_WRITTEN, "messages")
    return part


def _segment_checksum(part: Segment) -> int:
    # No chain hash in a message's row contradicts a segment that begins at another row.
    return row_checksum(*attrs.astuple(part))


def added_at(conn: sqlite3.Connection, head: Head) -> int | None:
    """Return when the last message of a head was stored; None without one, or if not known."""
    part = segment_at(segments_of(conn, head.branch, head.length), head.length)
    if part is None:
        return None
    row = conn.execute(
        "SELECT added_at_ms FROM message WHERE branch_key = ? AND seq = ?",
        (part.source, part.seq(head.length - 1)),
    ).fetchone()
    return None if row is None else row[0]


def last_own_row(conn: sqlite3.Connection, head: Head) -> tuple[int, bytes] | None:
    """Return `seq` and chain hash of the last row of a head's branch.

    None unless the branch is open behind its own rows.
    """
    row: tuple[int, bytes] | None = conn.execute(
        "SELECT seq, chain_hash FROM message WHERE branch_key = :branch AND EXISTS "
        "(SELECT 1 FROM branch_segment WHERE branch_key = :branch AND source_branch = :branch "
        "AND end_seq IS NULL AND start_seq < :length) ORDER BY seq DESC LIMIT 1",
        {"branch": head.branch, "length": head.length},
    ).fetchone()
    return row


def put_segments(conn: sqlite3.Connection, branch: int, parts: Iterable[Segment]) -> None:
    """Store the segments of a branch; a `source` of 0 is the branch itself."""
    made = [attrs.evolve(part, branch=branch, source=part.source or branch) for part in parts]
    conn.executemany(
        f"INSERT INTO branch_segment ({_SEGMENT}) VALUES (?, ?, ?, ?, ?, ?)",
        [(*attrs.astuple(part), _segment_checksum(part)) for part in made],
    )


def chain_hash_if_stored(
    conn: sqlite3.Connection, parts: list[Segment], length: int
) -> bytes | None:
    """The chain hash of the first `length` messages of these segments' branch.

    None when the last of them is not there, or has another conversation's chain hash and this one's
    was not stored for that length, or is not what was written.
    """
    part = segment_at(parts, length)
    if part is None:
        return None
    if part.source_start is None:
        row = conn.execute(
            "SELECT chain_hash FROM message WHERE branch_key = ? AND seq = ?",
            (part.source, length - 1),
        ).fetchone()
    else:
        row = conn.execute(
            "SELECT c.chain_hash, c.segments, c.row_checksum FROM branch_chain AS c "
            "JOIN message AS m ON m.branch_key = ? AND m.seq = ? "
            "WHERE c.branch_key = ? AND c.length = ?",
            (part.source, part.seq(length - 1), part.branch, length),
        ).fetchone()
        if row is not None and not _is_written(parts, length, *row):
            return None
    return None if row is None else bytes(row[0])


def wrong_chain_hashes(conn: sqlite3.Connection, parts: list[Segment]) -> list[int]:
    """Return the lengths of a branch whose stored chain hash has a wrong checksum."""
    found = conn.execute(
        "SELECT length, chain_hash, segments, row_checksum FROM branch_chain WHERE branch_key = ?",
        (parts[-1].branch if parts else None,),
    ).fetchall()
    return [length for length, *row in found if not _is_written(parts, length, *row)]


def _is_written(
    parts: list[Segment], length: int, chain_hash: bytes, segments: str, checksum: int
) -> bool:
    """Whether a stored chain hash, and the segments it was made for, have the right checksum."""
    written = _segments_text(parts, length)
    return (segments, checksum) == (written, row_checksum(length, chain_hash.hex(), written))


def _segments_text(parts: Iterable[Segment], length: int) -> str:
    """Return the segments of a branch's first messages as JSON, for salvage of lost segments."""
    return json.dumps(
        [[p.start, p.end, p.source, p.source_start] for p in cut(parts, length)],
        separators=(",", ":"),
    )


def chain_hash_at(conn: sqlite3.Connection, head: Head) -> bytes:
    """Return the chain hash of a head. Raises CorruptRowError."""
    if head.length == 0:
        return EMPTY_CHAIN
    own = chain_hash_if_stored(conn, [Segment(0, None, head.branch)], head.length)
    if own is None:
        own = chain_hash_if_stored(conn, segments_of(conn, head.branch, None), head.length)
    if own is None:
        raise CorruptRowError("it is missing from the message log", "messages", head.length - 1)
    return own


def store_chain_hash(
    conn: sqlite3.Connection, parts: list[Segment], length: int, chain_hash: bytes
) -> None:
    """Store the chain hash of a branch's first `length` messages where its rows do not have it."""
    part = segment_at(parts, length)
    if part is not None and part.source_start is not None:
        segments = _segments_text(parts, length)
        checksum = row_checksum(length, chain_hash.hex(), segments)
        conn.execute(
            "INSERT OR REPLACE INTO branch_chain "
            "(branch_key, length, chain_hash, segments, row_checksum) VALUES (?, ?, ?, ?, ?)",
            (part.branch, length, chain_hash, segments, checksum),
        )


# The longest prefix of a branch that a head refers to. This is the only list of the kinds of head.
# The head of a session is that of its last generation, unless the row of that one is lost. A save
# that adds rows in several transactions will need all of its branch (`unfinished`).
_NEEDED = """
SELECT max(needed) FROM (
    SELECT max(head_length) AS needed
    FROM branch_owner JOIN generation USING (owner_key)
    WHERE branch_key = :branch AND head_branch = :branch
    UNION ALL SELECT max(head_length)
    FROM branch_owner JOIN session USING (owner_key)
    WHERE branch_key = :branch AND head_branch = :branch
    UNION ALL SELECT max(head_length) FROM loop_checkpoint WHERE head_branch = :branch
    UNION ALL SELECT max(
        (SELECT max(start_seq) FROM branch_segment WHERE branch_key = :branch),
        coalesce((SELECT max(seq) + 1 FROM message WHERE branch_key = :branch), 0)
    ) FROM unfinished WHERE branch_key = :branch AND kind <> 'delete'
)
"""


def needed(conn: sqlite3.Connection, branch: int) -> int | None:
    """The length of the longest head on a branch; None when there is none."""
    found: int | None = conn.execute(_NEEDED, {"branch": branch}).fetchone()[0]
    return found


def collect(conn: sqlite3.Connection, branches: Iterable[int]) -> None:
    """Remove rows that no head needs, of these branches and of the sources of their segments."""
    for source in sorted(release(conn, branches)):
        trim(conn, source)


def release(conn: sqlite3.Connection, branches: Iterable[int]) -> set[int]:
    """Remove the segments of those of these branches that have no head.

    Returns the branches whose rows may be needed no more, for `trim`.
    """
    sources: set[int] = set()
    for branch in set(branches):
        sources.update(part.source for part in segments_of(conn, branch, None))
        if needed(conn, branch) is None:
            sources.add(branch)
            drop_headless(conn, branch)
    return sources


def trim(conn: sqlite3.Connection, source: int, most: int | None = None) -> int | None:
    """Remove the rows of a branch that no head reaches, the last first, and their blobs.

    At most `most` of them; returns how many, and None when there are more. The branch goes with
    its last row.
    """
    gone = 0
    blob_keys: list[int] = []
    gaps = unneeded(conn, source, functools.partial(needed, conn))
    close_before_gaps(conn, source, gaps)
    is_done = True
    for start, end in reversed(gaps):
        first = start if most is None else max(start, end - (most - gone))
        blob_keys += blob_references(conn, source, first, end)
        gone += remove_rows(conn, source, first, end)
        if first > start:
            is_done = False
            break
    blobs.reclaim(conn, blob_keys)
    if not is_done:
        return None
    drop_if_unused(conn, source)
    return gone


def blob_references(conn: sqlite3.Connection, branch: int, start: int, end: int) -> list[int]:
    """The blobs that these rows of a branch refer to, by key: one for each reference."""
    rows = conn.execute(
        "SELECT blob_key FROM message_blob JOIN message USING (message_key) "
        "WHERE branch_key = ? AND seq >= ? AND seq < ?",
        (branch, start, end),
    ).fetchall()
    return [row[0] for row in rows]


def remove_rows(conn: sqlite3.Connection, branch: int, start: int, end: int) -> int:
    """Remove these rows of a branch and their words, whose blobs stay; how many those were."""
    from a3s_store.backends.sqlite.rows import search_index

    search_index.remove(conn, branch, start, end)
    gone = conn.execute(
        "DELETE FROM message WHERE branch_key = ? AND seq >= ? AND seq < ?",
        (branch, start, end),
    ).rowcount
    search_index.lower(conn)
    return gone


def unneeded(
    conn: sqlite3.Connection, source: int, longest_head: Callable[[int], int | None]
) -> list[Range]:
    """Return the ranges of a branch's rows that no head needs, the first first.

    `longest_head` returns the length of the longest head on a branch, None when there is none.
    """
    first, last = conn.execute(
        "SELECT min(seq), max(seq) FROM message WHERE branch_key = ?", (source,)
    ).fetchone()
    if first is None:
        return []
    return gaps(used(conn, source, first, last, longest_head), first, last + 1)


def close_before_gaps(
    conn: sqlite3.Connection, source: int, gaps: Iterable[tuple[int, int]]
) -> None:
    """Close the open segment of a branch that has rows behind these ranges."""
    (last,) = conn.execute(
        "SELECT max(seq) FROM message WHERE branch_key = ?", (source,)
    ).fetchone()
    if not any(end <= last for _, end in gaps):
        return
    length = needed(conn, source) or 0
    for part in segments_of(conn, source, None):
        if part.source == source and part.end is None:
            closed = attrs.evolve(part, end=max(part.start, length))
            conn.execute(
                "UPDATE branch_segment SET end_seq = ?, row_checksum = ? "
                "WHERE branch_key = ? AND start_seq = ?",
                (closed.end, _segment_checksum(closed), source, part.start),
            )


def drop_headless(conn: sqlite3.Connection, branch: int) -> None:
    """Remove the segments of a branch that has no head; its rows stay."""
    conn.execute("DELETE FROM branch_segment WHERE branch_key = ?", (branch,))
    conn.execute("DELETE FROM branch_chain WHERE branch_key = ?", (branch,))


def drop_if_unused(conn: sqlite3.Connection, branch: int) -> int:
    """Remove a branch without segments whose rows no segment uses; return 1 if it was removed."""
    return conn.execute(
        "DELETE FROM branch WHERE branch_key = :branch "
        "AND NOT EXISTS (SELECT 1 FROM branch_segment WHERE source_branch = :branch) "
        "AND NOT EXISTS (SELECT 1 FROM branch_segment WHERE branch_key = :branch)",
        {"branch": branch},
    ).rowcount


def used(
    conn: sqlite3.Connection,
    source: int,
    first: int,
    last: int,
    longest_head: Callable[[int], int | None],
) -> Iterator[tuple[int, int]]:
    """Yield ranges of a branch's rows that heads need; end once one has `first` to `last`."""
    for part in segments_from(conn, source):
        assert part.branch is not None
        length = longest_head(part.branch) or 0
        end = length if part.end is None else min(length, part.end)
        if end > part.start:
            yield part.seq(part.start), part.seq(end)
            if part.seq(part.start) <= first and part.seq(end) > last:
                return
