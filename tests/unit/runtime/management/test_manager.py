"""Many sessions: made, found, changed, forked, closed, and what a failing store does to that."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

from a3s_store import MemorySessionStore, SqliteSessionStore
from a3s_store.errors import (
    InvalidIdError,
    SessionConfigError,
    SessionError,
    SessionPausedError,
    StoreUnavailableError,
    UnsavedSessionsError,
)
from a3s_store.models import (
    ConfirmationPolicy,
    ContextCompacted,
    ExternalTaskPending,
    LaneHandlerConfig,
    LlmConfigData,
    Message,
    PermissionPolicy,
    PermissionRule,
    PersistenceFailed,
    RunStatus,
    SessionConfig,
    SessionData,
    SessionLane,
    SessionQueueConfig,
    SessionState,
    StorageBackend,
    Task,
    TaskHandlerMode,
    TaskStatus,
    ToolUseBlock,
)
from a3s_store.pairs import check_pairs
from a3s_store.runtime.management.manager import SessionManager
from a3s_store.runtime.observation.session_events import CompactionSkipped
from a3s_store.runtime.queue.commands import Call
from tests.support import messages, session
from tests.unit.runtime.live import Echo, Hang, Moody, Summaries, Ticks, crash, usage

FILE = StorageBackend.FILE


def manager(store: Any = None, **given: Any) -> SessionManager:
    options: dict[str, Any] = {"agent": Echo(), "clock": Ticks(), **given}
    made = SessionManager(**options)
    return made if store is None else made.with_store(store, FILE)


async def saved(store: Any, session_id: str = "main") -> SessionData:
    found = await store.load(session_id)
    assert found is not None
    return found  # type: ignore[no-any-return]


# -- Made and found -------------------------------------------------------------------------------


def test_a_session_is_saved_as_it_is_created_with_its_queue_at_work() -> None:
    """Section 10, create_session: the configured context length is applied."""

    async def main() -> None:
        store = MemorySessionStore()
        async with manager(store) as sessions:
            live = await sessions.create_session("main", SessionConfig(max_context_length=1000))
            assert live.session.context_usage.max_tokens == 1000
            assert (await saved(store)).context_usage.max_tokens == 1000

            async def answer() -> int:
                return 42

            assert await live.session.queue.submit(SessionLane.QUERY, Call("x", answer)) == 42

    asyncio.run(main())


def test_an_unfit_id_is_refused_and_leaves_nothing() -> None:
    """L1; upstream kept a storage type for it."""

    async def main() -> None:
        store = MemorySessionStore()
        async with manager(store) as sessions:
            with pytest.raises(InvalidIdError):
                await sessions.create_session("a/b")
            assert (sessions.session_count, await store.list()) == (0, [])

    asyncio.run(main())


def test_an_id_is_live_once_even_while_it_is_being_built() -> None:
    """Section 1.7, registry."""

    async def main() -> None:
        async with manager(MemorySessionStore()) as sessions:
            first, second = await asyncio.gather(
                sessions.create_session("main"),
                sessions.create_session("main"),
                return_exceptions=True,
            )
            errors = [one for one in (first, second) if isinstance(one, SessionError)]
            assert [error.what for error in errors] == [
                "session 'main' is already live or being built"
            ]
            assert sessions.list_sessions() == ["main"]

    asyncio.run(main())


def test_a_saved_session_is_never_overwritten_by_a_new_one() -> None:
    async def main() -> None:
        store = MemorySessionStore()
        await store.save(session("main"))
        async with manager(store) as sessions:
            with pytest.raises(SessionError, match="saved already"):
                await sessions.create_session("main")
        assert await saved(store) == session("main")

    asyncio.run(main())


def test_a_session_of_type_memory_is_not_kept() -> None:
    """Section 10, save_session."""

    async def main() -> None:
        store = MemorySessionStore()
        async with manager(store) as sessions:
            config = SessionConfig(storage_type=StorageBackend.MEMORY)
            await sessions.create_session("main", config)
            await sessions.generate("main", "hello")
            await sessions.save_session("main")
        assert await store.list() == []

    asyncio.run(main())


def test_a_type_without_a_store_is_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    """Section 10, save_session."""

    async def main() -> None:
        async with manager(MemorySessionStore()) as sessions:
            await sessions.create_session("main", SessionConfig(storage_type=StorageBackend.CUSTOM))

    asyncio.run(main())
    assert "no store for sessions of type custom" in caplog.text


def test_sessions_are_found_in_any_store_and_reported_when_in_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Section 10, restore_session_by_id: a failing store is warned about, the next one asked."""

    async def main() -> None:
        broken, good = Moody(), MemorySessionStore()
        broken.gone = True
        await good.save(session("main"))
        sessions = manager().with_store(broken, FILE).with_store(good, StorageBackend.CUSTOM)
        live = await sessions.restore_session_by_id("main")
        assert live.session.messages == session("main").messages
        assert await sessions.restore_session_by_id("main") is live
        with pytest.raises(SessionError) as caught:
            await sessions.restore_session_by_id("unknown")
        assert caught.value.what == "Session unknown not found in any store"
        assert isinstance(caught.value.__cause__, StoreUnavailableError)
        await sessions.shutdown()

    asyncio.run(main())
    assert "the disk is gone" in caplog.text


def test_opening_a_session_restores_it_or_makes_it_and_never_makes_one_in_doubt() -> None:
    async def main() -> None:
        store = Moody()
        config = SessionConfig(name="n")
        async with manager(store) as sessions:
            live = await sessions.open_session("main", config)
            assert await sessions.open_session("main") is live
            await sessions.generate("main", "hello")
        async with manager(store) as sessions:
            again = await sessions.open_session("main")
            assert again.session.messages == live.session.messages
            assert again.session.config.name == "n"
            store.gone = True
            with pytest.raises(StoreUnavailableError):
                await sessions.open_session("other")
            assert sessions.list_sessions() == ["main"]
            store.gone = False

    asyncio.run(main())


def test_a_restored_sessions_queue_is_not_started() -> None:
    """Section 10, restore details."""

    async def main() -> None:
        store = MemorySessionStore()
        await store.save(session("main"))
        async with manager(store) as sessions:
            live = await sessions.restore_session_by_id("main")

            async def never() -> None:
                raise AssertionError

            handle = live.session.queue.submit(SessionLane.QUERY, Call("x", never))
            await asyncio.sleep(0.02)
            assert live.session.queue.stats().total_pending == 1
            handle.cancel()

    asyncio.run(main())


def test_all_sessions_are_loaded_and_bad_ones_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Section 10, load_all_sessions: a bad one is skipped, named, and left as it is."""

    async def main() -> None:
        store = MemorySessionStore()
        for name in ("one", "two", "not/live"):
            await store.save(session(name))
        async with manager(store) as sessions:
            report = await sessions.load_all_sessions()
            assert report.loaded == ("one", "two")
            assert list(report.failed) == ["not/live"]
            assert sessions.list_sessions() == ["one", "two"]
        assert await saved(store, "not/live") == session("not/live")

    asyncio.run(main())
    assert "not/live" in caplog.text


def test_what_is_live_is_listed_counted_and_found() -> None:
    """Section 10: get, list, count."""

    async def main() -> None:
        async with manager() as sessions:
            for name in ("b", "a"):
                await sessions.create_session(name)
            assert sessions.list_sessions() == ["a", "b"]
            assert [live.id for live in sessions.get_all_sessions()] == ["a", "b"]
            assert sessions.session_count == 2
            with pytest.raises(SessionError) as caught:
                sessions.get_session("c")
            assert caught.value.what == "Session not found: c"

    asyncio.run(main())


def test_the_health_of_every_store_is_told() -> None:
    """Section 10, store_health."""

    async def main() -> None:
        broken = Moody()
        broken.gone = True
        sessions = (
            manager()
            .with_store(broken, FILE)
            .with_store(MemorySessionStore(), StorageBackend.CUSTOM)
        )
        bad, good = await sessions.store_health()
        assert (bad.name, bad.health) == ("file: memory", None)
        assert isinstance(bad.error, StoreUnavailableError)
        assert good.health is not None

    asyncio.run(main())


def test_a_manager_may_keep_sessions_in_upstreams_folder(tmp_path: Path) -> None:
    """Section 10, with_persistence."""

    async def main() -> None:
        async with SessionManager(agent=Echo()) as sessions:
            await sessions.with_persistence(tmp_path)
            await sessions.create_session("main")
            await sessions.generate("main", "hello")
        async with SessionManager() as sessions:
            await sessions.with_persistence(tmp_path)
            live = await sessions.restore_session_by_id("main")
            assert len(live.session.messages) == 2

    asyncio.run(main())
    assert (tmp_path / "main.json").is_file()


# -- A store that fails ---------------------------------------------------------------------------

OPERATIONS: dict[str, Any] = {
    "generate": lambda s: s.generate("main", "hello"),
    "clear": lambda s: s.clear("main"),
    "compact": lambda s: s.compact("main"),
    "configure": lambda s: s.configure("main", thinking=True),
    "pause": lambda s: s.pause("main"),
    "resume": lambda s: s.resume("main"),
    "set_confirmation_policy": lambda s: s.set_confirmation_policy("main", ConfirmationPolicy()),
    "set_permission_policy": lambda s: s.set_permission_policy("main", PermissionPolicy()),
    "rename": lambda s: s.rename("main", "Mine"),
    "task update": lambda s: s.set_tasks("main", []),
    "title_generation": lambda s: s.generate_title("main"),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_failure_to_persist_is_an_event_and_not_the_callers(operation: str) -> None:
    """Section 10, persist failures."""

    async def main() -> None:
        store = Moody()
        sessions = manager(store, summarizer=Summaries())
        live = await sessions.create_session("main")
        live.session.messages = messages(40)
        subscription = live.session.events.subscribe()
        store.gone = True
        await OPERATIONS[operation](sessions)
        failures = [e for e in subscription.pending() if isinstance(e, PersistenceFailed)]
        assert [(e.session_id, e.operation) for e in failures] == [("main", operation)]
        store.gone = False
        assert all(await sessions.shutdown())
        assert (await saved(store)).messages == live.session.messages

    asyncio.run(main())


def test_creating_works_while_the_store_is_down(caplog: pytest.LogCaptureFixture) -> None:
    """Section 10: operations create, create_child and fork among them."""

    async def main() -> None:
        store = Moody()
        store.gone = True
        sessions = manager(store)
        await sessions.create_session("main")
        await sessions.create_child_session("main", "child")
        await sessions.fork_session("main", "fork")
        await sessions.destroy_session("child")
        assert sessions.list_sessions() == ["fork", "main"]
        with pytest.raises(UnsavedSessionsError) as caught:
            await sessions.shutdown()
        assert [one.session_id for one in caught.value.closed] == ["fork", "main"]
        assert [live.id for live in sessions.unsaved_sessions()] == ["fork", "main"]

    asyncio.run(main())
    for name in ("main", "child", "fork"):
        assert f"Auto-save failed for session {name}: " in caplog.text
    assert "session child not deleted" in caplog.text


# -- Talking --------------------------------------------------------------------------------------


def test_a_paused_session_does_not_generate() -> None:
    """Section 10, generate."""

    async def main() -> None:
        async with manager() as sessions:
            await sessions.create_session("main")
            assert await sessions.pause("main")
            assert not await sessions.pause("main")
            with pytest.raises(SessionPausedError) as caught:
                await sessions.generate("main", "hello")
            assert caught.value.what == "Session main is paused. Call Resume before generating."
            assert await sessions.resume("main")
            await sessions.generate("main", "hello")

    asyncio.run(main())


def test_without_an_agent_there_is_nobody_to_answer() -> None:
    """Section 10, generate."""

    async def main() -> None:
        async with SessionManager() as sessions:
            await sessions.create_session("main")
            with pytest.raises(SessionConfigError) as caught:
                await sessions.generate("main", "hello")
            assert caught.value.what == (
                "LLM client not configured for session main. "
                "Please call Configure RPC with model configuration first."
            )
            sessions.set_agent("main", Echo())
            assert (await sessions.generate("main", "hello")).text == "you said: hello"

    asyncio.run(main())


def test_an_answer_replaces_the_messages_and_its_usage_is_counted() -> None:
    """Section 10, generate."""

    async def main() -> None:
        store = MemorySessionStore()
        async with manager(store) as sessions:
            live = await sessions.create_session("main")
            result = await sessions.generate("main", "hello")
            assert live.session.messages == result.messages
            assert live.session.total_usage == usage()
            assert (await saved(store)).total_usage == usage()

    asyncio.run(main())


def test_a_full_context_is_compacted_after_the_answer() -> None:
    """Section 10, maybe_auto_compact: and again after the next, since percent is not reset."""

    async def main() -> None:
        async with manager(summarizer=Summaries()) as sessions:
            config = SessionConfig(
                auto_compact=True, auto_compact_threshold=0.5, max_context_length=20
            )
            live = await sessions.create_session("main", config)
            live.session.messages = messages(40)
            subscription = live.session.events.subscribe()
            await sessions.generate("main", "hello")
            events = [e for e in subscription.pending() if isinstance(e, ContextCompacted)]
            assert events == [
                ContextCompacted(
                    session_id="main", before_messages=42, after_messages=23, percent_before=0.5
                )
            ]
            live.session.messages += messages(20)
            assert await sessions.maybe_auto_compact("main")

    asyncio.run(main())


def _tool_rounds(count: int) -> tuple[Message, ...]:
    """Rounds of two parallel calls, each result a message of its own, between two texts."""
    made = [Message.user("fix the login")]
    for number in range(count):
        ids = (f"{number}a", f"{number}b")
        blocks = tuple(ToolUseBlock(id=one, name="bash", input={}) for one in ids)
        made.append(Message(role="assistant", content=blocks))
        made += [Message.tool_result(one, "output") for one in ids]
    return (*made, Message.assistant("done"))


@pytest.mark.parametrize(("compaction", "parted"), [("rounds", False), ("upstream", True)])
@pytest.mark.parametrize("summarizer", [None, Summaries()], ids=["recent ones", "summary"])
def test_automatic_compaction_keeps_calls_and_results_together(
    compaction: Any, parted: bool, summarizer: Any
) -> None:
    """Providers refuse a result without its call, and a call without its result."""

    async def main() -> None:
        store = MemorySessionStore()
        async with manager(store, summarizer=summarizer, compaction=compaction) as sessions:
            config = SessionConfig(auto_compact=True, max_context_length=10)
            live = await sessions.create_session("main", config)
            live.session.messages = _tool_rounds(20)
            await sessions.generate("main", "hello")
            kept = (await saved(store)).messages
            assert len(kept) < 40
            assert bool(check_pairs(kept)) is parted

    asyncio.run(main())


def test_a_manager_refuses_a_compaction_it_does_not_know() -> None:
    unknown: Any = "pairs"
    with pytest.raises(ValueError, match="'rounds' or 'upstream'"):
        SessionManager(compaction=unknown)


@pytest.mark.parametrize(
    "config",
    [
        SessionConfig(auto_compact=False, max_context_length=20),
        SessionConfig(auto_compact=True, auto_compact_threshold=0.6, max_context_length=20),
    ],
)
def test_no_context_is_compacted_unasked_or_too_early(config: SessionConfig) -> None:
    """Section 10, maybe_auto_compact."""

    async def main() -> None:
        summaries = Summaries()
        async with manager(summarizer=summaries) as sessions:
            live = await sessions.create_session("main", config)
            live.session.messages = messages(40)
            await sessions.generate("main", "hello")
            assert len(live.session.messages) == 42
            assert summaries.asked == []

    asyncio.run(main())


def test_a_failed_summary_is_no_failure_of_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with manager(summarizer=Summaries(fails=True)) as sessions:
            config = SessionConfig(auto_compact=True, max_context_length=10)
            live = await sessions.create_session("main", config)
            live.session.messages = messages(40)
            assert (await sessions.generate("main", "hello")).text == "you said: hello"
            assert len(live.session.messages) == 42

    asyncio.run(main())
    assert "not compacted" in caplog.text


def test_the_conversation_before_a_compaction_stays_reachable(tmp_path: Path) -> None:
    """Generations: compaction destroys nothing."""

    async def main() -> None:
        async with (
            SqliteSessionStore.open(tmp_path / "agent.a3s") as store,
            manager(store, summarizer=Summaries()) as sessions,
        ):
            live = await sessions.create_session("main")
            live.session.messages = messages(40)
            await sessions.save_session("main")
            before = await store.generation("main")
            assert await sessions.compact("main")
            assert len((await saved(store)).messages) == 23
            older = await store.load("main", generation=before)
            assert older is not None
            assert older.messages == messages(40)

    asyncio.run(main())


def test_an_operation_can_be_cancelled() -> None:
    """Section 10, cancel_operation."""

    async def main() -> None:
        hang = Hang()
        async with manager(agent=Echo(rounds=1, between=hang)) as sessions:
            live = await sessions.create_session("main")
            assert not await sessions.cancel_operation("main")
            waiting = asyncio.create_task(sessions.generate("main", "hello"))
            await hang.begun.wait()
            assert await sessions.cancel_operation("main")
            await asyncio.gather(waiting, return_exceptions=True)
            assert [run.status for run in live.session.runs.snapshots()] == [RunStatus.CANCELLED]

    asyncio.run(main())


# -- Settings -------------------------------------------------------------------------------------


def test_settings_are_changed_and_kept_without_the_key() -> None:
    """Section 10, configure."""

    async def main() -> None:
        store = MemorySessionStore()
        async with manager(store) as sessions:
            await sessions.create_session("main")
            model = LlmConfigData(provider="openai", model="gpt-4o", api_key="secret")
            await sessions.configure("main", thinking=True, budget=77, model=model)
            data = await saved(store)
            assert (data.thinking_enabled, data.thinking_budget) == (True, 77)
            assert (data.model_name, data.llm_config) == (
                "gpt-4o",
                LlmConfigData(provider="openai", model="gpt-4o"),
            )
            await sessions.configure("main", thinking=False)
            assert (await saved(store)).thinking_budget == 77

    asyncio.run(main())


def test_policies_set_through_the_manager_are_live_and_kept() -> None:
    """Section 10, set policies; L25."""

    async def main() -> None:
        store = MemorySessionStore()
        deny = PermissionPolicy(deny=(PermissionRule(rule="bash"),))
        async with manager(store) as sessions:
            live = await sessions.create_session("main")
            await sessions.set_permission_policy("main", deny)
            await sessions.set_confirmation_policy("main", ConfirmationPolicy())
            assert live.session.permission_checker.check("bash", {}) == "deny"
            assert not live.session.confirmation.policy.enabled
            config = (await saved(store)).config
            assert config.permission_policy == deny
            assert config.confirmation_policy == ConfirmationPolicy()

    asyncio.run(main())


def test_a_rule_added_to_the_live_policy_is_not_kept() -> None:
    """Section 10, add_permission_rule: a quirk that is upstream's."""

    async def main() -> None:
        store = MemorySessionStore()
        async with manager(store) as sessions:
            live = await sessions.create_session("main")
            for kind in ("allow", "ask", "deny"):
                sessions.add_permission_rule("main", kind, f"{kind}_tool")
            await sessions.save_session("main")
            assert live.session.check_permission("deny_tool", {}) == "deny"
            assert (await saved(store)).config.permission_policy is None
            with pytest.raises(SessionConfigError) as caught:
                sessions.add_permission_rule("main", "maybe", "bash")
            assert caught.value.what == "Unknown rule type: maybe"

    asyncio.run(main())


def test_tasks_and_a_cleared_conversation_are_kept() -> None:
    """Section 10: task update, clear."""

    async def main() -> None:
        store = MemorySessionStore()
        tasks = (Task(id="1", content="do", status=TaskStatus.PENDING),)
        async with manager(store) as sessions:
            await sessions.create_session("main")
            await sessions.generate("main", "hello")
            await sessions.set_tasks("main", tasks)
            await sessions.clear("main")
            data = await saved(store)
            assert (data.tasks, data.messages) == (tasks, ())

    asyncio.run(main())


# -- Child sessions -------------------------------------------------------------------------------


def test_a_child_is_kept_and_has_what_it_inherits() -> None:
    """Section 10, create_child_session: upstream never saved them."""

    async def main() -> None:
        store = MemorySessionStore()
        asks = ConfirmationPolicy(enabled=True, default_timeout_ms=5)
        async with manager(store) as sessions:
            await sessions.create_session("main", SessionConfig(confirmation_policy=asks))
            sessions.set_agent("main", Echo(rounds=1))
            child = await sessions.create_child_session("main", "child")
            own = ConfirmationPolicy()
            await sessions.create_child_session(
                "main", "other", SessionConfig(confirmation_policy=own)
            )
            assert child.session.confirmation.policy == asks
            assert sessions.get_session("other").session.confirmation.policy == own
            assert len((await sessions.generate("child", "hi")).messages) == 4
            assert [live.id for live in sessions.get_child_sessions("main")] == ["child", "other"]
            assert sessions.is_child_session("child")
            assert not sessions.is_child_session("main")
            assert (await saved(store, "child")).parent_id == "main"
            with pytest.raises(SessionError):
                await sessions.create_child_session("unknown", "orphan")

    asyncio.run(main())


def test_a_fork_begins_where_its_source_is(tmp_path: Path) -> None:
    """Section 10, fork_session: the total cost, but not the single records."""

    async def main() -> None:
        store = MemorySessionStore()
        ticks = Ticks()
        async with manager(store, clock=ticks) as sessions:
            config = SessionConfig(name="Login", workspace=str(tmp_path))
            source = await sessions.create_session("main", config)
            await sessions.configure(
                "main", thinking=True, model=LlmConfigData(provider="openai", model="gpt-4o")
            )
            await sessions.generate("main", "hello")
            await sessions.set_tasks(
                "main", [Task(id="1", content="do", status=TaskStatus.PENDING)]
            )
            await sessions.pause("main")
            ticks.advance(60_000)
            await sessions.fork_session("main", "copy")
            await sessions.fork_session("main", "named", "Mine")
            original, fork = await saved(store), await saved(store, "copy")
            assert original.cost_records
            assert fork == original.evolve(
                id="copy",
                config=original.config.evolve(name="Login (fork)", parent_id="main"),
                parent_id="main",
                state=SessionState.ACTIVE,
                cost_records=(),
                created_at=ticks() // 1000,
                updated_at=ticks() // 1000,
            )
            assert (await saved(store, "named")).config.name == "Mine"
            await sessions.generate("copy", "on")
            assert source.session.messages == original.messages
            with pytest.raises(SessionError) as caught:
                await sessions.fork_session("unknown", "x")
            assert caught.value.what == "Source session 'unknown' not found for fork"

    asyncio.run(main())


class Titles(Summaries):
    title = "A title"

    async def summarize(self, prompt: str) -> str:
        self.asked.append(prompt)
        return self.title


def test_a_title_is_made_of_the_beginning_and_is_short() -> None:
    """Section 10, generate_title: 4 messages of 200 characters, 80 at most."""

    async def main() -> None:
        titles = Titles()
        store = MemorySessionStore()
        async with manager(store, summarizer=titles) as sessions:
            live = await sessions.create_session("main")
            assert await sessions.generate_title("main") is None
            live.session.messages = tuple(Message.user(f"{n}" + "x" * 500) for n in range(9))
            assert await sessions.generate_title("main") == "A title"
            (asked,) = titles.asked
            assert asked.count("x" * 199) == 4
            assert "x" * 200 not in asked
            titles.title = "y" * 90
            assert await sessions.generate_title("main") == "y" * 77 + "..."
            assert (await saved(store)).config.name == "y" * 77 + "..."
        async with manager() as sessions:
            await sessions.create_session("main")
            await sessions.generate("main", "hello")
            assert await sessions.generate_title("main") is None

    asyncio.run(main())


# -- The end --------------------------------------------------------------------------------------


def test_a_destroyed_session_is_gone_everywhere() -> None:
    """Section 10, destroy_session: an unknown id is fine."""

    async def main() -> None:
        store = MemorySessionStore()
        async with manager(store) as sessions:
            await sessions.create_session("main")
            await sessions.generate("main", "hello")
            await sessions.destroy_session("main")
            await sessions.destroy_session("unknown")
            assert sessions.session_count == 0
            assert await store.load_snapshot("main") is None
        assert await store.list() == []

    asyncio.run(main())


def test_a_closed_session_is_saved_and_let_go() -> None:
    """Section 1.7, registry: close_session returns whether it was live."""

    async def main() -> None:
        store = MemorySessionStore()
        async with manager(store) as sessions:
            live = await sessions.create_session("main")
            live.session.add_message(Message.user("not saved yet"))
            assert await sessions.close_session("main")
            assert not await sessions.close_session("main")
            assert (await saved(store)).messages == (Message.user("not saved yet"),)
            again = await sessions.restore_session_by_id("main")
            assert again.session.messages == live.session.messages

    asyncio.run(main())


def test_shutting_down_saves_everything(caplog: pytest.LogCaptureFixture) -> None:
    """Section 10, shutdown: with a run under way too."""

    async def main() -> None:
        store = MemorySessionStore()
        hang = Hang()
        sessions = manager(store)
        for number in range(3):
            live = await sessions.create_session(f"s{number}")
            live.session.add_message(Message.user(f"{number}"))
        sessions.set_agent("s0", Echo(rounds=1, between=hang))
        waiting = asyncio.create_task(sessions.generate("s0", "hello"))
        await hang.begun.wait()
        assert all(await sessions.shutdown())
        assert all(await sessions.shutdown())
        await asyncio.gather(waiting, return_exceptions=True)
        assert len((await saved(store, "s0")).messages) == 4
        assert (await saved(store, "s2")).messages == (Message.user("2"),)
        assert sessions.session_count == 0

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    assert caplog.text == ""


def test_dead_letters_and_external_tasks_survive_when_they_are_to_be_kept(tmp_path: Path) -> None:
    """Q5, 7.3, and our extension: in the same file, gone with the session."""
    outside = LaneHandlerConfig(mode=TaskHandlerMode.EXTERNAL)
    config = SessionConfig(
        queue_config=SessionQueueConfig(enable_dlq=True, lane_handlers={SessionLane.QUERY: outside})
    )

    async def fail() -> None:
        raise RuntimeError("no luck")

    async def main() -> None:
        async with SqliteSessionStore.open(tmp_path / "agent.a3s") as store:
            sessions = manager(store, keep_queues=True)
            live = await sessions.create_session("main", config)
            events = live.session.events.subscribe()
            with pytest.raises(RuntimeError):
                await live.session.queue.submit(SessionLane.EXECUTE, Call("bash", fail))
            live.session.queue.submit(SessionLane.QUERY, Call("read", fail))
            async for event in events:
                if isinstance(event, ExternalTaskPending):
                    break
            # The process dies: nothing of it is stopped, and another begins.
            crash(live)
            again = manager(store, keep_queues=True)
            queue = (await again.restore_session_by_id("main")).session.queue
            assert [letter.command_type for letter in queue.dead_letters()] == ["bash"]
            (task,) = queue.pending_external_tasks()
            assert queue.complete_external_task(task.task_id, True)
            await again.destroy_session("main")
            assert (await store.inventory()).workflow_checkpoints == ()
            live.persistence.auto_save = False
            await sessions.shutdown()

    asyncio.run(main())


def test_one_round_above_the_budget_is_skipped_with_an_event_and_no_call_of_the_model() -> None:
    calls = tuple(ToolUseBlock(id=f"c{n}", name="bash", input={}) for n in range(40))
    results = (Message.tool_result(f"c{n}", "output") for n in range(40))
    one_round = (
        Message.user("go"),
        Message(role="assistant", content=calls),
        *results,
        Message.assistant("done"),
    )

    async def main() -> None:
        summaries = Summaries()
        async with manager(summarizer=summaries) as sessions:
            live = await sessions.create_session("main", SessionConfig(auto_compact=True))
            live.session.messages = one_round
            live.session.context_usage = live.session.context_usage.evolve(used_tokens=190_000)
            subscription = live.session.events.subscribe()
            assert not await sessions.maybe_auto_compact("main")
            (event,) = subscription.pending()
            assert isinstance(event, CompactionSkipped)
            assert (event.session_id, event.reason) == ("main", "one_round")
            assert 0 < event.tokens < 1000
        assert live.session.messages == one_round
        assert summaries.asked == []

    asyncio.run(main())
