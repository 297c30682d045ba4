"""LangGraph's checkpoints in SQLite: `AsyncSqliteSaver.aput`, one checkpoint a turn.

A checkpoint holds the whole state of a graph, so a save serialises every message of the
conversation again (msgpack) and inserts them as a new row; older checkpoints stay. One save is one
transaction in WAL mode with `synchronous=FULL`, which is durable: one sync, and as many bytes as
the conversation has.

This is LangGraph at its kindest. A compiled graph writes a checkpoint for every step, not for every
turn, and the pending writes of each step besides. A `DeltaChannel` would write less, but it is in
beta and a graph has to ask for it; `MessagesState` keeps the whole list.
"""

from __future__ import annotations

import importlib
import uuid
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, ClassVar

from a3s_store import SessionSnapshot, SqliteSessionStore
from benchmarks.peers.peer import Peer, Plain, Turn

_CHANNEL = "messages"


class LangGraph(Peer):
    """One checkpoint with all messages for each turn; a session is a thread."""

    label = "LangGraph AsyncSqliteSaver.aput"
    durable = True
    package = "langgraph-checkpoint-sqlite"
    needs = ("langchain-core",)
    silence: ClassVar[dict[str, str]] = {
        "LANGSMITH_TRACING": "false",
        "LANGSMITH_TRACING_V2": "false",
        "LANGCHAIN_TRACING_V2": "false",
    }

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        # What a running graph holds in memory, by session: its messages (and how many of ours they
        # are), the configuration that names its latest checkpoint, its next step and the version
        # of the channel.
        self._messages: dict[str, tuple[int, list[Any]]] = {}
        self._latest: dict[str, Any] = {}
        self._steps: dict[str, tuple[int, Any]] = {}

    async def open(self) -> None:
        await super().open()
        self._types = importlib.import_module("langchain_core.messages")
        self._base = importlib.import_module("langgraph.checkpoint.base")
        self._stack = AsyncExitStack()
        self._saver = await self._opened()

    async def _opened(self) -> Any:
        saver = importlib.import_module("langgraph.checkpoint.sqlite.aio").AsyncSqliteSaver
        path = str(self.folder / "langgraph.sqlite")
        opened = await self._stack.enter_async_context(saver.from_conn_string(path))
        await opened.setup()
        return opened

    def convert(self, message: Plain) -> list[Any]:
        def named() -> str:  # `add_messages` gives each message an id like this
            return str(uuid.uuid4())

        values: list[Any] = [
            self._types.ToolMessage(
                answer.text,
                tool_call_id=answer.call_id,
                status="error" if answer.is_error else "success",
                id=named(),
            )
            for answer in message.answers
        ]
        if message.role == "assistant":
            calls = [
                {"id": call.id, "name": call.name, "args": call.input, "type": "tool_call"}
                for call in message.calls
            ]
            extra = {"reasoning_content": message.reasoning} if message.reasoning else {}
            values.append(
                self._types.AIMessage(
                    message.text, tool_calls=calls, additional_kwargs=extra, id=named()
                )
            )
        elif message.text or not message.answers:
            values.append(self._types.HumanMessage(message.text, id=named()))
        return values

    def prepare(self, before: SessionSnapshot | None, after: SessionSnapshot) -> Turn:
        """All messages, of which only the new ones are converted: a graph has the others."""
        session = after.session
        start = 0 if before is None else len(before.session.messages)
        known, messages = self._messages.get(session.id, (0, []))
        if known != start:  # opened again, or another line of the same session
            start, messages = 0, []
        messages = messages + self.converted(session, start)
        self._messages[session.id] = (len(session.messages), messages)
        return Turn(session.id, messages)

    async def save(self, prepared: Any) -> None:
        turn: Turn = prepared
        step, version = self._steps.get(turn.session_id, (0, None))
        versions = {_CHANNEL: self._saver.get_next_version(version, None)}
        checkpoint = self._base.empty_checkpoint() | {
            "id": str(self._base.uuid6(clock_seq=step)),
            "channel_values": {_CHANNEL: turn.values},
            "channel_versions": versions,
        }
        self._latest[turn.session_id] = await self._saver.aput(
            self._latest.get(turn.session_id, _thread(turn.session_id)),
            checkpoint,
            {"source": "loop", "step": step, "parents": {}},
            versions,
        )
        self._steps[turn.session_id] = (step + 1, versions[_CHANNEL])

    async def load(self, session_id: str) -> list[Any]:
        found = await self._saver.aget_tuple(_thread(session_id))
        messages: list[Any] = found.checkpoint["channel_values"][_CHANNEL]
        return messages

    async def close(self) -> None:
        await self._stack.aclose()


class LangGraphOnOurs(LangGraph):
    """The same checkpoints by our adapter, in our SQLite store."""

    label = "LangGraph A3sSaver.aput"

    async def _opened(self) -> Any:
        saver = importlib.import_module("a3s_store.adapters.langgraph").A3sSaver
        opening = SqliteSessionStore.open(self.folder / "agent.a3s")
        return saver(await self._stack.enter_async_context(opening))


def _thread(session_id: str) -> dict[str, Any]:
    """The configuration that means the latest checkpoint of a session."""
    return {"configurable": {"thread_id": session_id, "checkpoint_ns": ""}}
