"""`summaries` counts the runs that did not end, and the messages that only a checkpoint has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.read import run_states
from a3s_store.core.changes import RunCheckpoint, SessionChanges
from a3s_store.core.drafts import Draft
from a3s_store.core.listing.values import SessionSummary
from a3s_store.core.live_window import close_window, open_window
from a3s_store.models import LoopCheckpoint, RunStatus
from tests.support import database, messages, run, session, with_store

NOT_ENDED = (RunStatus.CREATED, RunStatus.PLANNING, RunStatus.EXECUTING, RunStatus.VERIFYING)


@pytest.fixture
def token() -> Iterator[str]:
    """Of a live session that is open."""
    token = open_window()
    yield token
    close_window(token)


def checkpoint(run_id: str, count: int, session_id: str = "fix-login") -> LoopCheckpoint:
    return LoopCheckpoint(
        run_id=run_id,
        session_id=session_id,
        turn=1,
        messages=messages(count),
        checkpoint_ms=1,
    )


async def begin(
    store: SqliteSessionStore,
    run_id: str,
    count: int,
    *,
    base_length: int | None = None,
    claimed_by: str | None = None,
) -> None:
    """Keep a checkpoint as a live session does."""
    kept = RunCheckpoint(
        checkpoint=checkpoint(run_id, count), base_length=base_length, claimed_by=claimed_by
    )
    changes = SessionChanges(
        session_id="fix-login", save_id=os.urandom(16), checkpoint=kept, begins_run=True
    )
    await store.save_changes(changes, on=await store.revision("fix-login"))


async def counted(store: SqliteSessionStore) -> tuple[int, int, int, bool]:
    (summary,) = await store.summaries()
    return summary.interrupted, summary.running, summary.unsaved_messages, summary.draft


def test_a_session_without_checkpoints_has_no_unfinished_runs(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.save(session())
        (summary,) = await store.summaries()
        assert type(summary) is SessionSummary
        runs = (summary.interrupted, summary.running, summary.unsaved_messages, summary.draft)
        assert runs == (0, 0, 0, False)

    with_store(tmp_path / "s.a3s", use)


def test_messages_beyond_those_the_run_began_with_are_unsaved(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(count=4))
        await begin(store, "a", 7, base_length=2)
        assert await counted(store) == (1, 0, 5, False)
        await begin(store, "b", 3, base_length=2)
        assert await counted(store) == (2, 0, 6, False)
        assert (await store.load("fix-login")) == session(count=4)

    with_store(tmp_path / "s.a3s", use)


@pytest.mark.parametrize(("count", "unsaved"), [(7, 3), (4, 0), (1, 0)])
def test_without_a_known_beginning_messages_beyond_the_session_are_unsaved(
    tmp_path: Path, count: int, unsaved: int
) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(count=4))
        await store.save_loop_checkpoint("a", checkpoint("a", count))
        assert await counted(store) == (1, 0, unsaved, False)

    with_store(tmp_path / "s.a3s", use)


def test_a_run_that_an_open_live_session_claimed_is_running(tmp_path: Path, token: str) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(count=1))
        await begin(store, "a", 2, base_length=1, claimed_by=token)
        assert await counted(store) == (0, 1, 0, False)
        close_window(token)
        assert await counted(store) == (1, 0, 1, False)

    with_store(tmp_path / "s.a3s", use)


@pytest.mark.parametrize("status", RunStatus)
def test_a_run_that_ended_is_left_over(tmp_path: Path, status: RunStatus) -> None:
    path = tmp_path / "s.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(count=1))
        await store.save_loop_checkpoint("run-1", checkpoint("run-1", 2))
        record = run(1, 0)
        ended = record.evolve(snapshot=record.snapshot.evolve(status=status))
        await store.save_run_records("fix-login", (run(2, 0), ended))
        assert await counted(store) == (
            int(status in NOT_ENDED),
            0,
            int(status in NOT_ENDED),
            False,
        )

    with_store(path, use)
    with database(path) as conn:
        (found,) = run_states.read(conn)
    assert found.state == ("interrupted" if status in NOT_ENDED else "left_over")


def test_a_draft_is_told_of(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(count=1))
        await begin(store, "a", 2, base_length=1)
        await store.save_draft("a", Draft(position=2, text="The log"))
        assert await counted(store) == (1, 0, 1, True)

    with_store(tmp_path / "s.a3s", use)


def test_a_checkpoint_without_a_stored_session_is_orphaned(tmp_path: Path) -> None:
    path = tmp_path / "s.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("other"))
        await store.save_trace_events("collections-only", [])
        for run_id, session_id in (("a", "gone"), ("b", "collections-only")):
            await store.save_loop_checkpoint(run_id, checkpoint(run_id, 2, session_id))
        assert [one.id for one in await store.summaries()] == ["other"]
        assert await counted(store) == (0, 0, 0, False)

    with_store(path, use)
    with database(path) as conn:
        assert [one.state for one in run_states.read(conn)] == ["orphaned", "orphaned"]
