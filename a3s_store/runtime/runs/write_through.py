"""Writes a session's live collections through to the store while a run is under way.

A save of the session comes at the end of a run. Until then a crash would take along what the run
recorded; so after each round the collections that changed are saved by themselves. The store finds
what is new by identity, so each costs what it gained.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from a3s_store.core.protocol import SessionStore
from a3s_store.errors import StoreError
from a3s_store.runtime.live_session import Session

Save: TypeAlias = Callable[[str, Any], Awaitable[None]]
_log = logging.getLogger("a3s_store.session")


class WriteThrough:
    """The sink of one session's collections; without a store it does nothing."""

    def __init__(self, store: SessionStore | None, session: Session) -> None:
        self._store = store
        self._session = session
        self._written: dict[str, Any] = {}
        self.stopped = False

    async def flush(self) -> bool:
        """Save each collection that changed since it was last written here.

        A failure is logged, tried again at the next flush, and never raised; False tells.
        """
        if self._store is None:
            return True
        if self.stopped:
            return False
        changed = [
            self._save(name, save, values)
            for name, save, values in self._collections(self._store)
            if self._written.get(name, ()) != values
        ]
        # At once, so that a store that commits what waits as one does so here.
        return all(await asyncio.gather(*changed))

    def stop(self) -> None:
        """Write nothing any more: the session is closed, and may be live again elsewhere."""
        self.stopped = True

    async def _save(self, name: str, save: Save, values: tuple[Any, ...]) -> bool:
        try:
            await save(self._session.id, values)
        except Exception as error:
            # What is no error of ours may repeat a text in its own.
            why = error if isinstance(error, StoreError) else type(error).__name__
            _log.warning("%s of session %s not saved: %s", name, self._session.id, why)
            return False
        self._written[name] = values
        return True

    def _collections(self, store: SessionStore) -> list[tuple[str, Save, tuple[Any, ...]]]:
        live = self._session
        return [
            ("artifacts", store.save_artifacts, live.artifacts.artifacts()),
            ("trace events", store.save_trace_events, live.trace.events()),
            ("run records", store.save_run_records, live.runs.records()),
            ("subagent tasks", store.save_subagent_tasks, live.subagents.snapshots()),
        ]
