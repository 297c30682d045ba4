"""What an application does wrong at the edges of a live session costs what it touches, no more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from a3s_store import MemorySessionStore
from a3s_store.agent_memory import InMemoryMemoryStore, MemoryItem
from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.backends.sqlite.schema import search_table
from a3s_store.errors import EncodeError
from a3s_store.models import (
    AgentEvent,
    ConfirmationPolicy,
    Message,
    SessionLane,
    SubagentEnd,
    SubagentProgress,
    Task,
    TaskStatus,
    TextDelta,
    TokenUsage,
    ToolDefinition,
    ToolEnd,
    ToolStart,
    ToolUseBlock,
)
from a3s_store.runtime import (
    Call,
    ConfirmationManager,
    LaneQueue,
    Session,
    SessionPersistence,
    TraceSink,
    by_name,
    guarded_call,
    tool_execution,
)
from a3s_store.runtime.context.memory import MemoryContextProvider
from a3s_store.runtime.context.providers import ContextQuery
from a3s_store.runtime.state.subagents import SubagentTracker
from tests.support import artifact, with_store


class Careless:
    """A tool that returns its text instead of an output."""

    name = "read"
    definition = ToolDefinition(name="read", description="", parameters={})

    async def run(self, args: Mapping[str, Any]) -> Any:
        return "the secret text"


def test_what_is_no_output_of_a_tool_is_an_error_for_the_model_to_read() -> None:
    """Runtime 5.4: what goes wrong becomes the call's result, between its two events."""
    events: list[AgentEvent] = []
    call = ToolUseBlock(id="call-1", name="read", input={})
    output = asyncio.run(
        guarded_call(
            call, by_name([Careless()]), checker=None, confirmation=None, emit=events.append
        )
    )
    assert output.is_error
    assert output.content == "Tool execution error: expected a ToolOutput, found str"
    assert [type(event) for event in events] == [ToolStart, ToolEnd]


def test_a_canceller_that_fails_keeps_no_other_from_being_called(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Runtime 11.3: a session that closes stops all it can stop."""
    tracker = SubagentTracker()
    called: list[str] = []

    def fails() -> None:
        called.append("a")
        raise ValueError("the secret text")

    tracker.register_canceller("a", fails)
    tracker.register_canceller("b", lambda: called.append("b"))
    with caplog.at_level(logging.WARNING):
        assert tracker.cancel_all() == 2
    assert called == ["a", "b"]
    assert tracker.cancel_all() == 0
    assert "ValueError" in caplog.text
    assert "secret" not in caplog.text


def test_where_nothing_can_be_ranked_what_has_the_whole_query_is_still_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B, FTS5: without it only ranking is missing, to the model too."""
    monkeypatch.setattr(search_table, "MODULE", "a_module_that_is_not_there")

    async def use(store: SqliteSessionStore) -> list[str]:
        memories = store.memories("fix-login")
        await memories.store(MemoryItem.new("we use tabs here"))
        result = await MemoryContextProvider(memories).query(ContextQuery(query="use tabs"))
        return [item.content for item in result.items]

    assert with_store(tmp_path / "agent.a3s", use) == ["we use tabs here"]


@pytest.mark.parametrize(
    "given",
    [{"duration_ms": 1.5}, {"duration_ms": -1}, {"exit_code": 2**40}, {"name": 5}],
)
def test_a_trace_event_that_could_not_be_saved_is_not_kept(given: dict[str, Any]) -> None:
    """Runtime 11.2: one would fail every save of its session from then on."""
    sink = TraceSink()
    whole: dict[str, Any] = {
        "name": "bash",
        "success": True,
        "exit_code": 0,
        "duration_ms": 1,
        "output_bytes": 1,
    }
    with pytest.raises(EncodeError):
        sink.record(tool_execution(**(whole | given)))
    assert sink.events() == ()


@pytest.mark.parametrize(
    "event",
    [
        SubagentProgress(task_id="t", session_id="c", status=None, metadata=None),  # type: ignore[arg-type]
        SubagentEnd(task_id="t", session_id="c", agent="a", output="", success="yes"),  # type: ignore[arg-type]
    ],
)
def test_news_of_a_subagent_that_could_not_be_saved_changes_nothing(event: AgentEvent) -> None:
    """Runtime 11.3: one would fail every save of its session from then on."""
    tracker = SubagentTracker()
    with pytest.raises(EncodeError):
        tracker.record_event(event)
    assert tracker.snapshots() == ()


@pytest.mark.parametrize("command_type", [5, None])
def test_a_commands_type_is_text(command_type: Any) -> None:
    """Runtime 7.2: a dead letter with another text could not be stored, nor any after it."""

    async def main() -> None:
        queue = LaneQueue("fix-login", emit=lambda _: None)
        with pytest.raises(EncodeError, match="expected a string"):
            queue.submit(SessionLane.EXECUTE, Call(command_type, lambda: asyncio.sleep(0)))
        assert queue.stats().total_pending == 0
        await queue.stop()

    asyncio.run(main())


def test_what_is_neither_yes_nor_no_approves_nothing() -> None:
    """Runtime 6.3: the text "n" is true in Python."""

    async def main() -> None:
        events: list[AgentEvent] = []
        manager = ConfirmationManager(ConfirmationPolicy.on(), emit=events.append)
        request = manager.request_confirmation("call-1", "bash", {})
        answer: Any = "n"
        with pytest.raises(EncodeError, match="expected a boolean"):
            manager.confirm("call-1", answer)
        with pytest.raises(EncodeError, match="surrogate"):
            manager.confirm("call-1", True, reason="\ud83d")
        assert manager.pending_count == len(events) == 1
        assert manager.confirm("call-1", False)
        assert not (await request).approved

    asyncio.run(main())


def test_a_memory_too_long_to_be_shown_keeps_back_no_other() -> None:
    """Section 8, the provider `memory`: a long reply is stored like any other."""

    async def main() -> None:
        memories = InMemoryMemoryStore()
        await memories.store(MemoryItem.new("use tabs " + "x" * 20_000, importance=1.0))
        await memories.store(MemoryItem.new("we use tabs", importance=0.5))
        result = await MemoryContextProvider(memories).query(ContextQuery(query="use tabs"))
        assert [item.content for item in result.items] == ["we use tabs"]
        assert result.truncated

    asyncio.run(main())


BAD = "a file called \udcff"
DOORS: dict[str, Callable[[Session], object]] = {
    "message": lambda live: live.add_message(Message.user(BAD)),
    "tasks": lambda live: live.set_tasks([Task(id="1", content=BAD, status=TaskStatus.PENDING)]),
    "usage": lambda live: live.update_usage(TokenUsage(prompt_tokens=1.5)),  # type: ignore[arg-type]
    "artifact": lambda live: live.artifacts.put(artifact(1).evolve(artifact_uri=BAD)),
    "size of an artifact": lambda live: live.artifacts.put(artifact(1).evolve(shown_bytes=-1)),
    "pinned URI": lambda live: live.artifacts.pin_uris(["a", BAD]),
    "retained URIs": lambda live: live.artifacts.set_retained_uris([BAD]),
    "addressed artifact": lambda live: live.artifacts.put_content_addressed(
        artifact(1).evolve(tool_name=BAD)
    ),
    "prompt of a run": lambda live: live.runs.create_run("main", BAD),
    "event of a run": lambda live: live.runs.record_event(
        "run-1",
        TextDelta(text=5),  # type: ignore[arg-type]
    ),
    "error of a run": lambda live: live.runs.mark_failed("run-1", 5),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("door", DOORS)
def test_what_cannot_be_saved_is_refused_where_it_comes_in(door: str) -> None:
    """Else nothing of the session could be saved from then on."""

    async def main() -> None:
        store = MemorySessionStore()
        live = Session("main")
        live.runs.create_run("main", "go on", run_id="run-1")
        persistence = SessionPersistence(live, store)
        before = persistence.snapshot()
        with pytest.raises(EncodeError):
            DOORS[door](live)
        assert persistence.snapshot().evolve(session=before.session) == before
        await persistence.save()

    asyncio.run(main())
