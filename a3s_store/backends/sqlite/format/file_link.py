"""Read and write the commit link through a connection; `commit_link` has its format."""

from __future__ import annotations

import sqlite3

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.format import commit_link
from a3s_store.backends.sqlite.format.commit_link import CommitLink
from a3s_store.errors import CorruptionError


def read(conn: sqlite3.Connection) -> CommitLink:
    """Return the newest commit's link. Raises CorruptionError where it is missing or damaged."""
    row = conn.execute("SELECT value FROM file_link WHERE name = 'link'").fetchone()
    link = None if row is None else commit_link.unpack(row[0])
    if link is None:
        raise CorruptionError("the commit link is damaged", part="file")
    return link


def follow(
    conn: sqlite3.Connection, *, salt: int, open_mark: bool = False, last: CommitLink | None = None
) -> CommitLink:
    """Write the link of the current transaction, as its last statement, and return it.

    `last` is the link of the commit before this one, if nothing was changed since, tables included;
    None: it is read.
    """
    now = last or read(conn)
    cookie = now.cookie if last is not None else _cookie(conn)
    link = now.next(salt=salt or now.salt, cookie=cookie, open_mark=open_mark)
    conn.execute("UPDATE file_link SET value = ? WHERE name = 'link'", (link.pack(),)).close()
    return link


def touch(conn: sqlite3.Connection) -> None:
    """Make the current transaction one that changes a row, so that it gets a link."""
    conn.execute("UPDATE file_link SET value = value WHERE name = 'link'").close()


def begin(conn: sqlite3.Connection, previous: bytes = bytes(8)) -> None:
    """Write the first link of a new file or of a copy, inside a transaction.

    `previous` is the nonce of the commit before; for a file that had no link, see
    `log_owner.before_first`.
    """
    conn.execute("DELETE FROM file_link").close()
    link = commit_link.first(_cookie(conn), previous)
    conn.execute("INSERT INTO file_link (name, value) VALUES ('link', ?)", (link.pack(),)).close()


def advance(conn: sqlite3.Connection) -> None:
    """Commit a new link, which no existing WAL continues, if the file's schema has one."""
    if _has_link(conn):
        with transaction.write(conn):
            follow(conn, salt=0)


def unmark(conn: sqlite3.Connection, *, salt: int = 0) -> None:
    """Commit without the open mark, if the newest commit has it.

    A process that ended between the two commits of a checkpoint leaves the mark.
    """
    if _has_link(conn) and read(conn).open_mark:
        with transaction.write(conn):
            follow(conn, salt=salt)


def _has_link(conn: sqlite3.Connection) -> bool:
    (version,) = conn.execute("PRAGMA user_version").fetchone()
    table = "SELECT 1 FROM sqlite_schema WHERE name = 'file_link'"
    return version >= commit_link.SCHEMA and conn.execute(table).fetchone() is not None


def _cookie(conn: sqlite3.Connection) -> int:
    cookie: int = conn.execute("PRAGMA schema_version").fetchone()[0]
    return cookie & 0xFFFFFFFF
