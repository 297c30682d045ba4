"""The protocol of stores that promise `transactions`: several sessions changed as one unit."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar, Unpack, runtime_checkable

from a3s_store.core.arguments import BATCH_BYTES
from a3s_store.core.protocol.appending import AppendingStore
from a3s_store.core.protocol.session_store import SessionStore

if TYPE_CHECKING:
    from a3s_store.core.reports import ImportReport
    from a3s_store.core.revision import Position
    from a3s_store.core.session_update import SessionUpdate
    from a3s_store.core.snapshot import SessionSnapshot
    from a3s_store.core.streams.recording import TransactionStream
    from a3s_store.models import Message, SessionData

T = TypeVar("T")


class Transaction(Protocol):
    """Calls that are recorded in a block, and made as one unit when it ends.

        async with store.transaction() as tx:
            a = await tx.load("a")
            tx.save(a.evolve(total_cost=1.0))
            tx.append("b", [message])
            tx.stream("events").append({"from": "a", "to": "b"})
        saved, appended, added = tx.results

    Nothing is locked while the block runs. If it raises, nothing is written. At its end the store
    makes the recorded calls in order, all of them or none, as one commit. Each call sees what those
    before it did, and its conditions are checked then. A session that was read must still be at the
    generation that was read, and a stream at the change that was its last; otherwise ConflictError
    is raised. A block without a call writes nothing, and checks nothing.

    A unit makes one generation and one entry in the commit log for each session that it changes,
    and one entry for each stream. The entry's `op` is `save` where calls of several kinds changed
    the session or stream, unless the last one deleted it, or items of the stream.

    If the block's end is cancelled, the unit is made completely or not at all, as a save is. A
    transaction within the block of another one is a unit of its own, committed at its own end. A
    transaction is for one block, and for the tasks of one event loop.

    Arguments are checked when a call is recorded, and raise what the methods of the store raise.
    TransactionTooLargeError is raised for more than 10,000 calls; for about 64 MiB of values in
    all; and for 4 MiB of appended messages, changed fields, items of streams, and saved sessions
    without messages.
    """

    async def load(self, session_id: str) -> SessionData | None:
        """Return a session as it is stored, without what the block has recorded.

        All that a block reads is of one moment. A session that is read again is the same.

        Raises:
            ConflictError: a session or stream that was read before has changed.
        """

    def save(self, session: SessionData, *, expected_generation: int | None = None) -> None:
        """Record `GenerationalStore.save`; its result is None."""

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
        """Record `AppendingStore.append`; its result is an `Appended`.

        There is no `save_id`: a unit makes one generation, which has one id at most. A call with
        `after` may be repeated as ever; a unit that is repeated after reads is refused.
        """

    def update(
        self,
        session_id: str,
        *,
        expected_generation: int | None = None,
        **changes: Unpack[SessionUpdate],
    ) -> None:
        """Record `AppendingStore.update`; its result is the generation afterwards."""

    def delete(self, session_id: str, *, expected_generation: int | None = None) -> None:
        """Record `GenerationalStore.delete` of one session; its result is None."""

    def stream(
        self, name: str, *, session: str | None = None, compress: bool = False
    ) -> TransactionStream:
        """Return a stream whose changes are recorded, and whose reads are checked at the end.

        The arguments are those of `StreamStore.stream`. A session that the stream is to be tied to
        may be saved by an earlier call.

        Raises:
            InvalidArgumentError: the name is no text of 1 to 1024 bytes without NUL.
            UnsupportedError: the store does not promise `streams`.
        """

    @property
    def results(self) -> tuple[Any, ...]:
        """The results of the recorded calls, in order, once the unit is committed.

        Raises:
            TransactionStateError: it is not committed.
        """

    async def __aenter__(self) -> Self:
        """Begin to record. Raises TransactionStateError when it is entered again."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Make the recorded calls, unless the block raised.

        Raises:
            ConflictError: what was read has changed.
            StoreError: of the first call that failed; nothing was written.
        """


@runtime_checkable
class TransactionalStore(AppendingStore, Protocol):
    """A store that promises `transactions`."""

    def transaction(self) -> Transaction:
        """Return a transaction, to be entered with `async with`."""

    async def run_transaction(
        self, function: Callable[[Transaction], Awaitable[T]], *, retries: int = 5
    ) -> T:
        """Call a function with a transaction, commit it, and return the function's value.

        After a ConflictError the function is called again with a new transaction, up to `retries`
        times, after a wait that grows from a few milliseconds to 0.2 seconds, at random.

        Raises:
            ConflictError: the last try met one, too; nothing was written.
            InvalidArgumentError: `retries` is no number of 0 or more, or the function is not async;
                nothing was written.
            StoreError: another error, at once.
        """

    async def import_many(
        self,
        snapshots: AsyncIterable[SessionSnapshot] | Iterable[SessionSnapshot],
        *,
        batch_bytes: int = BATCH_BYTES,
    ) -> ImportReport:
        """Save many snapshots, as `save_snapshot` does, several in one commit.

        A commit has sessions of about `batch_bytes` bytes in all, and at most 256; a larger session
        is saved by itself. Each session is stored completely or not at all. An equal session is not
        written. The snapshots are read as they are needed.

        Raises:
            EncodeError: a snapshot cannot be stored; it is named. Nothing of its commit was
                written; all commits before it stay, so the import can be run again.
            InvalidArgumentError: `batch_bytes` is no number of 1 or more.
        """


def transactional(store: SessionStore) -> TransactionalStore | None:
    """Return the store if it promises `transactions`, else None."""
    if store.capabilities().transactions and isinstance(store, TransactionalStore):
        return store
    return None
