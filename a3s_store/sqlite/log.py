"""The message log: branches, heads, and where new messages go (design decision D5).

A *branch* is a line of messages that only grows at its end. It may begin with stretches of other
branches (`branch_part`), so a branch that forks another copies nothing; the parts always name the
branches that physically hold the rows, so reading never walks a chain. A *head* is (branch,
length).

Invariants: 1. a row, once written, never changes; 2. `chain` at a position names everything up to
it, so two heads share their first n messages exactly when their chains at n are equal; 3. rows
that no head needs are removed by `collect`, whoever dropped the last head.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs

from a3s_store.families import MESSAGE_ROWS
from a3s_store.snapshot import EMPTY_CHAIN, chain
from a3s_store.sqlite import blobs
from a3s_store.sqlite.shape import shape
from a3s_store.wire import canonical

Tree = dict[str, Any]

_COLUMNS = ", ".join(shape(MESSAGE_ROWS).names)
_CONTENT = 2 + shape(MESSAGE_ROWS).names.index("content")
_INSERT = (
    f"INSERT INTO message (branch_key, seq, {_COLUMNS}, chain) "
    f"VALUES (?, ?, {', '.join('?' * len(shape(MESSAGE_ROWS).names))}, ?)"
)


@attrs.frozen
class Head:
    """The first `length` messages of a branch."""

    branch: int
    length: int


@attrs.frozen
class _Part:
    """Positions `start` up to `end` of a branch lie in rows of branch `source`; None: open."""

    start: int
    end: int | None
    source: int


def links_of(messages: Sequence[Tree]) -> list[bytes]:
    """The chain of a conversation at lengths 1, 2, 3, ..."""
    return chain(hashlib.sha256(canonical(message)).digest() for message in messages)


def write(
    conn: sqlite3.Connection,
    likely: Iterable[int],
    further: Callable[[], Iterable[int]],
    messages: Sequence[Tree],
) -> Head:
    """A head for these messages: rows are written only for those that no given branch has.

    `likely` are the branches to look at, the likeliest first; `further` finds more, and is asked
    only when the messages neither are in one of those nor go on at its end.
    """
    links = links_of(messages)
    best, shared = _longest_shared(conn, likely, links)
    if best is None or shared < min(len(links), _tip(conn, best)):
        other, more = _longest_shared(conn, further(), links)
        if other is not None and (best is None or more > shared):
            best, shared = other, more
    if best is None:
        best = _new_branch(conn, [])
    elif shared < len(links) and shared < _tip(conn, best):
        # The branch goes on with other messages; what is shared is shared, the rest parts here.
        best = _new_branch(conn, _parts(conn, best, shared))
    for seq in range(shared, len(messages)):
        _append(conn, best, seq, messages[seq], links[seq])
    return Head(best, len(links))


def _longest_shared(
    conn: sqlite3.Connection, branches: Iterable[int], links: list[bytes]
) -> tuple[int | None, int]:
    best: int | None = None
    longest = -1
    for branch in branches:
        shared = _shared(conn, branch, links)
        if shared > longest:
            best, longest = branch, shared
        if longest == len(links):
            break
    return best, max(longest, 0)


def _shared(conn: sqlite3.Connection, branch: int, links: list[bytes]) -> int:
    """How many of the messages with these links are the branch's first: by halving, not reading."""
    parts = _parts(conn, branch, None)
    high = min(len(links), _reach(conn, parts))
    if high == 0 or _link(conn, parts, high) == links[high - 1]:
        return high
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        if _link(conn, parts, middle) == links[middle - 1]:
            low = middle
        else:
            high = middle
    return low


def _reach(conn: sqlite3.Connection, parts: list[_Part]) -> int:
    """How many messages can be read along these parts.

    Fewer than the parts name, where the rows behind a branch's heads were collected.
    """
    reach = 0
    for part in parts:
        # How far do the rows of this stretch go?
        (rows,) = conn.execute(
            "SELECT max(seq) + 1 FROM message WHERE branch_key = ? AND seq < ?",
            (part.source, 2**62 if part.end is None else part.end),
        ).fetchone()
        reach = max(part.start, rows or 0)
        if part.end is not None and reach < part.end:
            break
    return reach


def _append(conn: sqlite3.Connection, branch: int, seq: int, message: Tree, link: bytes) -> None:
    detached, keys = blobs.detach(conn, message)
    row = (branch, seq, *shape(MESSAGE_ROWS).row(detached), link)
    message_key = conn.execute(_INSERT, row).lastrowid
    conn.executemany(
        "INSERT OR IGNORE INTO message_blob (message_key, blob_key) VALUES (?, ?)",
        [(message_key, key) for key in keys],
    )


def _new_branch(conn: sqlite3.Connection, prefix: list[_Part]) -> int:
    branch = conn.execute("INSERT INTO branch DEFAULT VALUES").lastrowid
    assert branch is not None
    start = prefix[-1].end if prefix else 0
    conn.executemany(
        "INSERT INTO branch_part (branch_key, start_seq, end_seq, source_branch) "
        "VALUES (?, ?, ?, ?)",
        [(branch, p.start, p.end, p.source) for p in prefix] + [(branch, start, None, branch)],
    )
    return branch


def _parts(conn: sqlite3.Connection, branch: int, length: int | None) -> list[_Part]:
    """Where a branch's first `length` messages lie; with None, all parts, the open one last."""
    # Which stretches make up this branch?
    rows = conn.execute(
        "SELECT start_seq, end_seq, source_branch FROM branch_part "
        "WHERE branch_key = ? ORDER BY start_seq",
        (branch,),
    ).fetchall()
    parts = [_Part(*row) for row in rows]
    if length is None:
        return parts
    return [
        _Part(p.start, length if p.end is None else min(p.end, length), p.source)
        for p in parts
        if p.start < length
    ]


def _tip(conn: sqlite3.Connection, branch: int) -> int:
    """How many messages a branch has: its own last row, or the end of what it begins with."""
    row = conn.execute(
        "SELECT coalesce((SELECT max(seq) + 1 FROM message WHERE branch_key = :branch), "
        "(SELECT max(start_seq) FROM branch_part WHERE branch_key = :branch), 0)",
        {"branch": branch},
    ).fetchone()
    return int(row[0])


def _link(conn: sqlite3.Connection, parts: list[_Part], length: int) -> bytes:
    for part in parts:
        if part.start < length and (part.end is None or length <= part.end):
            row = conn.execute(
                "SELECT chain FROM message WHERE branch_key = ? AND seq = ?",
                (part.source, length - 1),
            ).fetchone()
            if row is None:
                break
            return bytes(row[0])
    raise ValueError(f"message {length - 1} is missing from the log")


def link_at(conn: sqlite3.Connection, head: Head) -> bytes:
    """The chain of a head: it names the whole conversation."""
    if head.length == 0:
        return EMPTY_CHAIN
    return _link(conn, _parts(conn, head.branch, None), head.length)


def read(conn: sqlite3.Connection, head: Head) -> tuple[list[Tree], list[bytes]]:
    """The JSON objects of a head's messages, and their chain.

    Raises ValueError when one is missing or cannot be read.
    """
    messages: list[Tree] = []
    links: list[bytes] = []
    to_tree = shape(MESSAGE_ROWS).tree
    for part in _parts(conn, head.branch, head.length):
        # The messages of one stretch, in order.
        cursor = conn.execute(
            f"SELECT message_key, chain, {_COLUMNS} FROM message "
            "WHERE branch_key = ? AND seq >= ? AND seq < ? ORDER BY seq",
            (part.source, part.start, part.end),
        )
        for row in cursor.fetchall():
            try:
                message = to_tree(row[2:])
                if blobs.has_reference(row[_CONTENT]):
                    message = blobs.attach(conn, message, row[0])
            except ValueError as error:
                raise ValueError(f"messages[{len(messages)}]: {error}") from None
            messages.append(message)
            links.append(row[1])
    if len(messages) != head.length:
        raise ValueError(f"{head.length} messages should be there, {len(messages)} are")
    return messages, links


# What heads need of a branch; every kind of head is named here and nowhere else.
_NEEDED = """
SELECT max(needed) FROM (
    SELECT max(head_length) AS needed FROM session WHERE head_branch = :branch
    UNION ALL SELECT max(head_length) FROM generation WHERE head_branch = :branch
    UNION ALL SELECT max(head_length) FROM loop_checkpoint WHERE head_branch = :branch
)
"""


def _needed(conn: sqlite3.Connection, branch: int) -> int | None:
    """The length of the longest head on a branch; None when there is none."""
    found: int | None = conn.execute(_NEEDED, {"branch": branch}).fetchone()[0]
    return found


def collect(conn: sqlite3.Connection, branches: Iterable[int]) -> None:
    """Remove what no head needs any more of these branches and of those they begin with."""
    sources: set[int] = set()
    for branch in set(branches):
        parts = _parts(conn, branch, None)
        sources.update(part.source for part in parts)
        if _needed(conn, branch) is None:
            conn.execute("DELETE FROM branch_part WHERE branch_key = ?", (branch,))
    blob_keys: list[int] = []
    for source in sorted(sources):
        blob_keys += _trim(conn, source)
    blobs.reclaim(conn, blob_keys)


def _trim(conn: sqlite3.Connection, source: int) -> list[int]:
    """Remove the rows of a branch that no head reaches; answers the blobs they referred to."""
    needed = 0
    (last,) = conn.execute(
        "SELECT max(seq) FROM message WHERE branch_key = ?", (source,)
    ).fetchone()
    # Which branches are made of these rows? Those that reach furthest first: one is mostly enough.
    parts = conn.execute(
        "SELECT branch_key, start_seq, end_seq FROM branch_part WHERE source_branch = ? "
        "ORDER BY end_seq IS NOT NULL, end_seq DESC",
        (source,),
    ).fetchall()
    for branch, start, end in parts:
        if last is None or needed > last:
            break
        length = _needed(conn, branch) or 0
        if length > start:
            needed = max(needed, length if end is None else min(length, end))
    blob_keys = [
        row[0]
        for row in conn.execute(
            "SELECT blob_key FROM message_blob JOIN message USING (message_key) "
            "WHERE branch_key = ? AND seq >= ?",
            (source, needed),
        )
    ]
    conn.execute("DELETE FROM message WHERE branch_key = ? AND seq >= ?", (source, needed))
    if not parts:
        conn.execute("DELETE FROM branch WHERE branch_key = ?", (source,))
    return blob_keys
