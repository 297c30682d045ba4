"""Find the first prompt of stored conversations, and make the texts that older sessions lack.

A save writes them when the name or the first prompt changes (`session_writer`). Plain functions of
a connection, each inside a transaction that its caller opened.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from a3s_store.backends.sqlite.read import messages as read_messages
from a3s_store.backends.sqlite.rows.session_texts import LACKING, columns, put
from a3s_store.core.conversation import Head
from a3s_store.core.corruption import CorruptRowError
from a3s_store.core.listing.texts import FIRST_MESSAGES
from a3s_store.core.turns import first_prompt
from a3s_store.errors import DecodeError

# How many sessions a step does.
_SESSIONS: Final = 64


def prompt_of(conn: sqlite3.Connection, head: Head) -> str | None:
    """Return what lists show of a stored conversation; None without a prompt.

    None, too, where one of its first messages is damaged: a load reports that.
    """
    try:
        return _read_prompt(conn, head)
    except (CorruptRowError, DecodeError):
        return None


def _read_prompt(conn: sqlite3.Connection, head: Head) -> str | None:
    begin = 0
    # Nearly always one of the very first is a prompt.
    for end in (4, FIRST_MESSAGES):
        parts = read_messages.fetch_range(conn, head, begin, min(end, head.length))
        found = first_prompt(message for part in parts for message in part.decode())
        if found is not None or end >= head.length:
            return found
        begin = end
    return None


def step(conn: sqlite3.Connection) -> bool:
    """Make the texts of some sessions that lack them; return whether more are left."""
    row = conn.execute("SELECT value FROM meta WHERE name = ?", (LACKING,)).fetchone()
    if row is None:
        return False
    found = conn.execute(
        "SELECT owner_key, head_branch, head_length, search_text IS NULL FROM session "
        "JOIN session_config USING (owner_key) WHERE owner_key >= ? ORDER BY owner_key LIMIT ?",
        (row[0], _SESSIONS),
    ).fetchall()
    for key, branch, length, is_lacking in found:
        if is_lacking:
            put(conn, key, prompt_of(conn, Head(branch, length)))
    if len(found) == _SESSIONS:
        conn.execute("UPDATE meta SET value = ? WHERE name = ?", (found[-1][0] + 1, LACKING))
        return True
    conn.execute("DELETE FROM meta WHERE name = ?", (LACKING,))
    return False


def check(conn: sqlite3.Connection, owner_key: int) -> None:
    """Check that a session has the texts of its name and its conversation, or none yet.

    Raises CorruptRowError.
    """
    row = conn.execute(
        "SELECT head_branch, head_length, name, first_prompt, search_text FROM session "
        "JOIN session_config USING (owner_key) WHERE owner_key = ?",
        (owner_key,),
    ).fetchone()
    if row is None or row[-1] is None:
        return
    branch, length, name, *texts = row
    try:
        prompt = _read_prompt(conn, Head(branch, length))
    except (CorruptRowError, DecodeError):
        return  # reported as damage of the messages
    if texts != [*columns(name, prompt).values()]:
        raise CorruptRowError("the texts for lists are not those of its name and prompt", "config")
