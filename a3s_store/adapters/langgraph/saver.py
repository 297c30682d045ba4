"""`A3sSaver`: LangGraph's checkpointer over a store; each method awaited, and blocking."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from a3s_store.adapters._calls import AnyStore, Calls, Streams
from a3s_store.adapters._peers import needs
from a3s_store.adapters.langgraph import _checkpoints, _history
from a3s_store.adapters.langgraph._checkpoints import stream_of
from a3s_store.errors import InvalidArgumentError

with needs("langgraph"):
    from langgraph.checkpoint.base import BaseCheckpointSaver, get_checkpoint_id


class A3sSaver(BaseCheckpointSaver[str]):
    """Keeps checkpoints in a store with streams, or in a `SyncSessionStore`.

    All methods raise the errors of the store. Over an async store blocking methods are for other
    threads than that of the loop in which the saver was made.
    """

    def __init__(self, store: AnyStore, *, serde: Any = None) -> None:
        """Use `serde` in place of LangGraph's serializer, for example one that encrypts.

        Raises:
            UnsupportedError: the store has no streams or no transactions.
        """
        super().__init__(serde=serde)
        self._calls = Calls(store)

    def get_next_version(self, current: str | None, channel: None = None) -> str:
        """Return a version above the current one: a counter, and a random part."""
        number = 0 if current is None else int(str(current).split(".")[0])
        return f"{number + 1:032}.{random.random():016}"

    # -- The methods of LangGraph, awaited and blocking -------------------------------------------

    async def aput(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        """See `BaseCheckpointSaver.aput`. It is committed when this returns."""
        return await self._calls.awaited(
            lambda s: _checkpoints.put(s, self.serde, config, checkpoint, metadata)
        )

    def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        """See `BaseCheckpointSaver.put`."""
        return self._calls.blocking(
            lambda s: _checkpoints.put(s, self.serde, config, checkpoint, metadata)
        )

    async def aput_writes(
        self, config: Any, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """See `BaseCheckpointSaver.aput_writes`. They are committed when this returns."""
        await self._calls.awaited(
            lambda s: _checkpoints.put_writes(s, self.serde, config, writes, task_id, task_path)
        )

    def put_writes(
        self, config: Any, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """See `BaseCheckpointSaver.put_writes`."""
        self._calls.blocking(
            lambda s: _checkpoints.put_writes(s, self.serde, config, writes, task_id, task_path)
        )

    async def aget_tuple(self, config: Any) -> Any:
        """See `BaseCheckpointSaver.aget_tuple`."""
        return await self._calls.awaited(lambda s: _checkpoints.get(s, self.serde, config))

    def get_tuple(self, config: Any) -> Any:
        """See `BaseCheckpointSaver.get_tuple`."""
        return self._calls.blocking(lambda s: _checkpoints.get(s, self.serde, config))

    async def alist(
        self,
        config: Any,
        *,
        filter: Any = None,  # noqa: A002
        before: Any = None,
        limit: int | None = None,
    ) -> AsyncIterator[Any]:
        """See `BaseCheckpointSaver.alist`. Newest first; states are read as they are needed."""
        async for found in self._calls.items(lambda s: self._all(s, config, filter, before, limit)):
            yield found

    def list(
        self,
        config: Any,
        *,
        filter: Any = None,  # noqa: A002
        before: Any = None,
        limit: int | None = None,
    ) -> Iterator[Any]:
        """See `BaseCheckpointSaver.list`."""
        return self._calls.blocking_items(lambda s: self._all(s, config, filter, before, limit))

    async def adelete_thread(self, thread_id: str) -> None:
        """See `BaseCheckpointSaver.adelete_thread`."""
        await self._calls.awaited(lambda s: stream_of(s, thread_id).delete())

    def delete_thread(self, thread_id: str) -> None:
        """See `BaseCheckpointSaver.delete_thread`."""
        self._calls.blocking(lambda s: stream_of(s, thread_id).delete())

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """See `BaseCheckpointSaver.adelete_for_runs`."""
        await self._calls.awaited(lambda s: _checkpoints.delete_for_runs(s, run_ids))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """See `BaseCheckpointSaver.delete_for_runs`."""
        self._calls.blocking(lambda s: _checkpoints.delete_for_runs(s, run_ids))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """See `BaseCheckpointSaver.acopy_thread`. Large states are shared, not copied.

        Raises:
            StaleItemError: the target thread has checkpoints.
        """
        await self._calls.awaited(
            lambda s: _checkpoints.copy(s, source_thread_id, target_thread_id)
        )

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """See `BaseCheckpointSaver.copy_thread`, and `acopy_thread`."""
        self._calls.blocking(lambda s: _checkpoints.copy(s, source_thread_id, target_thread_id))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """See `BaseCheckpointSaver.aprune`. Ancestors that a delta channel is made of are kept.

        Raises:
            InvalidArgumentError: `strategy` is neither "keep_latest" nor "delete".
        """
        await self._calls.awaited(lambda s: self._prune(s, thread_ids, strategy))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """See `BaseCheckpointSaver.prune`, and `aprune`."""
        self._calls.blocking(lambda s: self._prune(s, thread_ids, strategy))

    def _all(
        self, store: Streams, config: Any, wanted: Any, before: Any, limit: int | None
    ) -> AsyncIterator[Any]:
        end = get_checkpoint_id(before) if before else None
        return _history.listed(store, self.serde, config, wanted, end or None, limit)

    async def _prune(self, store: Streams, thread_ids: Sequence[str], strategy: str) -> None:
        if strategy not in ("keep_latest", "delete"):
            what = f"strategy is 'keep_latest' or 'delete', not {strategy!r}"
            raise InvalidArgumentError(what, argument="strategy", op="prune")
        if strategy == "keep_latest":
            await _history.prune(store, self.serde, thread_ids)
            return
        for thread_id in thread_ids:
            await stream_of(store, thread_id).delete()
