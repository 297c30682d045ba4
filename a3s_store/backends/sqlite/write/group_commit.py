"""Group commit: saves that waited together share one transaction and one sync (decision D10).

Each has a savepoint, its own result and its own error; one that fails leaves the others alone.
Where SQLite rolls back the whole transaction because of one of them (on a full disk, for example),
each is tried again by itself.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

import attrs

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.connection import wal_checkpoint
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.errors import NO_ROOM, corruption_named, during
from a3s_store.core.session_cache import CacheEntry, CacheTransaction, SessionCache


@attrs.frozen(eq=False)
class Change:
    """One save: a function that is called inside a transaction, and names for its errors."""

    op: str
    where: str
    apply: Callable[[WorkConnection, CacheTransaction], Any]
    session_id: str | None = None

    def named(self, error: BaseException) -> BaseException:
        """Return the error that callers see in place of this one, with operation and file."""
        try:
            with during(self.op, self.where), corruption_named(self.session_id):
                raise error
        except BaseException as named:
            return named


@attrs.frozen(eq=False)
class Outcome:
    """The outcome of a change. `cause` is the error as it was raised, None when it is committed.

    `gone` has evicted cache entries, for the caller to free.
    """

    answer: Any = None
    cause: BaseException | None = None
    gone: Sequence[CacheEntry] = ()


# Trying each save again by itself does not help: it would wait as long, or the disk is failing.
_HOPELESS = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR}


def commit(
    conn: WorkConnection,
    cache: SessionCache,
    changes: Sequence[Change],
    on_repeat: Callable[[BaseException], object] = lambda _: None,
) -> list[Outcome]:
    """Apply changes in order and commit them together; return the outcome of each, never raise.

    `on_repeat` is called with the error for which each is tried again by itself.
    """
    memory = CacheTransaction(cache)
    outcomes: list[Outcome] = []
    try:
        with transaction.write(conn, wal_checkpoint.follow):
            if len(changes) == 1:
                outcomes.append(Outcome(changes[0].apply(conn, memory)))
            else:
                outcomes += [_part(conn, memory, change) for change in changes]
    except BaseException as error:
        cause = error.__cause__ if isinstance(error, transaction.TakenBackError) else error
        assert cause is not None, "it was raised from the error of SQLite"
        if len(changes) == 1 or _primary(cause) in _HOPELESS:
            return [Outcome(cause=cause)] * len(changes)
        on_repeat(cause)
        return [outcome for change in changes for outcome in commit(conn, cache, [change])]
    # It is committed, whether or not the cache can be updated.
    with contextlib.suppress(MemoryError):
        outcomes[0] = attrs.evolve(outcomes[0], gone=memory.committed())
    return outcomes


def _part(conn: WorkConnection, cache: CacheTransaction, change: Change) -> Outcome:
    mark = cache.mark()
    try:
        with transaction.part(conn):
            return Outcome(change.apply(conn, cache))
    except transaction.TakenBackError:
        raise
    except BaseException as error:
        cache.back_to(mark)
        return Outcome(cause=error)


class _UndoneError(Exception):
    pass


def would_succeed(conn: WorkConnection, cache: SessionCache, change: Change) -> bool:
    """Apply a change once more and roll back; return whether it could have been committed."""
    try:
        with transaction.write(conn):
            change.apply(conn, CacheTransaction(cache))
            raise _UndoneError
    except _UndoneError:
        return True
    except Exception:
        return False


def _primary(error: BaseException) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def is_io_failure(error: BaseException | None) -> bool:
    """Whether SQLite could not read or write the disk, for another reason than a full disk."""
    if error is None or getattr(error, "sqlite_errorcode", None) in NO_ROOM:
        return False
    return _primary(error) == sqlite3.SQLITE_IOERR
