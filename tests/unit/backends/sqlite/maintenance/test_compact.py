"""`compact` gives free pages back to the file system in steps, while others use the store."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest

from a3s_store import SqliteSessionStore, restore, salvage
from a3s_store.backends.sqlite.connection import file_look
from a3s_store.backends.sqlite.format import pointer_map
from a3s_store.backends.sqlite.maintenance import compact
from a3s_store.backends.sqlite.salvage.page_reader import Image
from a3s_store.errors import StoreReadOnlyError
from tests.support import database, messages, session, trace, with_store

PAGE: Final = 4096
KEPT: Final = "kept"


async def fill(store: SqliteSessionStore) -> None:
    """Forty large sessions, and one between them that stays."""
    for number in range(40):
        long = tuple(one.evolve(content=one.content * 20) for one in messages(40, tag=f"{number}"))
        await store.save(session(f"s{number:02}", messages=long))
        if number == 20:
            await store.save(session(KEPT, count=30))
            await store.save_trace_events(KEPT, tuple(map(trace, range(50))))


async def delete_most(store: SqliteSessionStore) -> None:
    for number in range(40):
        await store.delete(f"s{number:02}")


def emptied(path: Path, **options: Any) -> Path:
    """A store from which most sessions were deleted."""

    async def use(store: SqliteSessionStore) -> None:
        await fill(store)
        await delete_most(store)

    with_store(path, use, **options)
    return path


def pages(path: Path) -> compact.Pages:
    with database(path) as conn:
        return compact.pages(conn)


def in_store(path: Path, use: Callable[[SqliteSessionStore], Awaitable[None]]) -> None:
    with_store(path, use)


async def check(store: SqliteSessionStore) -> None:
    assert await store.list() == [KEPT]
    assert await store.load(KEPT) == session(KEPT, count=30)
    assert (await store.verify(depth="deep")).damage == ()


def test_deleting_a_session_frees_its_pages_at_once(tmp_path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(KEPT))
        empty = (await store.health_check()).facts
        await store.save(session("large", count=3_000))
        await store.save_trace_events("large", tuple(map(trace, range(500))))
        full = (await store.health_check()).facts
        await store.delete("large")
        freed = (await store.health_check()).facts
        grown = full["page_count"] - empty["page_count"]
        assert grown > 100
        assert freed["page_count"] == full["page_count"]
        # A tree that was deep may keep a page or two.
        assert freed["freelist_count"] - full["freelist_count"] >= grown - 5
        await store.save(session("large", count=3_000))
        assert (await store.health_check()).facts["page_count"] <= full["page_count"] + 5

    in_store(tmp_path / "agent.a3s", use)


def test_free_pages_are_given_back_up_to_the_share_that_stays(tmp_path: Path) -> None:
    path = emptied(tmp_path / "agent.a3s")
    before = path.stat().st_size

    async def use(store: SqliteSessionStore) -> None:
        report = await store.compact(target_free=0.2)
        assert report.advice is None
        assert not report.full
        assert report.bytes_before == before
        assert report.bytes_after < before / 4
        assert report.bytes_free_pages / report.bytes_after == pytest.approx(0.2, abs=0.05)
        assert str(report) == f"{before} bytes before, {report.bytes_after} now"
        # The file itself is cut, while it is open.
        assert file_look.look(path).size == report.bytes_after
        assert (await store.compact(target_free=0)).bytes_free_pages == 0
        await check(store)
        await store.save(session("after"))

    in_store(path, use)
    assert pages(path).free == 0
    in_store(path, lambda store: store.delete("after"))
    in_store(path, check)


def test_each_step_gives_back_few_pages_and_saves_go_between(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    executed: list[str] = []
    step: dict[str, int] = {}

    async def use(store: SqliteSessionStore) -> None:
        for number in range(6):
            await store.save(session(f"s{number}", count=4_000))
        await store.save(session(KEPT, count=30))
        for number in range(6):
            await store.delete(f"s{number}")
        writer = store._engine.writer
        assert writer is not None
        await writer.run(lambda conn: conn.set_trace_callback(executed.append))
        compacting = asyncio.create_task(store.compact(target_free=0))
        between = 0
        while not compacting.done():
            await store.save(session("other", count=between % 5 + 1))
            between += not compacting.done()
        assert (await compacting).bytes_after < (await compacting).bytes_before / 4
        step["saves"] = between

    in_store(path, use)
    assert step["saves"] > 1
    steps = "\n".join(executed).split("COMMIT")
    given_back = [step.count("PRAGMA incremental_vacuum(1)") for step in steps]
    assert sum(given_back) > 600
    assert max(given_back) <= 256


def test_every_commit_of_compacting_has_a_link_of_its_own(tmp_path: Path) -> None:
    path = emptied(tmp_path / "agent.a3s")

    async def use(store: SqliteSessionStore) -> None:
        writer = store._engine.writer
        assert writer is not None
        executed: list[str] = []
        await writer.run(lambda conn: conn.set_trace_callback(executed.append))
        await store.compact(target_free=0)
        commits = "\n".join(executed).split("COMMIT")[:-1]
        steps = [commit for commit in commits if "PRAGMA incremental_vacuum" in commit]
        assert steps
        for step in steps:
            assert step.count("UPDATE file_link SET value = x'") == 1

    in_store(path, use)


def test_a_file_without_auto_vacuum_is_written_anew_only_when_asked(tmp_path: Path) -> None:
    path = emptied(tmp_path / "agent.a3s", auto_vacuum=False)
    assert not pages(path).auto_vacuum

    async def use(store: SqliteSessionStore) -> None:
        report = await store.compact()
        assert report.bytes_after == report.bytes_before
        assert report.advice is not None
        assert re.search(r"about 1 s in which other savers wait", report.advice)
        assert report.advice in str(report)
        advice = (await store.compact(full=True)).advice
        assert advice is None
        await check(store)

    in_store(path, use)
    assert pages(path).free == 0
    assert path.stat().st_size < 100 * PAGE
    in_store(path, check)


def test_writing_anew_keeps_auto_vacuum(tmp_path: Path) -> None:
    path = emptied(tmp_path / "agent.a3s")
    assert pages(path).auto_vacuum
    in_store(path, lambda store: store.compact(full=True))  # type: ignore[arg-type, return-value]
    assert pages(path).auto_vacuum
    in_store(path, lambda store: store.erase())  # type: ignore[arg-type, return-value]
    assert pages(path).auto_vacuum
    in_store(path, check)


@pytest.mark.parametrize("auto_vacuum", [False, True])
def test_copies_keep_the_setting(tmp_path: Path, auto_vacuum: bool) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, fill, auto_vacuum=auto_vacuum)
    copy, restored, saved = (tmp_path / f"{name}.a3s" for name in ("copy", "restored", "saved"))
    with_store(path, lambda store: store.backup(copy))
    restore(copy, restored)
    assert asyncio.run(salvage(path, saved)).ok
    for made in (copy, restored, saved):
        assert pages(made).auto_vacuum == auto_vacuum
        assert (with_store(made, lambda store: store.verify(depth="deep"))).damage == ()


def test_pointer_maps_are_no_pages_of_a_table_for_salvage(tmp_path: Path) -> None:
    path, saved = tmp_path / "agent.a3s", tmp_path / "saved.a3s"

    async def use(store: SqliteSessionStore) -> None:
        for number in range(3):
            await store.save(session(f"s{number}", count=15_000))

    with_store(path, use)
    content = bytearray(path.read_bytes())
    count = len(content) // PAGE
    assert count > 822  # there is a second pointer map
    maps = [number for number in range(1, count + 1) if pointer_map.is_one(number, PAGE, PAGE)]
    assert maps[:2] == [2, 822]
    assert content[PAGE * 821] == 5  # as an inner page of a table begins
    content[:PAGE] = bytes(PAGE)
    path.write_bytes(content)
    with Image(path) as image:
        assert [image.node(number) for number in maps] == [None] * len(maps)
    report = asyncio.run(salvage(path, saved))
    assert sorted(report.sessions + report.partial) == ["s0", "s1", "s2"]
    assert report.messages == 45_000


def test_pointer_maps_lie_where_sqlite_has_them(tmp_path: Path) -> None:
    path = tmp_path / "large.db"
    with sqlite3.connect(path, isolation_level=None) as conn:
        conn.execute("PRAGMA page_size = 512")
        conn.execute("PRAGMA auto_vacuum = INCREMENTAL")
        conn.execute("CREATE TABLE t (x)")
        conn.execute("INSERT INTO t VALUES (zeroblob(500000))")
        used = {page for (page,) in conn.execute("SELECT pageno FROM dbstat")}
        (count,) = conn.execute("PRAGMA page_count").fetchone()
    conn.close()
    maps = {number for number in range(1, count + 1) if pointer_map.is_one(number, 512, 512)}
    assert maps == {*range(1, count + 1)} - used
    assert len(maps) > 5


@pytest.mark.parametrize("target_free", [-0.1, 1, 1.5, "half"])
def test_a_share_that_is_none_is_refused(tmp_path: Path, target_free: Any) -> None:
    with pytest.raises(ValueError, match="target_free"):
        with_store(tmp_path / "agent.a3s", lambda store: store.compact(target_free=target_free))


def test_a_store_that_is_open_for_reading_gives_nothing_back(tmp_path: Path) -> None:
    path = emptied(tmp_path / "agent.a3s")
    with pytest.raises(StoreReadOnlyError):
        with_store(path, lambda store: store.compact(), read_only=True)


_STOPPED: Final = """
import asyncio, os, signal, sys
from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.maintenance import compact

async def stop_at(store, most):
    read = lambda: store._engine.read("count", "", compact.pages, lambda _, found: found)
    while (await read()).total > most:
        pass
    os.kill(os.getpid(), signal.SIGKILL)

async def main(path, most):
    async with SqliteSessionStore.open(path) as store:
        killer = asyncio.create_task(stop_at(store, most))
        await store.compact(target_free=0)
        await killer

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_compact_leaves_a_whole_store_and_the_next_one_goes_on(tmp_path: Path) -> None:
    path = emptied(tmp_path / "agent.a3s")
    count = pages(path).total
    for most in (count - 1, count - 30, count // 2):
        copy = Path(shutil.copy(path, tmp_path / f"{most}.a3s"))
        ended = subprocess.run(
            [sys.executable, "-c", _STOPPED, str(copy), str(most)], check=False, timeout=120
        )
        assert ended.returncode == -signal.SIGKILL
        in_store(copy, check)
        in_store(copy, lambda store: store.compact(target_free=0))  # type: ignore[arg-type, return-value]
        in_store(copy, check)
        assert pages(copy).free == 0


def test_a_process_that_has_the_file_open_goes_on_while_it_is_cut(tmp_path: Path) -> None:
    path = emptied(tmp_path / "agent.a3s")
    program = (
        "import asyncio, sys\n"
        "from a3s_store import SqliteSessionStore\n"
        "async def main(path):\n"
        "    async with SqliteSessionStore.open(path) as store:\n"
        "        await store.compact(target_free=0)\n"
        "asyncio.run(main(sys.argv[1]))\n"
    )

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("one"))
        beside = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(path))
        saved = 0
        while beside.returncode is None:
            await store.save(session("one", count=saved % 7 + 1))
            saved += 1
            await asyncio.sleep(0.005)
        assert await beside.wait() == 0
        await store.save(session("one"))
        assert await store.load("one") == session("one")
        await store.delete("one")
        await check(store)

    in_store(path, use)
    in_store(path, check)
