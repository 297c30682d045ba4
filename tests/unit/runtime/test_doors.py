"""No value that enters a live session can keep everything else from being saved."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from a3s_store import MemorySessionStore, SessionStore, SqliteSessionStore
from a3s_store.agent_memory import AgentMemory, MemoryItem
from a3s_store.errors import EncodeError, InvalidIdError, SessionConfigError
from a3s_store.models import (
    ConfirmationPolicy,
    ContextUsage,
    LaneHandlerConfig,
    LlmConfigData,
    LlmCostRecord,
    Message,
    PermissionPolicy,
    PermissionRule,
    PersistenceFailed,
    SessionConfig,
    SessionData,
    SessionLane,
    SubagentEnd,
    Task,
    TaskHandlerMode,
    TaskStatus,
    TextDelta,
    TokenUsage,
    ToolDefinition,
    ToolUseBlock,
)
from a3s_store.runtime import (
    Call,
    ContextItem,
    ContextType,
    SessionOptions,
    ToolOutput,
    tool_execution,
)
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.management.manager import SessionManager
from a3s_store.runtime.state.usage import ModelPricing
from tests.support import artifact
from tests.unit.runtime.live import Echo, Summaries

HALF = "half an emoji \ud83d"
MARKED = "half an emoji \N{REPLACEMENT CHARACTER}"

REFUSED: dict[str, Callable[[Session], Any]] = {
    "config": lambda s: setattr(s, "config", s.config.evolve(system_prompt=HALF)),
    "context_usage": lambda s: setattr(s, "context_usage", ContextUsage(percent=math.nan)),
    "total_usage": lambda s: setattr(s, "total_usage", TokenUsage(prompt_tokens=-1)),
    "total_cost nan": lambda s: setattr(s, "total_cost", math.nan),
    "total_cost inf": lambda s: setattr(s, "total_cost", math.inf),
    "total_cost negative": lambda s: setattr(s, "total_cost", -0.5),
    "total_cost huge": lambda s: setattr(s, "total_cost", 10**400),
    "model_name": lambda s: setattr(s, "model_name", HALF),
    "llm_config": lambda s: setattr(s, "llm_config", LlmConfigData(provider=HALF, model="m")),
    "thinking_enabled": lambda s: setattr(s, "thinking_enabled", "yes"),
    "thinking_budget": lambda s: setattr(s, "thinking_budget", 10**5000),
}


@pytest.mark.parametrize("what", REFUSED)
def test_an_attribute_refuses_what_could_not_be_saved_and_keeps_its_value(what: str) -> None:
    session = Session("main")
    name = what.partition(" ")[0]
    before = getattr(session, name)
    with pytest.raises(EncodeError) as caught:
        REFUSED[what](session)
    assert name in caught.value.path
    assert getattr(session, name) is before


@pytest.mark.parametrize(
    "given",
    [
        {"budget": -1},
        {"thinking": True, "budget": 10**400},
        {"thinking": True, "model": LlmConfigData(provider="p", model=HALF)},
    ],
    ids=str,
)
def test_settings_that_could_not_be_saved_are_refused_as_a_whole(given: dict[str, Any]) -> None:
    async def main() -> None:
        async with SessionManager(agent=Echo()).with_store(MemorySessionStore()) as sessions:
            live = await sessions.create_session("main")
            with pytest.raises(EncodeError):
                await sessions.configure("main", **given)
            assert live.session.thinking_enabled is False
            assert live.session.thinking_budget is None
            assert live.session.llm_config is None
            await sessions.generate("main", "hello")

    asyncio.run(main())


def test_a_session_with_a_configuration_that_could_not_be_saved_is_not_made() -> None:
    async def main() -> None:
        store = MemorySessionStore()
        async with SessionManager(agent=Echo()).with_store(store) as sessions:
            with pytest.raises(EncodeError):
                await sessions.create_session("main", SessionConfig(system_prompt=HALF))
            assert await store.list() == []
            await sessions.create_session("main", SessionConfig(system_prompt="a whole one"))
            await sessions.generate("main", "hello")
        assert await store.list() == ["main"]

    asyncio.run(main())


def test_a_made_title_is_cleaned_and_the_session_is_saved() -> None:
    class Titles(Summaries):
        async def summarize(self, prompt: str) -> str:
            return HALF

    async def main() -> None:
        store = MemorySessionStore()
        manager = SessionManager(agent=Echo(), summarizer=Titles()).with_store(store)
        async with manager as sessions:
            await sessions.create_session("main")
            await sessions.generate("main", "hello")
            assert await sessions.generate_title("main") == MARKED
            await sessions.generate("main", "again")
        stored = await store.load("main")
        assert stored is not None
        assert stored.config.name == MARKED
        assert Message.user("again") in stored.messages

    asyncio.run(main())


def test_a_cost_beyond_every_float_is_as_none(caplog: pytest.LogCaptureFixture) -> None:
    prices = {"m": ModelPricing(input_per_million=1e308, output_per_million=0.0)}
    session = Session("main", prices=prices)
    session.model_name = "m"
    used = TokenUsage(prompt_tokens=10**9, total_tokens=10**9)
    session.update_usage(used)
    assert session.total_cost == 0.0
    (record,) = session.cost_records
    assert record.cost_usd is None
    assert session.total_usage == used
    assert "gives no cost" in caplog.text


# -- Every door, every value that is often wrong --------------------------------------------------

VALUES: dict[str, Any] = {
    "half a character": "\ud83d",
    "NUL": "\0",
    "NaN": math.nan,
    "inf": math.inf,
    "-1": -1,
    "2**64": 2**64,
    "4301 digits": 10**4300,
}

Door: TypeAlias = Callable[[SessionManager, Session, Any], Any]


def attribute(name: str) -> Door:
    return lambda _, live, value: setattr(live, name, value)


def setting(name: str) -> Door:
    return lambda _, live, value: setattr(live, "config", live.config.evolve(**{name: value}))


def option(name: str) -> Door:
    return lambda *given: SessionOptions(**{name: given[-1]})


def rules(value: Any) -> PermissionPolicy:
    return PermissionPolicy(deny=(PermissionRule(rule=value),))


async def submit(live: Session, value: Any) -> None:
    live.queue.set_lane_handler(SessionLane.EXECUTE, EXTERNAL)
    waits = live.queue.submit(SessionLane.EXECUTE, Call("bash", nothing, payload={"of": value}))
    await asyncio.sleep(0.01)
    waits.cancel()


async def nothing() -> None: ...


EXTERNAL = LaneHandlerConfig(mode=TaskHandlerMode.EXTERNAL)
DOORS: dict[str, Door] = {
    # A person's or the application's: checked.
    "prompt": lambda all_, live, value: all_.generate("main", value),
    "run id": lambda all_, live, value: all_.get_session("main").send("hi", Echo(), run_id=value),
    "message of a person": lambda all_, live, value: live.add_message(Message.user(value)),
    "no message": lambda all_, live, value: live.add_message(value),
    "conversation": lambda all_, live, value: live.replace_messages([Message.user(value)]),
    "tasks": lambda all_, live, value: all_.set_tasks("main", [task(value)]),
    "model": lambda all_, live, value: all_.configure(
        "main", model=LlmConfigData(provider="p", model=value)
    ),
    "budget": lambda all_, live, value: all_.configure("main", budget=value),
    "permission policy": lambda all_, live, value: all_.set_permission_policy("main", rules(value)),
    "live policy": lambda all_, live, value: live.set_permission_policy(rules(value)),
    "allow rule": lambda all_, live, value: live.add_allow_rule(value),
    "deny rule": lambda all_, live, value: all_.add_permission_rule("main", "deny", value),
    "ask rule": lambda all_, live, value: live.add_ask_rule(value),
    "confirmation policy": lambda all_, live, value: all_.set_confirmation_policy(
        "main", ConfirmationPolicy(default_timeout_ms=value)
    ),
    "live confirmation policy": lambda all_, live, value: live.set_confirmation_policy(
        ConfirmationPolicy(default_timeout_ms=value)
    ),
    "no policy": lambda all_, live, value: live.set_confirmation_policy(value),
    "id": lambda all_, live, value: all_.create_session(value),
    "configuration at creation": lambda all_, live, value: all_.create_session(
        "other", SessionConfig(workspace=value)
    ),
    "name of a fork": lambda all_, live, value: all_.fork_session("main", "fork", value),
    "tools": lambda all_, live, value: all_.create_session(
        "other", tools=[ToolDefinition(name=value, description="", parameters={})]
    ),
    "clock": lambda all_, live, value: Session("other", clock=lambda: value).touch(),
    "usage": lambda all_, live, value: live.update_usage(TokenUsage(prompt_tokens=value)),
    "no usage": lambda all_, live, value: live.update_usage(value),
    "cost record": lambda all_, live, value: setattr(live, "cost_records", [cost_record(value)]),
    "payload": lambda all_, live, value: submit(live, value),
    "lane handler": lambda all_, live, value: live.queue.set_lane_handler(
        SessionLane.EXECUTE, EXTERNAL.evolve(timeout_ms=value)
    ),
    "pinned URI": lambda all_, live, value: live.artifacts.pin_uris([value]),
    **{
        f"attribute {name}": attribute(name)
        for name in [
            "config",
            "context_usage",
            "total_usage",
            "total_cost",
            "model_name",
            "llm_config",
            "thinking_enabled",
            "thinking_budget",
            "state",
            "created_at",
            "updated_at",
            "parent_id",
            "tool_names",
            "permission_policy",
            "messages",
            "tasks",
            "cost_records",
            "verification_reports",
        ]
    },
    **{
        f"setting {name}": setting(name)
        for name in [
            "name",
            "workspace",
            "system_prompt",
            "max_context_length",
            "auto_compact_threshold",
        ]
    },
    **{
        f"option {name}": option(name)
        for name in [
            "session_id",
            "model",
            "max_context_tokens",
            "max_parallel_tasks",
            "tenant_id",
            "principal",
            "agent_template_id",
            "correlation_id",
            "queue_config",
            "confirmation_policy",
            "permission_policy",
        ]
    },
    # What a machine made: its texts are cleaned, the rest is checked.
    "message of a model": lambda all_, live, value: live.add_message(Message.assistant(value)),
    "result of a tool": lambda all_, live, value: live.add_message(Message.tool_result("c", value)),
    "tool output": lambda all_, live, value: live.add_message(
        Message.tool_result("c", ToolOutput(content=value).content)
    ),
    "metadata of an output": lambda all_, live, value: live.trace.record(
        tool_execution(
            "ls",
            success=True,
            exit_code=0,
            duration_ms=1,
            output_bytes=1,
            metadata=ToolOutput(content="", metadata={"of": value}).metadata,
        )
    ),
    "input of a call": lambda all_, live, value: live.add_message(
        Message(role="assistant", content=(ToolUseBlock(id="c", name="ls", input={"of": value}),))
    ),
    "event": lambda all_, live, value: live.runs.record_event("run-1", TextDelta(text=value)),
    "error": lambda all_, live, value: live.runs.mark_failed("run-1", value),
    "reason": lambda all_, live, value: live.runs.mark_cancelled("run-1", value),
    "artifact": lambda all_, live, value: live.artifacts.put(artifact(1).evolve(content=value)),
    "size of an artifact": lambda all_, live, value: live.artifacts.put(
        artifact(1).evolve(original_bytes=value)
    ),
    "subagent": lambda all_, live, value: live.subagents.record_event(
        SubagentEnd(task_id="t", session_id="c", agent="a", output=value, success=True)
    ),
    "context item": lambda all_, live, value: ContextItem(
        id="i", context_type=ContextType.SKILL, content="text", source="s", metadata={"of": value}
    ),
    "memory": lambda all_, live, value: AgentMemory(live.memory).remember(
        MemoryItem(id="i", content=value, timestamp="2026-01-01T00:00:00Z")
    ),
    "success in memory": lambda all_, live, value: AgentMemory(live.memory).remember_success(
        "p", (), value
    ),
}


def task(value: Any) -> Task:
    return Task(id="1", content=value, status=TaskStatus.PENDING)


def cost_record(value: Any) -> LlmCostRecord:
    return LlmCostRecord(
        model="m",
        provider="p",
        prompt_tokens=1,
        completion_tokens=1,
        total_tokens=value,
        cost_usd=value,
        timestamp="2026-01-01T00:00:00Z",
    )


async def open_door(door: str, value: str, store: SessionStore) -> bool:
    """Try a value at a door; whether it was refused. Then everything must be saved."""
    sessions = SessionManager(agent=Echo(), keep_queues=True).with_store(store)
    async with sessions:
        live = await sessions.create_session("main")
        live.session.queue.start()
        live.session.runs.create_run("main", "go", run_id="run-1")
        events = live.session.events.subscribe()
        refused = False
        try:
            asked = DOORS[door](sessions, live.session, VALUES[value])
            if asked is not None and hasattr(asked, "__await__"):
                await asked
        except (EncodeError, InvalidIdError, SessionConfigError):
            refused = True
        await sessions.generate("main", "next")
        told = [event for event in events.pending() if isinstance(event, PersistenceFailed)]
        assert told == []
    stored = await store.load("main")
    assert stored is not None
    assert Message.user("next") in stored.messages
    return refused


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("door", DOORS)
def test_no_value_at_any_door_keeps_the_next_turn_from_being_saved(
    door: str, value: str, tmp_path: Path
) -> None:
    async def main() -> None:
        if await open_door(door, value, MemorySessionStore()):
            return
        async with SqliteSessionStore.open(tmp_path / "agent.a3s") as store:
            await open_door(door, value, store)

    asyncio.run(main())


CLEANED = [
    "message of a model",
    "result of a tool",
    "tool output",
    "metadata of an output",
    "event",
]
CLEANED += ["error", "reason", "artifact", "subagent", "context item", "memory"]
CLEANED += ["success in memory"]
CLAMPED = ["clock"]


@pytest.mark.parametrize("door", DOORS)
def test_half_a_character_of_a_person_is_refused_and_that_of_a_machine_cleaned(door: str) -> None:
    async def main() -> None:
        refused = await open_door(door, "half a character", MemorySessionStore())
        assert refused is (door not in CLEANED + CLAMPED)

    asyncio.run(main())


@pytest.mark.parametrize("value", [-1, 2**63, 10**4000, math.nan, math.inf, -math.inf])
def test_a_clock_out_of_range_is_clamped_and_warned_about_once(
    value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    session = Session("main", clock=lambda: value)
    session.touch()
    assert session.updated_at in (0, (2**63 - 1) // 1000)
    session.runs.create_run("main", "go")
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "the clock is out of range"
    ]


def test_only_what_is_new_in_a_list_is_checked() -> None:
    session = Session("main")
    session.messages = [Message.user("a")]
    assert session.messages == (Message.user("a"),)
    with pytest.raises(EncodeError) as caught:
        session.messages += (Message.user("b"), Message.user(HALF))
    assert caught.value.path.startswith("messages[2]")
    first = session.messages[0]
    # As a value that came in otherwise would be: it is there already, and not looked at again.
    object.__setattr__(first.content[0], "text", HALF)
    session.messages += (Message.user("b"),)
    session.messages = (Message.user("c"), *session.messages)
    assert len(session.messages) == 3


def test_a_restored_session_that_could_not_be_saved_is_refused_by_its_part() -> None:
    data = SessionData(
        id="main", created_at=1, updated_at=1, messages=(Message.user("a"), Message.user(HALF))
    )
    with pytest.raises(EncodeError) as caught:
        Session("main").restore_from_data(data)
    assert caught.value.path.startswith("messages[1]")
