"""The rows of a session header: its conversation's head, its generation, the digest of each part.

They are read first: a save need not write, and a load need not read, a part whose digest is known.
Plain functions of a connection, each inside a transaction that its caller opened.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from a3s_store.backends.sqlite.rows import bounds, message_log, pruned_generations, tombstones
from a3s_store.core.checksums import row_checksum
from a3s_store.core.conversation import Head
from a3s_store.core.corruption import NOT_WRITTEN, CorruptRowError
from a3s_store.core.digests import ListDigest, snapshot_digest_of_parts
from a3s_store.core.revision import Revision
from a3s_store.core.session_header import SessionHeader

_HEADER = """
SELECT o.owner_key, g.generation, g.head_branch, g.head_length, g.digest, g.saved_at_ms, g.holder,
    g.save_id, g.row_checksum, o.life, s.head_branch, s.head_length, s.digest, c.digest,
    c.name_source
FROM owner AS o
LEFT JOIN generation AS g ON g.owner_key = o.owner_key
LEFT JOIN session AS s ON s.owner_key = o.owner_key
LEFT JOIN session_config AS c ON c.owner_key = o.owner_key
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
    row = conn.execute(_HEADER, (session_id,)).fetchone()
    if row is None:
        refuse_lost(conn, "owner", "id", session_id, "session")
        return None
    *save, checksum, life, branch, length, session, config, name_source = row
    key, generation, _, _, digest, _, _, _ = save
    _refuse_none(generation)
    if _checksum(*save) != checksum:
        raise CorruptRowError(NOT_WRITTEN, "generation", generation)
    # Which lists does it have?
    parts = {
        name: ListDigest(count, list_digest)
        for name, count, list_digest in conn.execute(
            "SELECT name, count, digest FROM collection WHERE owner_key = ?", (key,)
        ).fetchall()
    }
    head = None
    if branch is not None:
        if session is None or config is None:
            raise CorruptRowError("it is missing", "config" if session is not None else "session")
        head = Head(branch, length)
        parts["session"] = ListDigest(1, session)
        parts["config"] = ListDigest(1, config)
        parts["messages"] = ListDigest(length, message_log.chain_hash_at(conn, head))
    return SessionHeader(key, generation, digest, head, parts, life, name_source)


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


def write(
    conn: sqlite3.Connection,
    before: SessionHeader,
    head: Head | None,
    parts: Mapping[str, ListDigest],
    now_ms: int,
    save_id: bytes | None = None,
) -> SessionHeader:
    """Write the digests of a save and its generation; return the header after it.

    The rows of the session and its configuration have their digests already.
    """
    digest = None if head is None else snapshot_digest_of_parts(parts)
    after = SessionHeader(before.key, before.generation + 1, digest, head, parts, before.life)
    _write_collections(conn, before, after)
    if head is not None and (before.head is None or before.head.branch != head.branch):
        conn.execute(
            "INSERT OR IGNORE INTO branch_owner (owner_key, branch_key) VALUES (?, ?)",
            (after.key, head.branch),
        )
    add_generation(conn, after.key, after.generation, head, digest, now_ms, save_id)
    return after


# In the order in which the row checksum is made of them.
_GENERATION = (
    "owner_key, generation, head_branch, head_length, digest, saved_at_ms, holder, save_id"
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
    conn.execute(
        f"INSERT INTO generation ({_GENERATION}, row_checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*columns, _checksum(*columns)),
    )


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
    conn.executemany(
        "INSERT INTO collection (owner_key, name, count, digest) VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET count = excluded.count, digest = excluded.digest",
        [
            (after.key, name, digest.count, digest.digest)
            for name, digest in after.parts.items()
            if name not in _ELSEWHERE and digest != before.parts.get(name)
        ],
    )
    for name in before.parts:
        if name not in after.parts:
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


def revision_saved_as(conn: sqlite3.Connection, session_id: str, save_id: bytes) -> Revision | None:
    """Return the revision that the save with this id made; None when there is none."""
    row = conn.execute(
        "SELECT generation, life FROM generation JOIN owner USING (owner_key) "
        "WHERE id = ? AND save_id = ? ORDER BY generation DESC LIMIT 1",
        (session_id, save_id),
    ).fetchone()
    return None if row is None else Revision(*row)
