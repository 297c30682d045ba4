"""`max_bytes` and `trash_days` of a policy: which sessions are deleted, and which never."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest

from a3s_store import RetentionPolicy, SqliteSessionStore
from a3s_store.backends.sqlite.maintenance import verify
from a3s_store.backends.sqlite.maintenance.prune import Progress, Pruning
from a3s_store.backends.sqlite.maintenance.steps import Steps
from a3s_store.core.base.retention import Unused
from a3s_store.errors import SessionNotFoundError
from tests.support import artifact, checkpoint, messages, policy, session, with_store

DAY: Final = 86_400.0
BEGIN: Final = 1_800_000_000.0


async def archived(store: SqliteSessionStore, *names: str) -> None:
    for name in names:
        await store.save(session(name, count=2))
        text = "".join(chr(97 + (n * n * len(name)) % 26) for n in range(30_000))
        await store.save_artifacts(
            name, tuple(artifact(n).evolve(content=text[n:]) for n in range(5))
        )
        await store.update(name, archived=True)


async def sizes(store: SqliteSessionStore) -> dict[str, int]:
    return {one.session_id: one.bytes for one in (await store.stats()).largest}


def test_the_oldest_archived_sessions_go_until_the_file_is_small_enough(tmp_path: Path) -> None:
    now = [BEGIN]

    async def use(store: SqliteSessionStore) -> None:
        await archived(store, "first", "second", "third", "pinned", "running")
        await store.update("pinned", pinned=True)
        run = checkpoint(messages(1), "run", "running")
        await store.save_loop_checkpoint(run.run_id, run)
        now[0] += 2 * DAY
        await archived(store, "young")
        found = await store.stats()
        used = found.bytes_database - found.bytes_free_pages
        small = used - (await sizes(store))["first"] + 1
        dry = await store.prune(policy(max_bytes=small), dry_run=True)
        assert dry.deleted == ("first",)
        assert (await store.prune(policy(max_bytes=used))).deleted == ()
        done = await store.prune(policy(max_bytes=small))
        assert (done.deleted, done.bytes_logical) == (dry.deleted, dry.bytes_logical)
        done = await store.prune(policy(max_bytes=1))
        assert done.deleted == ("second", "third")
        assert "`max_bytes`" in done.skipped[0]
        assert await store.list() == ["pinned", "running", "young"]
        assert (await store.verify(depth="deep")).ok

    with_store(tmp_path / "agent.a3s", use, clock=lambda: now[0])


def test_a_session_that_changes_before_its_deletion_stays(tmp_path: Path) -> None:
    now = [BEGIN]

    async def use(store: SqliteSessionStore) -> None:
        await archived(store, "a", "b", "c")
        now[0] += 2 * DAY
        port = Pruning(store, Steps(store._engine, "prune"), dry_run=False)
        found = list(await port.archived(int(now[0] - DAY) * 1000))
        assert [one.session_id for one in found] == ["a", "b", "c"]
        await store.update("a", labels={"x": "y"})
        await store.update("b", archived=False)
        assert [await port.delete_archived(one) for one in found] == [False, False, True]
        assert not await port.delete_archived(Unused("missing", 1))
        assert await store.list() == ["a", "b"]

    with_store(tmp_path / "agent.a3s", use, clock=lambda: now[0])


def test_one_session_alone_is_pruned(tmp_path: Path) -> None:
    now = [BEGIN]

    async def use(store: SqliteSessionStore) -> None:
        for name in ("a", "b"):
            for count in (1, 2, 3):
                await store.save(session(name, count=count))
        await store.trash("b")
        now[0] += 2 * DAY
        given = RetentionPolicy(keep_generations=1, trash_days=0, max_bytes=1)
        dry = await store.prune(given, session="a", dry_run=True)
        done = await store.prune(given, session="a")
        assert (dry.generations, done.generations, done.deleted) == (2, 2, ())
        assert len(await store.generations("b")) == 3
        with pytest.raises(SessionNotFoundError, match="nothing is stored"):
            await store.prune(session="c")

    with_store(tmp_path / "agent.a3s", use, clock=lambda: now[0])


def test_prune_verify_and_compact_tell_how_far_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "_TELL_SECONDS", 0.0)
    now = [BEGIN]

    async def use(store: SqliteSessionStore) -> None:
        for number in range(5):
            await store.save(session(f"s{number}", count=200))
            await store.save(session(f"s{number}", messages=messages(1, tag="anew")))
        now[0] += 2 * DAY
        calls: tuple[Callable[[Progress], Awaitable[Any]], ...] = (
            lambda tell: store.verify(depth="deep", on_progress=tell),
            lambda tell: store.prune(policy(1, 1), on_progress=tell),
            lambda tell: store.compact(target_free=0.0, on_progress=tell),
        )
        for call in calls:
            told: list[tuple[int, int]] = []

            def tell(done: int, total: int, told: list[tuple[int, int]] = told) -> None:
                told.append((done, total))

            await call(tell)
            await asyncio.sleep(0)
            done = [one for one, _ in told]
            assert done
            assert done == sorted(done)
            assert all(0 <= one <= total for one, total in told)
            assert told[-1][0] == told[-1][1]

    with_store(tmp_path / "agent.a3s", use, clock=lambda: now[0])


_SAVES: Final = """
import asyncio, sys
from a3s_store import SqliteSessionStore
from tests.support import session

async def main(path):
    async with SqliteSessionStore.open(path, clock=lambda: 1_800_345_600.0) as store:
        for count in range(1, 201):
            await store.save(session("busy", count=count % 7 + 1))
            print(count, flush=True)

asyncio.run(main(sys.argv[1]))
"""


def test_a_process_saves_while_another_one_prunes(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    given: dict[str, Any] = {"durability": "normal"}

    async def fill(store: SqliteSessionStore) -> None:
        for number in range(6):
            await archived(store, f"archived {number}")
            for count in range(1, 60):
                await store.save(session(f"s{number}", count=count))
            await store.save(session(f"s{number}", messages=messages(1, tag="anew")))

    async def prune(store: SqliteSessionStore, saving: subprocess.Popen[bytes]) -> None:
        assert saving.stdout is not None
        assert await asyncio.to_thread(saving.stdout.readline)
        done = await store.prune(policy(1, 1, max_bytes=1))
        while saving.poll() is None:
            await store.prune(policy(1, 1))
        assert saving.returncode == 0
        assert saving.stdout.read().split()[-1] == b"200"
        assert len(done.deleted) == 6
        assert done.messages >= 6 * 59
        assert await store.load("busy") == session("busy", count=200 % 7 + 1)
        assert len(await store.generations("s3")) == 1
        assert (await store.verify(depth="deep")).ok

    with_store(path, fill, clock=lambda: BEGIN, **given)
    program = [sys.executable, "-c", _SAVES, str(path)]
    with subprocess.Popen(program, stdout=subprocess.PIPE) as saving:
        given["clock"] = lambda: BEGIN + 4 * DAY
        with_store(path, lambda store: prune(store, saving), **given)


_KILLED: Final = """
import asyncio, os, signal, sys
from a3s_store import RetentionPolicy, SqliteSessionStore

def rows(conn):
    return conn.execute("SELECT count(*) FROM message").fetchone()[0]

async def kill_at(store, most):
    while await store._engine.read("count", "", rows, lambda _, found: found) > most:
        pass
    os.kill(os.getpid(), signal.SIGKILL)

async def main(path, most):
    async with SqliteSessionStore.open(path) as store:
        killer = asyncio.create_task(kill_at(store, most))
        await store.prune(RetentionPolicy(keep_generations=1, trash_days=0))
        await killer

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_prune_that_is_killed_while_it_deletes_sessions_is_finished_by_the_next(
    tmp_path: Path,
) -> None:
    path = tmp_path / "agent.a3s"

    async def fill(store: SqliteSessionStore) -> None:
        for name in ("a", "b", "c", "kept"):
            await store.save(session(name, messages=messages(600, tag=name)))
        for name in ("a", "b", "c"):
            await store.trash(name)

    async def check(store: SqliteSessionStore) -> None:
        assert (await store.verify(depth="deep")).damage == ()
        assert await store.load("kept") == session("kept", messages=messages(600, tag="kept"))
        await store.prune(policy(1, 1, trash_days=0))
        assert (await store.inventory()).sessions == ("kept",)
        assert (await store.prune(policy(1, 1), dry_run=True)).messages == 0
        assert (await store.stats()).messages == 600

    with_store(path, fill, clock=lambda: BEGIN - 400 * DAY, durability="normal")
    for most in (2_300, 1_900, 1_500, 900):
        copy = shutil.copy(path, tmp_path / f"{most}.a3s")
        program = [sys.executable, "-c", _KILLED, str(copy), str(most)]
        assert subprocess.run(program, check=False, timeout=60).returncode == -signal.SIGKILL
        with_store(Path(copy), check, clock=lambda: BEGIN)
