"""A transaction while its block runs, and the sessions of an import that wait for a commit."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self, TypeVar, Unpack

from a3s_store.core.base import units
from a3s_store.core.base.block_reads import BlockReads
from a3s_store.core.base.generational import check_expected
from a3s_store.core.base.units import Deletion, Operation, StreamCall, Unit
from a3s_store.core.collections import check_id
from a3s_store.core.protocol.streams import streaming
from a3s_store.core.reports import ImportReport
from a3s_store.core.streams.recording import TransactionStream
from a3s_store.errors import TransactionStateError, UnsupportedError
from a3s_store.printable import short_repr

if TYPE_CHECKING:
    from a3s_store.core.base.transactions import TransactionMethods
    from a3s_store.core.batch import Batch
    from a3s_store.core.revision import Position
    from a3s_store.core.session_update import SessionUpdate
    from a3s_store.core.streams.recording import StreamChange
    from a3s_store.models import Message, SessionData

T = TypeVar("T")

# The most sessions of one commit of an import: other saves wait for as long as it takes.
_MOST_SESSIONS: Final = 256


# Methods of stores with streams that are none of transactions: why, and what to do.
_LISTS: Final = (
    "which streams and items are listed would have to be compared at the commit",
    "List with the store's own method, then read those with tx.stream(name), which is compared",
)
_BYTES: Final = (
    "byte artifacts are written and removed in several transactions",
    "Call the store's own method, before or after the block",
)
_NOT_RECORDED: Final[Mapping[str, tuple[str, str]]] = {
    "streams": _LISTS,
    "find_items": _LISTS,
    "delete_streams": (
        "many streams are removed in several transactions",
        "List them with streams() of the store, then record tx.stream(name).delete() of each",
    ),
    **dict.fromkeys(("put_bytes", "open_bytes", "list_bytes", "delete_bytes"), _BYTES),
}


async def each_of(values: AsyncIterable[T] | Iterable[T]) -> AsyncIterator[T]:
    """Yield the values of an iterable of either kind."""
    if isinstance(values, AsyncIterable):
        async for one in values:
            yield one
    else:
        for one in values:
            yield one


class StoreTransaction:
    """See `Transaction`."""

    def __init__(self, store: TransactionMethods) -> None:
        self._store = store
        self._state = "not begun"
        self._operations: list[Operation] = []
        # The names of the streams that they change.
        self._streams: set[str] = set()
        self._size = units.NO_SIZE
        self._reads = BlockReads(store, self._check_recording)
        self._results: tuple[Any, ...] | None = None

    def __repr__(self) -> str:
        return f"<Transaction of {self._store!r}, {self._state}>"

    async def __aenter__(self) -> Self:
        if self._state != "not begun":
            raise _wrong_state(f"it is {self._state}", "Call transaction() for another one")
        self._store._check_open("transaction")
        self._state = "recording"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._state = "ended"
        operations, reads = self._operations, self._reads.noted()
        # The values are needed no more.
        self._operations, self._reads = [], BlockReads(self._store, self._check_recording)
        if kind is not None:
            return
        results: tuple[Any, ...] = ()
        if operations:
            self._store._check_open("transaction")
            unit = Unit(operations=tuple(operations), reads=reads)
            results = await self._store._commit_unit(unit)
        self._results = results

    def _check_recording(self) -> None:
        if self._state != "recording":
            raise _wrong_state(f"it is {self._state}", "Use it inside its `async with` block")

    # Hidden from type checkers, which refuse unknown names by themselves.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            """Say why a method of stores with streams is none of transactions."""
            if name not in _NOT_RECORDED:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            why, hint = _NOT_RECORDED[name]
            raise UnsupportedError(
                f"a transaction has no {name}(): {why}",
                capability="transactions",
                op=name,
                hint=hint,
            )

    def _record(self, operation: Operation) -> None:
        size = self._size.plus(units.size_of(operation))
        units.refuse_too_large(len(self._operations) + 1, size)
        self._operations.append(operation)
        self._size = size

    async def load(self, session_id: str) -> SessionData | None:
        """See `Transaction.load`."""
        self._check_open("load")
        return await self._reads.session(check_id(session_id))

    def save(self, session: SessionData, *, expected_generation: int | None = None) -> None:
        """See `Transaction.save`."""
        self._check_open("save")
        check_expected("save", expected_generation)
        batch = self._store._session_batch("save", session, expected_generation=expected_generation)
        self._record(self._store._redacted(batch))

    def append(
        self,
        session_id: str,
        messages: Sequence[Message],
        *,
        after: Position | None = None,
        expected_generation: int | None = None,
        create: SessionData | None = None,
        at_ms: Sequence[int] | None = None,
        updated_at: int | None = None,
    ) -> None:
        """See `Transaction.append`."""
        self._check_recording()
        self._record(
            self._store._checked_append(
                session_id, messages, after, expected_generation, create, at_ms, updated_at
            )
        )

    def update(
        self,
        session_id: str,
        *,
        expected_generation: int | None = None,
        **changes: Unpack[SessionUpdate],
    ) -> None:
        """See `Transaction.update`."""
        self._check_recording()
        self._record(self._store._checked_update(session_id, expected_generation, changes))

    def delete(self, session_id: str, *, expected_generation: int | None = None) -> None:
        """See `Transaction.delete`."""
        self._check_open("delete")
        check_expected("delete", expected_generation)
        self._record(
            Deletion(session_id=check_id(session_id), expected_generation=expected_generation)
        )

    # -- Streams: the port of `TransactionStream` ---------------------------------------------

    def stream(
        self, name: str, *, session: str | None = None, compress: bool = False
    ) -> TransactionStream:
        """See `Transaction.stream`."""
        self._check_open("stream")
        store = streaming(self._store)
        if store is None:
            raise UnsupportedError(
                f"session store '{self._store.backend_name}' does not support streams",
                capability="streams",
                op="stream",
                hint="Use SqliteSessionStore",
            )
        return TransactionStream(self, store.stream(name, session=session, compress=compress))

    def _check_open(self, op: str) -> None:
        self._check_recording()
        self._store._check_open(op)

    def _record_stream(self, op: str, request: StreamChange) -> None:
        call = StreamCall(op=op, request=request)
        self._record(call)
        self._streams.add(call.changes)

    def _refuse_recorded(self, op: str, name: str) -> None:
        """Raise TransactionStateError if a change of this stream was recorded."""
        if name in self._streams:
            raise TransactionStateError(
                "the transaction has recorded a change of the stream, which is not stored yet",
                op=op,
                where=f"stream {short_repr(name)}",
                hint="Update a stream once in a transaction, before its other changes",
            )

    async def _read_stream(self, op: str, name: str, query: Any) -> Any:
        return await self._reads.stream(op, query)

    @property
    def results(self) -> tuple[Any, ...]:
        """See `Transaction.results`."""
        if self._results is None:
            raise _wrong_state(
                "it is not committed", "Read the results after the block, if it did not raise"
            )
        return self._results


def _wrong_state(what: str, hint: str) -> TransactionStateError:
    return TransactionStateError(
        f"the transaction cannot be used: {what}", op="transaction", hint=hint
    )


class Importing:
    """The sessions of an import that are to be committed next."""

    def __init__(self, store: TransactionMethods, batch_bytes: int) -> None:
        self._store = store
        self._batch_bytes = batch_bytes
        # By id: each snapshot of a session is a save of its own.
        self._waiting: dict[str, Batch] = {}
        self._bytes = 0
        self._sessions = self._batches = self._bytes_in_all = 0

    async def add(self, batch: Batch) -> None:
        """Commit this session with others, now or later."""
        size = units.batch_bytes_of(batch)
        if (
            self._bytes + size > self._batch_bytes
            or len(self._waiting) == _MOST_SESSIONS
            or batch.session_id in self._waiting
        ):
            await self._commit()
        self._waiting[batch.session_id] = batch
        self._bytes += size
        if size > self._batch_bytes:
            await self._commit()

    async def _commit(self) -> None:
        batches = tuple(self._waiting.values())
        if not batches:
            return
        if len(batches) == 1:
            await self._store._commit(batches[0])
        else:
            await self._store._commit_unit(Unit(operations=batches, at_once=True))
        self._sessions += len(batches)
        self._batches += 1
        self._bytes_in_all += self._bytes
        self._waiting, self._bytes = {}, 0

    async def end(self) -> ImportReport:
        """Commit the rest, and return the report."""
        await self._commit()
        return ImportReport(
            sessions=self._sessions, batches=self._batches, bytes_estimated=self._bytes_in_all
        )
