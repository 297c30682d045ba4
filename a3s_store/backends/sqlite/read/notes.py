"""The results of the last verify, erase and salvage, which the file keeps in its table `meta`."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

VERIFIED: Final = "last_verify"
ERASED: Final = "last_erase"
# The last complete run of `prune` by an idle store.
PRUNED: Final = "last_prune"
# The salvage that made this file: "at", "source", "whole" (how many sessions), "partial" and "lost"
# (their ids), "damage" (sentences).
SALVAGED: Final = "salvaged"
_NAMES: Final = (VERIFIED, ERASED, SALVAGED)


def notes(conn: sqlite3.Connection) -> dict[str, Any]:
    """Return the last note under each name; None for never, or for one that cannot be read."""
    rows = conn.execute("SELECT name, value FROM meta WHERE name IN (?, ?, ?)", _NAMES).fetchall()
    return dict.fromkeys(_NAMES) | {name: _note(value) for name, value in rows}


def pruned_at_ms(conn: sqlite3.Connection, policy: Sequence[Any]) -> int | None:
    """Return when an idle store was pruned last, in Unix milliseconds.

    None if it never was, or by a policy with other numbers than these.
    """
    row = conn.execute("SELECT value FROM meta WHERE name = ?", (PRUNED,)).fetchone()
    note = None if row is None else _note(row[0])
    return None if note is None or note.get("policy") != [*policy] else note["at"] * 1000


def keep(conn: sqlite3.Connection, name: str, note: Mapping[str, Any]) -> None:
    """Record a note in place of the last one; inside a transaction of the caller."""
    conn.execute(
        "INSERT INTO meta (name, value) VALUES (?, ?) "
        "ON CONFLICT DO UPDATE SET value = excluded.value",
        (name, json.dumps(note, ensure_ascii=False)),
    )


def forget_salvaged(conn: sqlite3.Connection, session_ids: Sequence[str]) -> None:
    """Remove the note of a salvage if it names one of these sessions."""
    for session_id in session_ids:
        conn.execute(
            "DELETE FROM meta WHERE name = ? AND instr(value, ?)",
            (SALVAGED, json.dumps(session_id, ensure_ascii=False)[1:-1]),
        )


def _note(value: Any) -> dict[str, Any] | None:
    try:
        note = json.loads(value)
    except (TypeError, ValueError):
        return None
    return note if isinstance(note, dict) and type(note.get("at")) is int else None
