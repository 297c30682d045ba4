"""Strands Agents: `FileSessionManager`, one JSON file for each message.

A save calls `create_message` for each message of the turn: a temporary file, written with
`json.dump(indent=2)` and renamed. Nothing is synced, so a turn that was saved is **not durable**,
and a crash can leave part of one. An `Agent` with this manager makes just these calls: it writes
`agent.json` only when the agent's state changed, which an ordinary turn does not do.
"""

from __future__ import annotations

import importlib
import uuid
from pathlib import Path
from typing import Any, ClassVar

from a3s_store import SessionSnapshot
from benchmarks.peers.peer import Peer, Plain, Turn

_AGENT = "default"  # the id an Agent has when it is given none


class Strands(Peer):
    """One folder for each session, with one agent in it."""

    label = "Strands FileSessionManager.create_message"
    durable = False
    package = "strands-agents"
    silence: ClassVar[dict[str, str]] = {"OTEL_SDK_DISABLED": "true"}

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._managers: dict[str, Any] = {}

    async def open(self) -> None:
        await super().open()
        self._make = importlib.import_module(
            "strands.session.file_session_manager"
        ).FileSessionManager
        self._types = importlib.import_module("strands.types.session")

    def convert(self, message: Plain) -> list[Any]:
        content: list[Any] = [
            {
                "toolResult": {
                    "toolUseId": answer.call_id,
                    "status": "error" if answer.is_error else "success",
                    "content": [{"text": answer.text}],
                }
            }
            for answer in message.answers
        ]
        if message.reasoning:
            content.append({"reasoningContent": {"reasoningText": {"text": message.reasoning}}})
        if message.text:
            content.append({"text": message.text})
        for call in message.calls:
            content.append(
                {"toolUse": {"toolUseId": call.id, "name": call.name, "input": call.input}}
            )
        said = {"role": message.role, "content": content, "tracking_id": str(uuid.uuid4())}
        return [self._types.SessionMessage.from_message(said, message.position)]

    async def seed(self, snapshot: SessionSnapshot) -> None:
        agent = self._types.SessionAgent(_AGENT, {}, {})
        self._manager(snapshot.session.id).create_agent(snapshot.session.id, agent)
        await super().seed(snapshot)

    async def save(self, prepared: Any) -> None:
        turn: Turn = prepared
        manager = self._manager(turn.session_id)
        for message in turn.values:
            manager.create_message(turn.session_id, _AGENT, message)

    async def load(self, session_id: str) -> list[Any]:
        messages: list[Any] = self._manager(session_id).list_messages(session_id, _AGENT)
        return messages

    def _manager(self, session_id: str) -> Any:
        if session_id not in self._managers:
            self._managers[session_id] = self._make(session_id, storage_dir=str(self.folder))
        return self._managers[session_id]
