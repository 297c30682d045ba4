"""Verify the rows of a branch of the message log.

`check` verifies that no row which a head needs is missing and that the segments of the branch fit
together; if asked, also that each message matches its row checksum and follows the one before it.
"""

from __future__ import annotations

import functools
import sqlite3
from collections import Counter
from collections.abc import Iterator
from typing import Final

from a3s_store.backends.sqlite.maintenance.row_checks import RowChecker
from a3s_store.backends.sqlite.rows import message_log, unfinished
from a3s_store.core.corruption import NOT_WRITTEN
from a3s_store.core.digests import EMPTY_CHAIN
from a3s_store.core.segments import Segment, merged, segment_at

# Every branch, and one of the sessions that own it.
BRANCHES: Final = """
SELECT b.branch_key, (
    SELECT o.id FROM branch_owner JOIN owner AS o USING (owner_key)
    WHERE branch_key = b.branch_key LIMIT 1
) FROM branch AS b
"""
# The rows of a branch that present conversations have at positions other than the rows' own.
_SHOWN: Final = """
SELECT p.source_start, p.start_seq, min(coalesce(p.end_seq, s.head_length), s.head_length)
FROM session AS s JOIN branch_segment AS p ON p.branch_key = s.head_branch
WHERE p.source_branch = ? AND p.source_start IS NOT NULL AND p.start_seq < s.head_length
ORDER BY p.source_start
"""


def check(checker: RowChecker, branch: int, counts: Counter[str], *, deep: bool) -> None:
    """Note the damage of a branch's rows with `checker`; add their number to "messages" of counts.

    Inside a read transaction. With `deep` every message is read.
    """
    conn = checker.conn
    if unfinished.is_being_added(conn, branch):
        return
    read = functools.partial(message_log.segments_of, conn, branch, None)
    parts = checker.attempt("messages", read) or []
    for part in parts:
        if part.start and part.source_start is None and not _continues(conn, parts, part):
            checker.note("messages", "another conversation begins here", part.start)
    for length in message_log.wrong_chain_hashes(conn, parts):
        checker.note("messages", f"the chain hash of {length} messages: {NOT_WRITTEN}", length)
    for rows in _needed(conn, branch):
        (count,) = conn.execute(
            "SELECT count(*) FROM message WHERE branch_key = ? AND seq >= ? AND seq < ?",
            (branch, rows.start, rows.stop),
        ).fetchone()
        counts["messages"] += count
        if count != (expected := rows.stop - rows.start):
            checker.note("messages", f"of {expected} messages only {count} are stored", rows.start)
        for shown, offset in _as_shown(conn, branch, rows) if deep else ():
            before = _chain_hash_before(conn, parts, shown.start)
            for _ in checker.rows(branch, shown, before, offset):
                pass


def _needed(conn: sqlite3.Connection, branch: int) -> list[range]:
    """Return the rows of a branch that any head needs, whichever branch the head is on."""
    first, last = conn.execute(
        "SELECT min(seq), max(seq) FROM message WHERE branch_key = ?", (branch,)
    ).fetchone()
    if first is None:
        first, last = 0, -1
    needed = functools.partial(message_log.needed, conn)
    used = message_log.used(conn, branch, first, last, needed)
    return [range(start, end) for start, end in merged(used)]


def _as_shown(conn: sqlite3.Connection, branch: int, rows: range) -> Iterator[tuple[range, int]]:
    """Yield ranges of these rows, each with the offset from message position to row.

    The position of a message is the one in the present conversation, where that has the row at
    another position than the row's own: damage is reported where a load would report it.
    """
    start = rows.start
    for first, position, end in conn.execute(_SHOWN, (branch,)).fetchall():
        own = range(max(start, first), min(rows.stop, first + end - position))
        if len(own) > 0:
            if start < own.start:
                yield range(start, own.start), 0
            yield own, first - position
            start = own.stop
    if start < rows.stop:
        yield range(start, rows.stop), 0


def _continues(conn: sqlite3.Connection, parts: list[Segment], part: Segment) -> bool:
    """Return whether a segment continues the conversation of those before it; True if unknown.

    Behind rows of another conversation a branch has a chain hash only where a head needed one.
    """
    found = []
    for one in (parts, message_log.segments_of(conn, part.source, None)):
        stored = message_log.chain_hash_if_stored(conn, one, part.start)
        before = segment_at(one, part.start)
        # A branch that no head is on keeps rows, but its segments are removed.
        if stored is None and (before is None or before.source_start is not None):
            return True
        found.append(stored)
    return found[0] == found[1]


def _chain_hash_before(conn: sqlite3.Connection, parts: list[Segment], start: int) -> bytes | None:
    """Return the chain hash before the row at `start`; None when it is not stored."""
    return EMPTY_CHAIN if start == 0 else message_log.chain_hash_if_stored(conn, parts, start)
