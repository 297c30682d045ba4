"""Lists of generations and ids, and measurements of the file.

Plain functions of a connection, each inside a read transaction that the caller opened.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, Final

from a3s_store.backends.sqlite.read import notes
from a3s_store.backends.sqlite.rows import session_header
from a3s_store.backends.sqlite.schema import migrate
from a3s_store.core import session_tree
from a3s_store.core.collections import CHECKPOINTS
from a3s_store.core.protocol import Generation, Inventory

# Whether a session was saved under an id: its row is stored, or it is lost and the last generation
# has a digest. Such a session is listed, so that loading it reports the damage.
WAS_SAVED: Final = """
CASE WHEN s.owner_key IS NOT NULL THEN 1 ELSE coalesce((
    SELECT digest IS NOT NULL FROM generation
    WHERE owner_key = o.owner_key ORDER BY generation DESC LIMIT 1
), 0) END"""


def generations(conn: sqlite3.Connection, session_id: str) -> tuple[Generation, ...]:
    """Return all stored generations, oldest first; none when nothing was saved under the id.

    Raises CorruptRowError where one is missing that was not pruned.
    """
    if session_header.generation_of(conn, session_id) == 0:
        return ()
    owner = conn.execute("SELECT owner_key FROM owner WHERE id = ?", (session_id,)).fetchone()
    return tuple(
        Generation(
            number=save.number,
            length=None if save.head is None else save.head.length,
            digest=save.digest,
            saved_at_ms=save.saved_at_ms,
        )
        for save in session_header.all_saves(conn, owner[0])
    )


def exists(conn: sqlite3.Connection, session_id: str) -> bool:
    """Return whether a session is stored. Raises CorruptRowError when a row of it is lost."""
    return session_header.revision_of(conn, session_id) is not None


def below(conn: sqlite3.Connection, session_id: str) -> list[str]:
    """Return a session and all its descendants, each after its own descendants."""
    parents = conn.execute(
        "SELECT id, parent_id FROM session JOIN owner USING (owner_key) WHERE parent_id IS NOT NULL"
    ).fetchall()
    return session_tree.below(session_id, dict(parents))


# Damaged trees return rows of other tables, so an id may be no text; `verify` reports it.
def _ids(found: Iterable[Any]) -> tuple[str, ...]:
    return tuple(one for one in found if type(one) is str)


def listed(conn: sqlite3.Connection) -> list[str]:
    """Return the ids of all sessions that are not in the trash, sorted."""
    rows = conn.execute(
        f"SELECT id FROM owner AS o LEFT JOIN session AS s USING (owner_key) "
        f"LEFT JOIN session_host AS h USING (owner_key) "
        f"WHERE {WAS_SAVED} AND h.trashed_at_ms IS NULL ORDER BY id"
    ).fetchall()
    return [*_ids(row[0] for row in rows)]


def inventory(conn: sqlite3.Connection) -> Inventory:
    """Return every id in the file."""
    owners = conn.execute(
        f"SELECT id, {WAS_SAVED} FROM owner AS o LEFT JOIN session AS s USING (owner_key) "
        "ORDER BY id"
    ).fetchall()
    loops, workflows = (
        _ids(
            row[0]
            for row in conn.execute(
                f"SELECT {kind.key} FROM {kind.rows.table} ORDER BY {kind.key}"
            ).fetchall()
        )
        for kind in CHECKPOINTS
    )
    return Inventory(
        sessions=_ids(i for i, saved in owners if saved),
        collections_only=_ids(i for i, saved in owners if not saved),
        loop_checkpoints=loops,
        workflow_checkpoints=workflows,
    )


def facts(conn: sqlite3.Connection) -> dict[str, Any]:
    """Return measurements of the file that cost little, by name, and its `notes`."""
    _, version, _ = migrate.numbers(conn)
    found: dict[str, Any] = {"sqlite": sqlite3.sqlite_version, "schema": version}
    for name in ("page_count", "freelist_count", "auto_vacuum"):
        (found[name],) = conn.execute(f"PRAGMA {name}").fetchone()
    return found | notes.notes(conn)


def probe(conn: sqlite3.Connection) -> None:
    """Insert and delete a row, which raises for a file that cannot be written."""
    conn.execute("INSERT INTO meta (name, value) VALUES ('probe', 1)")
    conn.execute("DELETE FROM meta WHERE name = 'probe'")
