"""Results of the last verify, erase and salvage, as the file records them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

# What a salvage brought into this file: "at", "source", "whole" (how many sessions), "partial" and
# "lost" (their ids), "damage" (sentences).
SALVAGED: Final = "salvaged"
_NAMES: Final = ("last_verify", "last_erase", SALVAGED)


def notes(conn: sqlite3.Connection) -> dict[str, Any]:
    """Return what was last noted under each name; None: never."""
    rows = conn.execute(
        "SELECT name, value FROM meta WHERE name IN ('last_verify', 'last_erase', 'salvaged')"
    ).fetchall()
    return dict.fromkeys(_NAMES) | {name: _note(value) for name, value in rows}


def keep(conn: sqlite3.Connection, name: str, note: Mapping[str, Any]) -> None:
    """Record a note in place of the last one; inside a transaction of the caller."""
    conn.execute(
        "INSERT INTO meta (name, value) VALUES (?, ?) "
        "ON CONFLICT DO UPDATE SET value = excluded.value",
        (name, json.dumps(note, ensure_ascii=False)),
    )


def forget_salvaged(conn: sqlite3.Connection, session_ids: Sequence[str]) -> None:
    """Remove the note of a salvage that names one of these sessions."""
    for session_id in session_ids:
        conn.execute(
            "DELETE FROM meta WHERE name = 'salvaged' AND instr(value, ?)",
            (json.dumps(session_id, ensure_ascii=False)[1:-1],),
        )


def _note(value: Any) -> dict[str, Any] | None:
    try:
        note = json.loads(value)
    except (TypeError, ValueError):
        return None
    return note if isinstance(note, dict) and type(note.get("at")) is int else None
