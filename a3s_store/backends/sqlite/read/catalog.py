"""What there is in the file: short questions about all sessions, and about the file itself.

Plain functions of a connection, each inside a read transaction that somebody else opened.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from a3s_store.backends.sqlite.read import notes, run_states
from a3s_store.backends.sqlite.rows import session_header
from a3s_store.backends.sqlite.schema import migrate
from a3s_store.core import session_tree
from a3s_store.core.collections import CHECKPOINTS
from a3s_store.core.protocol import Generation, Inventory, SessionSummary

# Whether a session was saved under an id: where its row is lost, its last save had a digest. Such a
# session is listed, so that loading it says what is damaged.
_WAS_SAVED: Final = """
CASE WHEN s.owner_key IS NOT NULL THEN 1 ELSE coalesce((
    SELECT digest IS NOT NULL FROM generation
    WHERE owner_key = o.owner_key ORDER BY generation DESC LIMIT 1
), 0) END"""
# The fields of `SessionSummary` but for those of runs, the parent first. Of sessions that were
# updated in the same second the one saved last comes first, by the clocks that saved them.
_SUMMARIES: Final = f"""
SELECT
    s.parent_id,
    o.id,
    coalesce(c.name, ''),
    coalesce(s.state, 'Unknown'),
    coalesce(c.workspace, ''),
    s.model_name,
    coalesce(s.head_length, 0),
    s.total_tokens,
    coalesce(s.total_cost, 0.0),
    coalesce(s.created_at, 0),
    coalesce(s.updated_at, 0),
    coalesce(g.generation, 0)
FROM owner AS o
LEFT JOIN session AS s USING (owner_key)
LEFT JOIN session_config AS c USING (owner_key)
LEFT JOIN generation AS g ON g.owner_key = o.owner_key AND g.generation = (
    SELECT max(generation) FROM generation WHERE owner_key = o.owner_key
)
WHERE typeof(o.id) = 'text' AND {_WAS_SAVED}
ORDER BY s.updated_at DESC, g.saved_at_ms DESC, o.id
"""
_NO_RUNS: Final = (0, 0, 0, False)


def generations(conn: sqlite3.Connection, session_id: str) -> tuple[Generation, ...]:
    """All stored generations, the oldest first; none when nothing was saved under the id.

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
    """Whether a session was saved under an id. Raises CorruptRowError when a row of it is lost."""
    return session_header.revision_of(conn, session_id) is not None


def summaries(conn: sqlite3.Connection) -> tuple[SessionSummary, ...]:
    """What there is to say of every saved session, those updated last first."""
    unfinished = run_states.of_sessions(conn)
    # Which sessions are there? A cost that is negative zero is NULL in its column.
    found = conn.execute(_SUMMARIES).fetchall()
    # `SessionSummary._make` counts the fields of every row again.
    make = partial(tuple.__new__, SessionSummary)
    return tuple([make((*row[1:], *unfinished.get(row[1], _NO_RUNS), row[0])) for row in found])


def below(conn: sqlite3.Connection, session_id: str) -> list[str]:
    """A session and all whose parents lead to it, each behind those below it."""
    # Which parent has each session?
    parents = conn.execute(
        "SELECT id, parent_id FROM session JOIN owner USING (owner_key) WHERE parent_id IS NOT NULL"
    ).fetchall()
    return session_tree.below(session_id, dict(parents))


# The pages of another table may stand here: what is no text is no id. `verify` tells of it.
def _ids(found: Iterable[Any]) -> tuple[str, ...]:
    return tuple(one for one in found if type(one) is str)


def inventory(conn: sqlite3.Connection) -> Inventory:
    """Every id in the file."""
    # Every id, and whether a session was saved under it.
    owners = conn.execute(
        f"SELECT id, {_WAS_SAVED} FROM owner AS o LEFT JOIN session AS s USING (owner_key) "
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
    """Measurements of the file that need no more than a look."""
    _, version, _ = migrate.numbers(conn)
    found: dict[str, Any] = {"sqlite": sqlite3.sqlite_version, "schema": version}
    for name in ("page_count", "freelist_count", "auto_vacuum"):
        (found[name],) = conn.execute(f"PRAGMA {name}").fetchone()
    return found | notes.notes(conn)


def probe(conn: sqlite3.Connection) -> None:
    """Write something and take it back: a store that cannot be written says so here."""
    conn.execute("INSERT INTO meta (name, value) VALUES ('probe', 1)")
    conn.execute("DELETE FROM meta WHERE name = 'probe'")
