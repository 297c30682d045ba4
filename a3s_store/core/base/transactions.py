"""The methods of `TransactionalStore`, over a port that a backend implements."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from a3s_store import _forks
from a3s_store.core.arguments import BATCH_BYTES, refused
from a3s_store.core.base.appending import AppendMethods
from a3s_store.errors import ConflictError
from a3s_store.printable import short_repr

if TYPE_CHECKING:
    from a3s_store.core.base.unit_reads import Reads, StreamRead, UnitRead
    from a3s_store.core.base.units import Unit
    from a3s_store.core.protocol.transactional import Transaction
    from a3s_store.core.reports import ImportReport
    from a3s_store.core.snapshot import SessionSnapshot
    from a3s_store.core.streams.requests import InfoQuery, ItemQuery

R = TypeVar("R")


class TransactionMethods(AppendMethods):
    """Implements `TransactionalStore` over the port below."""

    # -- The port -----------------------------------------------------------------------------

    @abstractmethod
    async def _commit_unit(self, unit: Unit) -> tuple[Any, ...]:
        """Make the calls of a unit as one commit, and return their results in order.

        Before that `refuse_changed` with the sessions and streams that are not as in `Unit.reads`.
        """

    @abstractmethod
    async def _read_for_unit(self, session_id: str, reads: Reads) -> UnitRead:
        """Return a session, read at a moment at which `reads` are current, or `refuse_changed`."""

    @abstractmethod
    async def _read_stream_for_unit(
        self, op: str, query: InfoQuery | ItemQuery, reads: Reads
    ) -> StreamRead:
        """Return what a query finds in a stream, read as `_read_for_unit` reads a session.

        It is not called where the store has no streams.
        """

    # -- The methods --------------------------------------------------------------------------

    def transaction(self) -> Transaction:
        """See `TransactionalStore.transaction`."""
        self._check_open("transaction")
        transaction: Transaction = _recording().StoreTransaction(self)
        return transaction

    async def run_transaction(
        self, function: Callable[[Transaction], Awaitable[R]], *, retries: int = 5
    ) -> R:
        """See `TransactionalStore.run_transaction`."""
        self._check_open("run_transaction")
        if type(retries) is not int or retries < 0:
            what = f"is a number of 0 or more, not {short_repr(retries)}"
            raise refused("run_transaction", "retries", what)
        for number in range(retries):
            try:
                return await self._run_once(function)
            except ConflictError:
                await _forks.load("a3s_store.core.conflict_wait").wait_after(number)
        return await self._run_once(function)

    async def _run_once(self, function: Callable[[Transaction], Awaitable[R]]) -> R:
        async with self.transaction() as tx:
            value: object = function(tx)
            if not isinstance(value, Awaitable):
                what = f"is an async function, and returned {short_repr(value)}"
                raise refused("run_transaction", "function", what)
            found: R = await value
            return found

    async def import_many(
        self,
        snapshots: AsyncIterable[SessionSnapshot] | Iterable[SessionSnapshot],
        *,
        batch_bytes: int = BATCH_BYTES,
    ) -> ImportReport:
        """See `TransactionalStore.import_many`."""
        self._check_open("import_many")
        if type(batch_bytes) is not int or batch_bytes < 1:
            what = f"is a number of 1 or more, not {short_repr(batch_bytes)}"
            raise refused("import_many", "batch_bytes", what)
        given: object = snapshots
        if not isinstance(given, AsyncIterable | Iterable):
            what = f"is an iterable of snapshots, not {short_repr(snapshots)}"
            raise refused("import_many", "snapshots", what)
        importing = _recording().Importing(self, batch_bytes)
        async for snapshot in _recording().each_of(snapshots):
            batch = self._snapshot_batch("import_many", snapshot)
            await importing.add(self._redacted(batch))
        report: ImportReport = await importing.end()
        return report


def _recording() -> Any:
    """Return the module `unit_recording`, which few programs need."""
    return _forks.load("a3s_store.core.base.unit_recording")
