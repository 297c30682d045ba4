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
import glob
import itertools
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.errors import explain
from a3s_store.backends.sqlite.format import file_copy
from a3s_store.backends.sqlite.schema import verify_schema
from a3s_store.errors import (
    CorruptionError,
    MigrationError,
    NotAStoreError,
    SchemaError,
    SchemaTooNewError,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
)

APPLICATION_ID: Final = int.from_bytes(b"a3s1", "big")
# The oldest schema whose release may read a file, by the first schema for which that holds.
MIN_READERS: Final = {1: 1, 3: 3, 4: 4}
# How long to wait for another process that is at it already, and copies a large file first.
_PATIENCE_MS: Final = 120_000
# Steps are synced whatever the store's durability. Several commits that were not look damaged after
# a power cut, before the file can say that it is written with durability "normal".
_FULL: Final = 2


def schema_dir() -> Path:
    """The numbered files: inside the package where it was built, beside it in a checkout."""
    packed = Path(__file__).parents[3] / "schema" / "sqlite"
    return packed if packed.is_dir() else packed.parents[2] / "schema" / "sqlite"


@functools.cache
def steps() -> dict[int, tuple[str, ...]]:
    """The statements of each numbered file, by number."""
    found: dict[int, tuple[str, ...]] = {}
    for path in sorted(schema_dir().glob("[0-9][0-9][0-9][0-9]_*.sql")):
        found[int(path.name[:4])] = tuple(split(path.read_text(encoding="utf-8")))
    if list(found) != list(range(1, len(found) + 1)):
        raise MigrationError(f"the schema files are numbered {sorted(found)}", op="open")
    return found


@functools.cache
def _whole() -> dict[int, tuple[str, ...]]:
    """The statements of each file that has a whole schema, by its number."""
    return {
        int(path.stem.removeprefix("whole_")): tuple(split(path.read_text(encoding="utf-8")))
        for path in schema_dir().glob("whole_[0-9][0-9][0-9][0-9].sql")
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


def migrate(conn: sqlite3.Connection, path: Path) -> Migrated:
    """Apply every step the file at `path` does not have yet, each in a transaction of its own.

    A file without tables gets the whole schema in one.

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
                            backup, is_new = _keep_backup(path, found)
                        number, statements = _next(found)
                        _apply(conn, number, statements)
                        _note_more(conn, number)
                    after = number
            except BaseException:
                if backup is not None and is_new and after == before and _is_at(conn, before):
                    # The file is as it was: its backup is no use, and would be made at each try.
                    with contextlib.suppress(OSError):
                        backup.unlink(missing_ok=True)
                raise
    return Migrated(before, max(after, _version(conn)), backup)


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


def _apply(conn: sqlite3.Connection, number: int, statements: tuple[str, ...]) -> None:
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
            raise _damaged(known, version) from error
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
    conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    conn.execute(f"PRAGMA user_version = {number}")
    try:
        verify_schema.check(conn, number, scripts(number))
    except SchemaError as error:
        raise MigrationError(f"step {number} failed: {error}") from error


def _damaged(error: CorruptionError, version: int) -> CorruptionError:
    """The error of a file that is damaged and therefore stays at its schema."""
    return CorruptionError(
        f"the file has schema {version} and is damaged, so it was not migrated: {error.what}",
        part="file",
        hint="Keep the file as it is; `a3s-store salvage` writes its intact rows into a new store",
    )


# -- The backup beforehand --------------------------------------------------------------------


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


def backup_name(path: Path, version: int) -> Path:
    """What the copy made before leaving schema `version` is called; numbered if that is taken."""
    return path.with_name(f"{path.name}.schema-{version}.backup")


def _keep_backup(path: Path, version: int) -> tuple[Path, bool]:
    """Lay a checked copy beside the file; answers whether it is new. The write lock must be held.

    An equal one that is there already serves as well: it is from an attempt that was stopped, and
    one that is stopped again and again must not fill the disk.
    """
    try:
        name = backup_name(path, version)
        with file_copy.temporary(name) as made:
            # The connection that holds the write lock cannot be copied from.
            source = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None)
            try:
                file_copy.copy(source, made)
            finally:
                source.close()
            with file_copy.opened(made) as conn:
                file_copy.check_structure(conn)
                with transaction.read(conn):
                    verify_schema.check(conn, version, scripts(version))
                for there in _earlier(name, made):
                    if _is_equal(conn, there):
                        return there, False
            return _place(made, name), True
    except (StoreError, sqlite3.Error, OSError) as error:
        known = error if isinstance(error, StoreError) else explain(error)
        if isinstance(known, CorruptionError):
            raise _damaged(known, version) from error
        raise MigrationError(
            f"no backup could be made, so nothing was migrated: {known}",
            hint="Free some space, or give the folder the rights; then open the store again",
        ) from error


def _place(made: Path, name: Path) -> Path:
    while True:
        found = file_copy.free_name(name, *file_copy.LOGS, file_copy.INDEX)
        try:
            file_copy.place(made, found)
        except StoreUnavailableError:
            if os.path.lexists(found):
                continue  # taken since we looked
            raise
        return found


def _earlier(name: Path, made: Path) -> list[Path]:
    """Backups made under this name before; what killed processes left of theirs is removed.

    Nobody else is making one: that needs the write lock.
    """
    found = []
    for there in sorted(name.parent.glob(f"{glob.escape(name.name)}*")):
        rest = there.name.removeprefix(name.name)
        if not rest or (rest.startswith(".") and rest[1:].isdecimal()):
            found.append(there)
        elif rest.endswith(".partial") and there != made:
            with contextlib.suppress(OSError):
                there.unlink()
    return found


def _is_equal(conn: sqlite3.Connection, there: Path) -> bool:
    """Whether a backup made earlier has the same rows in the same tables."""
    if there.is_symlink() or not there.is_file() or there.stat().st_size == 0:
        return False
    other = sqlite3.connect(f"{there.as_uri()}?mode=rw", uri=True, isolation_level=None)
    try:
        with transaction.read(other):
            verify_schema.check(other, _version(other), scripts(_version(other)))
            if numbers(other) != numbers(conn):
                return False
            file_copy.check_structure(other)
            # Which tables are there? Those of ours are the same, others have names of theirs.
            tables = conn.execute(
                "SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name"
            ).fetchall()
            if (
                tables
                != other.execute(
                    "SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name"
                ).fetchall()
            ):
                return False
            return all(_same_rows(conn, other, name) for name, _ in tables)
    except (StoreError, sqlite3.Error):
        return False  # damaged, or something else that took the name
    finally:
        other.close()


def _same_rows(one: sqlite3.Connection, two: sqlite3.Connection, table: str) -> bool:
    quoted = '"' + table.replace('"', '""') + '"'
    rows = (conn.execute(f"SELECT * FROM {quoted}") for conn in (one, two))
    return all(a == b for a, b in itertools.zip_longest(*rows))
