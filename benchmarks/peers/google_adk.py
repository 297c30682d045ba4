"""Google ADK: `SqliteSessionService.append_event` and `DatabaseSessionService.append_event`.

A message is an event, and the API takes one event at a time: a turn is as many transactions as it
has messages. The file keeps its rollback journal with `synchronous=FULL`, so every event is
durable, at about four syncs each (journal, its header, the file, the directory).
`SqliteSessionService` also opens a new connection, and with it a thread, for every event;
`DatabaseSessionService` keeps a pool and goes through SQLAlchemy's ORM.

There is no call for a whole history. `seed` therefore inserts all events but the last the way the
service itself would (same columns, same JSON), in one transaction, and appends the last one
through the API: what is stored is equal, but the time of a seed says nothing about ADK.
"""

from __future__ import annotations

import contextlib
import importlib
import sqlite3
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from a3s_store import SessionSnapshot
from benchmarks.peers.peer import Answer, Peer, Plain, Turn

_APP, _USER = "benchmark", "user"


class GoogleAdk(Peer):
    """The service that speaks to SQLite itself."""

    label = "Google ADK SqliteSessionService.append_event"
    durable = True
    package = "google-adk"
    needs: ClassVar[tuple[str, ...]] = ("aiosqlite",)
    silence: ClassVar[dict[str, str]] = {"OTEL_SDK_DISABLED": "true"}

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._path = folder / "google-adk.sqlite"
        # The session objects a runner would hold: an event is appended to one of them.
        self._sessions: dict[str, Any] = {}

    async def open(self) -> None:
        await super().open()
        self._event = importlib.import_module("google.adk.events").Event
        self._types = importlib.import_module("google.genai.types")
        self._service = self._make()

    def _make(self) -> Any:
        module = importlib.import_module("google.adk.sessions.sqlite_session_service")
        return module.SqliteSessionService(str(self._path))

    def convert(self, message: Plain) -> list[Any]:
        types = self._types
        parts = [self._response(answer) for answer in message.answers]
        if message.reasoning:
            parts.append(types.Part(text=message.reasoning, thought=True))
        if message.text:
            parts.append(types.Part(text=message.text))
        for call in message.calls:
            asked = types.FunctionCall(id=call.id, name=call.name, args=call.input)
            parts.append(types.Part(function_call=asked))
        from_model = message.role == "assistant"
        event = self._event(
            id=str(uuid.uuid4()),
            invocation_id=f"e-{uuid.uuid4()}",
            author="agent" if from_model else "user",
            timestamp=message.at,
            content=types.Content(role="model" if from_model else "user", parts=parts),
        )
        return [event]

    def _response(self, answer: Answer) -> Any:
        # A tool result names its tool in ADK; ours only names the call.
        response = self._types.FunctionResponse(
            id=answer.call_id,
            name="tool",
            response={"error" if answer.is_error else "output": answer.text},
        )
        return self._types.Part(function_response=response)

    async def seed(self, snapshot: SessionSnapshot) -> None:
        turn = self.prepare(None, snapshot)
        session = await self._service.create_session(
            app_name=_APP, user_id=_USER, session_id=turn.session_id
        )
        self._sessions[turn.session_id] = session
        await self._insert(session, turn.values[:-1])
        await self.save(Turn(turn.session_id, turn.values[-1:]))

    async def _insert(self, session: Any, events: Sequence[Any]) -> None:
        with contextlib.closing(sqlite3.connect(self._path)) as conn, conn:
            conn.executemany(
                "INSERT INTO events (id, app_name, user_id, session_id, invocation_id, timestamp,"
                " event_data) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        event.id,
                        session.app_name,
                        session.user_id,
                        session.id,
                        event.invocation_id,
                        event.timestamp,
                        event.model_dump_json(exclude_none=True),
                    )
                    for event in events
                ],
            )

    async def save(self, prepared: Any) -> None:
        turn: Turn = prepared
        session = self._sessions.get(turn.session_id)
        if session is None:  # the store was opened again
            session = self._sessions[turn.session_id] = await self._found(turn.session_id)
        for event in turn.values:
            await self._service.append_event(session, event)

    async def load(self, session_id: str) -> list[Any]:
        events: list[Any] = (await self._found(session_id)).events
        return events

    async def _found(self, session_id: str) -> Any:
        return await self._service.get_session(app_name=_APP, user_id=_USER, session_id=session_id)

    async def summaries(self) -> list[Any]:
        listed = await self._service.list_sessions(app_name=_APP, user_id=_USER)
        sessions: list[Any] = listed.sessions
        return sessions

    async def close(self) -> None:
        await self._service.close()


class GoogleAdkDatabase(GoogleAdk):
    """The service for any SQLAlchemy database, on SQLite."""

    label = "Google ADK DatabaseSessionService.append_event"
    needs: ClassVar[tuple[str, ...]] = ("aiosqlite", "sqlalchemy", "greenlet")

    def _make(self) -> Any:
        module = importlib.import_module("google.adk.sessions.database_session_service")
        return module.DatabaseSessionService(f"sqlite+aiosqlite:///{self._path}")

    async def _insert(self, session: Any, events: Sequence[Any]) -> None:
        row = importlib.import_module("google.adk.sessions.schemas.v1").StorageEvent
        async with self._service.database_session_factory() as database:
            database.add_all([row.from_event(session, event) for event in events])
            await database.commit()
