"""Group commit: saves that waited together share one transaction and one sync (decision D10).

Each has a savepoint, its own result and its own error; one that fails leaves the others alone.
Where SQLite rolls back the whole transaction because of one of them (on a full disk, for example),
each is tried again by itself.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.errors import NO_ROOM, corruption_named, during
from a3s_store.backends.sqlite.write.write_states import WriteStates, WriteTransaction
from a3s_store.core.conversation import LargeSaveError
from a3s_store.core.session_cache import CacheEntry, SessionCache


class Change(NamedTuple):
    """One save: a function that is called inside a transaction, and names for its errors."""

    op: str
    where: str
    apply: Callable[[WorkConnection, WriteTransaction], Any]
    session_id: str | None = None

    def named(self, error: BaseException) -> BaseException:
        """Return the error that callers see in place of this one, with operation and file."""
        try:
            with during(self.op, self.where), corruption_named(self.session_id):
                raise error
        except BaseException as named:
            return named


class Outcome(NamedTuple):
    """The outcome of a change: the `value` that it returned, or the `cause`, as it was raised.

    `cause` is None when the change is committed. `gone` has evicted cache entries, for the caller
    to free.
    """

    value: Any = None
    cause: BaseException | None = None
    gone: Sequence[CacheEntry] = ()


# Trying each save again by itself does not help: it would wait as long, or the disk is failing.
_HOPELESS = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR}


def commit(
    conn: WorkConnection,
    cache: SessionCache,
    states: WriteStates,
    changes: Sequence[Change],
    on_repeat: Callable[[BaseException], object] = lambda _: None,
) -> list[Outcome]:
    """Apply changes in order and commit them together; return the outcome of each, never raise.

    After a change that is too large for one transaction, the others are not tried: they may have to
    wait for it. So the last outcome has the LargeSaveError then, and the others have none.
    `on_repeat` is called with the error for which each is tried again by itself.
    """
    memory = WriteTransaction(cache, states)
    outcomes: list[Outcome] = []
    try:
        with transaction.write(conn, memory.end):
            memory.begin(conn)
            if len(changes) == 1:
                outcomes.append(Outcome(changes[0].apply(conn, memory)))
            else:
                for change in changes:
                    outcomes.append(_part(conn, memory, change))
                    if isinstance(outcomes[-1].cause, LargeSaveError):
                        break
    except BaseException as error:
        cause = error.__cause__ if isinstance(error, transaction.TakenBackError) else error
        assert cause is not None, "it was raised from the error of SQLite"
        if len(changes) == 1 or _primary(cause) in _HOPELESS or not _is_undone(error):
            return [Outcome(cause=cause)] * len(changes)
        on_repeat(cause)
        outcomes = []
        for change in changes:
            outcomes += commit(conn, cache, states, [change])
            if isinstance(outcomes[-1].cause, LargeSaveError):
                break
        return outcomes
    try:
        memory.publish(conn)
        value, cause, _ = outcomes[0]
        outcomes[0] = Outcome(value, cause, memory.committed())
    except MemoryError:
        return outcomes  # it is committed, whether or not the cache can be updated
    return outcomes


def _is_undone(error: BaseException) -> bool:
    """Return whether nothing was committed for sure: any other error may have come afterwards."""
    return isinstance(error, sqlite3.Error | transaction.TakenBackError)


def _part(conn: WorkConnection, cache: WriteTransaction, change: Change) -> Outcome:
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
            memory = WriteTransaction(cache, WriteStates())
            memory.begin(conn)
            change.apply(conn, memory)
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
