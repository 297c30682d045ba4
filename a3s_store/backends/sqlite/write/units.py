"""Make the calls of a unit in one transaction: all of them or none.

Each call runs the function that makes it alone, and sees the rows, headers and cached values of
those before it. `WriteTransaction.unit` has later saves of a session go on with the generation and
the row of the commit log that an earlier one made. Plain functions of a connection, each inside a
transaction that its caller opened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.rows import streams, unfinished
from a3s_store.backends.sqlite.write import appends, session_changes, session_writer
from a3s_store.backends.sqlite.write import streams as stream_writer
from a3s_store.backends.sqlite.write.write_states import WriteTransaction
from a3s_store.core.base.appending import append_batch, update_batch
from a3s_store.core.base.appends import Append, Update
from a3s_store.core.base.unit_reads import Reads, refuse_changed
from a3s_store.core.base.units import Deletion, Operation, StreamCall, Unit, name_of
from a3s_store.core.batch import Batch, fault_named, refuse_unwritable
from a3s_store.core.conversation import LargeSaveError
from a3s_store.core.corruption import corruption_named
from a3s_store.core.unit_marks import UnitMarks
from a3s_store.errors import StoreError, during
from a3s_store.printable import short_repr


class Done(NamedTuple):
    """The results of the calls, and whether rows of deleted sessions are left to be removed."""

    results: tuple[Any, ...]
    is_left: bool


class _Made(NamedTuple):
    value: Any
    is_left: bool = False


def apply(
    conn: WorkConnection, changes: WriteTransaction, unit: Unit, file: str, now_ms: int
) -> Done:
    """Make the calls in order, and return their results; `file` is named in errors.

    Raises:
        ConflictError: a session or stream that was read has changed.
        StoreError: of a call, named by its place in the unit.
    """
    marks = changes.unit = UnitMarks()
    bound = changes.bound
    if unit.at_once:
        changes.bound = None
    try:
        _refuse_changed(conn, changes, unit.reads, file)
        made = [
            _make(conn, changes, one, f"{unit.where(position)} in {file}", now_ms)
            for position, one in enumerate(unit.operations)
        ]
    except LargeSaveError as error:
        error.conversations = unit.conversations
        raise
    finally:
        changes.unit, changes.bound = None, bound
    is_left = any(one.is_left for one in made)
    if marks.left:
        # Messages that a later call of the unit has replaced are in no generation.
        is_left |= unfinished.collect(conn, marks.left, now_ms)
    return Done(tuple(one.value for one in made), is_left)


def _refuse_changed(
    conn: WorkConnection, changes: WriteTransaction, reads: Reads, file: str
) -> None:
    found: list[str] = []
    found_streams: list[str] = []
    for session_id, generation in reads.sessions.items():
        with corruption_named(session_id):
            header = changes.header(conn, session_id)
        if generation != (0 if header is None else header.generation):
            found.append(session_id)
    for name, number in reads.streams.items():
        with during("transaction", f"stream {short_repr(name)} in {file}"), corruption_named():
            if number != streams.last_change(conn, name):
                found_streams.append(name)
    refuse_changed(found, found_streams)


def _make(
    conn: WorkConnection, changes: WriteTransaction, call: Operation, where: str, now_ms: int
) -> _Made:
    # Errors of SQLite pass unchanged: the group commit tells them apart by their codes.
    try:
        with corruption_named(None if isinstance(call, StreamCall) else call.session_id):
            return _CALLS[type(call)](conn, changes, call, now_ms)
    except StoreError as error:
        error.locate(name_of(call), where)
        raise


def _save(conn: WorkConnection, changes: WriteTransaction, batch: Batch, now_ms: int) -> _Made:
    with fault_named(lambda: refuse_unwritable(batch)):
        session_writer.commit(conn, changes, batch, now_ms)
    return _Made(None)


def _append(conn: WorkConnection, changes: WriteTransaction, call: Append, now_ms: int) -> _Made:
    with fault_named(lambda: refuse_unwritable(append_batch(call))):
        return _Made(appends.append(conn, changes, call, now_ms))


def _update(conn: WorkConnection, changes: WriteTransaction, call: Update, now_ms: int) -> _Made:
    with fault_named(lambda: refuse_unwritable(update_batch(call))):
        return _Made(appends.update(conn, changes, call, now_ms))


def _delete(conn: WorkConnection, changes: WriteTransaction, call: Deletion, now_ms: int) -> _Made:
    is_left = session_changes.delete(
        conn, changes, call.session_id, now_ms, call.expected_generation
    )
    return _Made(None, is_left)


def _stream(
    conn: WorkConnection, changes: WriteTransaction, call: StreamCall, now_ms: int
) -> _Made:
    done = stream_writer.execute(conn, changes, call.request, now_ms)
    return _Made(call.result(done), stream_writer.leaves_rows(conn, call.request))


# How a unit makes each kind of call.
_CALLS: Final[Mapping[type, Callable[[WorkConnection, WriteTransaction, Any, int], _Made]]] = {
    Batch: _save,
    Append: _append,
    Update: _update,
    Deletion: _delete,
    StreamCall: _stream,
}
