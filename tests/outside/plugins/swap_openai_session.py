"""Puts `A3sSession` in the place of `SQLiteSession`, with its constructor and `close`.

The suite runs sessions in several event loops, threads and processes of one path, so the stores
are blocking ones; those of one path are one.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import agents
import agents.memory

from a3s_store import SyncSessionStore
from a3s_store.adapters.openai_agents import A3sSession

_stores: dict[str, SyncSessionStore] = {}


def _in_thread(function: Any, *given: Any) -> Any:
    with ThreadPoolExecutor(1) as pool:  # the tests make and close sessions inside of their loops
        return pool.submit(function, *given).result()


class Swapped(A3sSession):
    """`A3sSession`, made of a path as the peer's class is."""

    def __init__(
        self,
        session_id: str,
        db_path: str | Path = ":memory:",
        sessions_table: str = "",
        messages_table: str = "",
        session_settings: Any = None,
    ) -> None:
        self._path = str(db_path)
        if self._path == ":memory:":
            self._path = f":memory:{id(self)}"
            _stores[self._path] = _in_thread(SyncSessionStore.open, ":memory:")
        elif self._path not in _stores:
            _stores[self._path] = _in_thread(SyncSessionStore.open, f"{self._path}.a3s")
        super().__init__(session_id, _stores[self._path], session_settings=session_settings)

    def close(self) -> None:
        """Close the store of the path."""
        store = _stores.pop(self._path, None)
        if store is not None:
            _in_thread(store.close)


agents.SQLiteSession = Swapped
agents.memory.SQLiteSession = Swapped
