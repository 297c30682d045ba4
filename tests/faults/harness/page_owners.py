"""The sessions that have rows on each page of a file.

SQLite's `dbstat` lists the leaves of a table in order, with the number of rows on each: from that
follow the page of each row, and the session of each page. Pages of indexes and the inner pages of
trees repeat other pages. A row without a known session counts for every session.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from a3s_store.core.collections import COLLECTIONS, SESSION_ROWS

# SQL for the session of each row of a table, in order of the keys; several ids are joined by
# newlines.
_OWNED: Final = (
    "SELECT (SELECT id FROM owner WHERE owner_key = t.owner_key) FROM {0} AS t ORDER BY {0}_key"
)
_UNDER: Final = (
    "SELECT (SELECT o.id FROM {1} JOIN owner AS o USING (owner_key) WHERE {1}_key = t.{1}_key) "
    "FROM {0} AS t ORDER BY {0}_key"
)
_OWNERS: Final[Mapping[str, str]] = {
    **{
        table: _OWNED.format(table)
        for table in (
            "queue_entry",
            *(rows.table for rows in SESSION_ROWS.lists.values()),
            *(one.rows.table for one in COLLECTIONS),
        )
    },
    **{
        table: f"SELECT (SELECT id FROM owner WHERE owner_key = t.owner_key) FROM {table} AS t "
        "ORDER BY owner_key"
        for table in ("session", "session_config")
    },
    **{
        inside.table: _UNDER.format(inside.table, one.rows.table)
        for one in COLLECTIONS
        for inside in one.rows.lists.values()
    },
    "message": "SELECT (SELECT group_concat(DISTINCT id || char(10)) FROM branch_segment AS p "
    "JOIN branch_owner AS b USING (branch_key) JOIN owner USING (owner_key) "
    "WHERE p.source_branch = t.branch_key) FROM message AS t ORDER BY message_key",
}
# Tables without rows of a session.
_OTHERS: Final = frozenset(
    {
        "meta",
        "loop_checkpoint",
        "draft",
        "workflow_checkpoint",
        "workflow_step",
        "agent_memory",
        "agent_memory_total",
    }
)


def sessions_by_page(data: bytes) -> dict[int, frozenset[str]]:
    """The ids of the sessions with rows on each page, by page; pages without any are left out."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "whole"
        path.write_bytes(data)
        conn = sqlite3.connect(path)
        try:
            return _assigned(conn)
        finally:
            conn.close()


def _assigned(conn: sqlite3.Connection) -> dict[int, frozenset[str]]:
    every = frozenset(
        row[0] for row in conn.execute("SELECT id FROM owner JOIN session USING (owner_key)")
    )
    tables = {row[0] for row in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    found: dict[int, set[str]] = {}
    for table in sorted(tables - _OTHERS):
        if table not in _OWNERS:
            for (page,) in conn.execute("SELECT pageno FROM dbstat WHERE name = ?", (table,)):
                found.setdefault(page, set()).update(every)
            continue
        owners = [_names(row[0]) & every for row in conn.execute(_OWNERS[table])]
        first: dict[str, int] = {}
        row = 0
        leaves = conn.execute(
            "SELECT path, pageno, ncell FROM dbstat WHERE name = ? AND pagetype = 'leaf' "
            "ORDER BY path",
            (table,),
        )
        for path, page, cells in leaves:
            first[path] = row
            found.setdefault(page, set()).update(*owners[row : row + cells])
            row += cells
        assert row == len(owners), f"each row of {table} lies on a leaf"
        # A long row has overflow pages: "/000/01f+000002" belongs to the leaf "/000/", cell 0x1f.
        overflows = conn.execute(
            "SELECT path, pageno FROM dbstat WHERE name = ? AND pagetype = 'overflow'", (table,)
        )
        for path, page in overflows:
            leaf, _, cell = path.partition("+")[0].rpartition("/")
            found.setdefault(page, set()).update(owners[first[leaf + "/"] + int(cell, 16)])
    return {page: frozenset(names) for page, names in found.items()}


def _names(joined: str | None) -> set[str]:
    # group_concat puts commas between them.
    return {name.lstrip(",") for name in (joined or "").split("\n")} - {""}
