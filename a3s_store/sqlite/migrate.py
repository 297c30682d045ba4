"""Brings a file to the newest schema, or refuses; the only room that knows numbers of schemas.

`PRAGMA application_id` says that a file is ours, `PRAGMA user_version` by which numbered file in
schema/ it was last changed. Both change inside the transaction that changes the tables.

Invariants: 1. a file that is not ours, or newer, is never written to; 2. after an interruption at
any moment the file has the schema before or after a step, never between.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from a3s_store.errors import (
    MigrationError,
    NotAStoreError,
    SchemaTooNewError,
    StoreBusyError,
    StoreFullError,
    StoreUnavailableError,
    explain,
)
from a3s_store.sqlite import tx

APPLICATION_ID: Final = int.from_bytes(b"a3s1", "big")
MIN_READER: Final = 1


def schema_dir() -> Path:
    """The numbered files: inside the package where it was built, beside it in a checkout."""
    packed = Path(__file__).parent.parent / "schema"
    return packed if packed.is_dir() else packed.parent.parent / "schema"


@functools.cache
def steps() -> dict[int, tuple[str, ...]]:
    """The statements of each numbered file, by number."""
    found: dict[int, tuple[str, ...]] = {}
    for path in sorted(schema_dir().glob("[0-9][0-9][0-9][0-9]_*.sql")):
        found[int(path.name[:4])] = tuple(split(path.read_text(encoding="utf-8")))
    if list(found) != list(range(1, len(found) + 1)):
        raise MigrationError(f"the schema files are numbered {sorted(found)}", op="open")
    return found


def newest() -> int:
    """The schema this release works with."""
    return max(steps())


def split(script: str) -> Iterator[str]:
    """The statements of a script; `executescript` would commit what is open."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""
    if statement.strip():
        raise MigrationError("a schema file ends inside a statement", op="open")


def numbers(conn: sqlite3.Connection) -> tuple[int, int, int]:
    """application_id, user_version, and how many tables there are."""
    (application_id,) = conn.execute("PRAGMA application_id").fetchone()
    (version,) = conn.execute("PRAGMA user_version").fetchone()
    (tables,) = conn.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return application_id, version, tables


def inspect(conn: sqlite3.Connection) -> bool:
    """Whether this release may write to the file; nothing is written by asking.

    False means that a newer release wrote it and permits reading.

    Raises:
        NotAStoreError: the file is another program's database.
        SchemaTooNewError: a newer release wrote it and this one cannot read it.
    """
    with tx.read(conn):  # all from one moment: another process may be making the tables
        return _may_write(conn)


def _may_write(conn: sqlite3.Connection) -> bool:
    application_id, version, tables = numbers(conn)
    if application_id == 0 and version == 0 and tables == 0:
        return True
    if application_id != APPLICATION_ID:
        raise NotAStoreError(
            "the file is the database of another program", hint="Name another file"
        )
    if version <= newest():
        return True
    row = conn.execute("SELECT value FROM meta WHERE name = 'min_reader'").fetchone()
    if row is None or type(row[0]) is not int or row[0] > newest():
        raise SchemaTooNewError(
            f"the file has schema {version}, this release knows up to {newest()}",
            hint="Install the release that wrote it, or a newer one",
        )
    return False


def migrate(conn: sqlite3.Connection) -> None:
    """Apply every step the file does not have yet, each in a transaction of its own.

    Two processes may do this at once: each looks at the number again once it has the write lock.

    Raises:
        MigrationError: a step failed; the file has the schema it had before that step.
    """
    for number, statements in steps().items():
        if conn.execute("PRAGMA user_version").fetchone()[0] >= number:
            continue
        with tx.write(conn):
            if conn.execute("PRAGMA user_version").fetchone()[0] >= number:
                continue
            _apply(conn, number, statements)


def _apply(conn: sqlite3.Connection, number: int, statements: tuple[str, ...]) -> None:
    try:
        for statement in statements:
            conn.execute(statement)
    except sqlite3.Error as error:
        known = explain(error)
        if isinstance(known, StoreBusyError | StoreFullError | StoreUnavailableError):
            raise  # the disk's or a neighbour's fault, not the step's
        raise MigrationError(f"step {number} failed: {error}") from error
    conn.execute(
        "INSERT INTO meta (name, value) VALUES ('min_reader', ?) "
        "ON CONFLICT DO UPDATE SET value = excluded.value",
        (MIN_READER,),
    )
    conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    conn.execute(f"PRAGMA user_version = {number}")
