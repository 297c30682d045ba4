"""Backup: copy a store, as of one moment, into one file while saves and loads go on.

`take` blocks and uses a connection of its own, so neither saves nor loads wait for it; `run` awaits
it on a thread of its own. Under the name of the backup there is no file, or a complete and verified
one (`format/file_copy.py`).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.connection import connect, failing_reads, fork_gate
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.errors import during
from a3s_store.backends.sqlite.format import file_copy
from a3s_store.backends.sqlite.format.file_copy import Progress
from a3s_store.backends.sqlite.maintenance import verify
from a3s_store.backends.sqlite.rows import memory_index, search_index
from a3s_store.backends.sqlite.schema import migrate
from a3s_store.core.corruption import KEEP
from a3s_store.core.reports import BackupReport
from a3s_store.errors import CorruptionError, NotAStoreError, StoreUnavailableError


def take(
    settings: Settings,
    target: str | os.PathLike[str],
    progress: Progress | None = None,
    *,
    stop: threading.Event | None = None,
    search: bool = True,
) -> BackupReport:
    """Copy the store into a new file `target` (0600), which opens like any store.

    Blocks. Saves and loads go on, also in other processes; later saves are not in the copy. The WAL
    cannot be reset meanwhile, and grows. `progress` is called with the pages copied and the pages
    in all; an exception it raises ends the backup, and so does `stop`, once set. Without `search`
    the copy has no full-text indexes.

    When this raises or the process is killed, there is no file under `target` (or the complete
    copy, where a failing disk refuses to remove it). A killed process leaves a file `target` with
    `.<process>.<number>.partial` appended, to be removed.

    Raises:
        StoreUnavailableError: `target` exists, or files that SQLite would take for its WAL.
        CorruptionError: the store is damaged; a backup of it would be too.
        StoppedError: `stop` was set.
        NotAStoreError: there is no store in the file yet.
        SchemaError, StoreFullError
    """
    started = time.monotonic()

    def tell(done: int, total: int) -> None:
        if stop is not None and stop.is_set():
            raise StoppedError
        if progress is not None:
            progress(done, total)

    with during("backup", str(settings.path)), fork_gate.inside():
        name = _absolute(target)
        file_copy.refuse_taken(name)
        opened = failing_reads.opening(settings.path, lambda: connect.open_reader(settings))
        with contextlib.closing(opened) as source:
            _refuse_empty(source)
            with file_copy.temporary(name) as made:
                file_copy.copy(source, made, tell, None if search else _drop_indexes)
                sessions, pages = check(made, stop)
                file_copy.refuse_taken(name)
                file_copy.place(made, name)
        return BackupReport(
            source=str(settings.path),
            target=str(name),
            bytes=name.stat().st_size,
            pages=pages,
            sessions=sessions,
            seconds=time.monotonic() - started,
        )


def _drop_indexes(copy: sqlite3.Connection) -> None:
    """Leave the full-text indexes out of a copy that no one else uses, and their pages too."""
    indexes = [one for one in (search_index.INDEX, memory_index.INDEX) if one.exists(copy)]
    if indexes:
        for index in indexes:
            index.drop(copy)
        copy.execute("VACUUM").close()


class StoppedError(Exception):
    """The caller stopped the backup; no file is left of it."""


def check(made: Path, stop: threading.Event | None = None) -> tuple[int, int]:
    """Verify every value of a copy; return how many sessions and pages it has.

    Of a copy with another release's schema only the structure is checked.

    Raises CorruptionError, StoppedError, and as `migrate.inspect`.
    """
    with file_copy.opened(made) as conn:
        migrate.inspect(conn)
        if stop is not None:
            conn.set_progress_handler(stop.is_set, 100_000)
        try:
            if migrate.is_current(conn):
                _verify(conn, made, stop)
            else:
                file_copy.check_structure(conn)
            (sessions,) = conn.execute("SELECT count(*) FROM session").fetchone()
            (pages,) = conn.execute("PRAGMA page_count").fetchone()
        except (CorruptionError, sqlite3.OperationalError):
            if stop is None or not stop.is_set():
                raise
    if stop is not None and stop.is_set():
        raise StoppedError
    return sessions, pages


def _verify(conn: sqlite3.Connection, made: Path, stop: threading.Event | None) -> None:
    ends = None if stop is None else stop.is_set
    report = verify.verify(conn, location=str(made), depth="deep", stop=ends)
    found = report.damage
    if not found and not report.finished and not (stop is not None and stop.is_set()):
        raise StoreUnavailableError(
            "the verification of the copy was not finished in its time limit",
            hint="Run `verify` on the store: it reports the damage found until its own limit",
        )
    if found:
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        raise CorruptionError(f"the store is damaged: {found[0]}{more}", hint=KEEP)


async def run(
    settings: Settings,
    target: str | os.PathLike[str],
    on_progress: Progress | None = None,
    *,
    search: bool = True,
) -> BackupReport:
    """Run `take` on a thread of its own; call `on_progress` on the event loop.

    When cancelled, it ends once the unfinished copy is removed; a copy that already has its name
    stays, complete. Raises as `take`, and what `on_progress` raises.
    """
    loop = asyncio.get_running_loop()
    stop = threading.Event()
    raised: list[Exception] = []

    def report(done: int, total: int) -> None:
        try:
            if on_progress is not None and not stop.is_set():
                on_progress(done, total)
        except Exception as error:  # for the caller, not the loop's exception handler
            raised.append(error)
            stop.set()

    def tell(done: int, total: int) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(report, done, total)

    outcome = _on_a_thread(lambda: take(settings, target, tell, stop=stop, search=search))
    waited = asyncio.wrap_future(outcome)
    try:
        made = await asyncio.shield(waited)
        if raised:  # after the copy got its name
            Path(made.target).unlink(missing_ok=True)
            raise raised[0]
        return made
    except StoppedError:
        raise raised[0] from None
    except asyncio.CancelledError:
        stop.set()
        while not waited.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({waited})
        waited.exception()
        raise


def _on_a_thread(
    work: Callable[[], BackupReport],
) -> concurrent.futures.Future[BackupReport]:
    """Run on a daemon thread: an abandoned backup must not keep the process alive."""
    outcome: concurrent.futures.Future[BackupReport] = concurrent.futures.Future()
    outcome.set_running_or_notify_cancel()

    def main() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=main, name="a3s-store backup", daemon=True).start()
    return outcome


def _absolute(target: str | os.PathLike[str]) -> Path:
    """Return the path of the backup, with symlinks resolved in its folder but not in its name."""
    text = os.fspath(target)
    if not text or "\0" in text or text == ":memory:":
        raise StoreUnavailableError(
            "invalid path: empty, `:memory:` or contains NUL", hint="Name a new file"
        )
    try:
        path = Path(text).absolute()
        os.fsencode(path)
        found = path.parent.resolve() / path.name
    except (RuntimeError, UnicodeEncodeError) as error:  # links in a circle, a lone surrogate
        raise StoreUnavailableError(f"invalid path: {type(error).__name__}") from None
    if not found.name:
        raise StoreUnavailableError(
            "the path is a folder", where=str(found), hint="Name a new file"
        )
    file_copy.refuse_long(found)
    return found


def _refuse_empty(source: sqlite3.Connection) -> None:
    with transaction.read(source):
        if migrate.numbers(source)[1] == 0:
            raise NotAStoreError("there is no store in this file yet")
