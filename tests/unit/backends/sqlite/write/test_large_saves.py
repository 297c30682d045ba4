"""Large saves take several transactions: none waits long, and nothing is seen before the last."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from a3s_store import SqliteSessionStore, salvage
from a3s_store.backends.sqlite import idle_work, transaction
from a3s_store.backends.sqlite.connection import connect, wal_checkpoint
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.rows import unfinished
from a3s_store.backends.sqlite.write import write_states
from a3s_store.core.clock import system_clock
from a3s_store.core.conversation import Bound
from a3s_store.errors import EncodeError, StaleGenerationError, StoreFullError
from a3s_store.models import Message
from a3s_store.testing.samples.numbered import image
from tests.chunks import CHUNK, MOST, begun, chunks, collected, rows, small_chunks
from tests.programs import ROOT
from tests.support import messages, session, with_store

COUNT: Final = 125
BIG: Final = session("s", COUNT)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    small_chunks(monkeypatch)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "agent.a3s"
    with_store(made, lambda store: store.save(session("t", 3)))
    return made


def test_no_transaction_writes_more_than_a_chunk(path: Path) -> None:
    found = with_store(path, lambda store: chunks(store, store.save(BIG)))
    assert found == [CHUNK] * (COUNT // CHUNK) + [COUNT % CHUNK]
    assert rows(path) == (COUNT + 3, 2, 0)
    assert with_store(path, lambda store: store.load("s")) == BIG


def test_large_messages_have_chunks_of_fewer(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_states, "MOST_NEW", Bound(1000, 150_000))
    big = session("s", messages=[image(number, 60_000) for number in range(12)])

    async def use(store: SqliteSessionStore) -> list[int]:
        found = await chunks(store, store.save(big))
        assert await store.load("s") == big
        return found

    assert with_store(path, use) == [2] * 6


def test_other_sessions_are_saved_between_the_chunks(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> list[str]:
        order = []

        async def big() -> None:
            await store.save(BIG)
            order.append("big")

        async def small() -> None:
            for number in range(COUNT // CHUNK):
                await store.save(session("t", 4 + number))
                order.append("small")

        await asyncio.gather(big(), small())
        return order

    order = with_store(path, use)
    assert order.index("big") >= COUNT // CHUNK - 1


def test_a_save_of_as_many_messages_as_one_transaction_takes_is_one(path: Path) -> None:
    found = with_store(path, lambda store: chunks(store, store.save(session("s", MOST))))
    assert found == [MOST]


def test_nothing_is_seen_before_the_last_transaction(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        logged = await store.commits()
        saving = asyncio.create_task(store.save(BIG))
        looks = 0
        await begun(path)
        while not saving.done():
            found = await store.load("s")
            if found is not None:
                assert found == BIG
                break
            if rows(path)[0] < COUNT:
                assert await store.list() == ["t"]
                assert await store.generation("s") == 0
                assert await store.commits() == logged
                assert (await store.verify(depth="deep")).ok
                looks += 1
        await saving
        assert looks
        assert await store.generation("s") == 1
        assert len((await store.commits()).entries) == len(logged.entries) + 1

    with_store(path, use)


def test_conditions_are_compared_in_the_last_transaction(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        async with SqliteSessionStore.open(path) as other:
            saving = asyncio.create_task(store.save(BIG, expected_generation=0))
            await begun(path)
            await other.save(session("s", 2))
            with pytest.raises(StaleGenerationError):
                await saving
            snapshot = await store.load_snapshot("s")
            assert snapshot is not None
            swapping = asyncio.create_task(
                store.save_snapshot_cas(snapshot.evolve(session=BIG), snapshot.digest())
            )
            await begun(path)
            await other.save(session("s", 1))
            assert not await swapping
        assert await store.load("s") == session("s", 1)
        await collected(path, 5)

    with_store(path, use)


def test_a_refused_value_leaves_nothing(path: Path) -> None:
    bad = BIG.evolve(messages=(*BIG.messages, Message.user("half \ud83d of a pair")))

    async def use(store: SqliteSessionStore) -> None:
        with pytest.raises(EncodeError, match=rf"messages\[{COUNT}\]"):
            await store.save(bad)
        assert await store.load("s") is None
        await collected(path, 3)
        await store.save(BIG)
        assert await store.load("s") == BIG

    with_store(path, use)


def test_a_cancelled_caller_has_its_save_made(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        saving = asyncio.create_task(store.save(BIG))
        await begun(path)
        saving.cancel()
        await asyncio.wait({saving})

    with_store(path, use)
    assert rows(path) == (COUNT + 3, 2, 0)
    assert with_store(path, lambda store: store.load("s")) == BIG


def test_changes_of_one_session_keep_their_order(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        calls = [
            store.save(BIG),
            store.append("s", messages(1, tag="behind")),
            store.fork("s", "f"),
            store.save(BIG.evolve(messages=messages(COUNT, tag="other"))),
            store.save(session("s", 5)),
            store.delete("t"),
        ]
        await asyncio.gather(*map(asyncio.ensure_future, calls))
        assert await store.load("s") == session("s", 5)
        fork = await store.load("f")
        assert fork is not None
        assert fork.messages == (*BIG.messages, *messages(1, tag="behind"))
        assert await store.generation("s") == 4
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)
    assert rows(path)[2] == 0


def test_only_new_messages_are_written(path: Path) -> None:
    changed = (*BIG.messages[:60], Message.user("changed"), *BIG.messages[61:])
    rebuilt = tuple(Message(role=one.role, content=one.content) for one in changed)

    async def use(store: SqliteSessionStore) -> list[int]:
        found = []
        for history in (
            BIG.messages,
            changed,
            BIG.messages[1:],
            (*rebuilt, *messages(COUNT, tag="more")),
            (*rebuilt[:50], *messages(COUNT, tag="other")),
        ):
            await store.save(BIG.evolve(messages=history))
            assert await store.load("s") == BIG.evolve(messages=history)
            found.append(rows(path)[0])
        assert (await store.verify(depth="deep")).ok
        return found

    total = 3 + COUNT
    # The third has the message again that the second changed.
    expected = [total, total + 1, total + 2, total + 2 + COUNT, total + 2 + 2 * COUNT]
    assert with_store(path, use) == expected


def test_two_stores_save_one_new_id(path: Path) -> None:
    theirs = session("s", COUNT, messages=messages(COUNT, tag="theirs"))

    async def use(store: SqliteSessionStore) -> None:
        async with SqliteSessionStore.open(path) as other:
            saves = (store.save(BIG), other.save(theirs))
            await asyncio.gather(*saves)
            assert await store.generation("s") == 2
            assert await store.load("s") in (BIG, theirs)
            assert await other.load("s", generation=1) in (BIG, theirs)
            results = await asyncio.gather(
                store.save(session("n", COUNT), expected_generation=0),
                other.save(session("n", COUNT), expected_generation=0),
                return_exceptions=True,
            )
            assert sorted(map(type, results), key=str) == sorted(
                [type(None), StaleGenerationError], key=str
            )
        await collected(path, 3 + 3 * COUNT)
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)


def test_two_saves_of_equal_values_store_them_once(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        async with SqliteSessionStore.open(path) as other:
            await asyncio.gather(store.save(BIG), other.save(session("s", COUNT)))
        assert await store.generation("s") == 1
        await collected(path, 3 + COUNT)

    with_store(path, use)


def test_a_session_deleted_meanwhile_is_saved_whole(path: Path) -> None:
    changed = (*BIG.messages[:60], *messages(COUNT, tag="other"))

    async def use(store: SqliteSessionStore) -> None:
        await store.save(BIG)
        async with SqliteSessionStore.open(path) as other:
            saving = asyncio.create_task(store.save(BIG.evolve(messages=changed)))
            await begun(path)
            await other.delete("s")
            await saving
        assert await store.load("s") == BIG.evolve(messages=changed)
        assert (await store.verify(depth="deep")).ok
        await store.delete("s")
        await collected(path, 3)

    with_store(path, use)


def test_erase_removes_rows_of_a_save_that_is_being_made(path: Path) -> None:
    secret = BIG.evolve(messages=(*BIG.messages, *messages(COUNT, tag="more")))

    async def use(store: SqliteSessionStore) -> None:
        await store.save(BIG)
        async with SqliteSessionStore.open(path) as other:
            saving = asyncio.create_task(store.save(secret))
            await begun(path)
            await other.erase("s")
            await saving
        # It was saved again, after the erasure.
        assert await store.load("s") == secret
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)


def test_a_save_that_was_taken_for_ended_begins_again(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        with contextlib.closing(connect.open_writer(Settings(path=path))) as conn:
            saving = asyncio.create_task(store.save(BIG))
            await begun(path)
            removed(conn)
            await saving
        assert await store.load("s") == BIG
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)
    assert rows(path) == (COUNT + 3, 2, 0)


def test_a_save_that_is_always_taken_for_ended_is_made_in_the_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unfinished.Save, "renew", lambda self, conn, branch: False)

    async def use(store: SqliteSessionStore) -> None:
        await store.save(BIG)
        assert await store.load("s") == BIG
        await collected(path, 3 + COUNT)

    with_store(path, use)


def removed(conn: WorkConnection) -> None:
    """Remove what a large save wrote, as where it was taken for ended."""
    with transaction.write(conn, wal_checkpoint.follow):
        unfinished.finish(conn)


def test_a_full_disk_fails_the_save_alone(path: Path) -> None:
    big = session("s", messages=messages(COUNT, tag="large " * 2000))

    def pages(conn: WorkConnection, more: int | None) -> None:
        (now,) = conn.execute("PRAGMA page_count").fetchone()
        most = 2**30 if more is None else now + more
        conn.execute(f"PRAGMA max_page_count = {most}").close()

    async def use(store: SqliteSessionStore) -> None:
        writer = store._engine.writer
        assert writer is not None
        for more in (1, 5, 20, 60, 90):
            await writer.run(functools.partial(pages, more=more))
            with pytest.raises(StoreFullError):
                await store.save(big)
            await writer.run(functools.partial(pages, more=None))
            await store.save(session("t", 3 + more))
            assert await store.load("s") is None
            await collected(path, 3 + more)
        await store.save(big)
        assert await store.load("s") == big

    with_store(path, use)


_SAVES: Final = """
import asyncio, sys
from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.write import write_states
from a3s_store.backends.sqlite.writing import Writing
from a3s_store.core.conversation import Bound
from tests.support import session
write_states.MOST_NEW = Bound(40, 1 << 20)
write_states.CHUNK = Bound(10, 100_000)
commit = Writing.commit_group
def told(self, conn, jobs):
    if jobs[0].begun is not None:
        print("turn", flush=True)
        sys.stdin.readline()
    return commit(self, conn, jobs)
Writing.commit_group = told
async def main():
    async with SqliteSessionStore.open(sys.argv[1]) as store:
        await store.save(session("s", 125))
asyncio.run(main())
"""


@contextlib.contextmanager
def saving_process(path: Path, turns: int) -> Iterator[subprocess.Popen[str]]:
    """Have another process make so many turns of a large save, then stop before the next one."""
    with subprocess.Popen(
        [sys.executable, "-c", _SAVES, str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        for number in range(turns + 1):
            assert process.stdout.readline() == "turn\n"
            if number < turns:
                print(file=process.stdin, flush=True)
        yield process


@pytest.mark.skipif(os.name == "nt", reason="killed by a signal")
@pytest.mark.parametrize("turns", [1, 2, 7, 13])
def test_what_a_killed_process_left_is_removed_by_the_next_writer(path: Path, turns: int) -> None:
    with saving_process(path, turns) as process:
        process.send_signal(signal.SIGKILL)
    assert rows(path) == (3 + min(COUNT, (turns - 1) * CHUNK), 2, 1)

    async def wait(store: SqliteSessionStore) -> None:
        assert await store.list() == ["t"]
        assert (await store.verify(depth="deep")).ok
        await collected(path, 3)

    with_store(path, wait)
    assert rows(path) == (3, 1, 0)


@pytest.mark.skipif(os.name == "nt", reason="a process is held between two steps")
def test_rows_of_a_living_process_are_left_alone(path: Path, tmp_path: Path) -> None:
    with saving_process(path, 5) as process:

        async def use(store: SqliteSessionStore) -> None:
            await store.prune()
            await store.compact()
            await asyncio.sleep(0.1)
            await store.backup(tmp_path / "copied.a3s")

        with_store(path, use)
        assert rows(path) == (3 + 4 * CHUNK, 2, 1)
        report = asyncio.run(salvage(path, tmp_path / "new.a3s"))
        assert report.sessions == ("t",)
        process.communicate("\n" * 30)
    assert process.returncode == 0
    assert rows(path) == (3 + COUNT, 2, 0)
    assert with_store(path, lambda store: store.load("s")) == BIG
    # In the copy no process goes on.
    assert rows(tmp_path / "copied.a3s")[2] == 1
    with_store(tmp_path / "copied.a3s", lambda store: collected(tmp_path / "copied.a3s", 3))


@pytest.mark.parametrize(
    ("name", "age_ms", "is_over"),
    [
        ("save elsewhere.1.2 1", 1_000, False),
        ("save elsewhere.1.2 1", 61_000, True),
        ("save elsewhere.1.2 1", -61_000, True),
        ("unknown", 61_000, True),
        ("unknown", 1_000, False),
    ],
)
def test_a_save_of_an_unknown_process_has_ended_after_a_minute(
    path: Path, name: str, age_ms: int, is_over: bool
) -> None:
    with contextlib.closing(connect.open_writer(Settings(path=path))) as conn:
        conn.execute("INSERT INTO branch (branch_key) VALUES (77)")
        at_ms = system_clock() - age_ms
        conn.execute("INSERT INTO unfinished VALUES (77, ?, ?)", (name, at_ms))
        while unfinished.step(conn):
            pass
        assert unfinished.exists(conn) is not is_over


def test_rows_are_removed_also_after_a_save_that_takes_longer_than_idle_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle_work, "IDLE", 0.01)
    bad = BIG.evolve(messages=(*BIG.messages, Message.user("half \ud83d of a pair")))

    async def use(store: SqliteSessionStore) -> None:
        with pytest.raises(EncodeError):
            await store.save(bad)
        await collected(path, 3)

    with_store(path, use)
