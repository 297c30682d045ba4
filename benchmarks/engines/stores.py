"""The stores of this package as engines."""

from __future__ import annotations

from typing import Any, ClassVar

from a3s_store import (
    FileSessionStore,
    MemorySessionStore,
    SessionSnapshot,
    SessionStore,
    SqliteSessionStore,
)
from benchmarks.engine import Engine, Keeps


class StoreEngine(Engine):
    """Any `SessionStore`: a subclass says in `make` how it is opened."""

    keeps: ClassVar[Keeps] = "everything"
    store: SessionStore

    async def make(self) -> SessionStore:
        """Open the store."""
        raise NotImplementedError

    async def open(self) -> None:
        self.store = await self.make()

    async def seed(self, snapshot: SessionSnapshot) -> None:
        await self.save(snapshot)

    async def save(self, prepared: Any) -> None:
        if self.form == "messages":
            await self.store.save(prepared.session)
        else:
            await self.store.save_snapshot(prepared)

    async def load(self, session_id: str) -> Any:
        if self.form == "messages":
            return await self.store.load(session_id)
        return await self.store.load_snapshot(session_id)

    async def close(self) -> None:
        await self.store.close()


class Sqlite(StoreEngine):
    """The SQLite store as it is by default: every save is synced."""

    label = "a3s_store SQLite"
    durable = True
    store: SqliteSessionStore

    async def make(self) -> SessionStore:
        return await SqliteSessionStore.open(self.folder / "store.a3s")

    async def summaries(self) -> Any:
        return await self.store.summaries()


class SqliteNormal(Sqlite):
    """The SQLite store without a sync for each save."""

    label = "a3s_store SQLite, normal"
    durable = False

    async def make(self) -> SessionStore:
        return await SqliteSessionStore.open(self.folder / "store.a3s", durability="normal")


class Memory(StoreEngine):
    """The store on a dict: what checking and encoding cost without any storage."""

    label = "a3s_store memory"
    durable = False
    persistent = False

    async def make(self) -> SessionStore:
        return MemorySessionStore()


class Files(StoreEngine):
    """The store on upstream's layout, with every file synced and every name too."""

    label = "a3s_store files"
    durable = True

    async def make(self) -> SessionStore:
        return await FileSessionStore.open(self.folder / "sessions")
