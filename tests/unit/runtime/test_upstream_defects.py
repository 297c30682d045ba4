"""What attacks on live sessions found: each test is the smallest program that showed it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from a3s_store import MemorySessionStore
from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.core.protocol import SessionStore
from a3s_store.errors import (
    EncodeError,
    RunCancelledError,
    SessionClosedError,
    SessionError,
    StoreUnavailableError,
)
from a3s_store.models import (
    LlmConfigData,
    LoopCheckpoint,
    Message,
    PermissionDecision,
    PermissionPolicy,
    PermissionRule,
    RunStatus,
    SessionConfig,
    StorageBackend,
    Task,
    TaskStatus,
    TokenUsage,
    ToolUseBlock,
)
from a3s_store.runtime.agent_session import AgentSession
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.management.manager import SessionManager
from a3s_store.runtime.options import SessionOptions
from a3s_store.runtime.persistence.restore import restore_session
from a3s_store.runtime.persistence.save import SessionPersistence
from a3s_store.runtime.runs.active_run import ActiveRun, AgentResult
from tests.everything import report
from tests.support import artifact, messages, session
from tests.unit.runtime.live import Echo, Moody, Summaries, Ticks

BAD = "a file called \udcff"


def run(work: Coroutine[Any, Any, None]) -> None:
    async def guarded() -> None:
        # Against hanging, nothing else.
        async with asyncio.timeout(30):
            await work

    asyncio.run(guarded())


def make(store: SessionStore | None, *, auto_save: bool = True) -> AgentSession:
    live = Session("main", clock=Ticks())
    options = SessionOptions(auto_save=auto_save)
    return AgentSession(live, SessionPersistence(live, store, options=options))


def manager(store: SessionStore, **given: Any) -> SessionManager:
    return SessionManager(**{"agent": Echo(), "clock": Ticks(), **given}).with_store(store)


def task(name: str) -> Task:
    return Task(id=name, content="do it", status=TaskStatus.PENDING)


async def again(store: SessionStore) -> AgentSession:
    return AgentSession(*await restore_session(store, "main", SessionOptions(auto_save=True)))


class Slow(MemorySessionStore):
    """Its saves and deletes wait at a gate while there is one; `entered` says that one came."""

    def __init__(self) -> None:
        super().__init__()
        self.gates: dict[str, asyncio.Event] = {}
        self.entered = asyncio.Event()

    async def _wait(self, what: str) -> None:
        gate = self.gates.get(what)
        if gate is not None:
            self.entered.set()
            await gate.wait()

    async def save_changes(self, changes: Any, **given: Any) -> Any:
        await self._wait("save")
        return await super().save_changes(changes, **given)

    async def delete(self, session_id: str, **given: Any) -> None:
        await self._wait("delete")
        await super().delete(session_id, **given)

    async def load_loop_checkpoint(self, run_id: str) -> LoopCheckpoint | None:
        await self._wait("load")
        return await super().load_loop_checkpoint(run_id)


class Crash(BaseException):
    """Nothing is settled after this."""


async def crashed(store: SessionStore, rounds: int) -> str:
    """A session whose run crashed after so many rounds; returns the run's id."""

    class Crashing:
        async def run(self, run: ActiveRun) -> AgentResult:
            await Echo(rounds=rounds).run(run)
            raise Crash

    live = make(store)
    await live.save()
    with pytest.raises(Crash):
        await live.send("hello", Crashing(), run_id="run-1")
    return "run-1"


# -- Errors ---------------------------------------------------------------------------------------


def test_whatever_a_store_raises_an_auto_save_does_not() -> None:
    """P6: any error."""

    class Foreign(MemorySessionStore):
        async def save_changes(self, changes: Any, **given: Any) -> Any:
            raise RuntimeError("of another store")

    async def main() -> None:
        live = make(Foreign())
        result = await live.send("hello", Echo())
        assert result.text == "you said: hello"
        assert not await live.persistence.auto_save_if_enabled()

    run(main())


def test_whatever_a_store_raises_a_round_is_done() -> None:
    """K2: a save that fails does not fail the run."""

    class Foreign(MemorySessionStore):
        async def save_changes(self, changes: Any, **given: Any) -> Any:
            if changes.checkpoint is not None:
                raise RuntimeError("of another store")
            return await super().save_changes(changes, **given)

    async def main() -> None:
        live = make(Foreign())
        assert (await live.send("hello", Echo(rounds=1))).text == "you said: hello"

    run(main())


def test_a_run_settles_whatever_the_text_of_its_error() -> None:
    """Names of files that are no UTF-8 are in the errors about them."""

    class Broken:
        async def run(self, run: ActiveRun) -> AgentResult:
            raise FileNotFoundError(BAD)

    async def main() -> None:
        live = make(MemorySessionStore())
        with pytest.raises(FileNotFoundError):
            await live.send("hello", Broken())
        assert [run.status for run in live.session.runs.snapshots()] == [RunStatus.FAILED]
        await live.save()

    run(main())


def test_a_prompt_that_cannot_be_saved_is_refused_at_the_door() -> None:
    """Else the session could not be saved until its run is forgotten."""

    async def main() -> None:
        live = make(MemorySessionStore())
        with pytest.raises(EncodeError):
            await live.send(BAD, Echo())
        await live.send("hello", Echo())
        await live.save()

    run(main())


def test_a_result_that_cannot_be_saved_fails_its_run_and_not_the_session() -> None:
    class Odd:
        async def run(self, run: ActiveRun) -> AgentResult:
            used = TokenUsage(prompt_tokens=-1)
            return AgentResult(text="", messages=(*run.messages, Message.assistant("")), usage=used)

    async def main() -> None:
        live = make(MemorySessionStore())
        with pytest.raises(EncodeError):
            await live.send("hello", Odd())
        assert [run.status for run in live.session.runs.snapshots()] == [RunStatus.FAILED]
        await live.save()

    run(main())


# -- Cancellation ---------------------------------------------------------------------------------


def test_a_run_that_is_cancelled_before_its_first_step_settles() -> None:
    async def main() -> None:
        live = make(MemorySessionStore())
        asking = asyncio.create_task(live.send("hello", Echo()))
        await asyncio.sleep(0)
        assert await live.cancel()
        with pytest.raises(RunCancelledError):
            await asking
        assert [run.status for run in live.session.runs.snapshots()] == [RunStatus.CANCELLED]

    run(main())


def test_a_stream_that_is_left_at_once_settles_its_run() -> None:
    async def main() -> None:
        live = make(MemorySessionStore())
        async with live.stream("hello", Echo()):
            pass
        gc.collect()
        assert [run.status for run in live.session.runs.snapshots()] == [RunStatus.CANCELLED]

    run(main())


def test_a_cancellation_while_a_stream_is_left_is_not_lost() -> None:
    async def main() -> None:
        store = Slow()
        live = make(store)
        store.gates["save"] = asyncio.Event()
        went_on = False

        async def listen() -> None:
            nonlocal went_on
            async with live.stream("hello", Echo()):
                # The run is being settled: the block is left while it saves.
                await store.entered.wait()
            went_on = True

        listening = asyncio.create_task(listen())
        await store.entered.wait()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        listening.cancel()
        await asyncio.sleep(0)
        store.gates.pop("save").set()
        with pytest.raises(asyncio.CancelledError):
            await listening
        assert not went_on

    run(main())


def test_no_error_of_a_streamed_run_is_left_for_the_collector() -> None:
    class Broken:
        async def run(self, run: ActiveRun) -> AgentResult:
            raise RuntimeError("no model today")

    async def main() -> None:
        told: list[str] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context["message"]))
        live = make(None)

        async def listen() -> None:
            async with live.stream("hello", Broken()) as stream:
                async for _ in stream:
                    pass
                raise KeyError("of the application")

        with pytest.raises(KeyError):
            await listen()
        gc.collect()
        assert told == []

    run(main())


def test_a_run_of_a_closed_session_does_not_begin() -> None:
    """Section 1.7: closed is SessionClosed, whatever was being loaded."""

    async def main() -> None:
        store = Slow()
        run_id = await crashed(store, 1)
        live = await again(store)
        gate = store.gates["load"] = asyncio.Event()
        resuming = asyncio.create_task(live.resume_run(run_id, Echo()))
        await store.entered.wait()
        closing = asyncio.create_task(live.close())
        await asyncio.sleep(0)
        gate.set()
        with pytest.raises((SessionClosedError, RunCancelledError)):
            await resuming
        assert await closing

    run(main())


# -- Closing and destroying -----------------------------------------------------------------------


def test_closing_that_was_cancelled_can_be_done_again() -> None:
    async def main() -> None:
        store = Slow()
        live = make(store)
        store.gates["save"] = asyncio.Event()
        closing = asyncio.create_task(live.close())
        await store.entered.wait()
        closing.cancel()
        store.gates.pop("save").set()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert await live.close()
        assert await store.exists("main")

    run(main())


def test_who_closes_second_waits_for_the_first() -> None:
    async def main() -> None:
        store = Slow()
        sessions = manager(store)
        await sessions.create_session("main")
        await sessions.set_tasks("main", [task("t")])
        sessions.get_session("main").session.total_cost = 1.0
        gate = store.gates["save"] = asyncio.Event()
        first = asyncio.create_task(sessions.close_session("main"))
        await store.entered.wait()
        second = asyncio.create_task(sessions.close_session("main"))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not second.done()
        del store.gates["save"]
        gate.set()
        await asyncio.gather(first, second)
        # Closing the earlier live session does not remove one restored since.
        await sessions.restore_session_by_id("main")
        assert sessions.list_sessions() == ["main"]
        await sessions.shutdown()

    run(main())


def test_what_comes_late_does_not_save_a_session_that_was_closed() -> None:
    """The one that was restored since would lose what was said in it."""

    class Thinking(Summaries):
        gate = asyncio.Event()

        async def summarize(self, prompt: str) -> str:
            await self.gate.wait()
            return "a title"

    async def main() -> None:
        store = MemorySessionStore()
        summarizer = Thinking()
        sessions = manager(store, summarizer=summarizer)
        await sessions.create_session("main")
        await sessions.generate("main", "hello")
        naming = asyncio.create_task(sessions.generate_title("main"))
        await asyncio.sleep(0)
        await sessions.close_session("main")
        await sessions.restore_session_by_id("main")
        await sessions.generate("main", "and again")
        summarizer.gate.set()
        await asyncio.wait([naming])
        naming.exception()
        stored = await store.load("main")
        assert stored is not None
        assert len(stored.messages) == 4
        await sessions.shutdown()

    run(main())


def test_a_save_that_waits_does_not_bring_back_what_was_destroyed() -> None:
    async def main() -> None:
        store = Slow()
        sessions = manager(store)
        await sessions.create_session("main")
        gate = store.gates["save"] = asyncio.Event()
        first = asyncio.create_task(sessions.set_tasks("main", [task("a")]))
        await store.entered.wait()
        second = asyncio.create_task(sessions.pause("main"))
        await asyncio.sleep(0)
        destroying = asyncio.create_task(sessions.destroy_session("main"))
        for _ in range(10):
            await asyncio.sleep(0)
        del store.gates["save"]
        gate.set()
        await asyncio.gather(first, second, destroying)
        assert not await store.exists("main")

    run(main())


def test_an_id_is_taken_until_its_session_is_deleted() -> None:
    """Else the deletion takes the new session along."""

    async def main() -> None:
        store = Slow()
        sessions = manager(store)
        await sessions.create_session("main", SessionConfig(storage_type=StorageBackend.MEMORY))
        gate = store.gates["delete"] = asyncio.Event()
        destroying = asyncio.create_task(sessions.destroy_session("main"))
        await store.entered.wait()
        created = False
        try:
            await sessions.create_session("main")
            created = True
        except SessionError:
            pass
        gate.set()
        await destroying
        assert await store.exists("main") is created
        await sessions.shutdown()

    run(main())


def test_the_agent_of_a_destroyed_session_does_not_answer_in_the_next() -> None:
    async def main() -> None:
        sessions = manager(MemorySessionStore())
        await sessions.create_session("main")
        sessions.set_agent("main", Echo(rounds=1))
        await sessions.destroy_session("main")
        await sessions.create_session("main")
        assert len((await sessions.generate("main", "hello")).messages) == 2
        await sessions.shutdown()

    run(main())


def test_an_answer_is_not_lost_to_a_session_that_closes_behind_it() -> None:
    async def main() -> None:
        store = Slow()
        sessions = manager(store)
        await sessions.create_session("main")
        gate = store.gates["save"] = asyncio.Event()
        asking = asyncio.create_task(sessions.generate("main", "hello"))
        await store.entered.wait()
        closing = asyncio.create_task(sessions.destroy_session("main"))
        await asyncio.sleep(0)
        gate.set()
        assert (await asking).text == "you said: hello"
        await closing

    run(main())


def test_a_guard_that_fails_does_not_keep_the_others_from_being_saved() -> None:
    class Guard:
        def teardown(self) -> None:
            raise RuntimeError("no teardown today")

    async def main() -> None:
        store = MemorySessionStore()
        sessions = manager(store)
        (await sessions.create_session("a")).session.security = Guard()
        live = await sessions.create_session("b")
        live.session.add_message(Message.user("not saved yet"))
        assert all(await sessions.shutdown())
        stored = await store.load("b")
        assert stored is not None
        assert len(stored.messages) == 1

    run(main())


def test_a_session_made_while_shutting_down_is_closed_too() -> None:
    async def main() -> None:
        store = Slow()
        sessions = manager(store)
        await sessions.create_session("a")
        sessions.get_session("a").session.total_cost = 1.0
        gate = store.gates["save"] = asyncio.Event()
        leaving = asyncio.create_task(sessions.shutdown())
        await store.entered.wait()
        making = asyncio.create_task(sessions.create_session("b"))
        for _ in range(5):
            await asyncio.sleep(0)
        del store.gates["save"]
        gate.set()
        await leaving
        live = await making
        assert live.admission.closed

    run(main())


def test_a_store_that_cannot_list_does_not_keep_the_others_from_loading() -> None:
    class Gone(MemorySessionStore):
        async def list(self) -> list[str]:
            raise StoreUnavailableError("the disk is gone")

    async def main() -> None:
        other = MemorySessionStore()
        await other.save(session("main"))
        sessions = SessionManager(clock=Ticks()).with_store(Gone())
        sessions.with_store(other, StorageBackend.CUSTOM)
        assert (await sessions.load_all_sessions()).loaded == ("main",)
        await sessions.shutdown()

    run(main())


# -- What is kept ---------------------------------------------------------------------------------


def test_usage_told_to_the_session_is_stored_with_its_cost() -> None:
    """U1: what `update_usage` counts is in the totals that are kept."""

    async def main() -> None:
        store = MemorySessionStore()
        live = make(store)
        result = await live.send("hello", Echo())
        live.session.update_usage(result.usage)
        await live.save()
        stored = await store.load("main")
        assert stored is not None
        assert stored.total_usage == live.session.total_usage
        assert len(stored.cost_records) == 2

    run(main())


def test_a_checkpoint_outlives_its_run_until_what_it_holds_was_saved() -> None:
    """Invariant 3 of agent_session, for a session that does not save itself."""

    async def main() -> None:
        store = MemorySessionStore()
        live = make(store, auto_save=False)
        await live.send("hello", Echo(rounds=1), run_id="run-1")
        assert await store.load_loop_checkpoint("run-1") is not None
        await live.save()
        assert await store.load_loop_checkpoint("run-1") is None

    run(main())


def test_a_checkpoint_that_a_failed_save_left_goes_with_the_next() -> None:
    """K3."""

    async def main() -> None:
        store = Moody()
        store.gone = True
        live = make(store)
        await live.send("hello", Echo(rounds=1))
        store.gone = False
        await live.send("and again", Echo(rounds=1))
        assert (await store.inventory()).loop_checkpoints == ()

    run(main())


def test_a_checkpoint_given_up_while_saves_fail_goes_with_the_next() -> None:
    """K3."""

    async def main() -> None:
        store = Moody()
        run_id = await crashed(store, 1)
        live = await again(store)
        store.gone = True
        with pytest.raises(SessionError):
            await live.abandon_run(run_id)
        store.gone = False
        await live.save()
        assert (await store.inventory()).loop_checkpoints == ()

    run(main())


def test_a_run_that_did_not_end_is_not_let_go_for_newer_ones() -> None:
    """Its checkpoint would not be found again."""

    async def main() -> None:
        store = MemorySessionStore()
        await crashed(store, 1)
        live = await again(store)
        for number in range(live.session.runs.limits.max_runs or 0):
            live.session.runs.create_run("main", f"prompt {number}")
            live.session.runs.mark_cancelled(live.session.runs.snapshots()[-1].id)
        assert [run.run_id for run in await live.interrupted_runs()] == ["run-1"]

    run(main())


def test_reports_of_the_rounds_before_a_crash_come_back() -> None:
    """A checkpoint has them, and nothing else does."""

    class Reporting:
        async def run(self, run: ActiveRun) -> AgentResult:
            await run.checkpoint(run.messages, (report(1),))
            raise Crash

    async def main() -> None:
        store = MemorySessionStore()
        live = make(store)
        await live.save()
        with pytest.raises(Crash):
            await live.send("hello", Reporting(), run_id="run-1")
        live = await again(store)
        await live.resume_run("run-1", Echo())
        assert live.session.verification_reports == (report(1),)

    run(main())


def test_going_on_with_a_run_does_not_forget_what_was_said_since() -> None:
    async def main() -> None:
        store = MemorySessionStore()
        run_id = await crashed(store, 1)
        live = await again(store)
        await live.send("never mind", Echo())
        said = live.session.messages
        try:
            await live.resume_run(run_id, Echo())
        except SessionError:
            pass
        assert set(said) <= set(live.session.messages)

    run(main())


def test_pins_are_kept_by_a_store_that_is_written_step_by_step(tmp_path: Path) -> None:
    """A4: what is pinned before a save is pinned after a restart."""

    async def main() -> None:
        async with FileSessionStore.open(tmp_path / "store") as store:
            live = make(store)
            live.session.artifacts.put(artifact(1))
            live.session.artifacts.pin_uris([artifact(1).artifact_uri])
            await live.save()
            restored = await again(store)
            assert restored.session.artifacts.retained_uris() == (artifact(1).artifact_uri,)

    run(main())


# -- Settings -------------------------------------------------------------------------------------


def test_a_policy_changed_after_a_restore_is_the_one_that_decides() -> None:
    """L25 to L27: the checker that came with the stored policy is of the live one."""

    async def main() -> None:
        store = MemorySessionStore()
        policy = PermissionPolicy(allow=(PermissionRule(rule="bash"),))
        await store.save(session("main", config=SessionConfig(permission_policy=policy)))
        live = (await again(store)).session
        assert live.permission_checker.check("bash", {}) is PermissionDecision.ALLOW
        live.add_deny_rule("bash")
        assert live.permission_checker.check("bash", {}) is PermissionDecision.DENY

    run(main())


def test_pairs_are_kept_without_a_model_too() -> None:
    async def main() -> None:
        live = Session("main", clock=Ticks())
        call = Message.assistant("").evolve(content=(ToolUseBlock(id="c", name="bash", input={}),))
        live.replace_messages((*messages(5), call, Message.tool_result("c", "done"), *messages(19)))
        assert await live.compact(None, keep_pairs=True)
        assert call in live.messages

    run(main())


def test_restoring_does_not_change_which_model_a_session_has() -> None:
    """Not even one whose provider has a slash in its name, or keys of a later release."""
    llm = LlmConfigData(provider="gateway/eu", model="m", extra={"later": 1})

    async def main() -> None:
        store = MemorySessionStore()
        await store.save(session("main", llm_config=llm, model_name="m"))
        live = await again(store)
        await live.save()
        stored = await store.load("main")
        assert stored is not None
        assert stored.llm_config == llm

    run(main())


def test_a_model_without_a_provider_is_still_the_callers() -> None:
    """Section 1.3: the caller wins, and is not charged for another model."""
    llm = LlmConfigData(provider="openai", model="gpt-4o")

    async def main() -> None:
        store = MemorySessionStore()
        await store.save(session("main", llm_config=llm, model_name="gpt-4o"))
        live, _ = await restore_session(store, "main", SessionOptions(model="my-model"))
        assert (live.model_name, live.llm_config) == ("my-model", None)

    run(main())
