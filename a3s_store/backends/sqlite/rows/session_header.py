"""The rows of a session header: its conversation's head, its generation, the digest of each part.

They are read first: a save need not write, and a load need not read, a part whose digest is known.
Plain functions of a connection, each inside a transaction that its caller opened.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import attrs

from a3s_store.backends.sqlite.format import commit_row
from a3s_store.backends.sqlite.rows import bounds, message_log, pruned_generations, tombstones
from a3s_store.core.checksums import row_checksum
from a3s_store.core.commit_log import CommitOp
from a3s_store.core.conversation import Head
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError
from a3s_store.core.digests import ListDigest
from a3s_store.core.parts import Parts
from a3s_store.core.revision import Revision
from a3s_store.core.session_header import SessionHeader

_HEADER = """
SELECT o.owner_key, g.generation, g.head_branch, g.head_length, g.digest, g.saved_at_ms, g.holder,
    g.save_id, g.row_checksum, o.life, s.head_branch, s.head_length, s.digest, c.digest,
    c.name_source, s.changed_at_ms, c.first_prompt,
    (SELECT group_concat(name || ' ' || count || ' ' || hex(digest), ',')
        FROM collection WHERE owner_key = o.owner_key),
    (SELECT chain_hash FROM message WHERE branch_key = s.head_branch AND seq = s.head_length - 1)
    {more}
FROM owner AS o
LEFT JOIN generation AS g ON g.owner_key = o.owner_key
LEFT JOIN session AS s ON s.owner_key = o.owner_key
LEFT JOIN session_config AS c ON c.owner_key = o.owner_key
WHERE o.id = ?
ORDER BY g.generation DESC
LIMIT 1
"""
# Columns before `more`.
_WIDTH: Final = 19
# What changes with every save of a session; times of its last change may be changed by others.
_CONFIRM = """
SELECT o.owner_key, o.life, g.generation, g.digest, g.head_branch, g.head_length, s.changed_at_ms
FROM owner AS o
JOIN generation AS g ON g.owner_key = o.owner_key
LEFT JOIN session AS s ON s.owner_key = o.owner_key
WHERE o.id = ?
ORDER BY g.generation DESC
LIMIT 1
"""
# The newest save of a session, and whether the session has the conversation of that save.
_NEWEST = """
SELECT g.generation, o.life, s.owner_key IS NOT NULL,
    s.head_branch IS g.head_branch AND s.head_length IS g.head_length
FROM owner AS o
LEFT JOIN generation AS g ON g.owner_key = o.owner_key
LEFT JOIN session AS s ON s.owner_key = o.owner_key
WHERE o.id = ?
ORDER BY g.generation DESC
LIMIT 1
"""


def find(conn: sqlite3.Connection, session_id: str) -> SessionHeader | None:
    """Return the header of a session id; None when nothing is stored under it.

    Raises CorruptRowError when the rows contradict each other, or one is missing.
    """
    found = find_with(conn, session_id, "")
    return None if found is None else found[0]


def find_with(
    conn: sqlite3.Connection, session_id: str, more: str
) -> tuple[SessionHeader, tuple[Any, ...]] | None:
    """Return the header of a session id, and the values of further columns, in one statement.

    `more` is SQL that begins with a comma, or empty: expressions with the tables `o` (owner), `s`
    (session) and `c` (session_config). Otherwise as `find`.
    """
    row = conn.execute(_HEADER.format(more=more), (session_id,)).fetchone()
    if row is None:
        refuse_lost(conn, "owner", "id", session_id, "session")
        return None
    own, others = row[:_WIDTH], row[_WIDTH:]
    *save, checksum, life, branch, length, session, config, name_source = own[:-4]
    changed_at_ms, first_prompt, listed, chain_hash = own[-4:]
    key, generation, _, _, digest, _, _, _ = save
    _refuse_none(generation)
    if _checksum(*save) != checksum:
        raise CorruptRowError(NOT_WRITTEN, "generation", generation)
    parts: dict[str, ListDigest] = {}
    for one in listed.split(",") if listed else ():
        name, count, list_digest = one.split(" ")
        parts[name] = ListDigest(int(count), bytes.fromhex(list_digest))
    head = None
    if branch is not None:
        if session is None or config is None:
            raise CorruptRowError("it is missing", "config" if session is not None else "session")
        head = Head(branch, length)
        parts["session"] = ListDigest(1, session)
        parts["config"] = ListDigest(1, config)
        if chain_hash is None:
            chain_hash = message_log.chain_hash_at(conn, head)
        parts["messages"] = ListDigest(length, chain_hash)
    header = SessionHeader(
        key, generation, digest, head, parts, life, name_source, changed_at_ms or 0, first_prompt
    )
    return header, others


def confirmed(
    conn: sqlite3.Connection, session_id: str, known: SessionHeader
) -> SessionHeader | None:
    """Return a known header if it is that of the session's last save, else None.

    One row is read: whatever changes a session makes a generation.
    """
    row = conn.execute(_CONFIRM, (session_id,)).fetchone()
    head = (None, None) if known.head is None else (known.head.branch, known.head.length)
    if row is None or row[:6] != (known.key, known.life, known.generation, known.digest, *head):
        return None
    changed_at_ms = row[6] or 0
    if changed_at_ms == known.changed_at_ms:
        return known
    return attrs.evolve(known, changed_at_ms=changed_at_ms)


def refuse_lost(
    conn: sqlite3.Connection, table: str, column: str, key: str, collection: str
) -> None:
    """Raise CorruptRowError when a row has this key and its index does not.

    Before a key is said to be unused, the table itself is searched: otherwise an application would
    begin a new session beside the stored one. It takes half a millisecond with 10 000 sessions.
    """
    # Names come from the registry and from here only.
    sql = f"SELECT 1 FROM {table} NOT INDEXED WHERE {column} = ? LIMIT 1"
    if conn.execute(sql, (key,)).fetchall():
        raise CorruptRowError("its row is missing from the index", collection)


def _refuse_none(generation: int | None) -> None:
    """Raise CorruptRowError where an id has no generation: each was stored with one."""
    if generation is None:
        raise CorruptRowError("no generation of it is stored", "generation")


def owner_of(conn: sqlite3.Connection, session_id: str, life: int | None = None) -> int | None:
    """Return the owner key of a session; None when the id has none, or one of another life."""
    row = conn.execute("SELECT owner_key, life FROM owner WHERE id = ?", (session_id,)).fetchone()
    if row is None:
        refuse_lost(conn, "owner", "id", session_id, "session")
        return None
    owner_key, stored_life = row
    if life is not None and life != stored_life:
        return None
    # Raises where the session's row is lost: rows that refer to it would be lost with it.
    return None if revision_of(conn, session_id) is None else int(owner_key)


def _has_saves(conn: sqlite3.Connection, key: int) -> bool:
    sql = "SELECT 1 FROM generation WHERE owner_key = ? LIMIT 1"
    return conn.execute(sql, (key,)).fetchone() is not None


def add_owner(conn: sqlite3.Connection, session_id: str) -> SessionHeader:
    """Add an id and return its header; generations go on after those of a deleted session."""
    last = tombstones.last_generation(conn, session_id)
    key = bounds.next_key(conn, "owner", functools.partial(_has_saves, conn))
    conn.execute(
        "INSERT INTO owner (owner_key, id, life) VALUES (?, ?, ?)", (key, session_id, last + 1)
    )
    return SessionHeader(key, last, None, None, {}, last + 1)


def next_after(
    before: SessionHeader,
    head: Head | None,
    parts: Parts,
    fields: bytes | None,
    now_ms: int,
    prompt: str | None,
    *,
    again: bool = False,
) -> SessionHeader:
    """Return the header of a session after its next save, at this time by the store's clock.

    `fields` as in `SessionHeader`. `again`: the save goes on with the last generation, which is of
    the same unit.
    """
    # Not by `attrs.evolve`, which takes as long as a statement.
    return SessionHeader(
        before.key,
        before.generation if again else before.generation + 1,
        None if head is None else parts.digest(),
        head,
        parts,
        before.life,
        before.name_source,
        max(now_ms, before.changed_at_ms),
        prompt,
        fields,
    )


def log(
    conn: sqlite3.Connection,
    session_id: str,
    after: SessionHeader,
    op: CommitOp,
    save_id: bytes | None = None,
    last: int | None = None,
    instead_of: int | None = None,
) -> int:
    """Add the save that made this header to the commit log, as `commit_row.add` does."""
    return commit_row.add(
        conn,
        "session",
        session_id,
        op,
        after.changed_at_ms,
        generation=after.generation,
        digest=after.digest,
        save_id=save_id,
        last=last,
        instead_of=instead_of,
    )


def write(
    conn: sqlite3.Connection,
    before: SessionHeader,
    after: SessionHeader,
    now_ms: int,
    save_id: bytes | None = None,
) -> None:
    """Write the digests of a save and its generation.

    The rows of the session and its configuration have their digests already.
    """
    _write_collections(conn, before, after)
    head = after.head
    if head is not None and (before.head is None or before.head.branch != head.branch):
        conn.execute(
            "INSERT OR IGNORE INTO branch_owner (owner_key, branch_key) VALUES (?, ?)",
            (after.key, head.branch),
        )
    if after.generation == before.generation:
        conn.execute(
            "DELETE FROM generation WHERE owner_key = ? AND generation = ?",
            (after.key, after.generation),
        )
    add_generation(conn, after.key, after.generation, head, after.digest, now_ms, save_id)


# In the order in which the row checksum is made of them.
_GENERATION = (
    "owner_key, generation, head_branch, head_length, digest, saved_at_ms, holder, save_id"
)
_ADD_GENERATION = (
    f"INSERT INTO generation ({_GENERATION}, row_checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def _checksum(*columns: Any) -> int:
    """Return the row checksum of a generation; without a save id, as older releases made it."""
    *others, save_id = columns
    return row_checksum(*others) if save_id is None else row_checksum(*others, save_id.hex())


def add_generation(
    conn: sqlite3.Connection,
    key: int,
    number: int,
    head: Head | None,
    digest: str | None,
    saved_at_ms: int,
    save_id: bytes | None = None,
) -> None:
    """Add the row of a generation: the head of its conversation, and the snapshot's digest."""
    branch, length = (None, None) if head is None else (head.branch, head.length)
    columns = (key, number, branch, length, digest, saved_at_ms, None, save_id)
    conn.execute(_ADD_GENERATION, (*columns, _checksum(*columns)))


class StoredGeneration(NamedTuple):
    """The verified row of one generation. `head` as in `SessionHeader`."""

    number: int
    head: Head | None
    digest: str | None
    saved_at_ms: int


def saves(
    conn: sqlite3.Connection, key: int, number: int | None = None
) -> Iterator[StoredGeneration]:
    """Yield every generation of a session, or the one with this number, in order.

    Raises CorruptRowError, with the number as position, where a row has a wrong checksum.
    """
    which, parameters = ("", (key,)) if number is None else (" AND generation = ?", (key, number))
    for row in conn.execute(
        f"SELECT {_GENERATION}, row_checksum FROM generation WHERE owner_key = ?{which} "
        "ORDER BY generation",
        parameters,
    ).fetchall():
        *columns, checksum = row
        _, found, branch, length, digest, saved_at_ms, _, _ = columns
        if _checksum(*columns) != checksum:
            raise CorruptRowError(NOT_WRITTEN, "generation", found)
        yield StoredGeneration(
            found, None if branch is None else Head(branch, length), digest, saved_at_ms
        )


def all_saves(conn: sqlite3.Connection, key: int) -> tuple[StoredGeneration, ...]:
    """Return every generation of a session but pruned ones, in order.

    Raises CorruptRowError where one is missing, or as `saves`.
    """
    found = tuple(saves(conn, key))
    lost = pruned_generations.lost(conn, key, [save.number for save in found])
    if lost is not None:
        raise lost
    return found


# Parts whose digest is in a row of another table.
_ELSEWHERE = frozenset({"session", "config", "messages"})


def _write_collections(
    conn: sqlite3.Connection, before: SessionHeader, after: SessionHeader
) -> None:
    changed = [
        (after.key, name, *after.parts[name])
        for name in after.parts.differing(before.parts)
        if name not in _ELSEWHERE
    ]
    if changed:
        conn.executemany(
            "INSERT INTO collection (owner_key, name, count, digest) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET count = excluded.count, digest = excluded.digest",
            changed,
        )
    for name in before.parts.lacking(after.parts):
        if name not in _ELSEWHERE:
            conn.execute(
                "DELETE FROM collection WHERE owner_key = ? AND name = ?", (after.key, name)
            )


def generation_of(conn: sqlite3.Connection, session_id: str) -> int:
    """Return the last generation of an id; 0 when there is none. Raises as `revision_of`."""
    newest = _newest(conn, session_id)
    return 0 if newest is None else newest[0].generation


def last_number(conn: sqlite3.Connection, session_id: str) -> int:
    """Return the last generation of an id, damaged or not; 0 when there is none."""
    row = conn.execute(
        "SELECT max(generation) FROM generation JOIN owner USING (owner_key) WHERE id = ?",
        (session_id,),
    ).fetchone()
    return row[0] or 0


def revision_of(conn: sqlite3.Connection, session_id: str) -> Revision | None:
    """Return the revision of a session; None when none is stored under the id.

    Three rows are read. Raises CorruptRowError when one of them is missing, or missing from the
    index of ids.
    """
    newest = _newest(conn, session_id)
    # Collections may be stored without a session.
    return newest[0] if newest is not None and newest[1] else None


def _newest(conn: sqlite3.Connection, session_id: str) -> tuple[Revision, bool] | None:
    """Return the revision of an id, and whether a session is stored under it; None if nothing."""
    row = conn.execute(_NEWEST, (session_id,)).fetchone()
    if row is None:
        refuse_lost(conn, "owner", "id", session_id, "session")
        return None
    generation, life, has_session, is_of_session = row
    _refuse_none(generation)
    if not is_of_session and not has_session:
        raise CorruptRowError("it is missing", "session")
    if not is_of_session:
        raise CorruptRowError("the last one is missing or damaged", "generation")
    return Revision(generation, life), bool(has_session)
