"""Add the messages of a conversation to the log, as rows of a branch.

Rows are written only for messages that no branch has. Nearly always the conversation goes on at the
end of the branch it is on. Otherwise the branch that has most of it is found by chain hashes; and
where messages before the end were dropped or changed, a new branch is made of the stored rows that
are left and of new ones.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable, Iterable
from typing import Any, Final

import attrs

from a3s_store.backends.sqlite.format import row_salt
from a3s_store.backends.sqlite.rows import blobs, bounds
from a3s_store.backends.sqlite.rows.branch_search import find, is_open
from a3s_store.backends.sqlite.rows.message_log import (
    chain_hash_if_stored,
    put_segments,
    segments_of,
    store_chain_hash,
)
from a3s_store.core.checksums import message_checksums
from a3s_store.core.collections import MESSAGE_ROWS
from a3s_store.core.columns import shape
from a3s_store.core.conversation import CachedConversation, ChainHashes, Head, best_of
from a3s_store.core.corruption import CorruptRowError
from a3s_store.core.digests import EMPTY_CHAIN, chain
from a3s_store.core.list_diff import common
from a3s_store.core.segments import Segment, cut, filled, pieces_of
from a3s_store.models import Message

_SHAPE: Final = shape(MESSAGE_ROWS)
_INSERT: Final = (
    f"INSERT INTO message (branch_key, seq, {', '.join(_SHAPE.names)}, chain_hash, checksum) "
    f"VALUES (?, ?, {', '.join('?' * len(_SHAPE.names))}, ?, ?)"
)
# A conversation in more pieces than this is written whole: a read asks for each of them.
_MOST_SEGMENTS: Final = 64


def write(
    conn: sqlite3.Connection,
    lines: Iterable[CachedConversation],
    likely: Callable[[], Iterable[int]],
    further: Callable[[], Iterable[int]],
    stored: Callable[[], CachedConversation | None],
    messages: tuple[Message, ...],
) -> CachedConversation:
    """Store a conversation; rows are written only for messages that no branch has.

    `lines` are cached conversations; the one that shares most is tried first, and where the
    messages go on at its end, nothing else is. `likely` returns the branches to look at next, and
    `further` more, when the messages neither are in one of those nor go on at its end. `stored`
    reads the conversation that this one takes the place of, when no cached one is still there.

    Raises:
        EncodeError: a message breaks its rules.
    """
    line, shared = best_of(lines, messages)
    if line is not None and shared == line.head.length and _is_end(conn, line):
        # Nearly always: the conversation goes on at the end of its branch.
        hashes = ChainHashes(messages, shared, line.chain_hash)
        own = Segment(0, None, line.head.branch, branch=line.head.branch)
        _append(conn, own, hashes, shared)
        head = Head(line.head.branch, len(messages))
    else:
        hashes, head = _write_elsewhere(conn, line, shared, likely, further, stored, messages)
    return CachedConversation(messages, head, hashes.at(len(messages)))


def _is_end(conn: sqlite3.Connection, line: CachedConversation) -> bool:
    """Whether a conversation is still stored, and ends with the last row of its branch."""
    last = conn.execute(
        "SELECT seq, chain_hash FROM message WHERE branch_key = :branch AND EXISTS "
        "(SELECT 1 FROM branch_segment WHERE branch_key = :branch AND source_branch = :branch "
        "AND end_seq IS NULL AND start_seq < :length) ORDER BY seq DESC LIMIT 1",
        {"branch": line.head.branch, "length": line.head.length},
    ).fetchone()
    return bool(last == (line.head.length - 1, line.chain_hash))


def _write_elsewhere(
    conn: sqlite3.Connection,
    line: CachedConversation | None,
    shared: int,
    likely: Callable[[], Iterable[int]],
    further: Callable[[], Iterable[int]],
    stored: Callable[[], CachedConversation | None],
    messages: tuple[Message, ...],
) -> tuple[ChainHashes, Head]:
    """Store a conversation that does not just go on at the end of `line`."""
    parts: list[Segment] = []
    if line is not None:
        parts = segments_of(conn, line.head.branch, None)
        if chain_hash_if_stored(conn, parts, line.head.length) != line.chain_hash:
            line, shared, parts = None, 0, []
    known, known_hash = _known(conn, line, parts, shared)
    stored_hash = functools.partial(chain_hash_if_stored, conn, parts)
    hashes = ChainHashes(messages, known, known_hash, stored_hash)
    first = [] if line is None else [line.head.branch]
    branch, there = find(conn, [*first, *likely()], further, hashes)
    if there < len(messages):
        if line is None:
            line = stored()
            shared = 0 if line is None else common(line.messages, messages)
        if line is not None and shared < line.head.length:
            head = _from_pieces(conn, line, shared, hashes, len(messages) - there)
            if head is not None:
                return hashes, head
    parts = [] if branch is None else segments_of(conn, branch, None)
    if branch is None or (there < len(messages) and not is_open(conn, parts, there)):
        # The branch goes on with other messages: a new branch shares the rows before them.
        branch = _new_branch(conn, [*cut(parts, there), Segment(there, None, 0)])
        parts = segments_of(conn, branch, None)
    if there < len(messages):
        _append(conn, parts[-1], hashes, there)
    store_chain_hash(conn, parts, len(messages), hashes.at(len(messages)))
    return hashes, Head(branch, len(messages))


def _known(
    conn: sqlite3.Connection, line: CachedConversation | None, parts: list[Segment], shared: int
) -> tuple[int, bytes]:
    """Return the longest shared prefix with a stored chain hash: its length and chain hash."""
    if line is None or shared == 0:
        return 0, EMPTY_CHAIN
    if shared == line.head.length:
        return shared, line.chain_hash
    found = chain_hash_if_stored(conn, parts, shared)
    if found is None:
        shared = next((p.start for p in parts if p.source_start is not None), 0)
        found = chain_hash_if_stored(conn, parts, shared) if shared else EMPTY_CHAIN
    if found is None:
        raise CorruptRowError("it is missing from the message log", "messages", shared - 1)
    return shared, found


# -- New rows and branches ------------------------------------------------------------------------


def _append(conn: sqlite3.Connection, part: Segment, hashes: ChainHashes, start: int) -> None:
    """Write the messages from `start` on as the next rows of the source of an open segment."""
    if part.source_start is None:
        _insert(conn, part.source, 0, hashes, range(start, len(hashes)))
        return
    row = conn.execute(
        "SELECT chain_hash FROM message WHERE branch_key = ? AND seq = ?",
        (part.source, part.seq(start) - 1),
    ).fetchone()
    if row is None:
        raise CorruptRowError("it is missing from the message log", "messages", start - 1)
    _insert(conn, part.source, part.offset, hashes, range(start, len(hashes)), row[0])


def _insert(
    conn: sqlite3.Connection,
    branch: int,
    offset: int,
    hashes: ChainHashes,
    positions: range,
    before: bytes | None = None,
) -> None:
    """Write messages as rows, each at its position plus `offset`.

    `before` is the chain hash that their own go on from; None: that of this conversation.
    """
    rows: list[tuple[Any, ...]] = []
    seed = row_salt.read(conn).seed(branch) if positions else 0
    for position in positions:
        tree, keys = blobs.detach(conn, hashes.tree(position))
        if before is None:
            chain_hash = hashes.at(position + 1)
        else:
            (before,) = chain([hashes.digest(position)], before)
            chain_hash = before
        columns = _SHAPE.row(tree)
        texts: list[Any] = [None if text is None else text.encode() for text in columns]
        role, content, reasoning, extra = texts
        seq = position + offset
        (checksum,) = message_checksums(
            seq, [chain_hash], [role], [reasoning], [extra], [content], seed
        )
        row = (branch, seq, *columns, chain_hash, checksum)
        if not keys:
            rows.append(row)
            continue
        message_key = conn.execute(_INSERT, row).lastrowid
        conn.executemany(
            "INSERT OR IGNORE INTO message_blob (message_key, blob_key) VALUES (?, ?)",
            [(message_key, key) for key in keys],
        )
    conn.executemany(_INSERT, rows)


def _new_branch(conn: sqlite3.Connection, parts: Iterable[Segment]) -> int:
    """A branch of these segments; a `source` of 0 is the branch itself."""
    branch = bounds.next_key(conn, "branch", functools.partial(_has_rows, conn))
    conn.execute("INSERT INTO branch (branch_key) VALUES (?)", (branch,))
    put_segments(conn, branch, parts)
    return branch


def _has_rows(conn: sqlite3.Connection, branch: int) -> bool:
    # Are there rows under this key, while its own row is lost?
    sql = (
        "SELECT EXISTS (SELECT 1 FROM message WHERE branch_key = :branch) "
        "OR EXISTS (SELECT 1 FROM branch_segment WHERE branch_key = :branch)"
    )
    return bool(conn.execute(sql, {"branch": branch}).fetchone()[0])


# -- Conversations of which messages were dropped or changed --------------------------------------


def _from_pieces(
    conn: sqlite3.Connection, line: CachedConversation, shared: int, hashes: ChainHashes, most: int
) -> Head | None:
    """Store a conversation as pieces of `line`, whose first `shared` messages it has, and new ones.

    None, with nothing written, unless that takes fewer than `most` new rows.
    """
    runs = hashes.runs_in(line, shared)
    new = len(hashes) - shared - sum(run.count for run in runs)
    pieces = pieces_of(segments_of(conn, line.head.branch, line.head.length), shared, runs)
    if not runs or new >= most or len(pieces) > _MOST_SEGMENTS // 2:
        return None
    end = pieces[-1].end
    assert end is not None, "the segments of a head end"
    open_ended = attrs.evolve(pieces[-1], end=None)
    if is_open(conn, [open_ended], end):
        # New messages are written behind the shared rows, where they can be shared again.
        pieces[-1] = open_ended
    else:
        pieces.append(Segment(end, None, 0))
    branch = _new_branch(conn, filled(pieces))
    parts = segments_of(conn, branch, None)
    for part in parts[:-1]:
        if part.source == branch:
            assert part.end is not None, "only the last segment is open"
            _insert(conn, branch, 0, hashes, range(part.start, part.end))
    _append(conn, parts[-1], hashes, end)
    store_chain_hash(conn, parts, len(hashes), hashes.at(len(hashes)))
    return Head(branch, len(hashes))
