"""Puts `A3sStore` in the place of `AsyncSqliteStore`, with its constructor and `setup`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import langgraph.store.sqlite
import langgraph.store.sqlite.aio

from a3s_store import SqliteSessionStore
from a3s_store.adapters.langgraph import A3sStore


class Swapped(A3sStore):
    """`A3sStore`, made of a path as the peer's class is."""

    @classmethod
    @contextlib.asynccontextmanager
    async def from_conn_string(cls, path: str, **options: Any) -> AsyncIterator[Swapped]:
        """Open a store beside the empty file that the tests make."""
        place = path if path == ":memory:" else f"{path}.a3s"
        async with SqliteSessionStore.open(place) as store:
            yield cls(store, **options)

    async def setup(self) -> None:
        """Do nothing: opening a store makes its tables."""


langgraph.store.sqlite.AsyncSqliteStore = Swapped
langgraph.store.sqlite.aio.AsyncSqliteStore = Swapped
