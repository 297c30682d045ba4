"""Agent memory in a SQLite store: which function runs in which transaction of the engine.

The SQL is in `rows/agent_memory.py`, ranked search in `read/memory_search.py`, its full-text index
in `rows/memory_index.py`.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from typing import TypeVar

from a3s_store.agent_memory import MemoryItem
from a3s_store.agent_memory.item import check_item, redacted_for
from a3s_store.agent_memory.protocol import Rank, Searchable, check_limit, check_text
from a3s_store.agent_memory.session_stores import OwnedMemories, session_deleted
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.format import commit_row
from a3s_store.backends.sqlite.read import decode, memory_search
from a3s_store.backends.sqlite.rows import agent_memory, memory_index, session_header
from a3s_store.backends.sqlite.rows.agent_memory import MemoryRow
from a3s_store.backends.sqlite.store_base import SqliteStoreBase
from a3s_store.backends.sqlite.write.write_states import WriteTransaction
from a3s_store.core.collections import check_id
from a3s_store.core.commit_log import CommitOp
from a3s_store.core.search import ranking
from a3s_store.errors import EncodeError, StoreError
from a3s_store.printable import short_repr

R = TypeVar("R")


class SqliteMemoryStore(OwnedMemories[SqliteStoreBase]):
    """A `TiedMemoryStore` in a SQLite store's file, made by `SqliteSessionStore.memories`.

    All methods also raise what the store's own do: CorruptionError, StoreBusyError,
    StoreClosedError and their like. A search among 100 000 memories of 200 characters takes 1 to 3
    seconds.
    """

    def __repr__(self) -> str:
        return f"<SqliteMemoryStore of {self._owner!r} in {self._store!r}>"

    # -- Changes ----------------------------------------------------------------------------------

    async def _put(self, op: str, items: tuple[MemoryItem, ...]) -> None:
        self._store._check_open(op)
        if not items:
            return
        redactor = self._store._redactor
        if redactor.has_hook:
            # The hook is the application's function, so it runs on the application's thread.
            items = redacted_for(
                self._owner, items, redactor, self._store._limits, op=op, where=self._where()
            )

        may_index = self._store._engine.settings.search

        def apply(conn: WorkConnection) -> bool:
            # On the writer's thread: checking many items takes as long as writing them.
            for item in items:
                self._check(op, item)
            agent_memory.put(conn, self._owner, items)
            return may_index and memory_index.is_due(conn)

        if await self._write(op, "save", apply):
            await self._index(len(items))

    async def _index(self, stored: int) -> None:
        """Add as many memories to the index as were stored, and some: it does not stay behind."""
        for _ in range(stored // memory_index.ROWS + 1):
            with contextlib.suppress(StoreError):  # the items are stored
                await self._store._change_index(memory_index.step)

    def _check(self, op: str, item: MemoryItem) -> None:
        try:
            check_item(item)
        except EncodeError as error:
            raise error.locate(op, self._where()) from None

    async def delete(self, item_id: str) -> None:
        """See `MemoryStore.delete`. Pieces of the text may be left in the file; see `erase`."""
        op = "delete a memory"
        self._store._check_open(op)
        check_id(item_id, "memory id")
        await self._write(op, "delete", lambda conn: agent_memory.drop(conn, self._owner, item_id))

    async def clear(self) -> None:
        """See `MemoryStore.clear`. Damaged items are removed too."""
        op = "clear memories"
        self._store._check_open(op)

        def apply(conn: WorkConnection) -> None:
            agent_memory.clear(conn, self._owner)

        await self._write(op, "delete", apply)

    # -- Reading ----------------------------------------------------------------------------------

    async def retrieve(self, item_id: str) -> MemoryItem | None:
        """See `MemoryStore.retrieve`. Where there is none, it takes as long as a search."""
        check_id(item_id, "memory id")

        def fetch(conn: sqlite3.Connection) -> list[MemoryRow]:
            found = agent_memory.find(conn, self._owner, item_id)
            return [] if found is None else [found]

        items = await self._read("retrieve a memory", fetch)
        return items[0] if items else None

    async def search_ranked(self, query: str, limit: int) -> tuple[MemoryItem, ...]:
        """Return items whose content has any of the words of `query`, best match first (BM25).

        Whole words match, compared as in `search` and without accents; the first 64 different words
        count, and parts of identifiers (`bar` in `fooBar`) as half a word. A word in a script
        without spaces, as Chinese, matches anywhere. A query is never parsed as FTS5 syntax. Where
        more than 256 items match, those with the rarest words are compared. How rare a word is
        follows from the memories of the owner alone.

        From 256 memories on, the file has an index of their words; the few that are not in it yet
        are compared one by one.

        Raises:
            EncodeError: `query` is no text, or `limit` no number of items.
            StoreUnavailableError: this Python's SQLite has no FTS5; everything else works.
        """
        op = "search memories"
        self._store._check_open(op)
        check_text("query", query)
        check_limit(limit)

        words = ranking.words_of(query)
        index = memory_index.INDEX
        await self._store._catch_up(index)
        is_broken = False

        def fetch(conn: sqlite3.Connection) -> list[MemoryRow]:
            nonlocal is_broken
            found, is_broken = memory_search.best(conn, self._owner, words, limit)
            return found

        items = await self._read(op, fetch)
        if is_broken and self._store._engine.writer is not None:
            await self._store._change_index(index.give_up)
        return items

    async def items(self) -> tuple[MemoryItem, ...]:
        """See `OwnedMemoryStore.items`."""
        return await self._read(
            "load memories", lambda conn: sorted(agent_memory.every(conn, self._owner))
        )

    async def count(self) -> int:
        """See `MemoryStore.count`."""
        op = "count memories"
        self._store._check_open(op)
        return await self._store._engine.read(
            op,
            self._where(),
            lambda conn: agent_memory.count(conn, self._owner),
            decode.as_is,
            session_id=self._owner,
        )

    # -- On the engine ----------------------------------------------------------------------------

    async def _best(
        self, fits: Callable[[Searchable], bool], rank: Rank, limit: int
    ) -> tuple[MemoryItem, ...]:
        return await self._read(
            "search memories", lambda conn: agent_memory.best(conn, self._owner, fits, rank, limit)
        )

    def _now_ms(self) -> int:
        return self._store._now_ms()

    async def _read(
        self, op: str, fetch: Callable[[sqlite3.Connection], list[MemoryRow]]
    ) -> tuple[MemoryItem, ...]:
        self._store._check_open(op)
        return await self._store._engine.read(
            op, self._where(), fetch, _to_items, session_id=self._owner
        )

    async def _write(self, op: str, logged: CommitOp, change: Callable[[WorkConnection], R]) -> R:
        def apply(conn: WorkConnection, _: WriteTransaction) -> R:
            if self._tie is not None:
                self._refuse_deleted(conn, *self._tie)
            before = conn.total_changes
            done = change(conn)
            if conn.total_changes != before:
                commit_row.add(conn, "memory", self._owner, logged, self._now_ms())
            return done

        return await self._store._engine.write(
            op, self._where(), apply, self._owner, session_id=self._owner
        )

    def _refuse_deleted(self, conn: WorkConnection, life: int | None) -> None:
        if session_header.owner_of(conn, self._owner, life) is None:
            is_recreated = session_header.owner_of(conn, self._owner) is not None
            raise session_deleted(self._owner, is_recreated=is_recreated)

    def _where(self) -> str:
        return f"memories of {short_repr(self._owner)} in {self._store._engine.settings.path}"


def _to_items(_: sqlite3.Connection, found: list[MemoryRow]) -> tuple[MemoryItem, ...]:
    return tuple(one.item() for one in found)
