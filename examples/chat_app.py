"""The backend of a desktop chat app: all that it asks of a store, in one short class."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import timedelta

from a3s_store import Commit, Page, SearchHit, SessionFilter, SessionSummary, SqliteSessionStore
from a3s_store.models import Message, SessionData


class ChatApp:
    """One window of the app; others may have the same store open."""

    def __init__(self, store: SqliteSessionStore) -> None:
        self.store = store

    async def sidebar(self, text: str = "", after: str | None = None) -> Page[SessionSummary]:
        return await self.store.sessions(SessionFilter(text=text), limit=50, after=after)

    async def say(self, chat: str, *messages: Message) -> None:
        new = SessionData(id=chat, created_at=int(time.time()), updated_at=int(time.time()))
        await self.store.append(chat, messages, create=new)

    async def show(self, chat: str, before: int | None = None) -> list[tuple[int, str]]:
        place = {"last": 50} if before is None else {"start": max(0, before - 50), "stop": before}
        page = await self.store.messages(chat, **place)
        return [(one.seq, one.message.text) for one in page or ()]

    async def rename(self, chat: str, name: str) -> None:
        await self.store.update(chat, name=name)

    async def tag(self, chat: str, **labels: str | None) -> None:
        await self.store.update(chat, labels=labels)

    async def undo(self, chat: str) -> None:
        (last,) = await self.store.turns(chat, last=1)
        await self.store.rewind(chat, last.start)

    async def redo(self, chat: str) -> None:
        left = [one for one in await self.store.branches(chat) if not one.current]
        await self.store.switch_branch(chat, left[-1].generation)

    async def find(self, words: str) -> Page[SearchHit]:
        return await self.store.search(words, order="newest", limit=20)

    async def costs(self) -> dict[tuple[str | None, ...], float]:
        return {one.key: one.cost_usd for one in await self.store.usage(by=("day", "model"))}

    async def throw_away(self, chat: str) -> None:
        await self.store.trash(chat)
        await self.store.empty_trash(older_than=timedelta(days=30))

    async def changes(self) -> AsyncIterator[str]:
        async for change in self.store.watch():
            if isinstance(change, Commit):
                yield change.subject
