"""Long sessions are deleted in several transactions: none waits long, and nothing is left."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from a3s_store import SqliteSessionStore, salvage
from a3s_store.backends.sqlite.connection import connect
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.rows import unfinished
from a3s_store.errors import StaleGenerationError
from tests.programs import ROOT
from tests.support import database, session, with_store

COUNT: Final = 10 * unfinished.ROWS + 5


def rows(path: Path) -> tuple[int, int, int]:
    """Return how many messages, branches and notes of unfinished deletions are in the file."""
    with database(path) as conn:
        messages, branches, left = (
            conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("message", "branch", "unfinished")
        )
    return messages, branches, left


async def finished(path: Path) -> None:
    """Wait until no deletion is unfinished."""
    async with asyncio.timeout(60):
        while rows(path)[2]:  # noqa: ASYNC110 - the file is the only one to tell
            await asyncio.sleep(0.01)


@contextlib.contextmanager
def stopped_before_steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have no step done, as when the process dies after the first transaction."""
    with monkeypatch.context() as patched:
        patched.setattr(unfinished, "step", lambda _: False)
        yield


def delete_in_part(path: Path, monkeypatch: pytest.MonkeyPatch, name: str = "s") -> None:
    with stopped_before_steps(monkeypatch):
        with_store(path, lambda store: store.delete(name))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "agent.a3s"

    async def save(store: SqliteSessionStore) -> None:
        await store.save(session("s", count=COUNT))
        await store.save(session("t", count=3))

    with_store(made, save)
    return made


def test_other_sessions_are_saved_between_the_steps(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> int:
        deleting = asyncio.create_task(store.delete("s"))
        saves = 0
        while not deleting.done():
            await store.save(session("t", count=4 + saves % 2))
            saves += 1
        await deleting
        return saves

    assert with_store(path, use) >= COUNT // unfinished.ROWS
    assert rows(path)[2] == 0


def test_no_transaction_removes_more_than_one_step(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> list[int]:
        engine = store._engine
        found: list[int] = []

        def count(conn: sqlite3.Connection) -> None:
            (messages,) = conn.execute("SELECT count(*) FROM message").fetchone()
            found.append(messages)

        assert engine.writer is not None
        deleting = asyncio.create_task(store.delete("s"))
        while not deleting.done():
            await engine.writer.run(count)
        await deleting
        return found

    found = with_store(path, use)
    assert max(a - b for a, b in itertools.pairwise(found)) <= 2 * unfinished.ROWS
    assert len(set(found)) > 4


def test_delete_returns_when_the_last_row_is_gone(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> tuple[int, int, int]:
        await store.delete("s")
        return rows(path)

    assert with_store(path, use) == (3, 1, 0)


def test_a_short_session_is_deleted_in_one_transaction(path: Path) -> None:
    with database(path) as conn:
        (before,) = conn.execute("SELECT count(*) FROM commit_log").fetchone()

    async def use(store: SqliteSessionStore) -> None:
        assert store._engine.writer is not None
        await store.delete("t")

    with_store(path, use)
    with database(path) as conn:
        assert conn.execute("SELECT count(*) FROM commit_log").fetchone() == (before + 1,)
    assert rows(path) == (COUNT, 1, 0)


def test_a_session_is_gone_with_the_first_transaction_and_logged_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete_in_part(path, monkeypatch)
    with database(path) as conn:
        assert conn.execute("SELECT count(*) FROM owner WHERE id = 's'").fetchone() == (0,)
        logged = "SELECT count(*) FROM commit_log WHERE subject = 's' AND op = 'delete'"
        assert conn.execute(logged).fetchone() == (1,)
    with stopped_before_steps(monkeypatch):

        async def look(store: SqliteSessionStore) -> None:
            assert await store.load("s") is None
            assert await store.list() == ["t"]
            assert await store.generation("s") == 0
            report = await store.verify(depth="deep")
            assert report.ok

        with_store(path, look)
    messages, branches, left = rows(path)
    assert (branches, left) == (2, 1)
    assert messages == 3 + COUNT - unfinished.ROWS


def test_the_next_writer_removes_what_an_interrupted_deletion_left(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete_in_part(path, monkeypatch)
    assert rows(path)[2] == 1

    async def wait(store: SqliteSessionStore) -> None:
        await finished(path)

    with_store(path, wait)
    assert rows(path) == (3, 1, 0)


def test_a_cancelled_caller_has_the_rest_removed(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        deleting = asyncio.create_task(store.delete("s"))
        while await store.exists("s"):  # noqa: ASYNC110 - others would be told no earlier
            await asyncio.sleep(0)
        deleting.cancel()
        await asyncio.wait({deleting})
        await finished(path)

    with_store(path, use)
    assert rows(path) == (3, 1, 0)


def test_rows_that_another_session_shares_stay(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_store(path, lambda store: store.fork("s", "f", at=400))
    delete_in_part(path, monkeypatch)
    # Saved between two steps, on rows of the session that is being deleted.
    with_store(path, lambda store: store.fork("f", "g", at=300))

    async def look(store: SqliteSessionStore) -> None:
        await finished(path)
        for name, count in (("f", 400), ("g", 300)):
            found = await store.load(name)
            assert found is not None
            assert found.messages == session("s", count=COUNT).messages[:count]
        assert (await store.verify(depth="deep")).ok

    with_store(path, look)
    assert rows(path)[0] == 403


def test_an_id_that_is_used_again_meanwhile_keeps_its_new_messages(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete_in_part(path, monkeypatch)

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("s", count=200))
        await finished(path)
        assert await store.load("s") == session("s", count=200)
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)


def test_a_condition_that_fails_deletes_nothing(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        with pytest.raises(StaleGenerationError):
            await store.delete("s", expected_generation=7)

    with_store(path, use)
    assert rows(path) == (COUNT + 3, 2, 0)


def test_erase_leaves_no_row_of_an_interrupted_deletion(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete_in_part(path, monkeypatch)

    async def use(store: SqliteSessionStore) -> None:
        assert b"m 701: " in path.read_bytes()
        await store.erase("s")
        assert rows(path) == (3, 1, 0)

    with_store(path, use)
    assert b"m 701: " not in path.read_bytes()


def test_prune_and_backup_cope_with_an_interrupted_deletion(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete_in_part(path, monkeypatch)
    copied = tmp_path / "copied.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.backup(copied)
        await store.prune()
        await store.compact(full=True)
        assert (await store.verify(depth="deep")).ok

    with stopped_before_steps(monkeypatch):
        with_store(path, use)
    assert rows(path) == (3, 1, 0)

    async def wait(store: SqliteSessionStore) -> None:
        await finished(copied)
        assert (await store.verify(depth="deep")).ok

    assert rows(copied)[2] == 1
    with_store(copied, wait)
    assert rows(copied) == (3, 1, 0)


_DELETES: Final = """
import asyncio, sys
from a3s_store import SqliteSessionStore, salvage
from a3s_store.backends.sqlite.rows import unfinished
step = unfinished.step
def told(conn):
    print("step", flush=True)
    return step(conn)
unfinished.step = told
async def main():
    async with SqliteSessionStore.open(sys.argv[1]) as store:
        await store.delete("s")
asyncio.run(main())
"""


@pytest.mark.skipif(os.name == "nt", reason="killed by a signal")
@pytest.mark.parametrize("steps", [1, 4, 8])
def test_a_deletion_that_is_killed_is_finished_by_the_next_writer(path: Path, steps: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _DELETES, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for _ in range(steps):
            assert process.stdout.readline() == "step\n"
        process.send_signal(signal.SIGKILL)
    assert rows(path)[2] == 1

    async def wait(store: SqliteSessionStore) -> None:
        assert await store.load("s") is None
        await finished(path)
        assert (await store.verify(depth="deep")).ok

    with_store(path, wait)
    assert rows(path) == (3, 1, 0)


def test_steps_of_two_writers_at_once_do_no_harm(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete_in_part(path, monkeypatch)
    with (
        contextlib.closing(connect.open_writer(Settings(path=path))) as one,
        contextlib.closing(connect.open_writer(Settings(path=path))) as other,
    ):
        for conn in (one, other) * 20:
            unfinished.step(conn)
        assert not unfinished.exists(one)
    assert rows(path) == (3, 1, 0)


def test_salvage_takes_up_nothing_of_an_interrupted_deletion(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete_in_part(path, monkeypatch)
    report = asyncio.run(salvage(path, tmp_path / "new.a3s"))
    assert report.sessions == ("t",)
    assert with_store(tmp_path / "new.a3s", lambda store: store.list()) == ["t"]
    assert rows(tmp_path / "new.a3s") == (3, 1, 0)
