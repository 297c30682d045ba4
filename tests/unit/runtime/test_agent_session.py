"""Runs in a session: how they end, what is kept of them, and that one thing happens at once."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a3s_store import MemorySessionStore, SqliteSessionStore
from a3s_store.core.protocol import SessionStore
from a3s_store.errors import (
    RunCancelledError,
    SessionBusyError,
    SessionClosedError,
    SessionError,
)
from a3s_store.models import (
    AgentEnd,
    AgentError,
    AgentStart,
    ConfirmationRequired,
    LoopCheckpoint,
    Message,
    RunStatus,
    TextDelta,
    TokenUsage,
    ToolUseBlock,
)
from a3s_store.runtime.agent_session import AgentSession
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.options import SessionOptions
from a3s_store.runtime.persistence.restore import restore_session
from a3s_store.runtime.persistence.save import SessionPersistence
from a3s_store.runtime.policies.tool_calls import Tool, ToolOutput, guarded_call
from a3s_store.runtime.runs.active_run import ActiveRun, AgentResult
from tests.everything import report
from tests.support import messages, trace
from tests.unit.runtime.live import Echo, Hang, Moody, Summaries, Ticks, crash, usage


def make(store: SessionStore | None, *, auto_save: bool = True, **given: Any) -> AgentSession:
    session = Session("fix-login", **({"clock": Ticks()} | given))
    options = SessionOptions(auto_save=auto_save)
    return AgentSession(session, SessionPersistence(session, store, options=options))


def statuses(session: Session) -> list[RunStatus]:
    return [run.status for run in session.runs.snapshots()]


# -- A run that ends well -------------------------------------------------------------------------


def test_a_run_is_recorded_counted_and_saved() -> None:
    """Section 1.7, run end; completed run clears its checkpoint."""

    async def main() -> None:
        store = MemorySessionStore()
        live = make(store)
        subscription = live.session.events.subscribe()
        result = await live.send("hello", Echo(rounds=2))
        assert result.messages[-1] == Message.assistant("you said: hello")
        assert live.session.messages == result.messages
        assert statuses(live.session) == [RunStatus.COMPLETED]
        saved = await store.load_snapshot("fix-login")
        assert saved is not None
        assert saved.session.messages == result.messages
        assert saved.session.total_usage == usage()
        assert saved.run_records == live.session.runs.records()
        assert (await store.inventory()).loop_checkpoints == ()
        seen = subscription.pending()
        assert seen[0] == AgentStart(prompt="hello")
        assert isinstance(seen[-1], AgentEnd)

    asyncio.run(main())


def test_snapshots_accumulate_completed_usage_and_keep_created_at() -> None:
    """Section 1.8."""

    async def main() -> None:
        store = MemorySessionStore()
        ticks = Ticks()
        live = make(store, clock=ticks)
        created = live.session.created_at
        for number in range(3):
            ticks.advance(60_000)
            await live.send(f"turn {number}", Echo())
        saved = await store.load("fix-login")
        assert saved is not None
        assert saved.total_usage == usage(30, 15)
        assert (saved.created_at, saved.updated_at) == (created, ticks() // 1000)
        assert len(saved.cost_records) == 3

    asyncio.run(main())


def test_without_auto_save_nothing_of_the_session_is_saved() -> None:
    async def main() -> None:
        store = MemorySessionStore()
        live = make(store, auto_save=False)
        await live.send("hello", Echo())
        assert not await store.exists("fix-login")
        await live.save()
        assert await store.exists("fix-login")

    asyncio.run(main())


def test_a_run_without_a_store_is_a_run_all_the_same() -> None:
    """P2, P17: no store is no error."""

    async def main() -> None:
        live = make(None)
        result = await live.send("hello", Echo(rounds=1))
        assert live.session.messages == result.messages
        await live.save()
        assert await live.interrupted_runs() == ()
        with pytest.raises(SessionError) as caught:
            await live.resume_run("run-1", Echo())
        assert caught.value.what == "resume_run requires a session_store on this session"

    asyncio.run(main())


# -- A run that does not --------------------------------------------------------------------------


def test_a_run_that_fails_at_once_leaves_its_prompt() -> None:
    """Section 1.7: marked as failed. Upstream forgets the prompt; so does `keep_prompt=False`."""

    class Broken:
        async def run(self, run: ActiveRun) -> AgentResult:
            raise RuntimeError("no model today")

    async def main() -> None:
        live = make(MemorySessionStore())
        await live.send("hello", Echo())
        before = live.session.messages
        with pytest.raises(RuntimeError):
            await live.send("again", Broken())
        assert live.session.messages == (*before, Message.user("again"))
        assert statuses(live.session) == [RunStatus.COMPLETED, RunStatus.FAILED]
        last = live.session.runs.records()[-1]
        assert last.events[-1].event == AgentError(message="no model today")
        assert last.snapshot.error == "no model today"
        await live.send("once more", Echo())

    asyncio.run(main())


async def fail(run: ActiveRun) -> None:
    raise RuntimeError("the tool broke the agent")


def test_the_rounds_that_a_failed_run_finished_are_kept_and_saved() -> None:
    """P16: and only then is the checkpoint removed (K3)."""

    async def main() -> None:
        store = MemorySessionStore()
        live = make(store)
        with pytest.raises(RuntimeError):
            await live.send("hello", Echo(rounds=2, between=fail))
        saved = await store.load("fix-login")
        assert saved is not None
        assert len(saved.messages) == 3
        assert saved.messages == live.session.messages
        assert (await store.inventory()).loop_checkpoints == ()

    asyncio.run(main())


def test_cancelling_a_run_is_not_cancelling_who_waits_for_it() -> None:
    """Section 10: cancel_operation; cancelled is what the record says."""

    async def main() -> None:
        store = MemorySessionStore()
        live = make(store)
        hang = Hang()
        waiting = asyncio.create_task(live.send("hello", Echo(rounds=1, between=hang)))
        await hang.begun.wait()
        assert await live.cancel()
        with pytest.raises(RunCancelledError):
            await waiting
        assert not await live.cancel()
        assert statuses(live.session) == [RunStatus.CANCELLED]
        saved = await store.load("fix-login")
        assert saved is not None
        assert len(saved.messages) == 3
        await live.send("on we go", Echo())

    asyncio.run(main())


def test_who_is_cancelled_while_waiting_cancels_the_run_and_it_settles_first() -> None:
    async def main() -> None:
        store = MemorySessionStore()
        live = make(store)
        hang = Hang()
        waiting = asyncio.create_task(live.send("hello", Echo(rounds=1, between=hang)))
        await hang.begun.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert statuses(live.session) == [RunStatus.CANCELLED]
        assert live.admission.active is None
        assert (await store.load("fix-login")) is not None

    asyncio.run(main())


def test_cancelling_answers_every_question_asked_of_a_human() -> None:
    """Section 10: cancel_operation; H4."""

    async def main() -> None:
        live = make(None)
        request = live.session.confirmation.request_confirmation("1", "bash", {})
        assert not await live.cancel()
        answer = await request
        assert (answer.approved, answer.reason) == (False, "Confirmation cancelled")

    asyncio.run(main())


def test_a_failed_save_leaves_the_checkpoint() -> None:
    """K3, P17: the rounds since the last save are in the checkpoint alone."""

    async def main() -> None:
        store = Moody()
        live = make(store)

        async def fail(run: ActiveRun) -> None:
            store.gone = True

        result = await live.send("hello", Echo(rounds=1, between=fail))
        (run,) = live.session.runs.snapshots()
        checkpoint = await store.load_loop_checkpoint(run.id)
        assert checkpoint is not None
        assert checkpoint.messages == result.messages[:3]

    asyncio.run(main())


# -- One thing at once ----------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["send", "save", "compact", "stream", "resume_run"])
def test_a_second_operation_is_refused_at_once(operation: str) -> None:
    """Section 1.7, single flight: never queued."""

    async def main() -> None:
        live = make(MemorySessionStore())
        inside, go_on = asyncio.Event(), asyncio.Event()

        async def wait(run: ActiveRun) -> None:
            inside.set()
            await go_on.wait()

        first = asyncio.create_task(live.send("hello", Echo(rounds=1, between=wait)))
        await inside.wait()
        with pytest.raises(SessionBusyError) as caught:
            await begin(live, operation)
        assert caught.value.session_id == "fix-login"
        go_on.set()
        await first
        assert len(live.session.runs) == 1

    asyncio.run(main())


async def begin(live: AgentSession, operation: str) -> None:
    if operation == "send":
        await live.send("me too", Echo())
    elif operation == "save":
        await live.save()
    elif operation == "compact":
        await live.compact(Summaries())
    elif operation == "resume_run":
        await live.resume_run("run", Echo())
    else:
        async with live.stream("me too", Echo()):
            pass


@pytest.mark.parametrize("operation", ["send", "save", "compact", "stream", "resume_run"])
def test_a_closed_session_refuses(operation: str) -> None:
    """Section 1.7: closing is idempotent."""

    async def main() -> None:
        live = make(MemorySessionStore())
        assert await live.close()
        assert await live.close()
        with pytest.raises(SessionClosedError):
            await begin(live, operation)

    asyncio.run(main())


def test_closing_cancels_what_runs_and_saves() -> None:
    """Section 1.7, close."""

    async def main() -> None:
        store = MemorySessionStore()
        live = make(store)
        hang = Hang()
        waiting = asyncio.create_task(live.send("hello", Echo(rounds=1, between=hang)))
        await hang.begun.wait()
        request = live.session.confirmation.request_confirmation("1", "bash", {})
        subscription = live.session.events.subscribe()
        assert await live.close()
        with pytest.raises(RunCancelledError):
            await waiting
        assert not (await request).approved
        assert statuses(live.session) == [RunStatus.CANCELLED]
        saved = await store.load_snapshot("fix-login")
        assert saved is not None
        assert saved.run_records == live.session.runs.records()
        assert [event async for event in subscription] == []  # it ends

    asyncio.run(main())


# -- Streams --------------------------------------------------------------------------------------


def test_a_stream_gives_the_events_as_they_come_and_then_the_result() -> None:
    async def main() -> None:
        live = make(MemorySessionStore())
        async with live.stream("hello", Echo()) as stream:
            seen = [event async for event in stream]
            result = await stream.result()
        assert seen[0] == AgentStart(prompt="hello")
        assert isinstance(seen[-1], AgentEnd)
        assert live.session.messages == result.messages

    asyncio.run(main())


def test_leaving_a_stream_cancels_its_run_and_waits_for_the_end() -> None:
    """Section 1.7: the lease is held until then, even if the handle is dropped."""

    async def main() -> None:
        live = make(MemorySessionStore())

        async with live.stream("hello", Echo(rounds=1, between=Hang())) as stream:
            async for _ in stream:
                break
            with pytest.raises(SessionBusyError):
                await live.save()
        assert statuses(live.session) == [RunStatus.CANCELLED]
        assert live.admission.active is None
        await live.save()

    asyncio.run(main())


def test_what_a_streamed_run_raises_is_not_lost() -> None:
    async def main() -> None:
        live = make(None)
        with pytest.raises(RuntimeError, match="broke"):
            async with live.stream("hello", Echo(rounds=1, between=fail)) as stream:
                assert [event async for event in stream]

    asyncio.run(main())


# -- Going on after a crash -----------------------------------------------------------------------


class Died(BaseException):
    """Neither an Exception nor a cancellation: nothing is settled, as when a process dies."""


@attrs.define
class Dying:
    """An agent whose process dies once this round of its run is done."""

    turn: int

    async def run(self, run: ActiveRun) -> AgentResult:
        if run.turn == self.turn:
            raise Died

        async def die(run: ActiveRun) -> None:
            if run.turn == self.turn:
                raise Died

        return await Echo(rounds=self.turn + 1, between=die).run(run)


async def crashed(store: SessionStore, turn: int) -> str:
    """A session whose process died in a run, after so many rounds; the run's id."""
    live = make(store)
    await live.send("first", Echo())
    with contextlib.suppress(Died):
        await live.send("second", Dying(turn))
    crash(live)
    return live.session.runs.snapshots()[-1].id


async def again(store: SessionStore) -> AgentSession:
    """The session in what would be a new process."""
    options = SessionOptions(auto_save=True)
    session, persistence = await restore_session(store, "fix-login", options, clock=Ticks())
    return AgentSession(session, persistence)


def test_resume_run_picks_up() -> None:
    """Section 1.8: a new id, no new user message, one checkpoint at any time."""

    async def main() -> None:
        store = MemorySessionStore()
        run_id = await crashed(store, 2)
        live = await again(store)
        (checkpoint,) = await live.interrupted_runs()
        assert (checkpoint.run_id, checkpoint.turn) == (run_id, 2)

        seen: list[ActiveRun] = []

        async def look(run: ActiveRun) -> None:
            seen.append(run)
            assert await store.load_loop_checkpoint(run_id) is None
            assert await store.load_loop_checkpoint(run.id) is not None

        result = await live.resume_run(run_id, Echo(rounds=1, between=look))
        (run,) = seen
        assert run.id != run_id
        assert run.turn == 3
        assert result.messages[: len(checkpoint.messages)] == checkpoint.messages
        asked = [message for message in result.messages if message.text == "second"]
        assert asked == [Message.user("second")]
        assert result.tool_calls_count == 3
        assert await live.interrupted_runs() == ()
        assert (await store.inventory()).loop_checkpoints == ()
        assert statuses(live.session) == [
            RunStatus.COMPLETED,
            RunStatus.CANCELLED,
            RunStatus.COMPLETED,
        ]

    asyncio.run(main())


def test_a_prompt_survives_a_crash_before_the_first_round_is_done() -> None:
    async def main() -> None:
        store = MemorySessionStore()
        await crashed(store, 0)
        live = await again(store)
        (checkpoint,) = await live.interrupted_runs()
        assert checkpoint.turn == 0
        assert checkpoint.messages[-1] == Message.user("second")
        result = await live.resume_run(checkpoint.run_id, Echo())
        assert result.text == "you said: second"

    asyncio.run(main())


def test_of_runs_that_went_on_from_each_other_the_last_is_the_interrupted_one() -> None:
    async def main() -> None:
        store = MemorySessionStore()
        first = await crashed(store, 1)
        live = await again(store)
        with contextlib.suppress(Died):
            await live.resume_run(first, Dying(3))
        crash(live)
        live = await again(store)
        (checkpoint,) = await live.interrupted_runs()
        assert (checkpoint.run_id == first, checkpoint.turn) == (False, 3)
        with contextlib.suppress(Died):
            # It dies at once: it has what the one it went on from had.
            await live.resume_run(checkpoint.run_id, Dying(3))
        crash(live)
        live = await again(store)
        (last,) = await live.interrupted_runs()
        assert (last.messages, last.turn) == (checkpoint.messages, checkpoint.turn)

    asyncio.run(main())


@pytest.mark.parametrize("rounds", [0, 2])
def test_a_resumed_run_that_fails_keeps_what_it_and_the_old_one_finished(rounds: int) -> None:

    class Failing:
        async def run(self, run: ActiveRun) -> AgentResult:
            await Echo(rounds=rounds).run(run)
            raise RuntimeError("no model today")

    async def main() -> None:
        store = MemorySessionStore()
        run_id = await crashed(store, 1)
        live = await again(store)
        with pytest.raises(RuntimeError):
            await live.resume_run(run_id, Failing())
        assert await live.interrupted_runs() == ()
        assert (await store.inventory()).loop_checkpoints == ()
        saved = await store.load("fix-login")
        assert saved is not None
        assert len(saved.messages) == 2 + 1 + 2 * (1 + rounds)

    asyncio.run(main())


def test_a_run_is_not_resumed_over_what_was_said_since_and_can_be_kept() -> None:
    async def main() -> None:
        store = MemorySessionStore()
        run_id = await crashed(store, 1)
        live = await again(store)
        live.session.add_message(Message.user("never mind"))
        said = live.session.messages
        with pytest.raises(SessionError, match="went on without run"):
            await live.resume_run(run_id, Echo())
        assert live.session.messages == said
        (one,) = await live.interrupted_runs()
        assert (one.run_id, one.moved_on) == (run_id, True)
        assert await live.abandon_run(run_id) == 3
        assert live.session.messages == (*said, *one.said)
        assert await live.abandon_run("never was") == 0
        assert await live.interrupted_runs() == ()
        assert await (await again(store)).interrupted_runs() == ()
        assert (await store.inventory()).loop_checkpoints == ()

    asyncio.run(main())


@pytest.mark.parametrize("fails", [True, False])
def test_reports_of_a_runs_rounds_are_kept_however_it_ends(fails: bool) -> None:
    class Reporting:
        async def run(self, run: ActiveRun) -> AgentResult:
            await run.checkpoint(run.messages, (report(1),))
            if fails:
                raise RuntimeError("no model today")
            return AgentResult(text="", messages=run.messages, verification_reports=(report(2),))

    async def main() -> None:
        store = MemorySessionStore()
        live = make(store)
        with contextlib.suppress(RuntimeError):
            await live.send("hello", Reporting())
        saved = await store.load_verification_reports("fix-login")
        assert saved == ((report(1),) if fails else (report(1), report(2)))

    asyncio.run(main())


def test_the_id_of_a_run_is_not_used_again() -> None:
    async def main() -> None:
        live = make(None)
        await live.send("hello", Echo(), run_id="run-1")
        with pytest.raises(SessionError, match="already"):
            await live.send("hello", Echo(), run_id="run-1")
        assert live.admission.active is None

    asyncio.run(main())


def test_a_round_writes_what_is_new_however_long_the_conversation(tmp_path: Path) -> None:
    """Rows inserted by each of many rounds, and by the save at the end: O(new), counted."""
    path = tmp_path / "agent.a3s"
    written: list[int] = []

    async def main() -> None:
        async with SqliteSessionStore.open(path, durability="normal") as store:
            live = make(store)
            assert store._engine.writer is not None

            async def count() -> int:
                writer = store._engine.writer
                assert writer is not None
                return await writer.run(lambda conn: conn.total_changes)

            async def between(run: ActiveRun) -> None:
                run.record(TextDelta(text=f"round {run.turn}"))
                live.session.trace.record(trace(run.turn))
                written.append(await count())

            live.session.messages = messages(500)
            await live.save()
            before = await count()
            await live.send("hello", Echo(rounds=120, between=between))
            written.append(await count())
            assert written[0] - before < 30

    asyncio.run(main())
    steps = [later - earlier for earlier, later in itertools.pairwise(written)]
    # Two messages, an event, a trace event, and the bookkeeping of three saves.
    assert max(steps[1:-1]) <= min(steps[1:-1]) + 4
    assert max(steps) < 40


def test_usage_and_tool_calls_go_on_counting() -> None:
    """Section 1.7: 1000 + 2 = 1002."""

    class Two:
        async def run(self, run: ActiveRun) -> AgentResult:
            run.add_usage(TokenUsage(total_tokens=2))
            run.tool_calls_count += 1
            return AgentResult(
                text="",
                messages=run.messages,
                usage=run.usage,
                tool_calls_count=run.tool_calls_count,
            )

    async def main() -> None:
        store = MemorySessionStore()
        live = make(store)
        await store.save_loop_checkpoint(
            "old",
            LoopCheckpoint(
                run_id="old",
                session_id="fix-login",
                turn=4,
                messages=messages(5),
                total_usage=TokenUsage(total_tokens=1000),
                tool_calls_count=7,
                checkpoint_ms=1,
            ),
        )
        result = await live.resume_run("old", Two())
        assert (result.usage.total_tokens, result.tool_calls_count) == (1002, 8)
        assert live.persistence.state.total_usage.total_tokens == 1002

    asyncio.run(main())


@pytest.mark.parametrize(
    ("owner", "text"),
    [
        ("another", "refusing to resume checkpoint 'old': "),
        (None, "no loop checkpoint found for run 'old'"),
    ],
)
def test_a_checkpoint_of_another_session_or_none_begins_no_run(
    owner: str | None, text: str
) -> None:
    """K6, K7, section 1.8: rejects foreign session."""

    async def main() -> None:
        store = MemorySessionStore()
        live = make(store)
        if owner is not None:
            checkpoint = LoopCheckpoint(
                run_id="old", session_id=owner, turn=1, messages=(), checkpoint_ms=1
            )
            await store.save_loop_checkpoint("old", checkpoint)
        with pytest.raises(SessionError) as caught:
            await live.resume_run("old", Echo())
        assert caught.value.what.startswith(text)
        assert len(live.session.runs) == 0
        assert live.admission.active is None

    asyncio.run(main())


# -- Cancelled anywhere ---------------------------------------------------------------------------


class Bash:
    """A tool that takes a few turns of the loop."""

    name = "bash"

    async def run(self, args: Any) -> ToolOutput:
        await asyncio.sleep(0)
        return ToolOutput(content="done")


async def ask(run: ActiveRun) -> None:
    """A call of a tool that a human is asked about, who decides after a while."""
    confirmation = run.session.confirmation
    call = ToolUseBlock(id="c1", name="bash", input={"command": "ls"})

    async def answer() -> None:
        with run.session.events.subscribe() as events:
            async for event in events:
                if isinstance(event, ConfirmationRequired):
                    confirmation.confirm(event.tool_id, True)

    answering = asyncio.create_task(answer())
    await asyncio.sleep(0)
    try:
        await guarded_call(
            call,
            {"bash": _as_tool(Bash())},
            checker=run.session.permission_checker,
            confirmation=confirmation,
            emit=run.record,
        )
    finally:
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)


def _as_tool(tool: Any) -> Tool:
    return tool  # type: ignore[no-any-return]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 60), st.sampled_from(["waiter", "cancel", "close"]))
def test_cancelled_at_any_moment_a_session_and_its_store_are_whole(
    tmp_path_factory: pytest.TempPathFactory, moment: int, way: str
) -> None:
    """In the middle of a send, a question, a compaction, a save: rows are whole, nothing hangs."""
    path: Path = tmp_path_factory.mktemp("cancel") / "agent.a3s"

    async def work(live: AgentSession) -> None:
        await live.send("hello", Echo(rounds=2, between=ask))
        live.session.messages += messages(40)
        await live.compact(Summaries())
        await live.save()

    async def main() -> None:
        async with SqliteSessionStore.open(path, durability="normal") as store:
            live = make(store)
            working = asyncio.create_task(work(live))
            for _ in range(moment):
                await asyncio.sleep(0.0005)
            if way == "waiter":
                working.cancel()
            elif way == "cancel":
                await live.cancel()
            else:
                await live.close()
            async with asyncio.timeout(20):
                (error,) = await asyncio.gather(working, return_exceptions=True)
            assert isinstance(
                error,
                asyncio.CancelledError | RunCancelledError | SessionClosedError | None,
            )
            assert live.admission.active is None
            assert live.session.confirmation.pending_count == 0
            report = await store.verify(depth="deep")
            assert report.ok
            if way != "close":
                live.session.add_message(Message.user("still here"))
                await live.save()
                saved = await store.load_snapshot("fix-login")
                assert saved is not None
                assert saved.session.messages == live.session.messages

    asyncio.run(main())
