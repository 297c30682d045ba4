"""The lane queue: what starts when, what failure, time and cancellation do (runtime 7.1, 7.2)."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.core.clock import timestamp
from a3s_store.errors import (
    CommandTimeoutError,
    EncodeError,
    QueueClosedError,
    SessionConfigError,
)
from a3s_store.models import (
    CommandDeadLettered,
    CommandRetry,
    LaneHandlerConfig,
    PriorityBoostConfig,
    RateLimitConfig,
    RetryPolicyConfig,
    SessionLane,
    SessionQueueConfig,
    TaskHandlerMode,
)
from a3s_store.runtime.queue import LaneQueue
from a3s_store.runtime.queue.commands import Call, CommandHandle
from a3s_store.runtime.queue.dead_letters import ERROR_CHARS, DeadLetter, DeadLetters, error_text
from a3s_store.runtime.queue.lane_config import (
    Boost,
    Retry,
    TokenBucket,
    priority,
    rules_of,
    with_lane_features,
)
from a3s_store.runtime.queue.metrics import COMPLETED, FAILED, SUBMITTED, TIMEOUT
from a3s_store.wire import decode, encode
from tests.unit.runtime.queueing import Events, HandClock, Work, closed_gate, queue, settle

CONTROL, QUERY, EXECUTE, GENERATE = SessionLane
WIDE = SessionQueueConfig(
    control_max_concurrency=100,
    query_max_concurrency=100,
    execute_max_concurrency=100,
    generate_max_concurrency=100,
)
LANES = st.sampled_from(SessionLane)


def fixed(retries: int, delay_ms: int = 0) -> RetryPolicyConfig:
    return RetryPolicyConfig(strategy="fixed", max_retries=retries, fixed_delay_ms=delay_ms)


# -- Q1: order ---------------------------------------------------------------------------------


@given(lanes=st.lists(LANES, max_size=20))
def test_commands_start_by_rank_of_their_lane_and_in_order_within_it(
    lanes: list[SessionLane],
) -> None:
    """Q1."""

    async def main() -> None:
        log: list[str] = []
        async with queue(WIDE) as lanes_queue:
            for number, lane in enumerate(lanes):
                lanes_queue.submit(lane, Work(f"{lane} {number}", log=log))
            assert await lanes_queue.drain()
        by_rank = sorted(enumerate(lanes), key=lambda one: priority(one[1]))
        assert log == [f"{lane} {number}" for number, lane in by_rank]

    asyncio.run(main())


@given(lanes=st.lists(LANES, min_size=1, max_size=20), width=st.integers(1, 3))
def test_a_lane_runs_no_more_than_it_may_and_hands_on_each_free_slot(
    lanes: list[SessionLane], width: int
) -> None:
    """Q1: the widths are the lane's own, and no command waits beside a free slot."""
    config = SessionQueueConfig(
        control_max_concurrency=width,
        query_max_concurrency=width,
        execute_max_concurrency=width,
        generate_max_concurrency=width,
    )

    async def main() -> None:
        async with queue(config) as lanes_queue:
            gates = [closed_gate() for _ in lanes]
            log: list[str] = []
            for number, (lane, gate) in enumerate(zip(lanes, gates, strict=True)):
                lanes_queue.submit(lane, Work(f"{lane} {number}", gate=gate, log=log))
            left = Counter(lanes)
            for gate in gates:
                await settle()
                for lane, status in lanes_queue.stats().lanes.items():
                    assert status.active == min(width, left[lane])
                    assert status.pending == left[lane] - status.active
                gate.set()
                left[lanes[gates.index(gate)]] -= 1
            assert await lanes_queue.drain()
            for lane in SessionLane:
                mine = [int(name.split()[1]) for name in log if name.startswith(lane.value)]
                assert mine == sorted(mine), "first in, first out"

    asyncio.run(main())


def test_the_lane_of_a_tool_is_found_by_its_name() -> None:
    """Q1: `submit_by_tool`."""

    async def main() -> None:
        async with queue(start=False) as lanes_queue:
            lanes_queue.submit_by_tool("read", Work())
            lanes_queue.submit_by_tool("bash", Work())
            lanes_queue.submit_by_tool("never heard of", Work())
            stats = lanes_queue.stats()
            assert stats.lanes[QUERY].pending == 1
            assert stats.lanes[EXECUTE].pending == 2

    asyncio.run(main())


def test_a_queue_with_nothing_to_do_does_nothing() -> None:
    """Q1: upstream wakes up every 10 ms; here even waiting commands cost nothing."""

    async def main() -> None:
        clock = HandClock()
        async with queue(clock=clock) as lanes_queue:
            for _ in range(4):
                lanes_queue.submit(GENERATE, Work(gate=closed_gate()))
            await settle()
            looks = clock.looks
            await asyncio.sleep(0.05)
            assert clock.looks == looks

    asyncio.run(main())


def test_an_old_command_is_boosted_before_a_more_urgent_one() -> None:
    """7.1, priority_boost: past its deadline Generate goes before Query, never before Control."""
    boost = PriorityBoostConfig(strategy="standard", deadline_ms=1_000)

    async def order(config: SessionQueueConfig, waited_ms: int) -> list[str]:
        clock = HandClock()
        log: list[str] = []
        async with queue(config, clock=clock, start=False) as lanes_queue:
            lanes_queue.submit(GENERATE, Work("generate", log=log))
            clock.now_ms += waited_ms
            lanes_queue.submit(QUERY, Work("query", log=log))
            lanes_queue.submit(CONTROL, Work("control", log=log))
            lanes_queue.start()
            assert await lanes_queue.drain()
        return log

    boosted = SessionQueueConfig(priority_boost=boost)
    assert asyncio.run(order(boosted, 1_000)) == ["control", "generate", "query"]
    assert asyncio.run(order(boosted, 0)) == ["control", "query", "generate"]
    assert asyncio.run(order(SessionQueueConfig(), 1_000)) == ["control", "query", "generate"]


# -- Q2: start and stop ------------------------------------------------------------------------


def test_nothing_runs_before_start_and_everything_after() -> None:
    """Q2."""

    async def main() -> None:
        async with queue(start=False) as lanes_queue:
            work = [Work(str(number)) for number in range(3)]
            handles = [lanes_queue.submit(QUERY, one) for one in work]
            await settle()
            assert [one.attempts for one in work] == [0, 0, 0]
            assert lanes_queue.stats().total_pending == 3
            assert not await lanes_queue.drain(0)
            lanes_queue.start()
            lanes_queue.start()
            assert await asyncio.gather(*handles) == ["0", "1", "2"]

    asyncio.run(main())


def test_a_stopped_queue_takes_nothing() -> None:
    """Q2."""

    async def main() -> None:
        async with queue() as lanes_queue:
            await lanes_queue.stop()
            await lanes_queue.stop()
            with pytest.raises(QueueClosedError) as caught:
                lanes_queue.submit(QUERY, Work())
            assert caught.value.what == "Session queue is shutting down"
            with pytest.raises(QueueClosedError):
                lanes_queue.start()

    asyncio.run(main())


@pytest.mark.parametrize("started", [False, True])
def test_stopping_fails_what_waits_and_lets_what_runs_end(started: bool) -> None:
    """Q2, 7.3 B: also what waits for the time of its retry."""
    config = SessionQueueConfig(generate_max_concurrency=1, retry_policy=fixed(1, 3_600_000))

    async def main() -> None:
        async with queue(config, start=started) as lanes_queue:
            gate = asyncio.Event()
            delayed = lanes_queue.submit(QUERY, Work("q", OSError("once")))
            running = lanes_queue.submit(GENERATE, Work("r", "done", gate=gate))
            waiting = lanes_queue.submit(GENERATE, Work("w"))
            await settle()
            stopping = asyncio.create_task(lanes_queue.stop())
            await settle()
            for handle in [delayed, waiting, *([] if started else [running])]:
                with pytest.raises(QueueClosedError) as caught:
                    await handle
                assert caught.value.what == "Session queue is shutting down"
            gate.set()
            await stopping
            if started:
                assert await running == "done"

    asyncio.run(main())


def test_what_runs_too_long_is_cancelled_by_stopping() -> None:
    """Q2: it did not fail, so there is no retry and no dead letter of it."""
    config = SessionQueueConfig(enable_dlq=True, retry_policy=fixed(3))

    async def main() -> None:
        async with queue(config) as lanes_queue:
            work = Work(gate=closed_gate())
            handle = lanes_queue.submit(EXECUTE, work)
            await settle()
            await lanes_queue.stop(0)
            assert work.cancelled
            assert work.attempts == 1
            with pytest.raises(QueueClosedError):
                await handle
            assert lanes_queue.dead_letters() == ()

    asyncio.run(main())


def test_a_command_that_resists_does_not_hold_up_stopping() -> None:
    """Q2: its submitter is told, its slot stays taken until it ends."""

    async def main() -> None:
        gate = asyncio.Event()

        async def stubborn() -> None:
            while not gate.is_set():
                try:
                    await gate.wait()
                except asyncio.CancelledError:
                    continue

        async with queue() as lanes_queue:
            handle = lanes_queue.submit(EXECUTE, Call("stubborn", stubborn))
            await settle()
            await lanes_queue.stop(0)
            with pytest.raises(QueueClosedError):
                await handle
            assert lanes_queue.stats().total_active == 1
            gate.set()
            assert await lanes_queue.drain()

    asyncio.run(main())


def test_a_command_may_stop_its_own_queue() -> None:
    """Q2."""

    async def main() -> None:
        async with queue() as lanes_queue:
            handle = lanes_queue.submit(CONTROL, Call("stop", lanes_queue.stop))
            assert await handle is None
            with pytest.raises(QueueClosedError):
                lanes_queue.submit(QUERY, Work())

    asyncio.run(main())


def test_draining_waits_for_retries_too() -> None:
    """Q2, Q4."""
    config = SessionQueueConfig(retry_policy=fixed(3, 1))

    async def main() -> None:
        async with queue(config) as lanes_queue:
            work = Work("w", OSError("1"), OSError("2"), "third")
            handle = lanes_queue.submit(EXECUTE, work)
            assert await lanes_queue.drain()
            assert handle.result() == "third"
            assert work.attempts == 3

    asyncio.run(main())


def test_a_command_runs_in_its_submitters_context() -> None:
    """Q1: the context of the code that wakes the queue has no part in it."""
    who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="no one")

    async def main() -> None:
        async def ask() -> str:
            return who.get()

        async with queue(start=False) as lanes_queue:
            who.set("submitter")
            handle = lanes_queue.submit(QUERY, Call("ask", ask))
            who.set("starter")
            lanes_queue.start()
            assert await handle == "submitter"

    asyncio.run(main())


def test_a_command_type_that_is_no_text_is_refused() -> None:
    """7.2: it could not be written down."""

    async def main() -> None:
        async with queue() as lanes_queue:
            with pytest.raises(EncodeError):
                lanes_queue.submit(QUERY, Work("\ud800"))

    asyncio.run(main())


# -- Q3: timeouts ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [
        SessionQueueConfig(default_timeout_ms=1),
        SessionQueueConfig(default_timeout_ms=2**64 - 1, lane_timeouts={EXECUTE: 1}),
    ],
)
def test_a_command_that_takes_too_long_is_cancelled(config: SessionQueueConfig) -> None:
    """Q3: by the lane's timeout, else by that of all."""

    async def main() -> None:
        async with queue(config) as lanes_queue:
            work = Work(gate=closed_gate())
            with pytest.raises(CommandTimeoutError) as caught:
                await lanes_queue.submit(EXECUTE, work)
            assert caught.value.what == "Command timed out after 1ms"
            assert work.cancelled
            assert lanes_queue.stats().total_active == 0

    asyncio.run(main())


def test_a_timeout_of_another_lane_is_none_of_this_one() -> None:
    """Q3."""

    async def main() -> None:
        async with queue(SessionQueueConfig(lane_timeouts={QUERY: 1})) as lanes_queue:
            gate = asyncio.Event()
            late = lanes_queue.submit(QUERY, Work(gate=closed_gate()))
            handle = lanes_queue.submit(EXECUTE, Work(gate=gate))
            with pytest.raises(CommandTimeoutError):
                await late
            assert not handle.done()
            gate.set()
            assert await handle == "work"

    asyncio.run(main())


def test_a_command_that_answers_its_cancellation_is_late_all_the_same() -> None:
    """Q3: with an error of its own it is the cause."""

    async def main() -> None:
        async def defiant() -> str:
            try:
                await closed_gate().wait()
            except asyncio.CancelledError:
                raise OSError("interrupted") from None
            return "never"

        async with queue(SessionQueueConfig(default_timeout_ms=1)) as lanes_queue:
            with pytest.raises(CommandTimeoutError) as caught:
                await lanes_queue.submit(EXECUTE, Call("defiant", defiant))
            assert isinstance(caught.value.__cause__, OSError)

    asyncio.run(main())


# -- Q4, Q5: failure ---------------------------------------------------------------------------


@given(retries=st.integers(0, 4), failures=st.integers(0, 6), dlq=st.booleans())
def test_a_command_is_tried_so_often_and_then_given_up(
    retries: int, failures: int, dlq: bool
) -> None:
    """Q4, Q5: each retry is told, then the dead letter where they are on; then the submitter is."""
    config = SessionQueueConfig(retry_policy=fixed(retries), enable_dlq=dlq)
    errors = [OSError(f"failure {number}") for number in range(failures)]
    clock = HandClock()
    events = Events()

    async def main() -> None:
        async with queue(config, events=events, clock=clock) as lanes_queue:
            work = Work("bash", *errors, "fine")
            handle = lanes_queue.submit(EXECUTE, work)
            try:
                outcome: Any = await handle
            except OSError as error:
                outcome = error
            fails = failures > retries
            assert outcome is (errors[retries] if fails else work.script[-1])
            assert work.attempts == min(failures, retries) + 1
            told = [(e.command_id, e.command_type, e.lane) for e in events.of(CommandRetry)]
            assert told == [(handle.command_id, "bash", "execute")] * min(failures, retries)
            assert [e.attempt for e in events.of(CommandRetry)] == [
                *range(1, min(failures, retries) + 1)
            ]
            letter = DeadLetter(
                command_id=handle.command_id,
                command_type="bash",
                lane_id="execute",
                error=f"failure {retries}",
                attempts=retries + 1,
                failed_at=timestamp(clock.now_ms),
            )
            assert lanes_queue.dead_letters() == ((letter,) if fails and dlq else ())
            assert events.of(CommandDeadLettered) == ([letter.event()] if fails and dlq else [])
            assert lanes_queue.clear_dead_letters() == (1 if fails and dlq else 0)
            assert lanes_queue.dead_letters() == ()

    asyncio.run(main())


def test_nothing_is_tried_again_unless_that_is_asked_for() -> None:
    """7.1 B: tools change things; upstream's seed tried everything three times more."""

    async def main() -> None:
        async with queue() as lanes_queue:
            work = Work("bash", OSError("no"))
            with pytest.raises(OSError, match="no"):
                await lanes_queue.submit(EXECUTE, work)
            assert work.attempts == 1

    asyncio.run(main())


def test_a_retry_goes_to_the_back_of_its_lane_after_the_delay() -> None:
    """Q4."""
    events = Events()
    config = SessionQueueConfig(generate_max_concurrency=1, retry_policy=fixed(1, 2))

    async def main() -> None:
        log: list[str] = []
        async with queue(config, events=events) as lanes_queue:
            first = lanes_queue.submit(GENERATE, Work("first", OSError("once"), "ok", log=log))
            second = lanes_queue.submit(GENERATE, Work("second", log=log))
            assert [await first, await second] == ["ok", "second"]
        assert log == ["first", "second", "first"]
        assert [event.delay_ms for event in events.of(CommandRetry)] == [2]

    asyncio.run(main())


def test_a_timeout_is_tried_again_like_any_failure() -> None:
    """Q3, Q4."""
    config = SessionQueueConfig(default_timeout_ms=1, retry_policy=fixed(2), enable_dlq=True)

    async def main() -> None:
        async with queue(config) as lanes_queue:
            work = Work(gate=closed_gate())
            with pytest.raises(CommandTimeoutError):
                await lanes_queue.submit(EXECUTE, work)
            (letter,) = lanes_queue.dead_letters()
            assert (work.attempts, letter.attempts) == (3, 3)
            assert "Command timed out after 1ms" in letter.error

    asyncio.run(main())


def test_a_retry_after_a_timeout_has_its_own_time() -> None:
    """Q3, Q4: that the first attempt was late is no matter to the second."""
    config = SessionQueueConfig(default_timeout_ms=20, retry_policy=fixed(1))

    async def main() -> None:
        attempts: list[int] = []

        async def once_slow() -> str:
            attempts.append(1)
            if len(attempts) == 1:
                await closed_gate().wait()
            return "second"

        async with queue(config) as lanes_queue:
            assert await lanes_queue.submit(EXECUTE, Call("once slow", once_slow)) == "second"

    asyncio.run(main())


def test_a_failure_nobody_awaits_leaves_no_complaint_of_the_loop() -> None:
    """Q4: events and dead letters tell of it."""

    async def main() -> None:
        complaints: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
        async with queue() as lanes_queue:
            lanes_queue.submit(EXECUTE, Work("bash", OSError("no")))
            assert await lanes_queue.drain()
        await settle()
        gc.collect()
        assert complaints == []

    asyncio.run(main())


@given(capacity=st.integers(0, 5), names=st.lists(st.integers(), unique=True, max_size=12))
def test_the_oldest_dead_letters_go_when_there_is_no_room(capacity: int, names: list[int]) -> None:
    """Q5, 16.4: `a3s-lane` does the same."""
    letters = DeadLetters(capacity)
    made = [_letter(str(name)) for name in names]
    for letter in made:
        letters.add(letter)
    assert letters.listed() == tuple(made[max(0, len(made) - capacity) :])
    assert letters.dropped == max(0, len(made) - capacity)


@given(capacity=st.integers(1, 5), split=st.integers(0, 12))
def test_earlier_letters_stand_before_those_that_are_there(capacity: int, split: int) -> None:
    """Q5: and are not listed twice."""
    made = [_letter(str(number)) for number in range(12)]
    letters = DeadLetters(capacity)
    for letter in made[split:]:
        letters.add(letter)
    letters.put_before(made[: split + 1])
    assert letters.listed() == tuple(made[-capacity:])


def test_a_dead_letter_has_a_json_form() -> None:
    """Q5."""
    letter = _letter("1")
    tree = encode(letter)
    assert list(tree) == [
        "command_id",
        "command_type",
        "lane_id",
        "error",
        "attempts",
        "failed_at",
    ]
    assert decode(DeadLetter, tree) == letter


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(), "OSError"),
        (OSError("\ud800"), "\\ud800"),
        (OSError("x" * 10_000), "x" * ERROR_CHARS),
    ],
)
def test_what_an_error_says_can_always_be_kept(error: Exception, text: str) -> None:
    """Q5."""
    assert error_text(error) == text
    letter = _letter("1")
    assert encode(letter)["error"] == letter.error


def _letter(name: str) -> DeadLetter:
    return DeadLetter(
        command_id=name,
        command_type="bash",
        lane_id="execute",
        error="no",
        attempts=1,
        failed_at=timestamp(0),
    )


# -- Cancellation ------------------------------------------------------------------------------


def test_a_cancelled_caller_cancels_its_command() -> None:
    """Q1, Q7: one that waits is gone, one that runs is cancelled; the slot is given on."""
    config = SessionQueueConfig(generate_max_concurrency=1)

    async def main() -> None:
        async with queue(config) as lanes_queue:
            running, waiting, other = Work("r", gate=closed_gate()), Work("w"), Work("o")

            async def caller(work: Work) -> Any:
                return await lanes_queue.submit(GENERATE, work)

            callers = [asyncio.create_task(caller(work)) for work in (running, waiting, other)]
            await settle()
            callers[1].cancel()
            await settle()
            assert lanes_queue.stats().lanes[GENERATE].pending == 1
            callers[0].cancel()
            assert await callers[2] == "o"
            for task in callers[:2]:
                with pytest.raises(asyncio.CancelledError):
                    await task
            assert running.cancelled
            assert waiting.attempts == 0

    asyncio.run(main())


def test_a_command_is_not_tried_again_for_a_caller_who_left() -> None:
    """Q4: whether it was running, or waiting for the time of its retry."""
    config = SessionQueueConfig(retry_policy=fixed(5, 3_600_000))

    async def main() -> None:
        async def untidy() -> None:
            try:
                await closed_gate().wait()
            finally:
                raise OSError("while cleaning up")

        async with queue(config) as lanes_queue:
            delayed = lanes_queue.submit(QUERY, Work("w", OSError("no")))
            running = lanes_queue.submit(QUERY, Call("untidy", untidy))
            await settle()
            assert lanes_queue.stats().lanes[QUERY].pending == 1
            delayed.cancel()
            running.cancel()
            assert await lanes_queue.drain()

    asyncio.run(main())


def test_a_command_that_cancels_itself_is_cancelled() -> None:
    """Q4: that is no failure, as for any task."""

    async def main() -> None:
        async def give_way() -> None:
            raise asyncio.CancelledError

        config = SessionQueueConfig(enable_dlq=True, retry_policy=fixed(3))
        async with queue(config) as lanes_queue:
            handle = lanes_queue.submit(QUERY, Call("yield", give_way))
            await asyncio.wait([handle])
            assert handle.cancelled()
            assert lanes_queue.dead_letters() == ()

    asyncio.run(main())


KINDS = ("quick", "failing", "gated", "slow to leave", "outside", "watched")
MODES = {"outside": TaskHandlerMode.EXTERNAL, "watched": TaskHandlerMode.HYBRID}
STEPS = st.one_of(
    st.tuples(st.just("submit"), LANES, st.sampled_from(KINDS)),
    st.tuples(st.just("cancel"), st.integers(0, 30), st.none()),
    st.tuples(st.just("open"), st.integers(0, 30), st.none()),
    st.tuples(st.just("turn"), st.integers(1, 4), st.none()),
)


@given(steps=st.lists(STEPS, max_size=60), stopped=st.booleans())
def test_cancellation_at_any_moment_leaves_the_queue_whole(
    steps: list[tuple[str, Any, Any]], stopped: bool
) -> None:
    """Q1, Q2, Q4, Q6, Q7, 7.3: slots come back, all are answered, and the sums come out."""
    config = SessionQueueConfig(
        control_max_concurrency=1,
        query_max_concurrency=2,
        execute_max_concurrency=1,
        generate_max_concurrency=1,
        retry_policy=fixed(1),
        enable_metrics=True,
        enable_dlq=True,
        dlq_max_size=2,
    )

    async def main() -> None:
        gates: list[asyncio.Event] = []
        handles: list[CommandHandle] = []
        running = Counter[SessionLane]()

        def command(lane: SessionLane, kind: str, gate: asyncio.Event) -> Call:
            async def execute() -> str:
                running[lane] += 1
                assert running[lane] <= lanes_queue.stats().lanes[lane].max_concurrency
                try:
                    if kind == "failing":
                        raise OSError("no")
                    if kind != "quick":
                        await gate.wait()
                    return kind
                finally:
                    try:
                        if kind == "slow to leave":
                            await asyncio.sleep(0)
                    finally:
                        # `stop` cancels once more what is being cancelled already.
                        running[lane] -= 1

            return Call(kind, execute)

        async with queue(config) as lanes_queue:
            for step, what, kind in steps:
                if step == "submit":
                    mode = MODES.get(kind, TaskHandlerMode.INTERNAL)
                    lanes_queue.set_lane_handler(what, LaneHandlerConfig(mode=mode))
                    gates.append(asyncio.Event())
                    handles.append(lanes_queue.submit(what, command(what, kind, gates[-1])))
                elif step == "turn":
                    await settle(what)
                elif what < len(handles) and step == "cancel":
                    handles[what].cancel()
                elif what < len(handles):
                    gates[what].set()
                    for task in lanes_queue.pending_external_tasks()[:1]:
                        lanes_queue.complete_external_task(task.task_id, what % 2 == 0)
                stats = lanes_queue.stats()
                assert stats.external_pending <= stats.total_active
                for status in stats.lanes.values():
                    assert status.active <= status.max_concurrency
            if stopped:
                await lanes_queue.stop(0)
            while not await lanes_queue.drain(0):
                for gate in gates:
                    gate.set()
                for task in lanes_queue.pending_external_tasks():
                    assert lanes_queue.complete_external_task(task.task_id, True)
                await settle()
            await settle(1)  # who left is counted in the next turn of the loop
            assert all(handle.done() for handle in handles)
            assert running.total() == 0
            metrics = lanes_queue.queue_metrics()
            assert metrics is not None
            counters = metrics.counters
            left = [handle for handle in handles if handle.cancelled()]
            failed = [h for h in handles if not h.cancelled() and h.exception() is not None]
            assert counters[SUBMITTED] == len(handles)
            assert counters["lane.commands.cancelled"] == len(left)
            assert counters[FAILED] + counters[TIMEOUT] == len(failed)
            assert counters[COMPLETED] == len(handles) - len(left) - len(failed)
            assert all(value == 0 for value in metrics.gauges.values())

    asyncio.run(main())


# -- 7.1: configuration ------------------------------------------------------------------------


def test_the_two_sets_of_defaults_are_what_they_are() -> None:
    """7.1: one for the constructor, another for keys that JSON does not have."""

    def widths(config: SessionQueueConfig) -> list[int]:
        return [rules_of(config, lane).max_concurrency for lane in SessionLane]

    assert widths(SessionQueueConfig()) == [2, 4, 2, 1]
    assert widths(decode(SessionQueueConfig, {})) == [4, 12, 4, 2]


def test_everything_is_off_unless_it_is_asked_for() -> None:
    """7.1: the table of defaults, and B: no retry, no limit, no boost."""
    rules = rules_of(SessionQueueConfig(), GENERATE)
    assert rules.timeout_ms is None
    assert rules.retry == Retry()
    assert rules.bucket() is None
    assert rules.boost is None
    lanes_queue = LaneQueue("fix-login", emit=Events())
    assert lanes_queue.dead_letters() == ()
    assert lanes_queue.queue_metrics() is None


def test_lane_features_switch_on_what_they_say() -> None:
    """7.1: `with_lane_features`."""
    config = with_lane_features(SessionQueueConfig(query_max_concurrency=7))
    assert config == SessionQueueConfig(
        query_max_concurrency=7,
        enable_dlq=True,
        dlq_max_size=1000,
        enable_metrics=True,
        enable_alerts=True,
        default_timeout_ms=60_000,
    )


@pytest.mark.parametrize("size", [None, 1, 2**64 - 1])
def test_a_queue_with_dead_letters_is_made_with_any_size(size: int | None) -> None:
    """7.1: 1000 when none is said."""
    assert LaneQueue("s", SessionQueueConfig(enable_dlq=True, dlq_max_size=size), emit=Events())


@pytest.mark.parametrize(
    ("config", "what"),
    [
        (
            SessionQueueConfig(control_max_concurrency=0),
            "queue max concurrency for Control must be greater than zero",
        ),
        (
            SessionQueueConfig(generate_max_concurrency=0),
            "queue max concurrency for Generate must be greater than zero",
        ),
        (
            SessionQueueConfig(enable_dlq=True, dlq_max_size=0),
            "queue.dlq_max_size must be greater than zero",
        ),
        (
            SessionQueueConfig(default_timeout_ms=0),
            "queue timeout for Control must be greater than zero",
        ),
        (
            SessionQueueConfig(lane_timeouts={EXECUTE: 0}),
            "queue timeout for Execute must be greater than zero",
        ),
        (
            SessionQueueConfig(pressure_threshold=0),
            "queue.pressure_threshold must be greater than zero",
        ),
        (
            SessionQueueConfig(retry_policy=RetryPolicyConfig(strategy="often")),
            "unsupported queue retry strategy `often`; expected none, fixed, or exponential",
        ),
        (
            SessionQueueConfig(rate_limit=RateLimitConfig(limit_type="per_day")),
            "unsupported queue rate limit `per_day`; "
            "expected unlimited, per_second, per_minute, or per_hour",
        ),
        (
            SessionQueueConfig(rate_limit=RateLimitConfig(limit_type="per_hour")),
            "queue rate limit `per_hour` requires max_operations greater than zero",
        ),
        (
            SessionQueueConfig(rate_limit=RateLimitConfig(limit_type="per_hour", max_operations=0)),
            "queue rate limit `per_hour` requires max_operations greater than zero",
        ),
        (
            SessionQueueConfig(priority_boost=PriorityBoostConfig(strategy="much")),
            "unsupported queue priority boost strategy `much`; "
            "expected disabled, standard, or aggressive",
        ),
        (
            SessionQueueConfig(
                priority_boost=PriorityBoostConfig(strategy="standard", deadline_ms=0)
            ),
            "queue priority boost deadline must be greater than zero",
        ),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(config: SessionQueueConfig, what: str) -> None:
    """7.1 B."""
    with pytest.raises(SessionConfigError) as caught:
        LaneQueue("fix-login", config, emit=Events())
    assert caught.value.what == what
    assert caught.value.field.startswith("queue_config.")


@pytest.mark.parametrize(
    "config",
    [
        SessionQueueConfig(retry_policy=RetryPolicyConfig(strategy="none")),
        SessionQueueConfig(rate_limit=RateLimitConfig(limit_type="unlimited")),
        SessionQueueConfig(priority_boost=PriorityBoostConfig(strategy="disabled")),
        SessionQueueConfig(dlq_max_size=0),
    ],
)
def test_what_is_named_to_be_off_is_as_if_it_were_not_named(config: SessionQueueConfig) -> None:
    """7.1 B."""
    assert rules_of(config, EXECUTE) == rules_of(SessionQueueConfig(), EXECUTE)
    assert LaneQueue("fix-login", config, emit=Events()).dead_letters() == ()


@given(initial=st.integers(0, 2**64 - 1), retry=st.integers(1, 200), most=st.integers(1, 2**32 - 1))
def test_exponential_delays_double_up_to_half_a_minute(initial: int, retry: int, most: int) -> None:
    """7.1: from 100 ms when nothing is said; a longer first delay stays as it is."""
    policy = RetryPolicyConfig(strategy="exponential", max_retries=most, initial_delay_ms=initial)
    rules = rules_of(SessionQueueConfig(retry_policy=policy), EXECUTE).retry
    doubled = initial * 2 ** (retry - 1)
    assert rules.delay_before(retry) == min(doubled, max(initial, 30_000))
    assert rules.max_retries == most
    # The number of the last retry there can be makes no number too large to be made.
    assert rules.delay_before(2**32) == (max(initial, 30_000) if initial else 0)


def test_delays_are_upstreams_when_only_the_strategy_is_said() -> None:
    """7.1: 3 retries, 100 ms."""

    def delays(strategy: str) -> list[int]:
        policy = RetryPolicyConfig(strategy=strategy)
        rules = rules_of(SessionQueueConfig(retry_policy=policy), EXECUTE).retry
        return [rules.delay_before(retry + 1) for retry in range(rules.max_retries)]

    assert delays("exponential") == [100, 200, 400]
    assert delays("fixed") == [100, 100, 100]
    assert delays("none") == []


@given(
    capacity=st.integers(1, 5),
    window=st.sampled_from([1_000, 60_000, 3_600_000]),
    moves=st.lists(st.integers(-5_000, 2_000_000), min_size=1, max_size=30),
)
def test_a_bucket_gives_no_more_than_its_rate_whatever_the_clock_does(
    capacity: int, window: int, moves: list[int]
) -> None:
    """7.1, rate_limit: and after the wait it names, one more."""
    bucket = TokenBucket(capacity, window)
    now = 0
    forward = taken = 0
    for move in moves:
        now += move
        forward += max(0, move)
        before = taken
        while bucket.wait_ms(now) == 0:
            bucket.take()
            taken += 1
        assert taken - before <= capacity, "however long nothing was asked for"
        assert taken <= capacity + forward * capacity / window
        wait = bucket.wait_ms(now)
        assert 0 < wait <= math.ceil(window / capacity)
        now += wait
        forward += wait
        assert bucket.wait_ms(now - 1) > 0
        assert bucket.wait_ms(now) == 0


def test_commands_beyond_the_rate_wait_for_the_clock() -> None:
    """7.1, rate_limit: each lane has its own, and a command that waits costs nothing of it."""
    clock = HandClock()
    limit = RateLimitConfig(limit_type="per_hour", max_operations=2)
    config = SessionQueueConfig(
        query_max_concurrency=9, execute_max_concurrency=9, rate_limit=limit
    )

    async def main() -> None:
        async with queue(config, clock=clock) as lanes_queue:
            log: list[str] = []
            for number in range(5):
                lanes_queue.submit(QUERY, Work(str(number), log=log))
            await settle()
            assert log == ["0", "1"]
            clock.now_ms += 1_800_000
            assert await lanes_queue.submit(EXECUTE, Work()) == "work"
            await settle()
            assert log == ["0", "1", "2"]

    asyncio.run(main())


def test_a_lane_goes_on_by_itself_when_its_rate_allows() -> None:
    """7.1, rate_limit: no call is needed."""
    limit = RateLimitConfig(limit_type="per_second", max_operations=500)

    async def main() -> None:
        lanes_queue = LaneQueue("s", SessionQueueConfig(rate_limit=limit), emit=Events())
        lanes_queue.start()
        handles = [lanes_queue.submit(QUERY, Work()) for _ in range(510)]
        assert await lanes_queue.drain(30_000)
        assert all(handle.result() == "work" for handle in handles)
        await lanes_queue.stop()

    asyncio.run(main())


@given(
    base=st.integers(0, 3),
    strategy=st.sampled_from(["standard", "aggressive"]),
    waits=st.lists(st.integers(-10, 1_100), min_size=2, max_size=20).map(sorted),
)
def test_waiting_only_ever_raises_the_rank(base: int, strategy: str, waits: list[int]) -> None:
    """7.1, priority_boost: up to the first rank, which it has past the deadline."""
    policy = PriorityBoostConfig(strategy=strategy, deadline_ms=1_000)
    boost = rules_of(SessionQueueConfig(priority_boost=policy), GENERATE).boost
    assert boost is not None
    ranks = [boost.rank(base, wait) for wait in waits]
    assert ranks == sorted(ranks, reverse=True)
    for wait, rank in zip(waits, ranks, strict=True):
        assert 0 <= rank <= base
        assert wait < 1_000 or rank == 0
        assert wait > 100 or rank == base


def test_boosts_are_those_of_the_queue_upstream_uses() -> None:
    """7.1, 16.5: by how much of the deadline is left; 300 s when none is said."""

    def rank(strategy: str, left_percent: int) -> int:
        policy = PriorityBoostConfig(strategy=strategy)
        boost = rules_of(SessionQueueConfig(priority_boost=policy), GENERATE).boost
        assert boost is not None
        return boost.rank(10, 300_000 - 3_000 * left_percent)

    assert [rank("standard", p) for p in (76, 75, 50, 25, 10, 0)] == [10, 9, 8, 7, 6, 0]
    assert [rank("aggressive", p) for p in (81, 80, 60, 40, 20, 0)] == [10, 8, 6, 4, 2, 0]
    assert Boost(10, ()).rank(2, 9) == 2
