"""Bring a file to the newest schema, or refuse; the only module that knows schema numbers.

`PRAGMA application_id` says that a file is ours, `PRAGMA user_version` by which numbered file in
schema/ it was last changed. Both change inside the transaction that changes the tables.

Invariants: 1. a file that is not ours, or newer, is never written to; 2. after an interruption at
any moment the file has the schema before or after a step, never between; 3. a file with tables is
changed only once a checked backup of it lies beside it; 4. nothing of a file is run before its
tables were found to be those that our steps make (`verify_schema`).
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import attrs

from a3s_store import _resources
from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.errors import explain
from a3s_store.backends.sqlite.format import (
    commit_link,
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
# The oldest schema whose release may read a file, by the first schema for which that holds.
MIN_READERS: Final = {1: 1, 3: 3, 4: 4, 6: 6, 7: 7}
# Tables of facts about the file itself, which are no part of what is stored.
OF_THE_FILE: Final = frozenset({"meta", "file_link"})
# How long to wait for another process that is at it already, and copies a large file first.
_PATIENCE_MS: Final = 120_000
# Steps are synced whatever the store's durability. Several commits that were not look damaged after
# a power cut, before the file can say that it is written with durability "normal".
_FULL: Final = 2


@functools.cache
def _files() -> dict[str, str]:
    """The texts of the schema's SQL files, by name."""
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
    """The statements of each numbered file, by number."""
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
    """The statements of each file that has a whole schema, by its number."""
    return {
        int(found[1]): tuple(split(text))
        for name, text in _files().items()
        if (found := re.fullmatch(r"whole_(\d{4})\.sql", name))
    }


def scripts(version: int) -> verify_schema.Scripts:
    """The statements that make schema `version` from nothing: in one script if there is one."""
    if version in _whole():
        return (_whole()[version],)
    return tuple(statements for number, statements in steps().items() if number <= version)


def _next(version: int) -> tuple[int, tuple[str, ...]]:
    """The schema that follows in a file of schema `version`, and the statements that make it."""
    if version == 0 and newest() in _whole():
        return newest(), _whole()[newest()]
    return version + 1, steps()[version + 1]


def newest() -> int:
    """The schema this release works with."""
    return max(steps())


def is_current(conn: sqlite3.Connection) -> bool:
    """Whether a file has the schema this release works with."""
    return _version(conn) == newest()


def min_reader(number: int) -> int:
    """The oldest schema whose release may read a file of schema `number`."""
    return MIN_READERS[max(first for first in MIN_READERS if first <= number)]


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
        SchemaError: its tables are not what its number says, or something in it would run.
        SchemaTooNewError: a newer release wrote it and this one cannot read it.
    """
    with transaction.read(conn):  # all from one moment: another process may be making the tables
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
    # The oldest schema whose release may read the file, as the newer release wrote it.
    row = conn.execute("SELECT value FROM meta WHERE name = 'min_reader'").fetchone()
    if row is None or type(row[0]) is not int or row[0] > newest():
        raise SchemaTooNewError(
            f"the file has schema {version}, this release knows up to {newest()}",
            hint="Install the release that wrote it, or a newer one",
        )
    verify_schema.check_newer(conn, scripts(newest()))
    return False


@attrs.frozen
class Migrated:
    """What `migrate` did: the schema before and after, and the backup made of the former.

    Schema 0 is that of a file without tables; there is nothing to keep a backup of.
    """

    before: int
    after: int
    backup: Path | None = None


def migrate(conn: sqlite3.Connection, path: Path, read_header: Callable[[], bytes]) -> Migrated:
    """Apply every step the file at `path` does not have yet, each in a transaction of its own.

    A file without tables gets the whole schema in one. `read_header` returns the first bytes of the
    file as it lies there, without its log.

    Before anything changes in a file that has tables, a checked copy is laid beside it. Two
    processes may do this at once: each looks at the number again once it has the write lock, which
    it holds while it copies, so the second finds all done.

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
            _set(conn, "busy_timeout", _PATIENCE_MS),
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
                        if not made_here and backup is None and not _is_cared_for(conn, found):
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
                    # The file is as it was: its backup is no use, and would be made at each try.
                    with contextlib.suppress(OSError):
                        backup.unlink(missing_ok=True)
                raise
    return Migrated(before, max(after, _version(conn)), backup)


def make(conn: sqlite3.Connection) -> None:
    """Make the newest schema in an empty private file, in one transaction."""
    with transaction.write(conn):
        # So that a copy which another program lays out anew is not taken for this file.
        conn.execute(f"PRAGMA schema_version = {int.from_bytes(os.urandom(4), 'big') >> 2}")
        while (version := _version(conn)) < newest():
            _apply(conn, *_next(version))


def try_steps(copy: sqlite3.Connection) -> None:
    """Apply every missing step to a copy that nobody needs, so without a backup.

    Raises MigrationError; the copy has the steps before the one that failed.
    """
    with _foreign_keys_off(copy):
        while (version := _version(copy)) < newest():
            with transaction.write(copy):
                _apply(copy, *_next(version))


def _version(conn: sqlite3.Connection) -> int:
    version: int = conn.execute("PRAGMA user_version").fetchone()[0]
    return version


def _is_at(conn: sqlite3.Connection, version: int) -> bool:
    """Whether the file surely has this schema: after a failed commit that is to be asked."""
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
    """A step may rebuild a table; with foreign keys on, dropping the old one empties others."""
    return _set(conn, "foreign_keys", 0)


def _apply(
    conn: sqlite3.Connection, number: int, statements: tuple[str, ...], previous: bytes = bytes(8)
) -> None:
    """Apply a step; `previous` is what the first link says of the commit before it."""
    version = _version(conn)
    try:
        verify_schema.check_names_free(conn, number, scripts(version), scripts(number))
        # Rows that refer to none there before are damage, or the user's; `verify` reports ours.
        before = len(conn.execute("PRAGMA foreign_key_check").fetchall())
        for statement in statements:
            conn.execute(statement).close()
        broken = conn.execute("PRAGMA foreign_key_check").fetchall()
    except sqlite3.Error as error:
        known = explain(error)
        if isinstance(known, StoreBusyError | StoreFullError | StoreUnavailableError):
            raise  # the disk's or a neighbour's fault, not the step's
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
            f"step {number} failed: a row of {table} refers to one of {parent} not there"
        )
    conn.execute(
        "INSERT INTO meta (name, value) VALUES ('min_reader', ?) "
        "ON CONFLICT DO UPDATE SET value = excluded.value",
        (min_reader(number),),
    )
    if version < row_salt.SCHEMA <= number:
        row_salt.begin(conn)
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


def _is_cared_for(conn: sqlite3.Connection, version: int) -> bool:
    """Whether whoever brought the file to this schema was going on, and made a backup if need be.

    Between two steps of one process another may find the file, and would make a backup too.
    """
    row = conn.execute("SELECT value FROM meta WHERE name = 'migrating_at'").fetchone()
    return row is not None and row[0] == version


def _note_more(conn: sqlite3.Connection, number: int) -> None:
    """Say for `_is_cared_for`, in the transaction of a step, whether there are more to come."""
    if number < newest():
        conn.execute(
            "INSERT INTO meta (name, value) VALUES ('migrating_at', ?) "
            "ON CONFLICT DO UPDATE SET value = excluded.value",
            (number,),
        )
    else:
        conn.execute("DELETE FROM meta WHERE name = 'migrating_at'").close()
