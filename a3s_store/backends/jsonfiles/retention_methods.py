"""The methods of retention, which a directory of files does not have: each refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from a3s_store.backends.jsonfiles.refusals import unsupported
from a3s_store.core.base.store import BaseStore
from a3s_store.errors import UnsupportedError

if TYPE_CHECKING:
    from a3s_store.core.reports import PruneReport, StoreStats
    from a3s_store.core.retention import RetentionPolicy


class NoRetention(BaseStore):
    """Refuses what is in `RetentionStore` alone, which `capabilities()` does not promise."""

    async def prune(
        self,
        policy: RetentionPolicy | None = None,
        *,
        session: str | None = None,
        dry_run: bool = False,
    ) -> PruneReport:
        """Raise UnsupportedError."""
        raise self._has_no_retention("prune", "keeps no generations")

    async def stats(self) -> StoreStats:
        """Raise UnsupportedError."""
        raise self._has_no_retention("stats", "does not measure its files")

    def _has_no_retention(self, op: str, what: str) -> UnsupportedError:
        return unsupported(op, "retention", f"a store of the kind {self.backend_name!r} {what}")
