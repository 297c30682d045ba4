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
from typing import Final, NamedTuple

import attrs

from a3s_store.backends.sqlite.rows import bounds
from a3s_store.backends.sqlite.rows.branch_search import find, is_open
from a3s_store.backends.sqlite.rows.message_insert import insert_messages
from a3s_store.backends.sqlite.rows.message_log import (
    chain_hash_if_stored,
    last_own_row,
    put_segments,
    segments_of,
    store_chain_hash,
)
from a3s_store.core.conversation import (
    Bound,
    CachedConversation,
    ChainHashes,
    Head,
    most_compared,
)
from a3s_store.core.corruption import CorruptRowError
from a3s_store.core.digests import EMPTY_CHAIN
from a3s_store.core.list_diff import common
from a3s_store.core.segments import Segment, cut, filled, pieces_of
from a3s_store.models import Message

# A conversation in more pieces than this is written whole: a read asks for each of them.
MOST_SEGMENTS: Final = 64


class Shared(NamedTuple):
    """A conversation that has the first `length` of the messages to store; None: none is known.

    `is_recognised` is whether the messages were found by their origins, and not cached: the line
    has no others then.
    """

    line: CachedConversation | None
    length: int
    is_recognised: bool = False


class Search(NamedTuple):
    """Where to look for messages that are stored, and not known to be.

    `likely` returns the branches to look at first, and `further` more, when the messages neither
    are in one of those nor go on at its end. `stored` reads the conversation that this one takes
    the place of, when none is cached that is still there: the messages behind the conversation it
    is given, unless that is more than the number.
    """

    likely: Callable[[], Iterable[int]]
    further: Callable[[], Iterable[int]]
    stored: Callable[[CachedConversation | None, int], CachedConversation | None]


class Written(NamedTuple):
    """A stored conversation, and whether the row of its last message was added for it.

    `was_appended`: all new rows, if any, are behind the last one of its branch. `encoded` is what
    was encoded to store it.
    """

    conversation: CachedConversation
    has_new_end: bool
    was_appended: bool
    encoded: Bound


class Placed(NamedTuple):
    """Where a conversation is stored, once `insert` has written its messages at these positions.

    They are rows of a new branch, the head's, which nothing else refers to.
    """

    head: Head
    positions: list[range]


def write(
    conn: sqlite3.Connection,
    known: Shared,
    is_end: Callable[[CachedConversation], bool],
    search: Search,
    messages: tuple[Message, ...],
    now_ms: int,
    bound: Bound | None = None,
) -> Written:
    """Store a conversation; rows are written only for messages that no branch has.

    `known` is tried first, and where `is_end` says that the messages go on at its end, nothing else
    is. New rows get the time `now_ms`.

    Raises:
        EncodeError: a message breaks its rules.
        LargeSaveError: more messages have to be encoded than `bound` permits.
    """
    line, shared, _ = known
    if line is not None and shared == line.head.length and is_end(line):
        return extend(conn, line, messages, now_ms, bound)
    hashes, head, is_new = _write_elsewhere(conn, known, search, messages, now_ms, bound)
    return _written(messages, head, hashes, line, has_new_end=is_new, was_appended=False)


def extend(
    conn: sqlite3.Connection,
    line: CachedConversation,
    messages: tuple[Message, ...],
    now_ms: int,
    bound: Bound | None = None,
) -> Written:
    """Store a conversation that goes on where a stored one ends, which is the end of its branch.

    Raises as `write` does.
    """
    hashes = ChainHashes(messages, line.head.length, line.chain_hash, bound=bound)
    head = append(conn, line.head, hashes, True, now_ms)
    is_new = line.head.length < len(messages)
    return _written(messages, head, hashes, line, has_new_end=is_new, was_appended=True)


def _written(
    messages: tuple[Message, ...],
    head: Head,
    hashes: ChainHashes,
    line: CachedConversation | None,
    *,
    has_new_end: bool,
    was_appended: bool,
) -> Written:
    stored = CachedConversation(messages, head, hashes.at(len(messages)), hashes.size(line))
    return Written(stored, has_new_end, was_appended, hashes.encoded_so_far)


def place(
    conn: sqlite3.Connection,
    known: Shared,
    search: Search,
    hashes: ChainHashes,
) -> Placed:
    """Make a branch for a conversation, as `write`, and leave its new rows to `insert`.

    Raises EncodeError and LargeSaveError.
    """
    rows: list[range] = []
    _, head, _ = _write_elsewhere(
        conn, known, search, hashes.messages, 0, None, hashes=hashes, later=rows
    )
    return Placed(head, rows)


def place_behind(conn: sqlite3.Connection, head: Head | None, hashes: ChainHashes) -> Placed:
    """Make a branch with the messages of a head, to which those of `append` can be added."""
    rows: list[range] = []
    branch = None if head is None else head.branch
    return Placed(_go_on(conn, branch, hashes.start, hashes, 0, later=rows), rows)


def append(
    conn: sqlite3.Connection,
    head: Head | None,
    hashes: ChainHashes,
    is_end: bool,
    now_ms: int,
    at_ms: tuple[int, ...] = (),
) -> Head:
    """Store the messages of a conversation that follow a head; return the new head.

    `hashes` begin there, None: at the beginning. They go behind the last row of the head's branch
    if `is_end`, otherwise to wherever its segments allow it, or to a new branch with the head's
    segments. `at_ms` has the times of the messages; () gives all of them `now_ms`.
    """
    if head is not None and is_end:
        positions = range(hashes.start, len(hashes))
        insert_messages(conn, head.branch, 0, hashes, positions, now_ms, at_ms=at_ms)
        return Head(head.branch, len(hashes))
    branch = None if head is None else head.branch
    return _go_on(conn, branch, hashes.start, hashes, now_ms, at_ms)


def _go_on(
    conn: sqlite3.Connection,
    branch: int | None,
    there: int,
    hashes: ChainHashes,
    now_ms: int,
    at_ms: tuple[int, ...] = (),
    later: list[range] | None = None,
) -> Head:
    """Store what follows the first `there` messages, which a branch has; None: no branch has any.

    Where the branch goes on with other messages, or the rows are written `later`, a new branch
    shares the rows before them.
    """
    parts = [] if branch is None else segments_of(conn, branch, None)
    is_new = there < len(hashes)
    if branch is None or (is_new and (later is not None or not is_open(conn, parts, there))):
        branch = _new_branch(conn, [*cut(parts, there), Segment(there, None, 0)])
        parts = segments_of(conn, branch, None)
    if is_new and later is not None:
        later.append(range(there, len(hashes)))
        return Head(branch, len(hashes))
    if is_new:
        _append(conn, parts[-1], hashes, there, now_ms, at_ms)
    store_chain_hash(conn, parts, len(hashes), hashes.at(len(hashes)))
    return Head(branch, len(hashes))


def is_end(conn: sqlite3.Connection, line: CachedConversation) -> bool:
    """Whether a conversation is still stored, and ends with the last row of its branch."""
    last = last_own_row(conn, line.head)
    return bool(last == (line.head.length - 1, line.chain_hash))


def _write_elsewhere(
    conn: sqlite3.Connection,
    start: Shared,
    search: Search,
    messages: tuple[Message, ...],
    now_ms: int,
    bound: Bound | None,
    *,
    hashes: ChainHashes | None = None,
    later: list[range] | None = None,
) -> tuple[ChainHashes, Head, bool]:
    """Store a conversation that does not just go on at the end of the one it starts with.

    With a list `later`, its new rows are added there, and not written.
    """
    line, shared, is_recognised = start
    parts: list[Segment] = []
    if line is not None:
        parts = segments_of(conn, line.head.branch, None)
        if chain_hash_if_stored(conn, parts, line.head.length) != line.chain_hash:
            line, shared, parts = None, 0, []
    known, known_hash = _known(conn, line, parts, shared)
    if hashes is None:
        stored_hash = functools.partial(chain_hash_if_stored, conn, parts)
        hashes = ChainHashes(messages, known, known_hash, stored_hash, bound)
    first = [] if line is None else [line.head.branch]
    branch, there = find(conn, [*first, *search.likely()], search.further, hashes)
    if there < len(messages):
        if line is None or is_recognised:
            line = search.stored(line, most_compared(len(messages) - there))
            shared = 0 if line is None else common(line.messages, messages)
        if line is not None and shared < line.head.length:
            most = len(messages) - there
            found = _from_pieces(conn, line, shared, hashes, most, now_ms, later)
            if found is not None:
                return hashes, *found
    head = _go_on(conn, branch, there, hashes, now_ms, later=later)
    return hashes, head, there < len(messages)


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


def _append(
    conn: sqlite3.Connection,
    part: Segment,
    hashes: ChainHashes,
    start: int,
    now_ms: int,
    at_ms: tuple[int, ...] = (),
) -> None:
    """Write the messages from `start` on as the next rows of the source of an open segment."""
    positions = range(start, len(hashes))
    if part.source_start is None:
        insert_messages(conn, part.source, 0, hashes, positions, now_ms, None, at_ms)
        return
    row = conn.execute(
        "SELECT chain_hash FROM message WHERE branch_key = ? AND seq = ?",
        (part.source, part.seq(start) - 1),
    ).fetchone()
    if row is None:
        raise CorruptRowError("it is missing from the message log", "messages", start - 1)
    insert_messages(conn, part.source, part.offset, hashes, positions, now_ms, row[0], at_ms)


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
    conn: sqlite3.Connection,
    line: CachedConversation,
    shared: int,
    hashes: ChainHashes,
    most: int,
    now_ms: int,
    later: list[range] | None = None,
) -> tuple[Head, bool] | None:
    """Store a conversation as pieces of `line`, whose first `shared` messages it has, and new ones.

    Returns also whether its last message is a new one.

    None, with nothing written, unless that takes fewer than `most` new rows.
    """
    runs = hashes.runs_in(line, shared)
    new = len(hashes) - shared - sum(run.count for run in runs)
    pieces = pieces_of(segments_of(conn, line.head.branch, line.head.length), shared, runs)
    if not runs or new >= most or len(pieces) > MOST_SEGMENTS // 2:
        return None
    end = pieces[-1].end
    assert end is not None, "the segments of a head end"
    open_ended = attrs.evolve(pieces[-1], end=None)
    if later is None and is_open(conn, [open_ended], end):
        # New messages are written behind the shared rows, where they can be shared again.
        pieces[-1] = open_ended
    else:
        pieces.append(Segment(end, None, 0))
    branch = _new_branch(conn, filled(pieces))
    parts = segments_of(conn, branch, None)
    own = [part for part in parts[:-1] if part.source == branch]
    if later is not None:
        own.append(Segment(end, len(hashes), branch))
        later += [range(part.start, part.end or 0) for part in own]
    else:
        for part in own:
            assert part.end is not None, "only the last segment is open"
            insert_messages(conn, branch, 0, hashes, range(part.start, part.end), now_ms)
        _append(conn, parts[-1], hashes, end, now_ms)
    store_chain_hash(conn, parts, len(hashes), hashes.at(len(hashes)))
    return Head(branch, len(hashes)), end < len(hashes)
