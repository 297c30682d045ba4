"""Migrate a file to the newest schema, or refuse it; the only module that knows schema numbers.

`PRAGMA application_id` says that a file is ours, `PRAGMA user_version` by which numbered file in
schema/ it was last changed. Both change inside the transaction that changes the tables.

Invariants: 1. a file that is not ours, or newer, is never written to; 2. after an interruption at
any moment the file has the schema before or after a step, never between; 3. a file with tables is
changed only once there is a verified backup beside it; 4. no SQL of a file is run before its tables
were compared with those that our steps make (`verify_schema`).
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from a3s_store import _resources
from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.errors import explain
from a3s_store.backends.sqlite.format import (
    commit_link,
    commit_row,
    file_link,
    log_owner,
    row_salt,
)
from a3s_store.backends.sqlite.schema import migration_backup, verify_schema
from a3s_store.errors import (
    CorruptionError,
    MigrationError,
    NotAStoreError,
    SchemaError,
    SchemaTooNewError,
    StoreBusyError,
    StoreFullError,
    StoreUnavailableError,
)

APPLICATION_ID: Final = int.from_bytes(b"a3s1", "big")
# The oldest schema whose release may read a file, by the first schema with this value.
MIN_READERS: Final = {1: 1, 3: 3, 4: 4, 6: 6, 7: 7}
# Tables of facts about the file itself; they have no stored values.
OF_THE_FILE: Final = frozenset({"meta", "file_link", "search_state", "memory_search_state"})
# How long to wait for another process that migrates, and copies a large file first.
_MIGRATION_WAIT_MS: Final = 120_000
# Steps are synced whatever the store's durability: several commits without a sync look damaged
# after a power cut, and the file does not have the note of durability "normal" yet.
_FULL: Final = 2


@functools.cache
def _files() -> dict[str, str]:
    """Return the texts of the schema's SQL files, by name."""
    found = _resources.texts("schema", "sqlite")
    if not found:
        raise MigrationError(
            "the SQL files of the schema are missing from this installation of a3s_store",
            op="open",
            hint="Install it again; a program that packs it needs its data files too, which "
            "PyInstaller collects with --collect-data a3s_store",
        )
    return found


@functools.cache
def steps() -> dict[int, tuple[str, ...]]:
    """Return the statements of each numbered file, by number."""
    found = {
        int(name[:4]): tuple(split(text))
        for name, text in _files().items()
        if re.match(r"\d{4}_", name)
    }
    if list(found) != list(range(1, len(found) + 1)):
        raise MigrationError(f"the schema files are numbered {sorted(found)}", op="open")
    return found


@functools.cache
def _whole() -> dict[int, tuple[str, ...]]:
    """Return the statements of each file that has a whole schema, by its number."""
    return {
        int(found[1]): tuple(split(text))
        for name, text in _files().items()
        if (found := re.fullmatch(r"whole_(\d{4})\.sql", name))
    }


def scripts(version: int) -> verify_schema.Scripts:
    """Return the scripts that create schema `version` in an empty database: one, or all steps."""
    if version in _whole():
        return (_whole()[version],)
    return tuple(statements for number, statements in steps().items() if number <= version)


def _next(version: int) -> tuple[int, tuple[str, ...]]:
    """Return the schema that follows schema `version` in a file, and its statements."""
    if version == 0 and newest() in _whole():
        return newest(), _whole()[newest()]
    return version + 1, steps()[version + 1]


def newest() -> int:
    """Return the schema this release works with."""
    return max(steps())


def is_current(conn: sqlite3.Connection) -> bool:
    """Return whether a file has the schema this release works with."""
    return _version(conn) == newest()


def min_reader(number: int) -> int:
    """Return the oldest schema whose release may read a file of schema `number`."""
    return MIN_READERS[max(first for first in MIN_READERS if first <= number)]


def split(script: str) -> Iterator[str]:
    """Yield the statements of a script; `executescript` would commit an open transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""
    if statement.strip():
        raise MigrationError("a schema file ends inside a statement", op="open")


def numbers(conn: sqlite3.Connection) -> tuple[int, int, int]:
    """Return application_id, user_version, and the number of objects (tables, indexes, ...)."""
    (application_id,) = conn.execute("PRAGMA application_id").fetchone()
    (version,) = conn.execute("PRAGMA user_version").fetchone()
    (tables,) = conn.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return application_id, version, tables


def inspect(conn: sqlite3.Connection) -> bool:
    """Return whether this release may write to the file, without writing.

    False: a newer release wrote it and permits reading.

    Raises:
        NotAStoreError: the file is another program's database.
        SchemaError: its tables are not those of its schema, or an object in it would run code.
        SchemaTooNewError: a newer release wrote it and this one cannot read it.
    """
    with transaction.read(conn):  # one snapshot: another process may be creating the tables
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
        verify_schema.check(conn, version, scripts(version))
        return True
    verify_schema.check_meta(conn, scripts(newest()))
    # Written by the newer release: the oldest schema whose release may read the file.
    row = conn.execute("SELECT value FROM meta WHERE name = 'min_reader'").fetchone()
    if row is None or type(row[0]) is not int or row[0] > newest():
        raise SchemaTooNewError(
            f"the file has schema {version}, this release knows up to {newest()}",
            hint="Install the release that wrote it, or a newer one",
        )
    verify_schema.check_newer(conn, scripts(newest()))
    return False


class Migrated(NamedTuple):
    """The result of `migrate`: the schema before and after, and the backup of the former file.

    Schema 0 is a file without tables, of which no backup is made.
    """

    before: int
    after: int
    backup: Path | None = None


def migrate(conn: sqlite3.Connection, path: Path, read_header: Callable[[], bytes]) -> Migrated:
    """Apply every step that the file at `path` lacks, each in a transaction of its own.

    A file without tables gets the whole schema in one transaction. `read_header` returns the first
    bytes of the file, without its WAL.

    Before a file with tables is changed, a verified backup is made beside it. Two processes may
    migrate at once: each reads the schema number again under the write lock, which it holds while
    it copies, so the second finds all steps done.

    Raises:
        MigrationError: no backup could be made, or a step failed; the file has the schema it had
            before that step, and the backup stays if a step was applied.
        CorruptionError: the file is damaged; it has the schema it had.
    """
    before = after = _version(conn)
    backup: Path | None = None
    is_new = made_here = False
    if before < newest():
        with (
            transaction.busy_timeout(conn, _MIGRATION_WAIT_MS),
            _set(conn, "synchronous", _FULL),
            _foreign_keys_off(conn),
        ):
            try:
                while _version(conn) < newest():
                    with transaction.write(conn):
                        found = _version(conn)
                        if found >= newest():
                            break  # another process was quicker
                        made_here = made_here or found == 0
                        if not made_here and backup is None and not _is_between_steps(conn, found):
                            check = functools.partial(
                                verify_schema.check, version=found, scripts=scripts(found)
                            )
                            backup, is_new = migration_backup.keep(path, found, check)
                        number, statements = _next(found)
                        _apply(conn, number, statements, log_owner.before_first(read_header()))
                        _note_more(conn, number)
                    after = number
            except BaseException:
                if backup is not None and is_new and after == before and _is_at(conn, before):
                    # The file is unchanged: a useless backup, and each attempt would make one.
                    with contextlib.suppress(OSError):
                        backup.unlink(missing_ok=True)
                raise
    return Migrated(before, max(after, _version(conn)), backup)


def make(conn: sqlite3.Connection) -> None:
    """Create the newest schema in an empty private file, in one transaction."""
    with transaction.write(conn):
        # A random cookie, so that a copy rebuilt by another program is not taken for this file.
        conn.execute(f"PRAGMA schema_version = {int.from_bytes(os.urandom(4), 'big') >> 2}")
        while (version := _version(conn)) < newest():
            _apply(conn, *_next(version))


def try_steps(copy: sqlite3.Connection) -> None:
    """Apply every missing step to a copy that may be lost, so without a backup.

    Raises:
        MigrationError: a step failed; the copy has the steps before it.
    """
    with _foreign_keys_off(copy):
        while (version := _version(copy)) < newest():
            with transaction.write(copy):
                _apply(copy, *_next(version))


def _version(conn: sqlite3.Connection) -> int:
    version: int = conn.execute("PRAGMA user_version").fetchone()[0]
    return version


def _is_at(conn: sqlite3.Connection, version: int) -> bool:
    """Return whether the file has this schema; False where it cannot be read."""
    try:
        return _version(conn) == version
    except sqlite3.Error:
        return False


@contextlib.contextmanager
def _set(conn: sqlite3.Connection, name: str, value: int) -> Iterator[None]:
    """Set a pragma of this connection while the block lasts."""
    (before,) = conn.execute(f"PRAGMA {name}").fetchone()
    conn.execute(f"PRAGMA {name} = {value}").close()
    try:
        yield
    finally:
        conn.execute(f"PRAGMA {name} = {before}").close()


def _foreign_keys_off(conn: sqlite3.Connection) -> contextlib.AbstractContextManager[None]:
    """Turn foreign keys off: a step may rebuild a table, and dropping the old one cascades."""
    return _set(conn, "foreign_keys", 0)


def _apply(
    conn: sqlite3.Connection, number: int, statements: tuple[str, ...], previous: bytes = bytes(8)
) -> None:
    """Apply a step; `previous` is the nonce before the first link (`log_owner.before_first`)."""
    version = _version(conn)
    try:
        verify_schema.check_names_free(conn, number, scripts(version), scripts(number))
        # Broken references from before are damage, or of the user's tables; `verify` reports ours.
        before = len(conn.execute("PRAGMA foreign_key_check").fetchall())
        for statement in statements:
            conn.execute(statement).close()
        broken = conn.execute("PRAGMA foreign_key_check").fetchall()
    except sqlite3.Error as error:
        known = explain(error)
        if isinstance(known, StoreBusyError | StoreFullError | StoreUnavailableError):
            raise  # caused by the disk or another process, not by the step
        if isinstance(known, CorruptionError):
            raise migration_backup.damaged(known, version) from error
        raise MigrationError(
            f"step {number} failed: {error}",
            hint="If that names a view or a table of yours, which refers to a name that the step "
            "changes or to nothing, drop it with the sqlite3 program and open the store again",
        ) from error
    if len(broken) > before:
        table, _, parent, _ = broken[-1]
        raise MigrationError(
            f"step {number} failed: a row of {table} refers to a missing row of {parent}"
        )
    conn.execute(
        "INSERT INTO meta (name, value) VALUES ('min_reader', ?) "
        "ON CONFLICT DO UPDATE SET value = excluded.value",
        (min_reader(number),),
    )
    if version < row_salt.SCHEMA <= number:
        row_salt.begin(conn)
    if version < commit_row.SCHEMA <= number:
        commit_row.begin(conn)
    conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    conn.execute(f"PRAGMA user_version = {number}")
    try:
        verify_schema.check(conn, number, scripts(number))
    except SchemaError as error:
        raise MigrationError(f"step {number} failed: {error}") from error
    if version < commit_link.SCHEMA <= number:
        file_link.begin(conn, previous)
    elif version >= commit_link.SCHEMA:
        file_link.follow(conn, salt=0)


def _is_between_steps(conn: sqlite3.Connection, version: int) -> bool:
    """Return whether a migration is between two steps, and its backup has been made.

    Another process may open the file at that moment, and would make a backup too.
    """
    row = conn.execute("SELECT value FROM meta WHERE name = 'migrating_at'").fetchone()
    return row is not None and row[0] == version


def _note_more(conn: sqlite3.Connection, number: int) -> None:
    """Note for `_is_between_steps`, in the transaction of a step, whether more steps follow."""
    if number < newest():
        conn.execute(
            "INSERT INTO meta (name, value) VALUES ('migrating_at', ?) "
            "ON CONFLICT DO UPDATE SET value = excluded.value",
            (number,),
        )
    else:
        conn.execute("DELETE FROM meta WHERE name = 'migrating_at'").close()
