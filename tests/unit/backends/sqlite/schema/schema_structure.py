"""Compare two schemas by structure, whatever spelling each was stored with.

SQLite stores the text of a statement as it was given, but for an added column or a renamed table it
edits that text in its own way: the comma before an added column has a blank on both sides, a
renamed table stands in quotes. No spelling of a CREATE TABLE gives these texts, so they cannot be
compared letter by letter.
"""

from __future__ import annotations

import re
import sqlite3
from typing import Any, Final

_TOKENS: Final = re.compile(r"--[^\n]*|\"(\w+)\"|('(?:[^']|'')*'|\w+|<<|>>|>=|<=|<>|\S)")


def tokens(sql: str) -> list[str]:
    """The words of a statement, without comments and without the quotes of plain names."""
    return [plain or other for plain, other in _TOKENS.findall(sql) if plain or other]


def structure(conn: sqlite3.Connection) -> dict[str, Any]:
    """What each object of a database is, by name; equal for databases that work the same."""
    found: dict[str, Any] = {}
    for kind, name, sql in conn.execute("SELECT type, name, sql FROM sqlite_schema").fetchall():
        if kind == "table":
            found[name] = _table(conn, name, tokens(sql))
        elif sql is not None:  # an index of a constraint has none, and is listed with its table
            found[name] = tokens(sql)
    return found


def _table(conn: sqlite3.Connection, name: str, words: list[str]) -> dict[str, Any]:
    (listed,) = [row for row in conn.execute("PRAGMA table_list") if row[1] == name]
    indexes = {}
    for _, index, unique, origin, partial in conn.execute(f"PRAGMA index_list({name})").fetchall():
        columns = [tuple(row) for row in conn.execute(f"PRAGMA index_xinfo({index})")]
        indexes[index] = (unique, origin, partial, columns)
    return {
        "without rowid, strict": listed[4:6],
        "columns": conn.execute(f"PRAGMA table_xinfo({name})").fetchall(),
        "foreign keys": sorted(row[2:] for row in conn.execute(f"PRAGMA foreign_key_list({name})")),
        "indexes": indexes,
        "expressions": _expressions(words),
    }


def _expressions(words: list[str]) -> list[list[str]]:
    """What no pragma tells: the text behind each AS and CHECK of a CREATE TABLE, in order."""
    found = []
    for place, word in enumerate(words):
        if word.upper() in {"AS", "CHECK"}:
            depth, end = 0, place + 1
            while end == place + 1 or depth:
                depth += {"(": 1, ")": -1}.get(words[end], 0)
                end += 1
            found.append([words[place - 1], *words[place:end]])
    return found
