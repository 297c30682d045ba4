"""Results of the last verify and erase, as the file records them."""

from __future__ import annotations

import json
import sqlite3
from typing import Any


def notes(conn: sqlite3.Connection) -> dict[str, Any]:
    """When the file was last verified, with what result, and last erased from; None: never."""
    rows = conn.execute(
        "SELECT name, value FROM meta WHERE name IN ('last_verify', 'last_erase')"
    ).fetchall()
    found: dict[str, Any] = {"last_verify": None, "last_erase": None}
    for name, value in rows:
        found[name] = _note(value)
    return found


def _note(value: Any) -> dict[str, Any] | None:
    try:
        note = json.loads(value)
    except (TypeError, ValueError):
        return None
    return note if isinstance(note, dict) and type(note.get("at")) is int else None
