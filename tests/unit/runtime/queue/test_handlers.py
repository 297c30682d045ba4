"""Lanes handled here, outside, or here while others watch (runtime 7.3)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.errors import (
    CommandTimeoutError,
    EncodeError,
    ExternalTaskError,
    QueueClosedError,
)
from a3s_store.models import (
    CommandRetry,
    ExternalTaskCompleted,
    ExternalTaskPending,
    LaneHandlerConfig,
    RetryPolicyConfig,
    SessionLane,
    SessionQueueConfig,
    TaskHandlerMode,
)
from a3s_store.runtime.queue import LaneQueue
from a3s_store.runtime.queue.commands import Call, CommandHandle
from a3s_store.runtime.queue.handlers import ExternalTask, late
from a3s_store.wire import FrozenDict, decode, encode
from tests.unit.runtime.queueing import Events, HandClock, Work, closed_gate, queue, settle

EXECUTE, QUERY = SessionLane.EXECUTE, SessionLane.QUERY
OUTSIDE = LaneHandlerConfig(mode=TaskHandlerMode.EXTERNAL)
HYBRID = LaneHandlerConfig(mode=TaskHandlerMode.HYBRID)
EXTERNAL_QUEUE = SessionQueueConfig(lane_handlers={EXECUTE: OUTSIDE}, enable_dlq=True)


def at_once(**fields: Any) -> SessionQueueConfig:
    """A queue whose Execute lane is handled outside, with no time to complete."""
    handler = LaneHandlerConfig(mode=TaskHandlerMode.EXTERNAL, timeout_ms=1)
    return SessionQueueConfig(lane_handlers={EXECUTE: handler}, **fields)


async def pending(lanes_queue: LaneQueue) -> ExternalTask:
    """The one task that is outside."""
    await settle()
    (task,) = lanes_queue.pending_external_tasks()
    return task


def test_a_lane_that_is_not_configured_is_handled_here() -> None:
    """7.3: `LaneHandlerConfig` is Internal, 60 000 ms, unless said otherwise."""
    lanes_queue = LaneQueue("s", EXTERNAL_QUEUE, emit=Events())
    assert lanes_queue.get_lane_handler(EXECUTE) == OUTSIDE
    assert lanes_queue.get_lane_handler(QUERY) == LaneHandlerConfig(
        mode=TaskHandlerMode.INTERNAL, timeout_ms=60_000
    )
    assert lanes_queue.stats().lanes[EXECUTE].handler_mode is TaskHandlerMode.EXTERNAL


def test_an_internal_command_runs_here_and_is_told_to_nobody() -> None:
    """7.3, Internal: its payload need not even be JSON."""
    events = Events()

    async def main() -> None:
        async with queue(events=events) as lanes_queue:
            assert await lanes_queue.submit(EXECUTE, Work(payload=object())) == "work"

    asyncio.run(main())
    assert events.all == []


def test_an_external_command_waits_for_its_answer() -> None:
    """7.3, External: it is announced and registered, occupies a slot, and is not run here."""
    events, clock = Events(), HandClock(42)

    async def main() -> None:
        async with queue(EXTERNAL_QUEUE, events=events, clock=clock) as lanes_queue:
            payload = {"command": ["ls", "-l"]}
            work = Work("bash", payload=payload)
            handle = lanes_queue.submit(EXECUTE, work)
            payload["command"].append("changed after it was submitted")
            task = await pending(lanes_queue)
            assert task == ExternalTask(
                task_id=task.task_id,
                session_id="fix-login",
                lane=EXECUTE,
                command_type="bash",
                payload={"command": ["ls", "-l"]},
                timeout_ms=60_000,
                created_at_ms=42,
            )
            assert isinstance(task.payload, FrozenDict)
            assert decode(ExternalTask, encode(task) | {"payload": {}}).task_id == task.task_id
            assert events.all == [task.event()]
            stats = lanes_queue.stats()
            assert (stats.external_pending, stats.lanes[EXECUTE].active) == (1, 1)

            assert lanes_queue.complete_external_task(task.task_id, True, {"lines": 3})
            assert await handle == {"lines": 3}
            assert work.attempts == 0
            assert lanes_queue.pending_external_tasks() == ()
            assert events.of(ExternalTaskCompleted) == [
                ExternalTaskCompleted(task_id=task.task_id, session_id="fix-login", success=True)
            ]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("error", "what"), [(None, "External task failed"), ("no such file", "no such file"), ("", "")]
)
def test_a_task_that_failed_outside_fails_its_command(error: str | None, what: str) -> None:
    """7.3: with the text that was given, or upstream's."""
    events = Events()

    async def main() -> None:
        async with queue(EXTERNAL_QUEUE, events=events) as lanes_queue:
            handle = lanes_queue.submit(EXECUTE, Work())
            task = await pending(lanes_queue)
            assert lanes_queue.complete_external_task(task.task_id, False, "ignored", error)
            with pytest.raises(ExternalTaskError) as caught:
                await handle
            assert caught.value.what == what
            assert len(lanes_queue.dead_letters()) == 1
            (told,) = events.of(ExternalTaskCompleted)
            assert told.success is False

    asyncio.run(main())


def test_a_task_is_answered_once() -> None:
    """7.3: returns False for an unknown or completed task, and emits nothing."""
    events = Events()

    async def main() -> None:
        async with queue(EXTERNAL_QUEUE, events=events) as lanes_queue:
            handle = lanes_queue.submit(EXECUTE, Work())
            task = await pending(lanes_queue)
            assert not lanes_queue.complete_external_task("nope", True, "no")
            assert lanes_queue.complete_external_task(task.task_id, True, "first")
            assert not lanes_queue.complete_external_task(task.task_id, True, "second")
            assert await handle == "first"
            assert not lanes_queue.complete_external_task(task.task_id, False)
        assert len(events.of(ExternalTaskCompleted)) == 1

    asyncio.run(main())


def test_a_late_task_is_removed() -> None:
    """7.3: without an event; upstream is silent too."""
    events = Events()

    async def main() -> None:
        async with queue(at_once(), events=events) as lanes_queue:
            with pytest.raises(CommandTimeoutError) as caught:
                await lanes_queue.submit(EXECUTE, Work("bash"))
            assert caught.value.what == "Command timed out after 1ms"
            assert lanes_queue.pending_external_tasks() == ()
            (announced,) = events.of(ExternalTaskPending)
            assert not lanes_queue.complete_external_task(announced.task_id, True)
            assert events.of(ExternalTaskCompleted) == []

    asyncio.run(main())


@pytest.mark.parametrize(
    ("timeout_ms", "text"), [(1, "1ms"), (999, "999ms"), (60_000, "60s"), (1_500, "1.5s")]
)
def test_a_timeout_is_written_as_upstream_writes_it(timeout_ms: int, text: str) -> None:
    """Q3, 7.3."""
    assert late(timeout_ms, "here").what == f"Command timed out after {text}"


def test_each_attempt_outside_is_a_task_of_its_own() -> None:
    """Q4, 7.3: the result of an earlier attempt comes too late."""
    policy = RetryPolicyConfig(strategy="fixed", max_retries=2, fixed_delay_ms=0)
    events = Events()

    async def main() -> None:
        async with queue(at_once(retry_policy=policy), events=events) as lanes_queue:
            with pytest.raises(CommandTimeoutError):
                await lanes_queue.submit(EXECUTE, Work())
            assert len({event.task_id for event in events.of(ExternalTaskPending)}) == 3
            assert [event.attempt for event in events.of(CommandRetry)] == [1, 2]

    asyncio.run(main())


def test_the_queues_own_timeout_ends_a_task_outside_too() -> None:
    """Q3, 7.3: whichever is shorter; upstream forgets to remove the task then."""
    config = SessionQueueConfig(lane_handlers={EXECUTE: OUTSIDE}, default_timeout_ms=1)

    async def main() -> None:
        async with queue(config) as lanes_queue:
            with pytest.raises(CommandTimeoutError):
                await lanes_queue.submit(EXECUTE, Work())
            assert lanes_queue.pending_external_tasks() == ()

    asyncio.run(main())


@pytest.mark.parametrize("outcome", ["fine", OSError("no"), asyncio.CancelledError()])
def test_a_hybrid_command_runs_here_between_two_events(outcome: Any) -> None:
    """7.3, Hybrid: the task is never in the pending list, and its end is told however it came."""
    events = Events()
    config = SessionQueueConfig(lane_handlers={EXECUTE: HYBRID})

    async def main() -> None:
        async with queue(config, events=events) as lanes_queue:
            gate = asyncio.Event()
            work = Work("bash", outcome, gate=gate)
            handle = lanes_queue.submit(EXECUTE, work)
            await settle()
            (announced,) = events.all
            assert isinstance(announced, ExternalTaskPending)
            assert announced.payload == {"name": "bash"}
            assert lanes_queue.pending_external_tasks() == ()
            assert lanes_queue.stats().external_pending == 0
            assert not lanes_queue.complete_external_task(announced.task_id, True)
            gate.set()
            await asyncio.wait([handle])
            assert events.all[1:] == [
                ExternalTaskCompleted(
                    task_id=announced.task_id,
                    session_id="fix-login",
                    success=outcome == "fine",
                )
            ]

    asyncio.run(main())


def test_a_hybrid_command_that_cannot_even_begin_is_told() -> None:
    """7.3, Hybrid."""
    events = Events()
    config = SessionQueueConfig(lane_handlers={EXECUTE: HYBRID})

    def broken() -> Any:
        raise OSError("no")

    async def main() -> None:
        async with queue(config, events=events) as lanes_queue:
            with pytest.raises(OSError, match="no"):
                await lanes_queue.submit(EXECUTE, Call("broken", broken))

    asyncio.run(main())
    assert [event.success for event in events.of(ExternalTaskCompleted)] == [False]


@given(modes=st.lists(st.sampled_from(TaskHandlerMode), min_size=1, max_size=6))
def test_the_mode_is_the_one_at_submission(modes: list[TaskHandlerMode]) -> None:
    """7.3."""
    events = Events()

    async def main() -> None:
        config = SessionQueueConfig(execute_max_concurrency=10)
        async with queue(config, events=events, start=False) as lanes_queue:
            works = [Work(f"{number}") for number in range(len(modes))]
            handles: list[CommandHandle] = []
            for mode, work in zip(modes, works, strict=True):
                lanes_queue.set_lane_handler(EXECUTE, LaneHandlerConfig(mode=mode))
                assert lanes_queue.get_lane_handler(EXECUTE).mode is mode
                assert lanes_queue.stats().lanes[EXECUTE].handler_mode is mode
                handles.append(lanes_queue.submit(EXECUTE, work))
            lanes_queue.start()
            await settle()
            for task in lanes_queue.pending_external_tasks():
                assert lanes_queue.complete_external_task(task.task_id, True, "from outside")
            found = await asyncio.gather(*handles)
            external = [mode is TaskHandlerMode.EXTERNAL for mode in modes]
            assert [result == "from outside" for result in found] == external
            assert [work.attempts == 0 for work in works] == external
            told = [event.command_type for event in events.of(ExternalTaskPending)]
            assert told == [
                str(number)
                for number, mode in enumerate(modes)
                if mode is not TaskHandlerMode.INTERNAL
            ]

    asyncio.run(main())


@pytest.mark.parametrize("handler", [OUTSIDE, HYBRID])
def test_a_payload_that_is_no_json_is_refused_at_once(handler: LaneHandlerConfig) -> None:
    """7.3: no external handler could be told of it."""
    deep: Any = []
    for _ in range(118):
        deep = [deep]

    async def main() -> None:
        async with queue(SessionQueueConfig(lane_handlers={EXECUTE: handler})) as lanes_queue:
            for payload in (object(), {"x": float("nan")}, deep):
                with pytest.raises(EncodeError):
                    lanes_queue.submit(EXECUTE, Work(payload=payload))
            assert lanes_queue.stats().total_pending == 0

    asyncio.run(main())


def test_a_cancelled_caller_takes_the_task_back() -> None:
    """7.3: a result that comes in the same moment finds no task."""
    events = Events()

    async def main() -> None:
        async with queue(EXTERNAL_QUEUE, events=events) as lanes_queue:
            handle = lanes_queue.submit(EXECUTE, Work())
            task = await pending(lanes_queue)
            handle.cancel()
            await settle(1)
            assert not lanes_queue.complete_external_task(task.task_id, True, "too late")
            await settle()
            assert lanes_queue.pending_external_tasks() == ()
            assert lanes_queue.stats().total_active == 0
        assert events.of(ExternalTaskCompleted) == []

    asyncio.run(main())


def test_stopping_answers_the_tasks_outside_first() -> None:
    """7.3 B: with upstream's text; it is no failure of theirs, so there is no dead letter."""
    policy = RetryPolicyConfig(strategy="fixed", max_retries=2, fixed_delay_ms=0)
    config = SessionQueueConfig(
        lane_handlers={EXECUTE: OUTSIDE}, enable_dlq=True, retry_policy=policy
    )
    events = Events()

    async def main() -> None:
        async with queue(config, events=events) as lanes_queue:
            gate = closed_gate()
            running = lanes_queue.submit(QUERY, Work("here", gate=gate))
            handles = [lanes_queue.submit(EXECUTE, Work()) for _ in range(2)]
            await settle()
            stopping = asyncio.create_task(lanes_queue.stop())
            for handle in handles:
                with pytest.raises(QueueClosedError) as caught:
                    await handle
                assert caught.value.what == "Session queue is shutting down"
            assert not running.done()
            assert lanes_queue.pending_external_tasks() == ()
            assert [event.success for event in events.of(ExternalTaskCompleted)] == [False] * 2
            gate.set()
            await stopping
            assert await running == "here"
            assert lanes_queue.dead_letters() == ()

    asyncio.run(main())
