"""When a queue writes its journal, and its tasks and letters after a crash (our extension)."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.errors import CommandTimeoutError, PersistenceError, StoreFullError
from a3s_store.models import (
    ExternalTaskCompleted,
    ExternalTaskPending,
    LaneHandlerConfig,
    PersistenceFailed,
    SessionLane,
    SessionQueueConfig,
    TaskHandlerMode,
)
from a3s_store.runtime.queue import LaneQueue
from a3s_store.runtime.queue.dead_letters import DeadLetter
from a3s_store.runtime.queue.handlers import ExternalTask
from a3s_store.runtime.queue.journal import Kept, StoreJournal
from tests.unit.runtime.queueing import GUARD_S, Events, Work, queue, settle

EXECUTE, QUERY = SessionLane.EXECUTE, SessionLane.QUERY
OUTSIDE = SessionQueueConfig(
    execute_max_concurrency=50,
    lane_handlers={EXECUTE: LaneHandlerConfig(mode=TaskHandlerMode.EXTERNAL)},
    enable_dlq=True,
)


def letter(name: str) -> DeadLetter:
    return DeadLetter(
        command_id=name,
        command_type="bash",
        lane_id="execute",
        error=f"error of {name}",
        attempts=1,
        failed_at="2026-11-21T10:00:00Z",
    )


def task(name: str, timeout_ms: int = 60_000) -> ExternalTask:
    return ExternalTask(
        task_id=name,
        session_id="fix-login",
        lane=EXECUTE,
        command_type="bash",
        payload={"command": [name, 1, None, 1.5]},
        timeout_ms=timeout_ms,
        created_at_ms=7,
    )


def first_of(letters: Sequence[DeadLetter]) -> str:
    return letters[0].command_id


class SlowJournal:
    """A journal whose saves wait to be let through, and fail while it is broken."""

    def __init__(self, kept: Kept = ((), ())) -> None:
        self.kept = kept
        self.saved = asyncio.Event()
        self.saves: list[Kept] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.broken: Exception | None = None
        self.broken_afterwards: Exception | None = None
        self.running = 0

    async def save(
        self, dead_letters: Sequence[DeadLetter], external_tasks: Sequence[ExternalTask]
    ) -> None:
        self.running += 1
        assert self.running == 1, "one save at a time"
        try:
            await self.gate.wait()
            if self.broken is not None:
                raise self.broken
            self.kept = tuple(dead_letters), tuple(external_tasks)
            self.saves.append(self.kept)
            self.saved.set()
            if self.broken_afterwards is not None:
                raise self.broken_afterwards
        finally:
            self.running -= 1

    async def load(self) -> Kept:
        await self.gate.wait()
        if self.broken is not None:
            raise self.broken
        return self.kept


# -- When it is written ------------------------------------------------------------------------


def test_changes_during_a_save_are_one_save() -> None:
    """The newest state wins, and what came and went in between is never written."""

    async def main() -> None:
        journal = SlowJournal()
        async with queue(OUTSIDE, journal=journal) as lanes_queue:
            await lanes_queue.recover()
            journal.gate.clear()
            for number in range(20):
                lanes_queue.submit(QUERY, Work(f"{number}", OSError("no")))
                await settle()
            journal.gate.set()
            await settle()
            assert [len(letters) for letters, _ in journal.saves] == [1, 20]
            assert journal.kept[0] == lanes_queue.dead_letters()

    asyncio.run(main())


def test_a_task_is_announced_once_it_is_on_record() -> None:
    """7.3: a task that an external handler knows of survives a crash."""
    events = Events()

    async def main() -> None:
        journal = SlowJournal()
        async with queue(OUTSIDE, events=events, journal=journal) as lanes_queue:
            journal.gate.clear()
            handle = lanes_queue.submit(EXECUTE, Work())
            await settle()
            assert events.all == []
            journal.gate.set()
            await settle()
            (announced,) = events.of(ExternalTaskPending)
            assert journal.kept[1] == lanes_queue.pending_external_tasks()
            assert lanes_queue.complete_external_task(announced.task_id, True, 1)
            assert await handle == 1
            await settle()
            assert journal.kept == ((), ())

    asyncio.run(main())


def test_a_task_that_is_answered_before_it_is_announced_is_not_announced() -> None:
    """7.3: its result counts all the same."""
    events = Events()

    async def main() -> None:
        journal = SlowJournal()
        async with queue(OUTSIDE, events=events, journal=journal) as lanes_queue:
            journal.gate.clear()
            handle = lanes_queue.submit(EXECUTE, Work())
            await settle()
            (outside,) = lanes_queue.pending_external_tasks()
            assert lanes_queue.complete_external_task(outside.task_id, True, 1)
            journal.gate.set()
            assert await handle == 1
        assert events.of(ExternalTaskPending) == []

    asyncio.run(main())


def test_a_caller_who_leaves_takes_no_other_along() -> None:
    """7.3: though both wait for the same save."""
    events = Events()

    async def main() -> None:
        journal = SlowJournal()
        async with queue(OUTSIDE, events=events, journal=journal) as lanes_queue:
            journal.gate.clear()
            leaves, stays = (lanes_queue.submit(EXECUTE, Work()) for _ in range(2))
            await settle()
            leaves.cancel()
            await settle()
            journal.gate.set()
            await settle()
            (announced,) = events.of(ExternalTaskPending)
            assert lanes_queue.complete_external_task(announced.task_id, True, 1)
            assert await stays == 1

    asyncio.run(main())


def test_what_did_not_change_is_not_written() -> None:
    """A queue that is stopped before anything happened leaves the record as it is."""

    async def main() -> None:
        journal = SlowJournal(((letter("a"),), (task("b"),)))
        async with queue(OUTSIDE, journal=journal):
            pass
        assert journal.kept == ((letter("a"),), (task("b"),))
        journal = SlowJournal()
        async with queue(OUTSIDE, journal=journal) as lanes_queue:
            assert lanes_queue.clear_dead_letters() == 0
        assert journal.saves == []

    asyncio.run(main())


def test_a_save_that_failed_may_have_landed() -> None:
    """The stored state is not known then, and is written again though it seems unchanged."""

    async def main() -> None:
        journal = SlowJournal()
        async with queue(OUTSIDE, journal=journal) as lanes_queue:
            await lanes_queue.recover()
            journal.broken_afterwards = RuntimeError("no response")
            handle = lanes_queue.submit(EXECUTE, Work())
            await settle()
            assert journal.kept == ((), lanes_queue.pending_external_tasks()) != ((), ())
            journal.broken_afterwards = None
            handle.cancel()
            assert await lanes_queue.drain()
            await settle()
            assert journal.kept == ((), ())

    asyncio.run(main())


def test_a_caller_who_leaves_while_the_record_is_written_takes_the_task_along() -> None:
    """7.3: it was never announced."""
    events = Events()

    async def main() -> None:
        journal = SlowJournal()
        async with queue(OUTSIDE, events=events, journal=journal) as lanes_queue:
            journal.gate.clear()
            handle = lanes_queue.submit(EXECUTE, Work())
            await settle()
            handle.cancel()
            journal.gate.set()
            assert await lanes_queue.drain()
            await settle()
            assert journal.kept == ((), ())
        assert events.all == []

    asyncio.run(main())


@given(broken=st.booleans())
def test_a_save_that_fails_is_told_and_made_up_for(broken: bool) -> None:
    """The queue goes on; the next change tries again, and stopping does."""
    events = Events()

    async def main() -> None:
        journal = SlowJournal()
        async with queue(OUTSIDE, events=events, journal=journal) as lanes_queue:
            await lanes_queue.recover()
            journal.broken = StoreFullError("disk full") if broken else RuntimeError("secret")
            handle = lanes_queue.submit(EXECUTE, Work())
            with pytest.raises(OSError, match="no"):
                await lanes_queue.submit(QUERY, Work("w", OSError("no")))
            await settle()
            failures = events.of(PersistenceFailed)
            assert failures
            assert {(e.session_id, e.operation) for e in failures} == {("fix-login", "save_queue")}
            assert {e.error for e in failures} == {"disk full" if broken else "RuntimeError"}
            (outside,) = lanes_queue.pending_external_tasks()
            assert events.of(ExternalTaskPending) == [outside.event()]
            journal.broken = None
            await lanes_queue.stop()
            assert journal.kept == (lanes_queue.dead_letters(), ())
            assert handle.done()

    asyncio.run(main())


def test_a_save_that_failed_is_made_up_for_though_nothing_changed_since() -> None:
    """Stopping writes what the last save could not, also when the state is the same."""

    async def main() -> None:
        journal = SlowJournal()
        async with queue(OUTSIDE, journal=journal) as lanes_queue:
            await lanes_queue.recover()
            journal.broken = StoreFullError("disk full")
            with pytest.raises(OSError, match="no"):
                await lanes_queue.submit(QUERY, Work("w", OSError("no")))
            await settle()
            assert journal.kept == ((), ())
            journal.broken = None
        assert journal.kept == (lanes_queue.dead_letters(), ()) != ((), ())

    asyncio.run(main())


def test_a_task_is_late_though_the_journal_still_waits() -> None:
    """7.3: a store that is locked for 10 s holds up no timeout; the task is not announced."""
    events = Events()
    handler = LaneHandlerConfig(mode=TaskHandlerMode.EXTERNAL, timeout_ms=50)
    config = SessionQueueConfig(lane_handlers={EXECUTE: handler})

    async def main() -> None:
        journal = SlowJournal()
        async with queue(config, events=events, journal=journal) as lanes_queue:
            await lanes_queue.recover()
            journal.gate.clear()
            with pytest.raises(CommandTimeoutError, match="50ms"):
                await lanes_queue.submit(EXECUTE, Work())
            assert journal.running == 1, "the journal still waits"
            assert lanes_queue.pending_external_tasks() == ()
            journal.gate.set()
        assert journal.kept == ((), ())
        assert events.all == []

    asyncio.run(main())


def test_an_answer_is_there_though_the_journal_still_waits() -> None:
    """7.3: a handler may learn of the task by other ways than its event."""

    async def main() -> None:
        journal = SlowJournal()
        async with queue(OUTSIDE, journal=journal) as lanes_queue:
            await lanes_queue.recover()
            journal.gate.clear()
            handle = lanes_queue.submit(EXECUTE, Work())
            await settle()
            (outside,) = lanes_queue.pending_external_tasks()
            assert lanes_queue.complete_external_task(outside.task_id, True, 1)
            assert await handle == 1
            assert journal.running == 1
            journal.gate.set()

    asyncio.run(main())


# -- The task that saves is cancelled ----------------------------------------------------------


def savers() -> list[asyncio.Task[Any]]:
    """The tasks that save a journal now."""
    return [task for task in asyncio.all_tasks() if task.get_name() == "queue journal"]


async def until(there: Callable[[], object]) -> None:
    """Let the loop go on to the very step after which something is there."""
    for _ in range(100):
        if there():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never was")


def cancel_savers() -> None:
    """Cancel them, as programs do that cancel every task and go on."""
    for saver in savers():
        saver.cancel()


def test_a_saver_that_is_cancelled_before_its_first_step_loses_no_change() -> None:
    """The next change is stored, and so is the one before; stopping raises nothing."""
    events = Events()

    async def main() -> None:
        journal = SlowJournal()
        async with queue(OUTSIDE, events=events, journal=journal) as lanes_queue:
            await lanes_queue.recover()
            lanes_queue._record_changed()
            cancel_savers()
            with pytest.raises(OSError, match="no"):
                await lanes_queue.submit(QUERY, Work("w", OSError("no")))
            handle = lanes_queue.submit(EXECUTE, Work())
            await settle()
            (announced,) = events.of(ExternalTaskPending)
            assert journal.kept == (
                lanes_queue.dead_letters(),
                lanes_queue.pending_external_tasks(),
            )
            assert lanes_queue.complete_external_task(announced.task_id, True, 1)
            assert await handle == 1
            await lanes_queue.stop()

    asyncio.run(main())


@pytest.mark.parametrize("waits", ["first step", "load", "save"])
def test_who_waits_for_a_saver_that_is_cancelled_is_announced_once_it_is_stored(
    waits: str,
) -> None:
    """Whenever it is cancelled, and also for those who wait for the save after that one."""
    events = Events()

    async def main() -> None:
        journal = SlowJournal()
        async with queue(OUTSIDE, events=events, journal=journal) as lanes_queue:
            if waits != "load":
                await lanes_queue.recover()
            journal.gate.clear()
            first = lanes_queue.submit(EXECUTE, Work("first"))
            await until(savers)
            if waits != "first step":
                await settle()
                lanes_queue.submit(EXECUTE, Work("second"))
                await settle()
            cancel_savers()
            await settle()
            assert events.of(ExternalTaskPending) == [], "nothing is stored yet"
            (failure,) = events.of(PersistenceFailed)
            assert "cancelled" in failure.error
            third = lanes_queue.submit(EXECUTE, Work("third"))
            await settle()
            journal.gate.set()
            await settle(20)
            announced = events.of(ExternalTaskPending)
            assert journal.kept == ((), lanes_queue.pending_external_tasks())
            pending = journal.kept[1]
            assert announced == [one.event() for one in pending]
            assert len(pending) == (2 if waits == "first step" else 3)
            for one in pending:
                lanes_queue.complete_external_task(one.task_id, True, one.command_type)
            assert [await first, await third] == ["first", "third"]

    asyncio.run(main())


@pytest.mark.parametrize("waits", ["first step", "save"])
def test_stopping_raises_no_cancellation_that_was_sent_to_the_saver(waits: str) -> None:
    """And stores what the saver did not."""

    async def main() -> None:
        journal = SlowJournal()
        async with queue(OUTSIDE, journal=journal) as lanes_queue:
            await lanes_queue.recover()
            journal.gate.clear()
            with pytest.raises(OSError, match="no"):
                await lanes_queue.submit(QUERY, Work("w", OSError("no")))
            assert savers()
            if waits == "save":
                await settle()
                assert journal.running == 1
            stopping = asyncio.create_task(lanes_queue.stop())
            cancel_savers()
            await settle()
            cancel_savers()
            journal.gate.set()
            await stopping
            assert journal.kept == (lanes_queue.dead_letters(), ()) != ((), ())
            await lanes_queue.stop()

    asyncio.run(main())


def test_a_cancelled_stop_is_cancelled_and_leaves_the_saver_at_work() -> None:
    """A cancellation that was sent arrives, and takes nothing along."""

    async def main() -> None:
        journal = SlowJournal()
        async with queue(OUTSIDE, journal=journal) as lanes_queue:
            await lanes_queue.recover()
            journal.gate.clear()
            with pytest.raises(OSError, match="no"):
                await lanes_queue.submit(QUERY, Work("w", OSError("no")))
            stopping = asyncio.create_task(lanes_queue.stop())
            await settle()
            stopping.cancel()
            with pytest.raises(asyncio.CancelledError):
                await stopping
            journal.gate.set()
            await settle()
            assert journal.kept == (lanes_queue.dead_letters(), ()) != ((), ())

    asyncio.run(main())


@pytest.mark.parametrize("waits", ["first step", "load", "save"])
def test_a_loop_that_was_closed_in_a_save_leaves_the_queue_to_the_next(waits: str) -> None:
    """Its tasks never end, and nothing waits for them any more."""
    journal = SlowJournal()

    async def begin() -> LaneQueue:
        made = LaneQueue("fix-login", OUTSIDE, emit=Events(), journal=journal)
        if waits != "load":
            await made.recover()
        journal.gate.clear()
        made.start()
        made.submit(QUERY, Work("w", OSError("no")))
        await until(made.dead_letters)
        if waits != "first step":
            await settle()
        return made

    async def finish(made: LaneQueue) -> None:
        journal.gate = asyncio.Event()
        journal.gate.set()
        journal.running = 0
        await made.stop()
        assert journal.kept == (made.dead_letters(), ()) != ((), ())

    loop = asyncio.new_event_loop()
    lanes_queue = loop.run_until_complete(begin())
    left = asyncio.all_tasks(loop)
    loop.close()
    asyncio.run(finish(lanes_queue))
    for one in left:
        one._log_destroy_pending = False  # type: ignore[attr-defined]
        one.get_coro().close()


# -- After a restart ---------------------------------------------------------------------------


def test_what_was_on_record_is_there_again() -> None:
    """Letters before newer ones; tasks can be completed, and no command gets their results."""
    events = Events()

    async def main() -> None:
        journal = SlowJournal(((letter("a"),), (task("b"), task("c"))))
        async with queue(OUTSIDE, events=events, journal=journal) as lanes_queue:
            await lanes_queue.recover()
            await lanes_queue.recover()
            assert lanes_queue.dead_letters() == (letter("a"),)
            assert lanes_queue.pending_external_tasks() == (task("b"), task("c"))
            assert lanes_queue.stats().external_pending == 2
            assert events.all == [], "they were announced before"
            assert lanes_queue.complete_external_task("b", True, "anything")
            assert not lanes_queue.complete_external_task("b", True)
            assert events.all == [
                ExternalTaskCompleted(task_id="b", session_id="fix-login", success=True)
            ]
            await settle()
            assert journal.saves[-1] == ((letter("a"),), (task("c"),))
            with pytest.raises(OSError, match="no"):
                await lanes_queue.submit(QUERY, Work("w", OSError("no")))
            assert first_of(lanes_queue.dead_letters()) == "a"
        # Stopping fails them like all others.
        assert journal.kept == (lanes_queue.dead_letters(), ())

    asyncio.run(main())


def test_nothing_on_record_is_lost_by_a_queue_that_did_not_ask_for_it() -> None:
    """The stored state is taken in before anything is written."""

    async def main() -> None:
        journal = SlowJournal(((letter("a"),), (task("b"),)))
        async with queue(OUTSIDE, journal=journal) as lanes_queue:
            lanes_queue.submit(QUERY, Work("w", OSError("no")))
            assert await lanes_queue.drain()
            await settle()
            letters, tasks = journal.kept
            assert letters == lanes_queue.dead_letters()
            assert first_of(letters) == "a"
            assert tasks == (task("b"),)

    asyncio.run(main())


def test_tasks_from_before_stand_before_newer_ones() -> None:
    """7.3: oldest first."""

    async def main() -> None:
        journal = SlowJournal(((), (task("b"),)))
        async with queue(OUTSIDE, journal=journal) as lanes_queue:
            lanes_queue.submit(EXECUTE, Work("newer"))
            await settle()
            first, second = lanes_queue.pending_external_tasks()
            assert (first, second.command_type) == (task("b"), "newer")

    asyncio.run(main())


def test_what_is_read_while_the_queue_stops_is_answered_too() -> None:
    """7.3 B: no task and no timer outlives the queue."""
    events = Events()

    async def main() -> None:
        journal = SlowJournal(((), (task("b"),)))
        async with queue(OUTSIDE, events=events, journal=journal) as lanes_queue:
            journal.gate.clear()
            lanes_queue.submit(EXECUTE, Work())
            await settle()
            stopping = asyncio.create_task(lanes_queue.stop())
            await settle()
            journal.gate.set()
            await stopping
            assert lanes_queue.pending_external_tasks() == ()
            assert journal.kept == ((), ())
        assert events.all == [
            ExternalTaskCompleted(task_id="b", session_id="fix-login", success=False)
        ]

    asyncio.run(main())


def test_a_record_that_cannot_be_read_is_not_replaced() -> None:
    """`recover` raises; the queue works on without it."""
    events = Events()

    async def main() -> None:
        journal = SlowJournal(((letter("a"),), ()))
        journal.broken = RuntimeError("torn")
        async with queue(OUTSIDE, events=events, journal=journal) as lanes_queue:
            with pytest.raises(PersistenceError) as caught:
                await lanes_queue.recover()
            assert caught.value.__cause__ is journal.broken
            with pytest.raises(OSError, match="no"):
                await lanes_queue.submit(QUERY, Work("w", OSError("no")))
            await settle()
            assert events.of(PersistenceFailed)
            assert journal.kept == ((letter("a"),), ())
            journal.broken = None
        assert first_of(journal.kept[0]) == "a"
        assert len(journal.kept[0]) == 2

    asyncio.run(main())


def test_a_task_from_before_has_its_timeout_again_and_no_more() -> None:
    """7.3: so that a task that is never completed does not stay for ever."""

    async def main() -> None:
        journal = SlowJournal(((), (task("b", 1), task("c"))))
        async with queue(OUTSIDE, journal=journal) as lanes_queue:
            await lanes_queue.recover()
            await journal.saved.wait()
            assert lanes_queue.pending_external_tasks() == (task("c"),)
            assert not lanes_queue.complete_external_task("b", True)
            assert journal.kept == ((), (task("c"),))

    asyncio.run(main())


def test_dead_letters_from_before_obey_the_limit() -> None:
    """Q5: and where they are off none is listed."""

    async def listed(**config: Any) -> list[str]:
        journal = SlowJournal((tuple(letter(str(n)) for n in range(5)), ()))
        async with queue(SessionQueueConfig(**config), journal=journal) as lanes_queue:
            await lanes_queue.recover()
            return [one.command_id for one in lanes_queue.dead_letters()]

    assert asyncio.run(listed(enable_dlq=True, dlq_max_size=2)) == ["3", "4"]
    assert asyncio.run(listed()) == []


def test_a_queue_without_a_journal_has_nothing_to_recover() -> None:
    """Extension: off unless it is asked for."""

    async def main() -> None:
        async with queue(OUTSIDE) as lanes_queue:
            await lanes_queue.recover()
            assert lanes_queue.dead_letters() == ()

    asyncio.run(main())


# -- A process that is killed ------------------------------------------------------------------

_VICTIM = """
import asyncio, sys
from a3s_store.models import ExternalTaskPending, SessionLane
from a3s_store.runtime.queue import LaneQueue
from a3s_store.runtime.queue.journal import StoreJournal
from a3s_store.backends.sqlite import SqliteSessionStore
from tests.support import session
from tests.unit.runtime.queueing import Work
from tests.unit.runtime.queue.test_journal_writer import OUTSIDE

async def main(path):
    told = asyncio.Queue()
    store = await SqliteSessionStore.open(path)
    await store.save(session("fix-login"))
    queue = LaneQueue("fix-login", OUTSIDE, emit=told.put_nowait,
                      journal=StoreJournal(store, "fix-login"))
    queue.start()
    queue.submit(SessionLane.QUERY, Work("grep", OSError("no such file")))
    await queue.drain()
    queue.submit(SessionLane.EXECUTE, Work("bash", payload={"command": "make"}))
    while not isinstance(event := await told.get(), ExternalTaskPending):
        pass
    print(event.task_id, flush=True)
    await asyncio.sleep(600)

asyncio.run(main(sys.argv[1]))
"""


def test_a_killed_process_leaves_its_dead_letters_and_the_tasks_it_announced(
    tmp_path: Path,
) -> None:
    """The next one lists them, and accepts their results."""
    path = tmp_path / "store.db"
    victim = subprocess.Popen(
        [sys.executable, "-c", _VICTIM, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[4],
    )
    assert victim.stdout is not None
    with victim.stdout:
        task_id = victim.stdout.readline().strip()
        victim.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        victim.wait(GUARD_S)
    assert task_id

    async def main() -> None:
        events = Events()
        async with await SqliteSessionStore.open(path) as store:
            journal = StoreJournal(store, "fix-login")
            async with queue(OUTSIDE, events=events, journal=journal) as lanes_queue:
                await lanes_queue.recover()
                (dead,) = lanes_queue.dead_letters()
                assert (dead.command_type, dead.error) == ("grep", "no such file")
                (outside,) = lanes_queue.pending_external_tasks()
                assert outside.task_id == task_id
                assert outside.payload == {"command": "make"}
                assert lanes_queue.complete_external_task(task_id, True, "built")
                assert [event.success for event in events.of(ExternalTaskCompleted)] == [True]
            assert await journal.load() == ((dead,), ())

    asyncio.run(main())
