"""The steps of a prune, each one small write transaction between which others save.

Each step checks again that its rows may be removed, since others have saved since the plan was
made. A prune that was stopped leaves no state of its own: `unneeded` looks at all branches, and so
finds what it left.
"""

from __future__ import annotations

import functools
import sqlite3
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import attrs

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.maintenance import steps
from a3s_store.backends.sqlite.maintenance.prune_plan import Doomed, SessionPlan
from a3s_store.backends.sqlite.rows import blobs, message_log, pruned_generations
from a3s_store.core.retention import Removed

# The most rows that one step removes.
ROWS: Final = 256
# How many messages are removed between two looks at the clock.
_AT_ONCE: Final = 16
_BRANCHES: Final = 512

# The number of messages in a range of rows, and the bytes of their texts.
_MEASURE: Final = (
    "SELECT count(*), coalesce(sum(length(CAST(content AS BLOB)) "
    "+ coalesce(length(CAST(reasoning_content AS BLOB)), 0) "
    "+ coalesce(length(CAST(extra AS BLOB)), 0)), 0) "
    "FROM message WHERE branch_key = ? AND seq >= ? AND seq < ?"
)


# -- Generations ----------------------------------------------------------------------------------


def remove_generations(
    conn: sqlite3.Connection, plan: SessionPlan, doomed: Sequence[Doomed], *, is_last: bool
) -> int:
    """Remove generations of a session; return how many were removed.

    None is removed when the session was deleted meanwhile, nor one that no stored generation covers
    any more. With the last ones the session stops being an owner of the branches that none of its
    heads is on.
    """
    key = plan.owner_key
    owner = conn.execute("SELECT id, life FROM owner WHERE owner_key = ?", (key,)).fetchone()
    if owner != (plan.session_id, plan.life):
        return 0
    exists = "SELECT 1 FROM generation WHERE owner_key = ? AND generation = ?"
    covering = {
        number
        for number in {one.covered_by for one in doomed}
        if number is None or conn.execute(exists, (key, number)).fetchone() is not None
    }
    gone = [one.number for one in doomed if one.covered_by in covering]
    count = conn.executemany(
        "DELETE FROM generation WHERE owner_key = ? AND generation = ?",
        [(key, number) for number in gone],
    ).rowcount
    if count > 0:
        pruned_generations.note(conn, key, max(gone))
    if is_last:
        conn.execute(
            "DELETE FROM branch_owner WHERE owner_key = :key AND branch_key NOT IN "
            "(SELECT head_branch FROM generation "
            "WHERE owner_key = :key AND head_branch IS NOT NULL)",
            {"key": key},
        )
    return max(count, 0)


# -- Branches and messages ------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Unneeded:
    """Branches that no head is on, and branches with rows that no head needs (`excess`).

    `removed` is how much removing them would remove.
    """

    headless: tuple[int, ...]
    excess: tuple[int, ...]
    removed: Removed


def unneeded(
    conn: sqlite3.Connection, heads: Mapping[int, int], without: Collection[str] = ()
) -> Unneeded:
    """Find the branches and rows that no head needs; `heads` has the longest head by branch.

    `without` are sessions that count as deleted, with their artifacts.
    """
    headless: list[int] = []
    excess: list[int] = []
    removed = Removed()
    references: Counter[int] = Counter()
    for branch in _branches(conn):
        with transaction.read(conn):
            if branch not in heads and message_log.segments_of(conn, branch, None):
                headless.append(branch)
            if _measure(conn, branch, heads, removed, references):
                excess.append(branch)
    _measure_blobs(conn, references, _artifact_blobs(conn, without), removed)
    return Unneeded(headless=tuple(headless), excess=tuple(excess), removed=removed)


def _branches(conn: sqlite3.Connection) -> Iterator[int]:
    after = 0
    sql = "SELECT branch_key FROM branch WHERE branch_key > ? ORDER BY branch_key LIMIT ?"
    while found := conn.execute(sql, (after, _BRANCHES)).fetchall():
        for (after,) in found:
            yield after


def _measure(
    conn: sqlite3.Connection,
    branch: int,
    heads: Mapping[int, int],
    removed: Removed,
    references: Counter[int],
) -> bool:
    """Count the rows of a branch that no head needs; return whether there are any."""
    found = 0
    for rows in message_log.unneeded(conn, branch, heads.get):
        (messages, size) = conn.execute(_MEASURE, (branch, *rows)).fetchone()
        found += messages
        removed.bytes += size
        references.update(message_log.blob_references(conn, branch, *rows))
    made_of_it = (part.branch for part in message_log.segments_from(conn, branch))
    is_unused = branch not in heads and not any(one in heads for one in made_of_it)
    removed.messages += found
    removed.branches += is_unused
    return bool(found) or is_unused


def _artifact_blobs(conn: sqlite3.Connection, session_ids: Collection[str]) -> Counter[int]:
    """Return how many artifacts of these sessions have each blob."""
    sql = "SELECT blob_key FROM artifact JOIN owner USING (owner_key) WHERE id = ?"
    found: Counter[int] = Counter()
    for session_id in session_ids:
        rows = conn.execute(f"{sql} AND blob_key IS NOT NULL", (session_id,))
        found.update(key for (key,) in rows)
    return found


def _measure_blobs(
    conn: sqlite3.Connection, gone: Counter[int], artifacts: Counter[int], removed: Removed
) -> None:
    """Count the blobs that only the removed messages and artifacts refer to."""
    with transaction.read(conn):
        for key in sorted({*gone, *artifacts}):
            row = conn.execute(
                "SELECT length(data) FROM blob WHERE blob_key = :key "
                "AND (SELECT count(*) FROM artifact WHERE blob_key = :key) = :artifacts "
                "AND (SELECT count(*) FROM message_blob WHERE blob_key = :key) = :messages "
                "AND NOT EXISTS (SELECT 1 FROM stream_item WHERE blob_key = :key)",
                {"key": key, "messages": gone[key], "artifacts": artifacts[key]},
            ).fetchone()
            if row is not None:
                removed.blobs += 1
                removed.bytes += row[0]


def drop_headless(conn: sqlite3.Connection, branches: Sequence[int]) -> int:
    """Remove the segments and owners of branches that no head is on.

    Returns how many branches were looked at: at least one, and as many as one step has time for.
    """
    until = time.monotonic() + steps.SECONDS
    done = 0
    for branch in branches:
        if message_log.needed(conn, branch) is None:
            message_log.drop_headless(conn, branch)
            conn.execute("DELETE FROM branch_owner WHERE branch_key = ?", (branch,))
        done += 1
        if time.monotonic() > until:
            break
    return done


def trim(conn: sqlite3.Connection, branch: int) -> tuple[bool, Removed]:
    """Remove some of the rows of a branch that no head needs, the last first.

    Returns whether those were all, and how much was removed.
    """
    until = time.monotonic() + steps.SECONDS
    removed = Removed()
    gaps = message_log.unneeded(conn, branch, functools.partial(message_log.needed, conn))
    message_log.close_before_gaps(conn, branch, gaps)
    for start, end in reversed(gaps):
        while end > start:
            first = max(start, end - _AT_ONCE)
            _remove_rows(conn, branch, (first, end), removed)
            end = first
            if removed.messages >= ROWS or time.monotonic() > until:
                return False, removed
    return True, removed


def drop_unused(conn: sqlite3.Connection, branches: Sequence[int]) -> int:
    """Remove branches without segments of which no conversation uses rows; return how many."""
    return sum(message_log.drop_if_unused(conn, branch) for branch in branches)


def _remove_rows(
    conn: sqlite3.Connection, branch: int, rows: tuple[int, int], removed: Removed
) -> None:
    _, size = conn.execute(_MEASURE, (branch, *rows)).fetchone()
    references = message_log.blob_references(conn, branch, *rows)
    removed.messages += message_log.remove_rows(conn, branch, *rows)
    removed.bytes += size
    for blob_bytes in blobs.reclaim(conn, references):
        removed.blobs += 1
        removed.bytes += blob_bytes
