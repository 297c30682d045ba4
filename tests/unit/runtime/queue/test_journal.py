"""The journal of a queue in a store: several live sessions share it, and each has its own part."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.backends.memory import MemorySessionStore
from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.core.base.queue_entries import EntryKey, QueueEntry, QueueEntryStore
from a3s_store.core.live_window import close_window, is_open, open_window
from a3s_store.core.protocol import SessionStore
from a3s_store.core.revision import Revision
from a3s_store.errors import DecodeError, InvalidIdError, SessionNotFoundError, StoreFullError
from a3s_store.models import (
    ExternalTaskPending,
    PersistenceFailed,
    StepOutcome,
    WorkflowCheckpoint,
    WorkflowStepRecord,
)
from a3s_store.runtime.queue import LaneQueue
from a3s_store.runtime.queue.handlers import ExternalTask
from a3s_store.runtime.queue.journal import StoreJournal
from a3s_store.wire import encode
from tests.support import session
from tests.unit.runtime.queue.test_journal_writer import EXECUTE, OUTSIDE, QUERY, letter, task
from tests.unit.runtime.queueing import Events, HandClock, Work, queue

KINDS = ["memory", "sqlite", "files", "without entries"]
SESSION = "fix-login"


class WithoutEntries(FileSessionStore):
    """A store of others that keeps no queue entries."""

    save_queue_entries = None  # type: ignore[assignment]
    claim_queue_entries = None  # type: ignore[assignment]


@asynccontextmanager
async def opened(kind: str) -> AsyncIterator[SessionStore]:
    """A store of this kind with one stored session."""
    with TemporaryDirectory() as folder:
        async with (
            MemorySessionStore()
            if kind == "memory"
            else SqliteSessionStore.open(Path(folder) / "agent.a3s")
            if kind == "sqlite"
            else FileSessionStore.open(folder)
            if kind == "files"
            else WithoutEntries.open(folder)
        ) as store:
            await store.save(session(SESSION))
            yield store


def named(tasks: Sequence[ExternalTask]) -> list[str]:
    return [one.task_id for one in tasks]


# -- One live session --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_any_store_keeps_a_queue(kind: str) -> None:
    """Until it is removed, each entry in its place."""

    async def main() -> None:
        async with opened(kind) as store:
            journal = StoreJournal(store, SESSION)
            assert await journal.load() == ((), ())
            kept = (letter("a"), letter("b")), (task("c"), task("d"))
            await journal.save(*kept)
            journal.release()
            again = StoreJournal(store, SESSION)
            assert await again.load() == kept
            assert await StoreJournal(store, "another").load() == ((), ())
            await again.save((letter("b"), letter("e")), (task("d"),))
            assert await again.load() == ((letter("b"), letter("e")), (task("d"),))
            await again.save((), ())
            assert await again.load() == ((), ())
            await again.save(*kept)
            await again.clear()
            assert await again.load() == ((), ())
            assert (await store.inventory()).workflow_checkpoints == ()  # type: ignore[attr-defined]

    asyncio.run(main())


def test_a_store_without_entries_keeps_a_workflow_checkpoint() -> None:
    """Under `a3s_store.queue/{session_id}`, its claims where older releases do not look."""

    async def main() -> None:
        async with opened("without entries") as store:
            journal = StoreJournal(store, SESSION, clock=HandClock(9))
            await journal.save((letter("a"),), (task("b"),))
            found = await store.load_workflow_checkpoint("a3s_store.queue/fix-login")
            assert found is not None
            assert found.checkpoint_ms == 9
            assert [
                (step.task_id, step.outcome.agent, step.outcome.structured) for step in found.steps
            ] == [
                ("a", "dead_letter", encode(letter("a"))),
                ("b", "external_task", encode(task("b"))),
            ]
            assert [step.extra for step in found.steps] == [{"claimed_by": journal.token}] * 2
            await journal.save((), ())
            assert await store.load_workflow_checkpoint(journal.workflow_id) is None

    asyncio.run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_a_queue_that_an_older_release_kept_is_taken_over(kind: str) -> None:
    """With letters that are decoded as they were, and entries of a later release left alone."""

    async def main() -> None:
        async with opened(kind) as store:
            outcomes = [
                ("dead_letter", "a", encode(letter("a"))),
                ("external_task", "b", encode(task("b"))),
                ("later", "c", {"any": 1}),
            ]
            steps = tuple(
                WorkflowStepRecord(
                    task_id=name,
                    outcome=StepOutcome(
                        task_id=name,
                        session_id=SESSION,
                        agent=agent,
                        output="",
                        success=False,
                        structured=value,
                    ),
                )
                for agent, name, value in outcomes
            )
            journal = StoreJournal(store, SESSION)
            checkpoint = WorkflowCheckpoint(
                workflow_id=journal.workflow_id, steps=steps, checkpoint_ms=0
            )
            await store.save_workflow_checkpoint(journal.workflow_id, checkpoint)
            assert await journal.load() == ((letter("a"),), (task("b"),))
            assert await StoreJournal(store, SESSION).load() == ((), ())
            await journal.save((), ())
            if isinstance(store, QueueEntryStore):
                if kind != "files":  # where entries are the steps of such a checkpoint
                    assert await store.load_workflow_checkpoint(journal.workflow_id) is None
                left = await store.claim_queue_entries(SESSION, by="x", may_take=lambda _: True)
                assert [one.key for one in left] == [("later", "c")]
            else:
                rest = await store.load_workflow_checkpoint(journal.workflow_id)
                assert rest is not None
                assert rest.steps == steps[2:]

    asyncio.run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_an_entry_that_is_not_what_it_says_is_refused(kind: str) -> None:
    async def main() -> None:
        async with opened(kind) as store:
            journal = StoreJournal(store, SESSION)
            value = {"command_id": "a"}
            if isinstance(store, QueueEntryStore):
                bad = QueueEntry(kind="dead_letter", command_id="a", value=value)
                await store.save_queue_entries(SESSION, claimed_by=None, put=[bad])
            else:
                outcome = StepOutcome(
                    task_id="a",
                    session_id=SESSION,
                    agent="dead_letter",
                    output="",
                    success=False,
                    structured=value,
                )
                steps = (WorkflowStepRecord(task_id="a", outcome=outcome),)
                checkpoint = WorkflowCheckpoint(
                    workflow_id=journal.workflow_id, steps=steps, checkpoint_ms=0
                )
                await store.save_workflow_checkpoint(journal.workflow_id, checkpoint)
            with pytest.raises(DecodeError):
                await journal.load()

    asyncio.run(main())


def test_an_id_that_would_be_too_long_is_refused_at_once() -> None:
    """Not at the first save, when it is too late."""
    with pytest.raises(InvalidIdError):
        StoreJournal(MemorySessionStore(), "x" * 1024)


class Watched(MemorySessionStore):
    """A store that notes what is written of a queue, and fails before or after it is."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[tuple[list[str], list[str]]] = []
        self.fails_before = self.fails_after = False

    async def save_queue_entries(
        self,
        session_id: str,
        *,
        claimed_by: str | None,
        put: Sequence[QueueEntry] = (),
        remove: Sequence[EntryKey] = (),
        life: int | None = None,
    ) -> None:
        self.written.append(([one.command_id for one in put], sorted(name for _, name in remove)))
        if self.fails_before:
            raise StoreFullError("disk full")
        await super().save_queue_entries(
            session_id, claimed_by=claimed_by, put=put, remove=remove, life=life
        )
        if self.fails_after:
            raise StoreFullError("the reply is lost")


def test_what_did_not_change_is_not_written_again() -> None:
    async def main() -> None:
        async with Watched() as store:
            await store.save(session(SESSION))
            journal = StoreJournal(store, SESSION)
            await journal.save((letter("a"),), (task("b"),))
            await journal.save((letter("a"),), (task("b"),))
            await journal.save((letter("a"), letter("c")), ())
            journal.release()
            again = StoreJournal(store, SESSION)
            await again.load()
            await again.save((letter("c"),), (task("d"),))
            assert store.written == [(["a", "b"], []), (["c"], ["b"]), (["d"], ["a"])]

    asyncio.run(main())


@pytest.mark.parametrize("landed", [False, True])
def test_after_a_save_that_failed_all_is_written_that_may_be_missing(landed: bool) -> None:
    """And all is removed that may be there."""

    async def main() -> None:
        async with Watched() as store:
            await store.save(session(SESSION))
            journal = StoreJournal(store, SESSION)
            await journal.save((letter("a"),), (task("b"),))
            store.fails_before, store.fails_after = not landed, landed
            with pytest.raises(StoreFullError):
                await journal.save((letter("a"),), (task("c"),))
            store.fails_before = store.fails_after = False
            await journal.save((letter("a"),), (task("d"),))
            assert store.written[-1] == (["a", "d"], ["b", "c"])
            assert await journal.load() == ((letter("a"),), (task("d"),))

    asyncio.run(main())


def test_ids_are_those_of_the_entry_whatever_was_redacted() -> None:
    """`redact=` is asked about the texts of a payload, and of the rest of it."""

    async def main() -> None:
        def redact(text: str) -> str:
            return {"error of b": "error of *", "command": "*"}.get(text, text)

        async with MemorySessionStore(redact=redact) as store:
            await store.save(session(SESSION))
            journal = StoreJournal(store, SESSION)
            await journal.save((letter("b"),), (task("b"),))
            ((dead,), (outside,)) = await journal.load()
            assert (dead.command_id, dead.error) == ("b", "error of *")
            assert (outside.task_id, outside.payload) == ("b", {"*": ["b", 1, None, 1.5]})
        async with MemorySessionStore(redact=lambda text: text.replace("bb", "*")) as store:
            await store.save(session(SESSION))
            with pytest.raises(InvalidIdError, match="command id"):
                await StoreJournal(store, SESSION).save((letter("bb"),), ())

    asyncio.run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_a_queue_of_a_deleted_session_leaves_no_entry(kind: str) -> None:
    """Once it is known where the session was saved; before, any id may have a queue."""

    async def main() -> None:
        async with opened(kind) as store:
            journal = StoreJournal(store, SESSION)
            life = (await store.revision(SESSION)).life if hasattr(store, "revision") else 1
            journal.bind(lambda: Revision(life, life))
            await journal.save((letter("a"),), ())
            await store.delete(SESSION)
            with pytest.raises(SessionNotFoundError):
                await journal.save((letter("a"), letter("b")), ())
            await journal.save((), ())
            assert (await store.inventory()).workflow_checkpoints == ()  # type: ignore[attr-defined]

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_queue_of_a_session_that_is_not_stored_yet_is_kept_once_it_is(kind: str) -> None:
    """Until then each change says so; the next one, or stopping, tries again."""
    events = Events()

    async def main() -> None:
        async with opened(kind) as store:
            journal = StoreJournal(store, "new")
            with pytest.raises(SessionNotFoundError):
                await journal.save((letter("a"),), ())
            journal = StoreJournal(store, "new")
            async with queue(OUTSIDE, events=events, journal=journal) as lanes_queue:
                with pytest.raises(OSError, match="no"):
                    await lanes_queue.submit(QUERY, Work("w", OSError("no")))
                while not events.of(PersistenceFailed):  # noqa: ASYNC110
                    await asyncio.sleep(0.001)
                await store.save(session("new"))
            assert (await journal.load())[0] == lanes_queue.dead_letters() != ()

    asyncio.run(main())


# -- Several live sessions ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_save_of_one_live_session_leaves_the_entries_of_another(kind: str) -> None:
    async def main() -> None:
        async with opened(kind) as store:
            first, second = (StoreJournal(store, SESSION) for _ in range(2))
            await asyncio.gather(
                first.save((letter("a"),), (task("b"),)), second.save((), (task("c"),))
            )
            await second.save((), (task("c"), task("d")))
            await first.save((), (task("b"),))
            assert await first.load() == ((), (task("b"),))
            assert await second.load() == ((), (task("c"), task("d")))
            await second.save((), ())
            assert await first.load() == ((), (task("b"),))

    asyncio.run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_the_entries_of_a_closed_live_session_go_to_one_of_the_others(kind: str) -> None:
    async def main() -> None:
        async with opened(kind) as store:
            first, second, third = (StoreJournal(store, SESSION) for _ in range(3))
            await first.save((letter("a"),), (task("b"),))
            assert await second.load() == ((), ())
            first.release()
            first.release()
            found = await asyncio.gather(second.load(), third.load())
            assert sorted(found, key=repr) == [((), ()), ((letter("a"),), (task("b"),))]

    asyncio.run(main())


def test_the_token_of_a_live_session_is_for_its_owner_to_close() -> None:
    """One that the journal opened is closed with it, also by the garbage collector."""

    async def main() -> None:
        async with opened("memory") as store:
            token = open_window()
            given = StoreJournal(store, SESSION, token=token)
            await given.save((letter("a"),), ())
            given.release()
            assert is_open(token)
            close_window(token)
            dropped = StoreJournal(store, SESSION)
            assert (await dropped.load())[0] == (letter("a"),)
            token = dropped.token
            assert is_open(token)
            del dropped
            gc.collect()
            assert not is_open(token)

    asyncio.run(main())


@pytest.mark.parametrize("kind", KINDS)
def test_an_announced_task_is_not_lost_by_the_queue_of_another_live_session(kind: str) -> None:
    """Each queue has its own tasks, and a third one those of both once they are gone."""

    async def main() -> None:
        async with opened(kind) as store:
            events = [Events(), Events()]
            journals = [StoreJournal(store, SESSION) for _ in range(3)]
            queues = [
                LaneQueue(SESSION, OUTSIDE, emit=one, journal=journals[number])
                for number, one in enumerate(events)
            ]
            for each in queues:
                await each.recover()
                each.start()
                each.submit(EXECUTE, Work())
            while not all(one.of(ExternalTaskPending) for one in events):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            tasks = [one for each in queues for one in each.pending_external_tasks()]
            assert len(tasks) == 2
            # Both processes die: that is how a third one sees it.
            for one in journals:
                one.release()
            _, found = await journals[2].load()
            assert sorted(named(found)) == sorted(named(tasks))
            for each in queues:
                await each.stop(0)

    asyncio.run(main())


class SlowFiles(WithoutEntries):
    """A store whose writes go on though their caller was cancelled; the next waits at the gate."""

    gate: asyncio.Event | None = None
    writing: asyncio.Task[None]

    async def save_workflow_checkpoint(
        self, workflow_id: str, checkpoint: WorkflowCheckpoint
    ) -> None:
        gate, self.gate = self.gate, None
        save = super().save_workflow_checkpoint

        async def write() -> None:
            if gate is not None:
                await gate.wait()
            await save(workflow_id, checkpoint)

        self.writing = asyncio.create_task(write())
        await asyncio.shield(self.writing)


def test_a_cancelled_save_replaces_no_later_one_of_another_live_session(tmp_path: Path) -> None:
    """Its write is under way in a thread, and lands whenever that comes to it."""

    async def main() -> None:
        async with SlowFiles.open(tmp_path) as opened_store:
            store: Any = opened_store
            await store.save(session(SESSION))
            first, second = (StoreJournal(store, SESSION) for _ in range(2))
            gate = store.gate = asyncio.Event()
            saving = asyncio.create_task(first.save((), (task("a"),)))
            while store.gate is not None:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            saving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await saving
            other = asyncio.create_task(second.save((), (task("b"),)))
            late = store.writing
            await asyncio.sleep(0.01)
            gate.set()
            await asyncio.gather(other, late)
            assert await second.load() == ((), (task("b"),))
            await first.save((), (task("c"),))
            assert await first.load() == ((), (task("c"),))
            assert await second.load() == ((), (task("b"),))

    asyncio.run(main())


@attrs.define
class Window:
    """A live session: its journal, and the tasks it has announced and not completed."""

    journal: StoreJournal
    tasks: dict[str, ExternalTask] = attrs.field(factory=dict)


STEPS = st.tuples(
    st.sampled_from(["put", "put", "remove", "crash", "recover", "recover"]), st.integers(0, 1)
)


@pytest.mark.parametrize("kind", KINDS)
@given(steps=st.lists(STEPS, max_size=20), together=st.booleans())
@settings(deadline=None, max_examples=40)
def test_no_announced_task_is_lost_or_given_to_two_live_sessions(
    kind: str, steps: list[tuple[str, int]], together: bool
) -> None:
    """Random changes by two live sessions, each of which may crash; also two at the same moment."""

    async def main() -> None:
        async with opened(kind) as store:
            windows = [Window(StoreJournal(store, SESSION)) for _ in range(2)]
            announced: dict[str, ExternalTask] = {}

            async def take(step: str, which: int, number: int) -> None:
                window = windows[which]
                if step == "put":
                    one = task(f"task {number}")
                    window.tasks[one.task_id] = one
                    await window.journal.save((), tuple(window.tasks.values()))
                    announced[one.task_id] = one
                elif step == "remove" and window.tasks:
                    del announced[window.tasks.popitem()[0]]
                    await window.journal.save((), tuple(window.tasks.values()))
                elif step == "crash":
                    window.journal.release()
                    windows[which] = Window(StoreJournal(store, SESSION))
                elif step == "recover" and not window.tasks:
                    _, found = await window.journal.load()
                    window.tasks = {one.task_id: one for one in found}

            size = 2 if together else 1
            for start in range(0, len(steps), size):
                batch = [(*step, start + i) for i, step in enumerate(steps[start : start + size])]
                if len({which for _, which, _ in batch}) == len(batch):
                    await asyncio.gather(*(take(*one) for one in batch))
                else:
                    for one in batch:
                        await take(*one)
                assert windows[0].tasks.keys().isdisjoint(windows[1].tasks)
            for window in windows:
                window.journal.release()
            _, found = await StoreJournal(store, SESSION).load()
            assert {one.task_id: one for one in found} == announced

    asyncio.run(main())
