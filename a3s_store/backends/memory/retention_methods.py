"""The methods of `MemorySessionStore` for retention."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from a3s_store.backends.memory.search_methods import MemorySearch

if TYPE_CHECKING:
    from a3s_store.core.reports import PruneReport, StoreStats
    from a3s_store.core.retention import RetentionPolicy


class MemoryRetention(MemorySearch):
    """Prunes by comparing every generation with every other."""

    async def prune(
        self,
        policy: RetentionPolicy | None = None,
        *,
        session: str | None = None,
        dry_run: bool = False,
    ) -> PruneReport:
        """See `RetentionStore.prune`; `max_bytes` counts the bytes of values as JSON."""
        from a3s_store.backends.memory.retention import MemoryPruning
        from a3s_store.core.base import retention
        from a3s_store.core.retention import LOSSLESS, policy_of

        self._check_open("prune")
        policy = policy_of("prune", "policy", policy, LOSSLESS)
        port = MemoryPruning(self, dry_run=dry_run)
        return await retention.prune(port, policy, session, dry_run=dry_run)

    async def stats(self) -> StoreStats:
        """See `RetentionStore.stats`."""
        from a3s_store.backends.memory.retention import stats

        self._check_open("stats")
        with self._lock:
            return stats(self, time.monotonic)
