"""The columns with what lists show and search of a session's texts.

Sessions of an older schema have none until `write.session_texts` makes them; a row in `meta` says
so. Plain functions of a connection, each inside a transaction that its caller opened.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from a3s_store.backends.sqlite.rows import statements
from a3s_store.core.listing.texts import search_text

# In `meta`: the first session that may lack its texts.
LACKING: Final = "sessions_without_search_text"


def are_lacking(conn: sqlite3.Connection) -> bool:
    """Return whether sessions of an older schema may lack their texts."""
    return conn.execute("SELECT 1 FROM meta WHERE name = ?", (LACKING,)).fetchone() is not None


def put(conn: sqlite3.Connection, owner_key: int, prompt: str | None) -> None:
    """Write the texts of a session whose name is stored."""
    (name,) = conn.execute(
        "SELECT name FROM session_config WHERE owner_key = ?", (owner_key,)
    ).fetchone()
    statements.change_one(conn, "session_config", "owner_key", owner_key, columns(name, prompt))


def columns(name: str, prompt: str | None) -> dict[str, Any]:
    """Return the columns of a session's configuration with its texts."""
    return {"first_prompt": prompt, "search_text": search_text(name, prompt)}
