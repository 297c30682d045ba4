"""A store without files: one private connection in memory, which both writes and reads.

The engine uses these objects in place of those that look after files: `open_connection` of
`connect.open_writer`, `NoCheckpoints` of the WAL checkpoints, `NoFiles` of the watch on the files,
`NoRetries` of the retried reads. Tables and statements are those of a file; the commit link, which
ties a WAL to its file, is not written (`WorkConnection.has_wal`).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

from a3s_store.backends.sqlite.connection import connect, kept_files, pragmas
from a3s_store.backends.sqlite.connection.failing_reads import ReadRetry
from a3s_store.backends.sqlite.connection.file_watch import FileWatch
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.connection.wal_checkpoint import WalCheckpointer
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.connection.worker import RunGroup
from a3s_store.backends.sqlite.connection.worker_thread import WorkerThread
from a3s_store.backends.sqlite.errors import during
from a3s_store.backends.sqlite.schema import migrate
from a3s_store.errors import UnsupportedError

R = TypeVar("R")

NAME: Final = ":memory:"


def open_connection(settings: Settings) -> WorkConnection:
    """Return a connection to a new database in memory, with all tables.

    Raises:
        StoreUnavailableError: this Python's SQLite is too old.
    """
    with during("open", NAME):
        connect.check_library()
        conn = sqlite3.connect(
            NAME,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
            factory=WorkConnection,
        )
        conn.closed = threading.Event()
        conn.file = -1, id(conn)  # no file has this identity
        conn.has_wal = False
        kept_files.note_open(conn)
        try:
            conn.execute("PRAGMA trusted_schema = OFF").close()
            mode = "INCREMENTAL" if settings.auto_vacuum else "NONE"
            conn.execute(f"PRAGMA auto_vacuum = {mode}").close()
            migrate.make(conn)
            pragmas.set_common(conn, settings)
        except BaseException:
            conn.close()
            raise
    return conn


async def start(
    settings: Settings, opened: Callable[[WorkConnection], WorkConnection], run_group: RunGroup
) -> WorkerThread:
    """Return a started worker that writes and reads a new database in memory."""
    worker = WorkerThread(lambda: opened(open_connection(settings)), run_group=run_group)
    await worker.start()
    return worker


class NoCheckpoints(WalCheckpointer):
    """There is no WAL, so no checkpoint is ever due."""

    def __init__(self) -> None:
        super().__init__(Path(NAME))

    def is_due(self, size: int) -> bool:
        """Return False."""
        return False

    def has_work(self) -> bool:
        """Return False."""
        return False

    def size(self) -> int:
        """Return 0."""
        return 0


class NoFiles(FileWatch):
    """There are no files that another program could replace."""

    refusal = None

    def __init__(self) -> None:
        """Look at nothing."""
        self.log_size = 0

    def salt(self) -> int:
        """Return 0."""
        return 0

    @property
    def is_marked(self) -> bool:
        """True: no open mark is to be made."""
        return True

    def look(self, conn: WorkConnection) -> None:
        """Look at nothing."""

    def look_at_database(self) -> None:
        """Look at nothing."""

    def close(self) -> None:
        """Close nothing."""


class NoRetries(ReadRetry):
    """Memory is read once: an error of damage is no failing disk."""

    def __init__(self) -> None:
        super().__init__(Path(NAME), _no_file, lambda error: None)

    def run(
        self,
        conn: WorkConnection,
        read: Callable[[WorkConnection], R],
        shows_damage: Callable[[R], bool] = lambda _: False,
    ) -> R:
        """Return the result of `read`; raise what it raises."""
        return read(conn)


def facts() -> dict[str, Any]:
    """Return in place of `file_facts.read`: there is no file to measure."""
    return {"journal_mode": "memory", "log_bytes": 0}


def refuse(op: str) -> NoReturn:
    """Raise UnsupportedError for an operation on the file."""
    raise UnsupportedError(
        "a store in memory has no file",
        op=op,
        where=NAME,
        hint="Copy its sessions into a store with a file, or open a path",
    )


def _no_file() -> NoReturn:
    refuse("open")
