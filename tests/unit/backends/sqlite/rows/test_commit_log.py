"""The commit log of a SQLite file: migration, damage, erase, several processes."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store import Commit, LogPosition, MemorySessionStore, SqliteSessionStore
from a3s_store.errors import CorruptionError
from a3s_store.testing.samples import loop_checkpoint, session, trace_event

# What a step does, to which session.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["save", "collection", "rewind", "fork", "checkpoint", "drop", "delete"]),
        st.sampled_from(["s", "t"]),
    ),
    max_size=12,
)


async def play(
    store: SqliteSessionStore | MemorySessionStore, steps: list[tuple[str, str]]
) -> None:
    for number, (step, name) in enumerate(steps):
        exists = await store.exists(name)
        match step:
            case "save":
                await store.save(session(name, ("a", f"{number}")))
            case "collection":
                await store.save_trace_events(name, (trace_event(f"{number}"),))
            case "rewind" if exists:
                await store.rewind(name, 0)
            case "fork" if exists:
                await store.fork(name, f"{name}{number}")
            case "checkpoint":
                await store.save_loop_checkpoint("run", loop_checkpoint("run", name))
            case "drop":
                await store.delete_loop_checkpoint("run")
            case "delete":
                await store.delete(name)
            case _:
                pass


def shape(commit: Commit) -> tuple[object, ...]:
    return (
        commit.sequence,
        commit.kind,
        commit.subject,
        commit.op,
        commit.generation,
        commit.digest,
    )


@settings(max_examples=30, deadline=None)
@given(STEPS)
def test_the_log_is_that_of_the_store_in_memory_and_gives_every_session(
    steps: list[tuple[str, str]],
) -> None:
    async def main(path: Path) -> None:
        model = MemorySessionStore()
        await play(model, steps)
        async with SqliteSessionStore.open(path) as store:
            await play(store, steps)
            page = await store.commits(limit=1000)
            expected = await model.commits(limit=1000)
            assert [*map(shape, page.entries)] == [*map(shape, expected.entries)]
            replayed: dict[str, Commit] = {}
            for one in page.entries:
                if one.op == "delete":
                    replayed.pop(one.subject, None)
                else:
                    replayed[one.subject] = one
            found = {i: await store.generation(i) for i in {one.subject for one in page.entries}}
            stored = {i: one.generation for i, one in replayed.items() if one.generation}
            assert stored == {i: number for i, number in found.items() if number}
            assert (await store.verify()).damage == ()

    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder) / "agent.a3s"))


def test_times_of_a_session_never_go_back(tmp_path: Path) -> None:
    now = [2_000.0]

    async def main() -> None:
        async with SqliteSessionStore.open(tmp_path / "a.a3s", clock=lambda: now[0]) as store:
            await store.save(session("s", ("a",)))
            now[0] = 1_000.0
            await store.save(session("s", ("a", "b")))
            await store.save(session("t"))
            times = [one.committed_at_ms for one in (await store.commits()).entries]
            assert times == [2_000_000, 2_000_000, 1_000_000]

    asyncio.run(main())


@pytest.mark.parametrize("column", ["subject = 'other'", "generation = 9", "op = 'rewind'"])
def test_a_damaged_row_is_named_and_never_returned(tmp_path: Path, column: str) -> None:
    path = tmp_path / "a.a3s"

    async def save() -> None:
        async with SqliteSessionStore.open(path) as store:
            await store.save(session("s", ("a",)))
            await store.save(session("s", ("a", "b")))

    async def look() -> None:
        async with SqliteSessionStore.open(path) as store:
            with pytest.raises(CorruptionError) as caught:
                await store.commits()
            assert (caught.value.part, caught.value.position) == ("commit_log", 1)
            assert [one.part for one in (await store.verify()).damage] == ["commit_log"]
            assert await store.load("s") == session("s", ("a", "b"))

    asyncio.run(save())
    with contextlib.closing(sqlite3.connect(path)) as conn, conn:
        conn.execute(f"UPDATE commit_log SET {column} WHERE sequence = 1")
    asyncio.run(look())


def test_a_lost_row_is_noticed_by_verify(tmp_path: Path) -> None:
    path = tmp_path / "a.a3s"

    async def save() -> None:
        async with SqliteSessionStore.open(path) as store:
            for name in "stu":
                await store.save(session(name))

    async def look() -> None:
        async with SqliteSessionStore.open(path) as store:
            damage = [(one.part, one.position) for one in (await store.verify()).damage]
            # The commit after it, and the session whose last change it was.
            assert damage == [("commit_log", 3), ("commit_log", 2)]

    asyncio.run(save())
    with contextlib.closing(sqlite3.connect(path)) as conn, conn:
        conn.execute("DELETE FROM commit_log WHERE sequence = 2")
    asyncio.run(look())


def test_an_erased_id_is_not_in_the_log(tmp_path: Path) -> None:
    path = tmp_path / "a.a3s"
    secret = "session-of-a-person"

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            await store.save(session(secret, ("a",)))
            await store.save(session("other"))
            await store.delete(secret)
            await store.erase(secret)
            subjects = [one.subject for one in (await store.commits()).entries]
            assert [one.startswith("erased:") for one in subjects][:3] == [True, False, True]
            assert len({one for one in subjects if one.startswith("erased:")}) == 1
            assert (await store.verify()).damage == ()

    asyncio.run(main())
    assert secret.encode() not in path.read_bytes()


def test_the_place_in_a_copy_is_that_of_another_log(tmp_path: Path) -> None:
    async def main() -> None:
        async with SqliteSessionStore.open(tmp_path / "a.a3s") as store:
            await store.save(session("s"))
            place = (await store.commits()).position
            await store.save(session("t"))
            await store.backup(tmp_path / "b.a3s")
            page = await store.commits(after=place)
            assert (page.gap, [one.subject for one in page.entries]) == (None, ["t"])
        async with SqliteSessionStore.open(tmp_path / "b.a3s") as copy:
            page = await copy.commits(after=place)
            assert (page.gap, [one.subject for one in page.entries]) == ("other_store", ["s", "t"])
            assert page.position == LogPosition(page.store_id, 2)

    asyncio.run(main())


_SAVER = """
import asyncio, sys
from a3s_store import SqliteSessionStore
from a3s_store.testing.samples import session
async def main(path, name):
    async with SqliteSessionStore.open(path, durability="normal") as store:
        for number in range(25):
            await store.save(session(name, (f"{number}",)))
asyncio.run(main(*sys.argv[1:]))
"""


def test_saves_of_several_processes_have_numbers_without_gaps(tmp_path: Path) -> None:
    path = tmp_path / "a.a3s"
    savers = [
        subprocess.Popen([sys.executable, "-c", _SAVER, str(path), name])
        for name in ("s", "t", "u")
    ]
    assert [one.wait(120) for one in savers] == [0, 0, 0]

    async def look() -> None:
        async with SqliteSessionStore.open(path) as store:
            entries = (await store.commits(limit=1000)).entries
            assert [one.sequence for one in entries] == [*range(1, 76)]
            for name in "stu":
                found = [one.generation for one in entries if one.subject == name]
                assert found == [*range(1, 26)]

    asyncio.run(look())
