"""The methods of transactions, which several files cannot have: each refuses."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from a3s_store.backends.jsonfiles.refusals import unsupported
from a3s_store.core.arguments import BATCH_BYTES
from a3s_store.core.base.store import BaseStore
from a3s_store.errors import UnsupportedError

if TYPE_CHECKING:
    from a3s_store.core.protocol.transactional import Transaction
    from a3s_store.core.reports import ImportReport
    from a3s_store.core.snapshot import SessionSnapshot


class NoTransactions(BaseStore):
    """Refuses `TransactionalStore`, which `capabilities()` does not promise."""

    def transaction(self) -> Transaction:
        """Raise UnsupportedError."""
        raise self._has_no_transactions("transaction")

    async def run_transaction(
        self, function: Callable[[Transaction], Awaitable[Any]], *, retries: int = 5
    ) -> Any:
        """Raise UnsupportedError."""
        raise self._has_no_transactions("run_transaction")

    async def import_many(
        self,
        snapshots: AsyncIterable[SessionSnapshot] | Iterable[SessionSnapshot],
        *,
        batch_bytes: int = BATCH_BYTES,
    ) -> ImportReport:
        """Raise UnsupportedError."""
        raise self._has_no_transactions("import_many")

    def _has_no_transactions(self, op: str) -> UnsupportedError:
        what = f"session store '{self.backend_name}' does not support transactions"
        return unsupported(op, "transactions", what)
