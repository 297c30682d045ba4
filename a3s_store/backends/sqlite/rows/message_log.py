"""The message log: branches, heads, and where new messages go (design decision D5).

A *branch* is a line of messages that only grows at its end. It may begin with segments of other
branches (`branch_segment`), so a branch that forks another copies nothing; segments always name the
branch that physically holds the rows, so reading never goes from branch to branch. A *head* is
(branch, length).

Invariants: 1. a row, once written, never changes; 2. the chain hash at a position names every
message up to it: two heads share their first n messages exactly when their chain hashes at n are
equal; 3. rows that no head needs are removed by `collect`, whichever call dropped the last head.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable
from typing import Any

import attrs

from a3s_store.backends.sqlite.format import row_salt
from a3s_store.backends.sqlite.rows import blobs
from a3s_store.core.checksums import message_checksums
from a3s_store.core.collections import MESSAGE_ROWS
from a3s_store.core.columns import shape
from a3s_store.core.conversation import CachedConversation, Head
from a3s_store.core.corruption import CorruptRowError
from a3s_store.core.digests import EMPTY_CHAIN, chain
from a3s_store.core.list_diff import common
from a3s_store.errors import EncodeError
from a3s_store.models import Message
from a3s_store.wire import canonical, encode

Tree = dict[str, Any]

_SHAPE = shape(MESSAGE_ROWS)
_COLUMNS = ", ".join(_SHAPE.names)
_INSERT = (
    f"INSERT INTO message (branch_key, seq, {_COLUMNS}, chain_hash, checksum) "
    f"VALUES (?, ?, {', '.join('?' * len(_SHAPE.names))}, ?, ?)"
)
# No conversation is that long.
_ENDLESS = 2**63 - 1


@attrs.frozen
class Segment:
    """Positions `start` up to `end` of a branch lie in rows of branch `source`; None: open."""

    start: int
    end: int | None
    source: int


class _ChainHashes:
    """The chain of a conversation, worked out only as far as somebody asks.

    `start` messages are known to lie along `parts`, where their links are; only those after them
    are encoded.
    """

    def __init__(
        self,
        conn: sqlite3.Connection,
        messages: tuple[Message, ...],
        parts: list[Segment],
        start: int,
        link: bytes,
    ) -> None:
        self._conn = conn
        self._messages = messages
        self._parts = parts
        self._link = link
        self._links: list[bytes] = []
        self._trees: list[Tree] = []
        self.start = start

    def __len__(self) -> int:
        return len(self._messages)

    def at(self, length: int) -> bytes:
        """The chain of the first `length` messages. Raises EncodeError."""
        if length == 0:
            return EMPTY_CHAIN
        if length < self.start:
            return _link(self._conn, self._parts, length)
        while self.start + len(self._links) < length:
            self._go_on()
        return self._links[length - self.start - 1] if length > self.start else self._link

    def tree(self, index: int) -> Tree:
        """The JSON object of a message after the first `start`. Raises EncodeError."""
        self.at(index + 1)
        return self._trees[index - self.start]

    def _go_on(self) -> None:
        index = self.start + len(self._links)
        tree = _encode_message(index, self._messages[index])
        last = self._links[-1] if self._links else self._link
        self._links += chain([hashlib.sha256(canonical(tree)).digest()], last)
        self._trees.append(tree)


def _encode_message(index: int, message: Message) -> Tree:
    if type(message) is not Message:
        what = f"expected a Message, found {type(message).__name__}"
        raise EncodeError(what, model="SessionData", path=f"messages[{index}]")
    try:
        return encode(message)
    except EncodeError as error:
        raise error.inside("SessionData", f"messages[{index}]") from None


def write(
    conn: sqlite3.Connection,
    lines: Iterable[CachedConversation],
    likely: Callable[[], Iterable[int]],
    further: Callable[[], Iterable[int]],
    messages: tuple[Message, ...],
) -> CachedConversation:
    """A line of these messages: rows are written only for those that no branch has.

    `lines` are remembered; the one that shares most is tried first, and where the messages just go
    on at its end, nothing else is. `likely` finds the branches to look at next, and `further` more,
    when the messages neither are in one of those nor go on at its end.

    Raises:
        EncodeError: a message breaks its rules.
    """
    line, shared = _best(lines, messages)
    if line is not None and shared == line.head.length and _is_end(conn, line):
        # As nearly always: the conversation goes on where it was left.
        links = _ChainHashes(conn, messages, [], shared, line.chain_hash)
        branch = line.head.branch
    else:
        links, first = _known(conn, line, shared, messages)
        branch, shared = _find(conn, [*first, *likely()], further, links)
    _append(conn, branch, links, shared)
    return CachedConversation(messages, Head(branch, len(links)), links.at(len(links)))


def _best(
    lines: Iterable[CachedConversation], messages: tuple[Message, ...]
) -> tuple[CachedConversation | None, int]:
    """The line that shares most with these messages, and how many those are."""
    best: CachedConversation | None = None
    shared = 0
    for line in lines:
        length = common(line.messages, messages)
        if length > shared:
            best, shared = line, length
    return best, shared


def _is_end(conn: sqlite3.Connection, line: CachedConversation) -> bool:
    """Whether a line is still there, with nothing after it on its branch.

    A branch that no head is on may be there for its rows only: nothing may be added to it.
    """
    last = conn.execute(
        "SELECT seq, chain_hash FROM message WHERE branch_key = :branch AND EXISTS "
        "(SELECT 1 FROM branch_segment WHERE branch_key = :branch AND end_seq IS NULL) "
        "ORDER BY seq DESC LIMIT 1",
        {"branch": line.head.branch},
    ).fetchone()
    return bool(last == (line.head.length - 1, line.chain_hash))


def _known(
    conn: sqlite3.Connection,
    line: CachedConversation | None,
    shared: int,
    messages: tuple[Message, ...],
) -> tuple[_ChainHashes, list[int]]:
    """What a line says of these messages if it is still there, and the branch where that lies."""
    if line is not None:
        parts = segments_of(conn, line.head.branch, None)
        if chain_hash_if_stored(conn, parts, line.head.length) == line.chain_hash:
            link = _link(conn, parts, shared)
            return _ChainHashes(conn, messages, parts, shared, link), [line.head.branch]
    return _ChainHashes(conn, messages, [], 0, EMPTY_CHAIN), []


def _find(
    conn: sqlite3.Connection,
    likely: Iterable[int],
    further: Callable[[], Iterable[int]],
    links: _ChainHashes,
) -> tuple[int, int]:
    """The branch that these messages go on, made where there is none, and how many it has."""
    branch, shared = _longest_shared(conn, likely, links)
    if branch is None or shared < min(len(links), _tip(conn, branch)):
        other, more = _longest_shared(conn, further(), links)
        if other is not None and (branch is None or more > shared):
            branch, shared = other, more
    if branch is None:
        return _new_branch(conn, []), 0
    if shared < len(links) and shared < _tip(conn, branch):
        # The branch goes on with other messages; what is shared is shared, the rest parts here.
        return _new_branch(conn, segments_of(conn, branch, shared)), shared
    return branch, shared


def _longest_shared(
    conn: sqlite3.Connection, branches: Iterable[int], links: _ChainHashes
) -> tuple[int | None, int]:
    best: int | None = None
    longest = -1
    for branch in dict.fromkeys(branches):
        shared = _shared(conn, branch, links)
        if shared > longest:
            best, longest = branch, shared
        if longest == len(links):
            break
    return best, max(longest, 0)


def _shared(conn: sqlite3.Connection, branch: int, links: _ChainHashes) -> int:
    """How many of the messages with these links are the branch's first: by halving, not reading."""
    parts = segments_of(conn, branch, None)
    high = min(len(links), _reach(conn, parts))
    if high == 0 or _link(conn, parts, high) == links.at(high):
        return high
    low = 0
    # Most conversations part where the known messages end, and links before that are on record.
    if links.start < high and _link(conn, parts, links.start or 1) == links.at(links.start or 1):
        low = links.start or 1
    while high - low > 1:
        middle = (low + high) // 2
        if _link(conn, parts, middle) == links.at(middle):
            low = middle
        else:
            high = middle
    return low


def _reach(conn: sqlite3.Connection, parts: list[Segment]) -> int:
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


def _append(conn: sqlite3.Connection, branch: int, links: _ChainHashes, shared: int) -> None:
    rows: list[tuple[Any, ...]] = []
    seed = row_salt.read(conn).seed(branch) if shared < len(links) else 0
    for seq in range(shared, len(links)):
        tree, keys = blobs.detach(conn, links.tree(seq))
        link = links.at(seq + 1)
        columns = _SHAPE.row(tree)
        texts: list[Any] = [None if text is None else text.encode() for text in columns]
        role, content, reasoning, extra = texts
        (checksum,) = message_checksums(seq, [link], [role], [reasoning], [extra], [content], seed)
        row = (branch, seq, *columns, link, checksum)
        if not keys:
            rows.append(row)
            continue
        message_key = conn.execute(_INSERT, row).lastrowid
        conn.executemany(
            "INSERT OR IGNORE INTO message_blob (message_key, blob_key) VALUES (?, ?)",
            [(message_key, key) for key in keys],
        )
    conn.executemany(_INSERT, rows)


def _new_branch(conn: sqlite3.Connection, prefix: list[Segment]) -> int:
    branch = conn.execute("INSERT INTO branch DEFAULT VALUES").lastrowid
    assert branch is not None
    start = prefix[-1].end if prefix else 0
    conn.executemany(
        "INSERT INTO branch_segment (branch_key, start_seq, end_seq, source_branch) "
        "VALUES (?, ?, ?, ?)",
        [(branch, p.start, p.end, p.source) for p in prefix] + [(branch, start, None, branch)],
    )
    return branch


def segments_of(conn: sqlite3.Connection, branch: int, length: int | None) -> list[Segment]:
    """Where a branch's first `length` messages lie; with None, all parts, the open one last."""
    # Which stretches make up this branch?
    rows = conn.execute(
        "SELECT start_seq, end_seq, source_branch FROM branch_segment "
        "WHERE branch_key = ? AND start_seq < ? ORDER BY start_seq",
        (branch, _ENDLESS if length is None else length),
    ).fetchall()
    parts = [Segment(*row) for row in rows]
    if length is None:
        return parts
    return [
        Segment(p.start, length if p.end is None else min(p.end, length), p.source) for p in parts
    ]


def _tip(conn: sqlite3.Connection, branch: int) -> int:
    """How many messages a branch has: its own last row, or the end of what it begins with."""
    row = conn.execute(
        "SELECT coalesce((SELECT max(seq) + 1 FROM message WHERE branch_key = :branch), "
        "(SELECT max(start_seq) FROM branch_segment WHERE branch_key = :branch), 0)",
        {"branch": branch},
    ).fetchone()
    return int(row[0])


def _link(conn: sqlite3.Connection, parts: list[Segment], length: int) -> bytes:
    link = chain_hash_if_stored(conn, parts, length)
    if link is None:
        raise CorruptRowError("it is missing from the log", "messages", length - 1)
    return link


def chain_hash_if_stored(
    conn: sqlite3.Connection, parts: list[Segment], length: int
) -> bytes | None:
    """The chain of the first `length` messages along these parts; None when they are not there."""
    for part in parts:
        if part.start < length and (part.end is None or length <= part.end):
            row = conn.execute(
                "SELECT chain_hash FROM message WHERE branch_key = ? AND seq = ?",
                (part.source, length - 1),
            ).fetchone()
            return None if row is None else bytes(row[0])
    return None


def chain_hash_at(conn: sqlite3.Connection, head: Head) -> bytes:
    """The chain of a head: it names the whole conversation."""
    if head.length == 0:
        return EMPTY_CHAIN
    own = chain_hash_if_stored(conn, [Segment(0, None, head.branch)], head.length)
    return own or _link(conn, segments_of(conn, head.branch, None), head.length)


# What heads need of a branch; every kind of head is named here and nowhere else. That of a session
# is always the last of its generations'.
_NEEDED = """
SELECT max(needed) FROM (
    SELECT max(head_length) AS needed
    FROM branch_owner JOIN generation USING (owner_key)
    WHERE branch_key = :branch AND head_branch = :branch
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
        parts = segments_of(conn, branch, None)
        sources.update(part.source for part in parts)
        if _needed(conn, branch) is None:
            conn.execute("DELETE FROM branch_segment WHERE branch_key = ?", (branch,))
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
        "SELECT branch_key, start_seq, end_seq FROM branch_segment WHERE source_branch = ? "
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
