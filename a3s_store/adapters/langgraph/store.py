"""`A3sStore` and `BlockingA3sStore`: LangGraph's memory across threads, over a store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from a3s_store import StreamStore, SyncSessionStore
from a3s_store.adapters._calls import Calls
from a3s_store.adapters._peers import needs
from a3s_store.adapters.langgraph import _entries
from a3s_store.adapters.langgraph._vectors import Index

with needs("langgraph"):
    from langgraph.store.base import BaseStore
    from langgraph.store.base.batch import AsyncBatchedBaseStore


class A3sStore(AsyncBatchedBaseStore):
    """Keeps entries in a store with streams. Made inside the event loop that it is used in.

    Awaited calls of one tick of the loop are one batch. Blocking methods are for other threads.
    """

    supports_ttl = True

    def __init__(
        self,
        store: StreamStore,
        *,
        index: Mapping[str, Any] | None = None,
        ttl: Mapping[str, Any] | None = None,
    ) -> None:
        """Use `index` for semantic search and `ttl` for times to live, as LangGraph describes them.

        Raises:
            UnsupportedError: the store has no streams or no transactions.
        """
        super().__init__()
        self._calls = Calls(store)
        self._index = Index(index, awaits=True)
        self.index_config, self.embeddings = self._index.config, self._index.embeddings
        self.ttl_config = ttl

    async def abatch(self, ops: Iterable[Any]) -> list[Any]:
        """See `BaseStore.abatch`. Its changes are committed when this returns, all or none."""
        return await self._calls.awaited(lambda s: _entries.batch(s, self._index, ops))


class BlockingA3sStore(BaseStore):
    """The same over a `SyncSessionStore`: for programs without an event loop."""

    supports_ttl = True

    def __init__(
        self,
        store: SyncSessionStore,
        *,
        index: Mapping[str, Any] | None = None,
        ttl: Mapping[str, Any] | None = None,
    ) -> None:
        """See `A3sStore`."""
        self._calls = Calls(store)
        self._index = Index(index, awaits=False)
        self.index_config, self.embeddings = self._index.config, self._index.embeddings
        self.ttl_config = ttl

    def batch(self, ops: Iterable[Any]) -> list[Any]:
        """See `BaseStore.batch`. Its changes are committed when this returns, all or none."""
        return self._calls.blocking(lambda s: _entries.batch(s, self._index, ops))

    async def abatch(self, ops: Iterable[Any]) -> list[Any]:
        """See `BaseStore.abatch`."""
        return await self._calls.awaited(lambda s: _entries.batch(s, self._index, ops))
