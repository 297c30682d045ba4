"""Agno: `SqliteDb` and `AsyncSqliteDb`, the session and the run of a turn.

A run is a row of JSON with the messages of one turn; the session's row holds its state and the
usage so far. One save is `upsert_session`, then `upsert_run`: two transactions through SQLAlchemy
in WAL mode with `synchronous=FULL`, which is durable: two syncs. (Between the two a crash leaves a
session that counts a run it does not have.) An `Agent` reads the session again before each run,
unless told to cache it; that is left out here. `SqliteDb` works on the event loop's own thread.

`load` asks for the raw session and builds the objects itself, by the public way round the cache of
run objects that `get_session` has: each load is a first one, as after a restart.
"""

from __future__ import annotations

import importlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import attrs

from a3s_store import SessionSnapshot
from a3s_store.models import TokenUsage
from benchmarks.peers.peer import Peer, Plain, plain, settled

_AGENT = "agent"


@attrs.frozen
class Runs:
    """The new runs of a session, and its usage once they are done."""

    session_id: str
    runs: list[Any]
    usage: dict[str, Any]
    created_at: int


class Agno(Peer):
    """The synchronous database class."""

    label = "Agno SqliteDb.upsert_session + upsert_run"
    durable = True
    package = "agno"
    needs: ClassVar[tuple[str, ...]] = ("sqlalchemy",)
    silence: ClassVar[dict[str, str]] = {"AGNO_TELEMETRY": "false"}
    _class = "SqliteDb"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        # The session objects a caching agent would hold, with their runs.
        self._sessions: dict[str, Any] = {}

    async def open(self) -> None:
        await super().open()
        self._session = importlib.import_module("agno.session.agent").AgentSession
        self._kind = importlib.import_module("agno.db.base").SessionType.AGENT
        self._message = importlib.import_module("agno.models.message").Message
        self._metrics = importlib.import_module("agno.metrics").SessionMetrics
        self._run = importlib.import_module("agno.run.agent").RunOutput
        self._completed = importlib.import_module("agno.run.base").RunStatus.completed
        make = getattr(importlib.import_module("agno.db.sqlite"), self._class)
        self._db = make(db_file=str(self.folder / "agno.sqlite"))

    def convert(self, message: Plain) -> list[Any]:
        values = [
            self._message(
                role="tool",
                content=answer.text,
                tool_call_id=answer.call_id,
                tool_call_error=answer.is_error,
            )
            for answer in message.answers
        ]
        if message.text or message.calls or not values:
            calls = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.input},
                }
                for call in message.calls
            ]
            values.append(
                self._message(
                    role=message.role,
                    content=message.text,
                    reasoning_content=message.reasoning,
                    tool_calls=calls or None,
                )
            )
        return values

    def prepare(self, before: SessionSnapshot | None, after: SessionSnapshot) -> Runs:
        session = after.session
        start = 0 if before is None else len(before.session.messages)
        turns = _turns(plain(session, start))
        return Runs(
            session_id=session.id,
            runs=[self._finished_run(session.id, turn) for turn in turns],
            usage=self._usage(session.total_usage),
            created_at=session.created_at,
        )

    def _finished_run(self, session_id: str, turn: list[Plain]) -> Any:
        return self._run(
            run_id=str(uuid.uuid4()),
            agent_id=_AGENT,
            session_id=session_id,
            content=turn[-1].text,
            messages=[value for message in turn for value in self.convert(message)],
            created_at=int(turn[0].at),
            status=self._completed,
        )

    def _usage(self, usage: TokenUsage) -> dict[str, Any]:
        metrics = self._metrics(
            input_tokens=usage.prompt_tokens,
            output_tokens=usage.completion_tokens,
            total_tokens=usage.total_tokens,
        )
        answer: dict[str, Any] = metrics.to_dict()
        return answer

    async def seed(self, snapshot: SessionSnapshot) -> None:
        """The session, then each of its runs: there is no call for many."""
        session = snapshot.session
        self._sessions[session.id] = self._session(
            session_id=session.id,
            agent_id=_AGENT,
            session_data={"session_state": {}},
            runs=[],
            created_at=session.created_at,
        )
        await super().seed(snapshot)

    async def save(self, prepared: Any) -> None:
        turn: Runs = prepared
        session = self._sessions.get(turn.session_id)
        if session is None:  # the store was opened again
            session = self._sessions[turn.session_id] = await self._found(turn.session_id)
        first = len(session.runs)
        for run in turn.runs:
            session.upsert_run(run)
        session.session_data["session_metrics"] = turn.usage
        await settled(self._db.upsert_session(session))
        for index, run in enumerate(turn.runs, first):
            await settled(self._db.upsert_run(run=run, session_id=turn.session_id, run_index=index))

    async def load(self, session_id: str) -> list[Any]:
        session = await self._found(session_id)
        return [message for run in session.runs for message in run.messages]

    async def _found(self, session_id: str) -> Any:
        raw = await settled(self._db.get_session(session_id, self._kind, deserialize=False))
        return self._session.from_dict(raw)

    async def summaries(self) -> list[Any]:
        sessions: list[Any] = await settled(self._db.get_sessions(self._kind, include_runs=False))
        return sessions

    async def close(self) -> None:
        await settled(self._db.close())


class AgnoAsync(Agno):
    """The same tables through SQLAlchemy's asyncio and aiosqlite."""

    label = "Agno AsyncSqliteDb.upsert_session + upsert_run"
    needs: ClassVar[tuple[str, ...]] = ("sqlalchemy", "greenlet", "aiosqlite")
    _class = "AsyncSqliteDb"


def _turns(messages: Iterator[Plain]) -> list[list[Plain]]:
    """Messages by turn: each begins with a user message that is no tool result."""
    turns: list[list[Plain]] = []
    for message in messages:
        if not turns or (message.role == "user" and not message.answers):
            turns.append([])
        turns[-1].append(message)
    return turns
