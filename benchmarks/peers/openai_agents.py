"""OpenAI Agents SDK: `SQLiteSession.add_items` and `AsyncSQLiteSession.add_items`, once a turn.

Each item (a message, a tool call, a tool's output, reasoning) becomes one row of JSON, as the SDK
keeps it: so one of our messages may be several items. One save is one transaction (rows and the
session's time) in WAL mode with `synchronous=FULL`, which is durable: one sync.

The synchronous class does its work in `asyncio.to_thread`, with one connection for each thread and
a lock for each file; the other has one aiosqlite connection for each session. The SDK's runner
calls `add_items` more than once in a turn (for the input, then after each reply of the model).
"""

from __future__ import annotations

import importlib
import json
import uuid
from pathlib import Path
from typing import Any, ClassVar

from a3s_store import SessionSnapshot, SqliteSessionStore
from benchmarks.peers.peer import Peer, Plain, Turn, settled

# A session object holds connections and threads open, so a store of thousands must not keep all of
# them. Only `seed` lets go, and of the oldest: those in use later are opened again, once.
_KEPT_OPEN = 16


class OpenAIAgents(Peer):
    """The SDK's usual session."""

    label = "OpenAI Agents SQLiteSession.add_items"
    durable = True
    package = "openai-agents"
    silence: ClassVar[dict[str, str]] = {"OPENAI_AGENTS_DISABLE_TRACING": "1"}
    _module = "agents.memory.sqlite_session"
    _class = "SQLiteSession"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._sessions: dict[str, Any] = {}

    async def open(self) -> None:
        await super().open()
        self._make = getattr(importlib.import_module(self._module), self._class)

    def convert(self, message: Plain) -> list[Any]:
        items: list[Any] = [
            {"type": "function_call_output", "call_id": answer.call_id, "output": answer.text}
            for answer in message.answers
        ]
        if message.role != "assistant":
            if message.text or not items:
                items.append({"role": message.role, "content": message.text})
            return items
        if message.reasoning:
            summary = [{"type": "summary_text", "text": message.reasoning}]
            items.append({"type": "reasoning", "id": _id("rs"), "summary": summary})
        if message.text or not message.calls:
            text = {"type": "output_text", "text": message.text, "annotations": [], "logprobs": []}
            items.append(
                {
                    "type": "message",
                    "id": _id("msg"),
                    "role": "assistant",
                    "status": "completed",
                    "content": [text],
                }
            )
        items += (
            {
                "type": "function_call",
                "id": _id("fc"),
                "call_id": call.id,
                "name": call.name,
                "arguments": json.dumps(call.input),
                "status": "completed",
            }
            for call in message.calls
        )
        return items

    async def seed(self, snapshot: SessionSnapshot) -> None:
        await super().seed(snapshot)
        while len(self._sessions) > _KEPT_OPEN:
            await settled(self._sessions.pop(next(iter(self._sessions))).close())

    async def save(self, prepared: Any) -> None:
        turn: Turn = prepared
        await self._session(turn.session_id).add_items(turn.values)

    async def load(self, session_id: str) -> list[Any]:
        items: list[Any] = await self._session(session_id).get_items()
        return items

    async def close(self) -> None:
        while self._sessions:
            await settled(self._sessions.popitem()[1].close())

    def _session(self, session_id: str) -> Any:
        if session_id not in self._sessions:
            path = self.folder / "openai-agents.sqlite"
            self._sessions[session_id] = self._make(session_id, path)
        return self._sessions[session_id]


class OpenAIAgentsOnOurs(OpenAIAgents):
    """The same items by our adapter, in our SQLite store."""

    label = "OpenAI Agents A3sSession.add_items"
    _module = "a3s_store.adapters.openai_agents"
    _class = "A3sSession"

    async def open(self) -> None:
        await super().open()
        self._store = await SqliteSessionStore.open(self.folder / "agent.a3s")

    async def close(self) -> None:
        self._sessions.clear()
        await self._store.close()

    def _session(self, session_id: str) -> Any:
        return self._make(session_id, self._store)


class OpenAIAgentsAsync(OpenAIAgents):
    """The same tables on aiosqlite."""

    label = "OpenAI Agents AsyncSQLiteSession.add_items"
    needs = ("aiosqlite",)
    _module = "agents.extensions.memory.async_sqlite_session"
    _class = "AsyncSQLiteSession"


def _id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex}"
