"""Checkpoints of runs on real stores: only the run's own is resumed, and leftovers are found."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from a3s_store import MemorySessionStore, SqliteSessionStore
from a3s_store.core.protocol import SessionStore
from a3s_store.errors import (
    InvalidSnapshotError,
    PersistenceError,
    SessionConfigError,
    SessionError,
    StoreClosedError,
)
from a3s_store.models import (
    LoopCheckpoint,
    Message,
    RunRecord,
    RunSnapshot,
    RunStatus,
    SessionData,
    TokenUsage,
    VerificationReport,
    VerificationStatus,
)
from a3s_store.runtime.runs.run_checkpoints import (
    LeftOverCheckpoint,
    OrphanedCheckpoint,
    check_ownership,
    left_over,
    load_for_resume,
    orphaned,
)
from a3s_store.wire import decode, encode

MESSAGES = (Message.user("do it"), Message.assistant("I did"))
REPORT = VerificationReport(subject="tests", status=VerificationStatus.PASSED)
Work = Callable[[SessionStore], Awaitable[None]]


async def closed_store() -> SessionStore:
    store = MemorySessionStore()
    await store.close()
    return store


async def save(store: SessionStore, run: str = "run-1", session: str = "session-1") -> None:
    await store.save_loop_checkpoint(run, checkpoint(run, session))


def checkpoint(run: str = "run-1", session: str = "session-1", turn: int = 1) -> LoopCheckpoint:
    return LoopCheckpoint(
        run_id=run,
        session_id=session,
        turn=turn,
        messages=MESSAGES,
        total_usage=TokenUsage(total_tokens=1000),
        tool_calls_count=3,
        verification_reports=(REPORT,),
        checkpoint_ms=1234,
    )


# -- Resuming from one ------------------------------------------------------------------------


def test_the_checkpoint_of_the_last_round_is_the_one_that_is_loaded(
    on_store: Callable[[Work], None],
) -> None:
    """K1, K2, K7."""

    async def work(store: SessionStore) -> None:
        for turn in (1, 2):
            await store.save_loop_checkpoint("run-1", checkpoint(turn=turn))
        assert await load_for_resume(store, "run-1", "session-1") == checkpoint(turn=2)

    on_store(work)


def test_a_run_goes_on_from_its_own_checkpoint_which_stays(
    on_store: Callable[[Work], None],
) -> None:
    """1.7, resume a run."""

    async def work(store: SessionStore) -> None:
        await save(store)
        found = await load_for_resume(store, "run-1", "session-1")
        assert found == checkpoint()
        assert await store.load_loop_checkpoint("run-1") == found

    on_store(work)


def test_a_run_cannot_go_on_without_a_store() -> None:
    """1.7, resume a run."""
    with pytest.raises(SessionConfigError) as caught:
        asyncio.run(load_for_resume(None, "run-1", "session-1"))
    assert caught.value.what == "resume_run requires a session_store on this session"
    assert caught.value.field == "session_store"


def test_a_run_cannot_go_on_when_the_store_fails() -> None:
    """1.7, resume a run."""

    async def main() -> None:
        await load_for_resume(await closed_store(), "run-1", "session-1")

    with pytest.raises(PersistenceError) as caught:
        asyncio.run(main())
    cause = caught.value.__cause__
    assert isinstance(cause, StoreClosedError)
    assert caught.value.what == f"load_loop_checkpoint('run-1') failed: {cause}"


def test_a_run_without_a_checkpoint_cannot_go_on(on_store: Callable[[Work], None]) -> None:
    """1.7, resume a run."""

    async def work(store: SessionStore) -> None:
        with pytest.raises(SessionError) as caught:
            await load_for_resume(store, "run-9", "session-1")
        assert caught.value.what == "no loop checkpoint found for run 'run-9'"

    on_store(work)


def test_a_run_of_another_session_cannot_be_gone_on_with(on_store: Callable[[Work], None]) -> None:
    """K6; 1.7, resume a run."""

    async def work(store: SessionStore) -> None:
        await save(store, session="theirs")
        with pytest.raises(SessionError) as caught:
            await load_for_resume(store, "run-1", "mine")
        assert caught.value.what == (
            "refusing to resume checkpoint 'run-1': loop checkpoint ownership mismatch for run "
            '"run-1": current session is "mine", payload belongs to "theirs"'
        )

    on_store(work)


def test_a_checkpoint_under_another_runs_key_is_refused() -> None:
    """K6."""
    with pytest.raises(InvalidSnapshotError) as caught:
        check_ownership(checkpoint("run-2"), "run-1", "session-1")
    assert caught.value.what == (
        'loop checkpoint key mismatch: requested run "run-1", payload belongs to "run-2"'
    )


def test_a_checkpoint_of_a_newer_version_is_refused_and_one_of_none_is_not() -> None:
    """K5."""
    with pytest.raises(InvalidSnapshotError) as caught:
        check_ownership(checkpoint().evolve(schema_version=2), "run-1", "session-1")
    assert caught.value.what == (
        "loop checkpoint for run run-1 has schema version 2 but this build supports at most 1"
    )
    tree = encode(checkpoint())
    del tree["schema_version"]
    old = decode(LoopCheckpoint, tree)
    assert old.schema_version == 0
    check_ownership(old, "run-1", "session-1")


# -- Orphans ----------------------------------------------------------------------------------


def test_checkpoints_whose_session_is_not_stored_are_found(
    on_store: Callable[[Work], None],
) -> None:
    """K4."""

    async def work(store: SessionStore) -> None:
        await store.save(SessionData(id="stored", created_at=1, updated_at=1))
        for run, session in (("b", "gone"), ("a", "gone"), ("c", "stored"), ("d", "unsaved")):
            await save(store, run, session)
        assert await orphaned(store, live={"unsaved"}) == (
            OrphanedCheckpoint(run_id="a", session_id="gone", checkpoint_ms=1234),
            OrphanedCheckpoint(run_id="b", session_id="gone", checkpoint_ms=1234),
        )
        assert [one.run_id for one in await orphaned(store)] == ["a", "b", "d"]
        assert await store.load_loop_checkpoint("a") == checkpoint("a", "gone")

    on_store(work)


def test_a_checkpoint_that_cannot_be_read_is_logged_and_skipped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """K4, K5."""

    file = tmp_path / "sessions.db"

    async def main() -> tuple[OrphanedCheckpoint, ...]:
        async with SqliteSessionStore.open(file) as store:
            for run in ("damaged", "newer", "whole"):
                await save(store, run, "gone")
        with contextlib.closing(sqlite3.connect(file)) as connection:
            change = "UPDATE loop_checkpoint SET {} WHERE run_id = ?"
            connection.execute(change.format("turn = 99"), ["damaged"])
            connection.execute(change.format("schema_version = 2"), ["newer"])
            connection.commit()
        async with SqliteSessionStore.open(file) as store:
            return await orphaned(store)

    assert [one.run_id for one in asyncio.run(main())] == ["whole"]
    told = [record.getMessage().split(" skipped")[0] for record in caplog.records]
    assert told == [f"Loop checkpoint of run {run}" for run in ("damaged", "newer")]


def test_a_store_that_fails_meanwhile_is_not_passed_over() -> None:
    """K4."""

    async def main() -> None:
        await orphaned(await closed_store())

    with pytest.raises(StoreClosedError):
        asyncio.run(main())


def test_a_store_that_cannot_say_what_it_holds_is_refused() -> None:
    """K4."""

    class Bare:
        """An application's store, wrapped so that its inventory is out of reach."""

        def __init__(self, store: SessionStore) -> None:
            self.load_loop_checkpoint = store.load_loop_checkpoint

    async def main() -> None:
        bare: SessionStore = Bare(MemorySessionStore())  # type: ignore[assignment]
        await orphaned(bare)

    with pytest.raises(SessionConfigError):
        asyncio.run(main())


# -- Left over --------------------------------------------------------------------------------


def test_checkpoints_whose_run_has_ended_are_found(on_store: Callable[[Work], None]) -> None:
    """K3."""

    async def work(store: SessionStore) -> None:
        await store.save(SessionData(id="stored", created_at=1, updated_at=1))
        for run, session in (("d", "stored"), ("e", "stored"), ("c", "stored"), ("g", "gone")):
            await save(store, run, session)
        await store.save_run_records(
            "stored",
            [ended("c", RunStatus.FAILED), ended("d", RunStatus.EXECUTING), ended("b")],
        )
        await store.save_run_records("gone", [ended("g")])
        assert await left_over(store) == (
            LeftOverCheckpoint(
                run_id="c", session_id="stored", status=RunStatus.FAILED, checkpoint_ms=1234
            ),
        )
        assert await store.load_loop_checkpoint("c") == checkpoint("c", "stored")
        assert [one.run_id for one in await orphaned(store)] == ["g"]

    on_store(work)


def test_a_session_whose_runs_cannot_be_read_is_logged_and_skipped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """K3."""
    file = tmp_path / "sessions.db"

    async def main() -> tuple[LeftOverCheckpoint, ...]:
        async with SqliteSessionStore.open(file) as store:
            for name in ("damaged", "whole"):
                await store.save(SessionData(id=name, created_at=1, updated_at=1))
                await store.save_run_records(name, [ended(name)])
                await save(store, name, name)
        with contextlib.closing(sqlite3.connect(file)) as connection:
            connection.execute("UPDATE run SET prompt = 'other' WHERE id = 'damaged'")
            connection.commit()
        async with SqliteSessionStore.open(file) as store:
            return await left_over(store)

    assert [one.run_id for one in asyncio.run(main())] == ["whole"]
    (told,) = caplog.records
    assert told.getMessage().startswith("Runs of session damaged skipped")


def ended(run_id: str, status: RunStatus = RunStatus.COMPLETED) -> RunRecord:
    snapshot = RunSnapshot(
        id=run_id, session_id="any", status=status, prompt="go", created_at_ms=1, updated_at_ms=2
    )
    return RunRecord(snapshot=snapshot, events=())
