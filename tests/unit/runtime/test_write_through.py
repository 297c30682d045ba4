"""Collections written while a run is under way: a failed write is made up for by the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from a3s_store.backends.memory import MemorySessionStore
from a3s_store.errors import StoreBusyError
from a3s_store.models import ToolArtifact
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.runs.write_through import WriteThrough
from tests.support import artifact, session, trace


class Busy(MemorySessionStore):
    """A store in which artifacts cannot be written while it is busy; it counts what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.busy = False
        self.saves = 0

    async def save_artifacts(self, session_id: str, values: Sequence[ToolArtifact]) -> None:
        if self.busy:
            raise StoreBusyError("locked by another process")
        self.saves += 1
        await super().save_artifacts(session_id, values)


@pytest.mark.parametrize("others", [False, True])
def test_a_collection_whose_write_failed_is_written_by_the_next_flush(others: bool) -> None:
    """Though it did not change since; the collections beside it were written, and are not again."""

    async def main() -> None:
        async with Busy() as store:
            await store.save(session("main"))
            live = Session("main")
            live.artifacts.put(artifact(1))
            if others:
                live.trace.record(trace(1))
            collections: Any = WriteThrough(store, live)
            store.busy = True
            assert await collections.flush() is False
            assert await store.load_artifacts("main") is None
            assert (await store.load_trace_events("main") is not None) is others
            store.busy = False
            assert await collections.flush() is True
            assert await store.load_artifacts("main") == (artifact(1),)
            assert await collections.flush() is True
            assert store.saves == 1

    asyncio.run(main())
