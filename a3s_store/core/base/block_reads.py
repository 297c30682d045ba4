"""The reads of a transaction while its block runs, all of one moment."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from a3s_store.core.base.unit_reads import Reads, UnitRead

if TYPE_CHECKING:
    from collections.abc import Callable

    from a3s_store.core.base.transactions import TransactionMethods
    from a3s_store.core.streams.requests import InfoQuery, ItemQuery
    from a3s_store.models import SessionData


class BlockReads:
    """The reads of one block. `check` raises where the block has ended."""

    def __init__(self, store: TransactionMethods, check: Callable[[], None]) -> None:
        self._store = store
        self._check = check
        self._sessions: dict[str, UnitRead] = {}
        self._streams: dict[str, int] = {}
        self._sequence: int | None = None
        # One read at a time: each makes sure that those before it are current.
        self._reading = asyncio.Lock()

    def noted(self) -> Reads:
        """Return what was read so far."""
        return Reads(
            sessions={one: found.generation for one, found in self._sessions.items()},
            streams=dict(self._streams),
            sequence=self._sequence,
        )

    async def session(self, session_id: str) -> SessionData | None:
        """Return a session, the same one each time. Raises ConflictError."""
        async with self._reading:
            found = self._sessions.get(session_id)
            if found is None:
                found = await self._store._read_for_unit(session_id, self.noted())
                self._check()  # the block may have ended meanwhile
                self._sessions[session_id] = found
                self._sequence = found.sequence
        return found.session

    async def stream(self, op: str, query: InfoQuery | ItemQuery) -> Any:
        """Return what a query finds in a stream. Raises ConflictError."""
        async with self._reading:
            found = await self._store._read_stream_for_unit(op, query, self.noted())
            self._check()
            self._streams[query.name] = found.last_change
            self._sequence = found.sequence
        return found.found
