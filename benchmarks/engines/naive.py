"""What many write first: a table for each kind of thing, emptied and filled again by each save."""

from __future__ import annotations

from typing import Any, ClassVar

import aiosqlite
import orjson

from a3s_store import SessionSnapshot
from a3s_store.core.collections import COLLECTIONS
from a3s_store.models import Message
from a3s_store.wire import compact, decode, encode
from benchmarks.engine import Engine, Keeps

_TABLES = ("message", *(collection.name for collection in COLLECTIONS))


class Naive(Engine):
    """aiosqlite with a DELETE and an executemany for each table, committed and synced."""

    label = "naive aiosqlite"
    keeps: ClassVar[Keeps] = "everything"
    durable = True
    # One transaction at a time on the one connection: concurrent savers would mix theirs.
    many_sessions = False

    async def open(self) -> None:
        self._db = await aiosqlite.connect(self.folder / "naive.db")
        await self._db.execute("PRAGMA journal_mode = WAL")
        await self._db.execute("PRAGMA synchronous = FULL")
        await self._db.execute("CREATE TABLE IF NOT EXISTS session (id TEXT PRIMARY KEY, body)")
        for table in _TABLES:
            await self._db.execute(
                f"CREATE TABLE IF NOT EXISTS {table} "
                "(session_id TEXT, seq INTEGER, body TEXT, PRIMARY KEY (session_id, seq))"
            )

    async def seed(self, snapshot: SessionSnapshot) -> None:
        await self.save(snapshot)

    async def save(self, prepared: Any) -> None:
        session = prepared.session
        head = compact(encode(session.evolve(messages=()))).decode()
        await self._db.execute("INSERT OR REPLACE INTO session VALUES (?, ?)", (session.id, head))
        lists = {
            collection.name: getattr(prepared, collection.name) or () for collection in COLLECTIONS
        }
        for table, values in {"message": session.messages, **lists}.items():
            rows = [
                (session.id, seq, compact(encode(value)).decode())
                for seq, value in enumerate(values)
            ]
            await self._db.execute(f"DELETE FROM {table} WHERE session_id = ?", (session.id,))
            await self._db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)
        await self._db.commit()

    async def load(self, session_id: str) -> Any:
        messages = []
        query = "SELECT body FROM message WHERE session_id = ? ORDER BY seq"
        async with self._db.execute(query, (session_id,)) as cursor:
            async for (body,) in cursor:
                messages.append(decode(Message, orjson.loads(body)))
        return messages

    async def close(self) -> None:
        await self._db.close()
