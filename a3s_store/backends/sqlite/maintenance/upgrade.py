"""Migrate a file to this release's schema by command, or rehearse that on a copy.

Opening a store migrates by itself; the command is for who wants to know the outcome first.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

from a3s_store.backends.sqlite.connection import connect, failing_reads, fork_gate
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.errors import during
from a3s_store.backends.sqlite.format import file_copy
from a3s_store.backends.sqlite.format.files_beside import WAL, beside
from a3s_store.backends.sqlite.schema import migrate
from a3s_store.core.reports import MigrationReport
from a3s_store.errors import MigrationError, NotAStoreError, SchemaTooNewError


def upgrade(settings: Settings) -> MigrationReport:
    """Back up the file, then apply the schema steps it does not have yet.

    Blocks. Raises as opening a store does; MigrationError leaves the file with the schema before
    the step that failed.
    """
    started = time.monotonic()
    path = settings.path
    with during("migrate", str(path)), fork_gate.inside():
        _require(path)
        opened = failing_reads.opening(path, lambda: connect.open_writer(settings))
        with contextlib.closing(opened) as conn:
            done = conn.migrated
        assert done is not None, "a writer that was opened has migrated"
    return MigrationReport(
        location=str(path),
        before=done.before,
        after=done.after,
        steps=tuple(range(done.before + 1, done.after + 1)),
        dry_run=False,
        backup=None if done.backup is None else str(done.backup),
        failure=None,
        seconds=time.monotonic() - started,
    )


def rehearse(settings: Settings) -> MigrationReport:
    """Apply the schema steps that the file does not have yet to a copy, and remove the copy.

    Blocks. No byte of the file changes. The copy is made beside the file, since the backup of a
    real migration needs that space too. A step that fails is in the report, not raised.

    Raises:
        SchemaTooNewError: a newer release wrote the file.
        NotAStoreError, CorruptionError, StoreFullError, StoreUnavailableError
    """
    started = time.monotonic()
    path = settings.path
    failure: str | None = None
    with during("migrate", str(path)), fork_gate.inside():
        _require(path)
        with file_copy.temporary(path) as made:
            with contextlib.closing(connect.open_reader(settings)) as source:
                if not migrate.inspect(source):
                    raise SchemaTooNewError(
                        "the file was written by a newer release",
                        hint="This release can read it, but has no steps to apply to it",
                    )
                before = migrate.numbers(source)[1]
                file_copy.copy(source, made)
            copy = sqlite3.connect(f"{made.as_uri()}?mode=rw", uri=True, isolation_level=None)
            with contextlib.closing(copy):
                copy.execute("PRAGMA trusted_schema = OFF").close()
                file_copy.check_structure(copy)
                try:
                    migrate.try_steps(copy)
                except MigrationError as error:
                    failure = str(error)
                after = migrate.numbers(copy)[1]
    return MigrationReport(
        location=str(path),
        before=before,
        after=after,
        steps=tuple(range(before + 1, after + 1)),
        dry_run=True,
        backup=None,
        failure=failure,
        seconds=time.monotonic() - started,
    )


def _require(path: Path) -> None:
    # Opening would create a missing file.
    if not path.exists() or (path.stat().st_size == 0 and not beside(path, WAL).exists()):
        raise NotAStoreError("there is no store at this path")
