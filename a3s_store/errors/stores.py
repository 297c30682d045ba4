"""Errors of stores. The whole tree is in the package's docstring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from a3s_store._deprecated import old_attributes, today
from a3s_store.printable import one_line


class StoreError(Exception):
    """Base of all errors of this package.

    `op` is the operation ("save"), `where` the session, file or row, `hint` the next step for the
    caller; each may be empty. `str()` is one line, even when an id or a path has line feeds.
    """

    def __init__(self, what: str, *, op: str = "", where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.op = op
        self.where = where
        self.hint = hint

    def locate(self, op: str, where: str) -> Self:
        """Set `op` and `where` unless an inner layer has set them; return the error itself."""
        self.op = self.op or op
        self.where = self.where or where
        return self

    def __str__(self) -> str:
        head = f"{self.op}: " if self.op else ""
        where = f" ({self.where})" if self.where else ""
        hint = f". {self.hint}" if self.hint else ""
        return one_line(f"{head}{self.what}{where}{hint}")

    def __reduce__(self) -> tuple[Any, ...]:
        state = self.__dict__.copy()
        if getattr(self, "errno", None) is not None:
            state["errno"] = self.errno  # type: ignore[attr-defined]
        return _rebuild, (type(self), state, self.args)


def _rebuild(cls: type[StoreError], state: dict[str, Any], args: tuple[Any, ...]) -> StoreError:
    error = cls.__new__(cls, *args)
    error.args = args
    if "errno" in state:
        error.errno = state.pop("errno")  # type: ignore[attr-defined]
    error.__dict__.update(today(state))
    return error


class InvalidIdError(StoreError, ValueError):
    """The text is not valid as an id in this store."""


class IdCollisionError(InvalidIdError):
    """Two different ids would share one file; the data of the other id is unchanged."""


class CodecError(StoreError, ValueError):
    """A value cannot be encoded, or a text cannot be decoded.

    `model` is the class, `path` the place in it, for example `messages[3].content[0].type`; an
    empty path is the value itself.
    """

    def __init__(self, what: str, *, model: str = "", path: str = "", **where: str) -> None:
        super().__init__(what, **where)
        self.model = model
        self.path = path

    def inside(self, model: str, place: str) -> Self:
        """Add the enclosing model and the place in it; return the error itself."""
        dot = "." if place and self.path and not self.path.startswith("[") else ""
        self.path = place + dot + self.path
        self.model = model
        return self

    def __str__(self) -> str:
        place = ".".join(part for part in (self.model, self.path) if part)
        head = f"{self.op}: " if self.op else ""
        where = f" ({self.where})" if self.where else ""
        hint = f". {self.hint}" if self.hint else ""
        return one_line(f"{head}{place}: {self.what}{where}{hint}") if place else super().__str__()


class EncodeError(CodecError):
    """The value breaks a rule of its model or a limit; nothing was written."""


class DecodeError(CodecError):
    """The text is not JSON, or not the JSON of the expected type."""


class InvalidSnapshotError(StoreError, ValueError):
    """The parts of a snapshot or checkpoint do not belong together; nothing was written."""


class StaleGenerationError(StoreError):
    """The session was saved since the caller read it: `expected` and `actual` are generations.

    Nothing was written. Load it again, apply the change, save again. `expected_revision` and
    `actual_revision` are set if the condition was a `Revision`; for a deleted session
    `actual_revision` is None and `actual` is 0. `current` is the value found in place of the one in
    the condition: the generation, the position if the condition was a `Position` (then
    `expected_position` is set, and `expected` is `actual`), or the sequence of a run's last event.
    """

    def __init__(
        self,
        what: str,
        *,
        expected: int,
        actual: int,
        expected_revision: tuple[int, int] | None = None,
        actual_revision: tuple[int, int] | None = None,
        expected_position: tuple[int, bytes] | None = None,
        current: int | tuple[int, bytes] | None = None,
        **where: str,
    ) -> None:
        super().__init__(what, **where)
        self.expected = expected
        self.actual = actual
        self.expected_revision = expected_revision
        self.actual_revision = actual_revision
        self.expected_position = expected_position
        self.current = actual if current is None else current


class ConflictError(StoreError):
    """A session or stream that a transaction read has changed since; nothing was written.

    `session_ids` are the sessions, and `stream_names` the streams, that others changed or deleted.
    Run the transaction again, as `run_transaction` does.
    """

    def __init__(
        self,
        what: str,
        *,
        session_ids: tuple[str, ...] = (),
        stream_names: tuple[str, ...] = (),
        **where: str,
    ) -> None:
        super().__init__(what, **where)
        self.session_ids = session_ids
        self.stream_names = stream_names


class TransactionTooLargeError(StoreError, ValueError):
    """A transaction would have too many calls, or too large values; this call was not added."""


class TransactionStateError(StoreError, RuntimeError):
    """A transaction is used before its block, after it, or twice."""


class StaleItemError(StoreError):
    """A stream, an item of it, or a byte artifact is not as the caller expected; nothing written.

    `expected` is the condition and `current` the value found in its place: a version (0: none is
    stored), the `seq` of a stream's next item, the number of its last change, or the id of the
    session that it is tied to.
    """

    def __init__(
        self, what: str, *, expected: int | str | None, current: int | str, **where: str
    ) -> None:
        super().__init__(what, **where)
        self.expected = expected
        self.current = current


class RunClaimedError(StoreError):
    """Another live session has taken over the run `run_id`, or ended it; nothing was written.

    That live session saves everything that the run finished.
    """

    def __init__(self, what: str, *, run_id: str, **where: str) -> None:
        super().__init__(what, **where)
        self.run_id = run_id


class SessionNotFoundError(StoreError, LookupError):
    """The operation needs a saved session or generation that does not exist."""


class GenerationGoneError(SessionNotFoundError):
    """The generation was pruned; `generation` is its number."""

    def __init__(self, what: str, *, generation: int, **where: str) -> None:
        super().__init__(what, **where)
        self.generation = generation


class StoreClosedError(StoreError, RuntimeError):
    """The store, or the block of a reader, was closed; open it again."""


class StoreForkedError(StoreClosedError):
    """The store was opened before fork() and used in the child; open a new one there.

    Also raised by opening a store in the child, if the parent was inside SQLite when it forked: the
    child cannot use SQLite safely. Start it with "spawn" or "forkserver".
    """


class StoreBusyError(StoreError, TimeoutError):
    """The file stayed locked past the timeout. Nothing was written; trying again is safe."""


class StoreFullError(StoreError, OSError):
    """There is no space left. Nothing was written; after freeing space, trying again is safe."""


class StoreReadOnlyError(StoreError):
    """The store was opened for reading only. Nothing was written."""


class StoreUnavailableError(StoreError, OSError):
    """The store cannot be opened, read or written: permissions, a missing folder, an I/O error.

    `errno` is the system's error number, None where it is not known.
    """


class SearchUnavailableError(StoreError):
    """This Python's SQLite cannot search (it has no FTS5), or a store has `search=False`."""


class NotAStoreError(StoreUnavailableError):
    """The file exists and is not a store; it was not changed."""


class SchemaError(StoreError):
    """The tables in the file do not have the schema of this release."""


class SchemaTooNewError(SchemaError):
    """The file was written by a newer release; it was not changed."""


class MigrationError(SchemaError):
    """Migrating the file failed; it has the schema from before the step that failed."""


@old_attributes
class CorruptionError(StoreError):
    """A stored value is damaged; nothing was repaired and nothing skipped.

    `session_id` is the session that the value belongs to; `part` is the name of a collection,
    "messages", "file", "wal" or "header"; `position` is the index in it, from 0. Each is None where
    it is not known or does not apply.
    """

    def __init__(
        self,
        what: str,
        *,
        session_id: str | None = None,
        part: str | None = None,
        position: int | None = None,
        **where: str,
    ) -> None:
        super().__init__(what, **where)
        self.session_id = session_id
        self.part = part
        self.position = position


class SharedMessagesError(StoreError):
    """Other sessions share messages with a session to erase: `session_ids`, sorted.

    Nothing was written. A fork shares the beginning of its conversation with its source.
    """

    def __init__(self, what: str, *, session_ids: tuple[str, ...] = (), **where: str) -> None:
        super().__init__(what, **where)
        self.session_ids = session_ids


class UnsupportedError(StoreError):
    """The store does not support an operation; nothing was written.

    `capability` is the field of `Capabilities` that would promise it.
    """

    def __init__(self, what: str, *, capability: str = "", **where: str) -> None:
        super().__init__(what, **where)
        self.capability = capability


class ErasureIncompleteError(StoreError):
    """The sessions are deleted, but pieces of their texts may be left in the file or its WAL.

    Erasing them again finishes the work, although nothing is stored under their ids any more.
    `readers` are the processes that kept reading the WAL, each with its id and its command, as far
    as the system reports them.
    """

    def __init__(self, what: str, *, readers: Sequence[tuple[int, str]] = (), **where: str) -> None:
        super().__init__(what, **where)
        self.readers = tuple(readers)
