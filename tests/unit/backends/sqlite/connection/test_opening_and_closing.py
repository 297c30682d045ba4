"""What once went wrong in the file, in memory or in an error, each in its smallest form."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sqlite3
import sys
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from a3s_store import SessionSnapshot, SqliteSessionStore
from a3s_store.errors import EncodeError, NotAStoreError, StoreError, StoreUnavailableError
from a3s_store.models import (
    ImageBlock,
    ImageSource,
    Message,
    SessionData,
    StepOutcome,
    SubagentStatus,
    SubagentTaskSnapshot,
    Task,
    TaskPriority,
    TaskStatus,
    WorkflowCheckpoint,
    WorkflowStepRecord,
)
from tests.support import all_rows, checkpoint, messages, session, with_store

# -- The log --------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", [False, True], ids=["same store", "another store"])
def test_nothing_is_appended_to_a_branch_that_is_there_for_another_ones_sake(
    tmp_path: Path, other: bool
) -> None:
    """No head points to the branch any more, so messages added to it would belong to no session."""
    path = tmp_path / "agent.a3s"
    kept = {"r3": messages(10)}
    kept |= {run: (*messages(10), Message.user(run)) for run in ("r2", "r1", "r4")}

    async def use(store: SqliteSessionStore) -> None:
        for run in ("r3", "r2", "r1"):
            await store.save_loop_checkpoint(run, checkpoint(kept[run], run))
        async with contextlib.AsyncExitStack() as stack:
            deleting = store
            if other:
                deleting = await stack.enter_async_context(SqliteSessionStore.open(path))
            await deleting.delete_loop_checkpoint("r3")
            await deleting.delete_loop_checkpoint("r2")
        await store.save_loop_checkpoint("r4", checkpoint(kept["r4"], "r4"))

    with_store(path, use)

    async def look(store: SqliteSessionStore) -> None:
        for run in ("r1", "r4"):
            assert await store.load_loop_checkpoint(run) == checkpoint(kept[run], run)

    with_store(path, look)


def test_a_part_that_cannot_be_taken_back_takes_back_all_and_each_is_tried_alone(
    tmp_path: Path,
) -> None:
    """Otherwise half a save would be committed with the others."""
    path = tmp_path / "agent.a3s"
    task = SubagentTaskSnapshot(
        task_id="\ud800",
        parent_session_id="bad",
        child_session_id="child",
        agent="explore",
        description="look around",
        status=SubagentStatus.RUNNING,
        started_ms=1,
        updated_ms=2,
    )
    bad = SessionSnapshot(session=session("bad"), subagent_tasks=(task,))

    async def use(store: SqliteSessionStore) -> None:
        assert store._engine.writer is not None
        await store._engine.writer.run(lambda conn: conn.set_authorizer(refuse_rollback_to))
        answers = await asyncio.gather(
            store.save(session("one")),
            store.save_snapshot(bad),
            store.save(session("two")),
            return_exceptions=True,
        )
        assert [type(answer) for answer in answers] == [type(None), EncodeError, type(None)]
        assert await store.list() == ["one", "two"]
        await store.save(session("bad"))
        assert await store.generation("bad") == 1

    refused = []

    def refuse_rollback_to(action: int, what: str | None, *_: str | None) -> int:
        if action == sqlite3.SQLITE_SAVEPOINT and what == "ROLLBACK":
            refused.append(what)
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    with_store(path, use)
    assert refused == ["ROLLBACK"]
    assert len(all_rows(path)["generation"]) == 3


# -- A long conversation that is read while others write ------------------------------------------


def picture(letter: str) -> Message:
    """A message with an image that lies apart, being large."""
    source = ImageSource(media_type="image/png", data=letter * 20_000)
    return Message(role="user", content=(ImageBlock(source=source),))


OLD = session(messages=(picture("A"), *messages(550, tag="old")), updated_at=1)
NEW = session(messages=(picture("B"), *messages(550, tag="new")), updated_at=2)


class Between:
    """Makes the file other things before some of the statements of a load."""

    def __init__(self, store: SqliteSessionStore, turns: dict[int, SessionData | None]) -> None:
        self._store = store
        self._turns = turns
        self._loop = asyncio.get_running_loop()
        self.statements = 0

    def __call__(self, statement: str) -> None:
        number, self.statements = self.statements, self.statements + 1
        if number in self._turns:
            turn = self._become(self._turns[number])
            asyncio.run_coroutine_threadsafe(turn, self._loop).result(20)
            del self._turns[number]

    async def _become(self, wanted: SessionData | None) -> None:
        await self._store.delete("fix-login")
        if wanted is not None:
            await self._store.save(wanted)


async def load_between(
    path: Path, store: SqliteSessionStore, turns: dict[int, SessionData | None]
) -> tuple[SessionData | None, int]:
    """What a fresh store loads meanwhile, and how many statements that took."""
    async with SqliteSessionStore.open(path) as fresh:
        between = Between(store, turns)
        reader = fresh._engine.reader
        await reader.run(lambda conn: conn.set_trace_callback(between))
        found = await fresh.load("fix-login")
        await reader.run(lambda conn: conn.set_trace_callback(None))
        assert not turns, "all has happened"
        assert await fresh.load("fix-login") == await store.load("fix-login")
    return found, between.statements


@pytest.mark.parametrize(
    "then",
    [[None], [NEW], [OLD], [NEW, OLD], [NEW, NEW, OLD]],
    ids=["gone", "another", "made again", "another and back", "another for longer and back"],
)
def test_a_conversation_that_is_replaced_while_it_is_read_is_read_whole_or_not_at_all(
    tmp_path: Path, then: Sequence[SessionData | None]
) -> None:
    """Whenever it happens: before any of the statements of the load."""
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(OLD)
        found, statements = await load_between(path, store, {})
        assert found == OLD
        assert statements > 10
        for number in range(statements - len(then)):
            await store.delete("fix-login")
            await store.save(OLD)
            turns = dict(enumerate(then, number))
            found, _ = await load_between(path, store, turns)
            assert found in (OLD, None, *then), f"before statement {number}"

    with_store(path, use, durability="normal")


# -- Errors ---------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be moved there")
def test_each_caller_of_a_group_that_is_refused_has_an_error_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("there"))
        path.rename(tmp_path / "elsewhere.a3s")
        errors = await asyncio.gather(
            store.save(session("one")),
            store.save(session("two")),
            store.save_trace_events("three", []),
            return_exceptions=True,
        )
        for error, name in zip(errors, ("one", "two", "three"), strict=True):
            assert isinstance(error, StoreUnavailableError)
            assert name in error.where
        assert [getattr(error, "op", None) for error in errors] == [
            "save",
            "save",
            "save_trace_events",
        ]
        assert len({id(error) for error in errors}) == 3

    with_store(path, use)


def test_empty_texts_are_texts(tmp_path: Path) -> None:
    """An empty role, once sealed as the text it is and not as its bytes, could not be saved."""
    empty = (
        Message(role="", content=()),
        Message(role="user", content=(), reasoning_content=""),
    )

    async def main() -> None:
        async with SqliteSessionStore.open(tmp_path / "agent.a3s") as store:
            await store.save(session(messages=empty))
        async with SqliteSessionStore.open(tmp_path / "agent.a3s") as store:
            loaded = await store.load("fix-login")
            assert loaded is not None
            assert loaded.messages == empty

    asyncio.run(main())


def test_a_checkpoints_bad_messages_are_named_as_the_checkpoints(tmp_path: Path) -> None:
    async def main() -> None:
        async with SqliteSessionStore.open(tmp_path / "agent.a3s") as store:
            for bad in (iter(()), (*messages(2), "no message")):
                value = checkpoint(messages(1)).evolve(messages=bad)  # type: ignore[arg-type]
                with pytest.raises(EncodeError, match=r"LoopCheckpoint\.messages"):
                    await store.save_loop_checkpoint("run-1", value)
            assert await store.load_loop_checkpoint("run-1") is None

    asyncio.run(main())


def test_the_root_of_all_folders_is_no_store(tmp_path: Path) -> None:
    async def open_it() -> None:
        await SqliteSessionStore.open(tmp_path.anchor)

    with pytest.raises(StoreError) as caught:
        asyncio.run(open_it())
    assert type(caught.value) in {NotAStoreError, StoreUnavailableError}


# -- The session cache ----------------------------------------------------------------------------


def steps(count: int) -> tuple[WorkflowStepRecord, ...]:
    outcome = StepOutcome(task_id="t", session_id="s", agent="a", output="o", success=True)
    return tuple(WorkflowStepRecord(task_id=str(n), outcome=outcome) for n in range(count))


def tasks(count: int) -> tuple[Task, ...]:
    return tuple(
        Task(id=str(n), content="do", status=TaskStatus.PENDING, priority=TaskPriority.HIGH)
        for n in range(count)
    )


@pytest.mark.parametrize("what", ["steps", "tasks"])
def test_steps_and_tasks_count_among_the_cached_values(tmp_path: Path, what: str) -> None:
    alive: list[weakref.ref[Any]] = []

    async def use(store: SqliteSessionStore) -> int:
        for number in range(6):
            await save(store, f"x{number}")
        # Evicted values are freed a little later than callers are told.
        assert store._engine.writer is not None
        await store._engine.writer.run(lambda conn: None)
        await store._engine.writer.run(lambda conn: None)
        gc.collect()
        return sum(ref() is not None for ref in alive)

    async def save(store: SqliteSessionStore, name: str) -> None:
        values: tuple[Any, ...]
        if what == "steps":
            values = steps(60)
            made = WorkflowCheckpoint(workflow_id=name, steps=steps(0), checkpoint_ms=1)
            await store.save_workflow_checkpoint(name, made.evolve(steps=values))
        else:
            values = tasks(60)
            await store.save(session(name, count=0, tasks=values))
        alive.extend(map(weakref.ref, values))

    found = with_store(tmp_path / "agent.a3s", use, cache_bytes=50_000)
    assert found <= 120


def test_a_session_too_large_to_remember_does_not_take_the_others_along(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        small = session("small", count=4)
        await store.save(small)
        await store.save(session("large", count=200))
        assert await store.load("small") is small
        assert await store.load("large") == session("large", count=200)

    with_store(tmp_path / "agent.a3s", use, cache_bytes=30_000)


def test_a_load_of_an_older_moment_leaves_what_a_newer_save_taught(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        reader = store._engine.reader
        await store.save(session(count=2))
        # A load that began before the second save: its moment is held.
        await reader.run(lambda conn: conn.execute("BEGIN"))
        await reader.run(lambda conn: conn.execute("SELECT * FROM owner").fetchall())
        newer = session(count=6)
        await store.save(newer)
        assert await store.load("fix-login") == session(count=2)
        await reader.run(lambda conn: conn.execute("ROLLBACK"))
        assert await store.load("fix-login") is newer

    with_store(tmp_path / "agent.a3s", use)
