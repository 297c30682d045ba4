"""Trimming keeps the newest rows and those of the last days, and no number is used twice."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store import Commit, CommitGap, MemorySessionStore, SqliteSessionStore
from a3s_store.backends.sqlite import idle_work
from a3s_store.backends.sqlite.format import commit_row
from a3s_store.backends.sqlite.rows import log_trim
from a3s_store.core.base.watch import PAGE
from a3s_store.errors import InvalidArgumentError
from a3s_store.testing.samples import session
from tests.support import policy, statements_changed, with_store

DAY = 86_400_000


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 10), max_size=300),
    st.integers(1, 200),
    st.integers(1, 3),
)
def test_steps_remove_old_rows_only_and_all_that_make_a_step(
    days: list[int], keep_rows: int, keep_days: int
) -> None:
    """The clock may jump: the first row that is young enough keeps all that follow."""
    with contextlib.closing(sqlite3.connect(":memory:")) as conn:
        conn.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY)")
        conn.execute("CREATE TABLE commit_log (sequence INTEGER PRIMARY KEY, committed_at_ms INT)")
        rows = [(number, day * DAY) for number, day in enumerate(days, 1)]
        conn.executemany("INSERT INTO commit_log VALUES (?, ?)", rows)
        steps = 0
        while log_trim.is_due(conn, keep_rows, keep_days):
            before = conn.total_changes
            log_trim.step(conn, keep_rows, keep_days)
            assert conn.total_changes - before == log_trim.ROWS + 1
            steps += 1
        left = conn.execute("SELECT * FROM commit_log ORDER BY sequence").fetchall()
        gone = steps * log_trim.ROWS
        assert left == rows[gone:]
        assert log_trim.first_available(conn) == gone + 1
        kept = {row for row in rows if row[1] >= (days[-1] - keep_days) * DAY} if rows else set()
        assert {*rows[-keep_rows:], *kept} <= {*left}
        # The rows that are left are to be kept, but for the rows of less than one step.
        assert {*left[: log_trim.ROWS]} & {*rows[-keep_rows:], *kept} or len(left) < log_trim.ROWS


async def _fill(store: SqliteSessionStore, count: int) -> None:
    """Add rows, all in one transaction."""
    now_ms = store._now_ms()

    def add(conn: sqlite3.Connection, _: object) -> None:
        for _ in range(count):
            commit_row.add(conn, "memory", "owner", "save", now_ms)

    await store._write_session("fill", "owner", add)


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


OPTIONS = {"log_rows": 10, "log_days": 1, "durability": "normal"}


def _trimmed(path: Path) -> None:
    """Make a store whose log begins with 129 and ends with 150; `early` changed before that."""
    clock = _Clock()

    async def fill(store: SqliteSessionStore) -> None:
        await store.save(session("early"))
        await _fill(store, 148)
        clock.now = 200_000.0
        await store.save(session("late"))
        assert (await store.commits(limit=1)).first_available == 1

    with_store(path, fill, clock=clock, **OPTIONS)

    async def save(store: SqliteSessionStore) -> None:
        page = await store.commits(limit=1)
        assert (page.first_available, page.latest) == (65, 150)  # one step when it was closed
        await store._write_session("trim", "s", lambda conn, _: log_trim.step(conn, 10, 1))

    with_store(path, save, clock=clock, **OPTIONS)


def test_a_trimmed_log_is_whole_and_its_numbers_go_on(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    _trimmed(path)

    async def use(store: SqliteSessionStore) -> None:
        page = await store.commits()
        assert [one.sequence for one in page.entries] == [*range(129, 151)]
        assert (page.first_available, page.gap) == (129, "trimmed")
        assert (await store.verify(depth="deep")).damage == ()
        await store.save(session("early", ("again",)))
        assert await store.latest_sequence() == 151
        await store.backup(path.with_name("copy.a3s"))

    async def verify(store: SqliteSessionStore) -> None:
        assert (await store.commits(limit=1)).first_available == 129
        assert (await store.verify(depth="deep")).damage == ()

    with_store(path, use)
    with_store(path.with_name("copy.a3s"), verify)


@pytest.mark.parametrize("lost", [129, 150])
def test_verify_notices_a_row_that_was_lost_and_not_trimmed(tmp_path: Path, lost: int) -> None:
    path = tmp_path / "agent.a3s"
    _trimmed(path)
    with contextlib.closing(sqlite3.connect(path)) as conn, conn:
        conn.execute("DELETE FROM commit_log WHERE sequence = ?", (lost,))

    async def look(store: SqliteSessionStore) -> None:
        damage = (await store.verify()).damage
        # The commit after the first one, or the session whose last change it was.
        found = [(one.part, one.position) for one in damage]
        assert found == [("commit_log", 130 if lost == 129 else 150)]

    with_store(path, look)


def test_a_watch_that_was_trimmed_past_gets_one_gap(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    clock = _Clock()

    async def use(store: SqliteSessionStore) -> None:
        await _fill(store, 400)
        slow = store.watch(after=20)
        found = [await anext(slow)]
        clock.now = 200_000.0
        await _fill(store, 100)
        while await store._write_session("trim", "s", lambda conn, _: log_trim.step(conn, 10, 1)):
            pass
        # It returns the page that it had read; then the gap, and everything after it.
        found += [await anext(slow) for _ in range(PAGE)]
        gap = CommitGap(reason="trimmed", first_missing=21 + PAGE, first_available=385)
        assert found[PAGE] == gap
        assert slow.position is not None
        assert slow.position.sequence == 384
        found += [await anext(slow) for _ in range(500 - 384)]
        numbers = [one.sequence for one in found if isinstance(one, Commit)]
        assert numbers == [*range(21, 21 + PAGE), *range(385, 501)]
        assert len(found) == len(numbers) + 1

    with_store(path, use, clock=clock, **OPTIONS)


def test_one_step_of_trimming_writes_64_rows(tmp_path: Path) -> None:
    """And the note where the log begins, the commit link, and no more."""
    clock = _Clock()

    async def use(store: SqliteSessionStore) -> None:
        await _fill(store, 200)
        clock.now = 200_000.0
        await store.save(session("late"))
        writer, idle = store._engine.writer, store._engine.idle
        assert writer is not None
        assert idle is not None
        for removed in (64, 64, 0):
            before = await statements_changed(store)
            await writer.run(idle.jobs.trim_log)
            changed = await statements_changed(store) - before
            assert changed == (removed + 2 if removed else 0)

    with_store(tmp_path / "agent.a3s", use, clock=clock, **OPTIONS)


def test_an_idle_store_trims_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle_work, "IDLE", 0.01)
    clock = _Clock()

    async def use(store: SqliteSessionStore) -> None:
        await _fill(store, 200)
        clock.now = 200_000.0
        await store.save(session("late"))
        for _ in range(3_000):
            first = (await store.commits(limit=1)).first_available
            if first == 129:
                break
            await asyncio.sleep(0.01)
        assert first == 129

    with_store(tmp_path / "agent.a3s", use, clock=clock, **OPTIONS)


def test_prune_trims_all_that_is_not_kept_and_a_dry_run_says_how_much(tmp_path: Path) -> None:
    """In the same steps, down to the last entry; by the policy, else by the numbers of `open`."""
    clock = _Clock()

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("early"))
        await _fill(store, 400)
        clock.now = 200_000.0
        await _fill(store, 50)
        writer = store._engine.writer
        assert writer is not None
        removed: list[int] = []

        def count(conn: sqlite3.Connection) -> None:
            removed.append(conn.execute("SELECT count(*) FROM commit_log").fetchone()[0])

        assert (await store.prune(policy(log_rows=452))).commits == 0
        assert (await store.prune(policy(log_days=3))).commits == 0
        for wanted, expected in ((policy(log_rows=440), 11), (None, 390)):
            dry = await store.prune(wanted, dry_run=True)
            pruning = asyncio.create_task(store.prune(wanted))
            while not pruning.done():
                await writer.run(count)
            assert (dry.commits, (await pruning).commits) == (expected, expected)
        assert max(a - b for a, b in itertools.pairwise(removed)) <= 2 * log_trim.ROWS
        page = await store.commits(limit=100)
        assert (page.first_available, len(page.entries), page.latest) == (402, 50, 451)
        assert (await store.prune()).commits == 0
        assert (await store.verify(depth="deep")).ok

    with_store(tmp_path / "agent.a3s", use, clock=clock, **OPTIONS)


def test_prune_of_one_session_leaves_the_log(tmp_path: Path) -> None:
    clock = _Clock()

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("s"))
        clock.now = 200_000.0
        await store.save(session("t"))
        assert (await store.prune(policy(log_rows=1, log_days=1), session="s")).commits == 0
        assert (await store.prune(policy(log_rows=1, log_days=1))).commits == 1

    with_store(tmp_path / "agent.a3s", use, clock=clock, durability="normal")


def test_the_policy_of_a_store_is_that_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle_work, "IDLE", 0.01)
    clock = _Clock()

    async def use(store: SqliteSessionStore) -> None:
        await _fill(store, 200)
        clock.now = 200_000.0
        await store.save(session("late"))
        for _ in range(3_000):
            first = (await store.commits(limit=1)).first_available
            if first == 129:
                break
            await asyncio.sleep(0.01)
        assert first == 129

    wanted = policy(log_rows=10, log_days=1)
    with_store(tmp_path / "agent.a3s", use, clock=clock, retention=wanted, durability="normal")


def test_a_log_in_memory_is_trimmed_by_prune_and_its_watches_get_one_gap() -> None:
    clock = _Clock()

    async def use() -> None:
        async with MemorySessionStore(clock=clock) as store:
            for number in range(5):
                await store.save(session("s", ("m",) * number))
            slow = store.watch(after=1)
            clock.now = 200_000.0
            await store.save(session("late"))
            assert (await store.prune()).commits == 0  # it keeps everything if it is not asked
            assert (await store.prune(policy(log_rows=2, log_days=1))).commits == 4
            gap = CommitGap(reason="trimmed", first_missing=2, first_available=5)
            found = [await anext(slow) for _ in range(3)]
            assert found[0] == gap
            assert [one.sequence for one in found[1:] if isinstance(one, Commit)] == [5, 6]
            await store.save(session("later"))
            assert await store.latest_sequence() == 7
            assert (await store.stats()).commits == 3

    asyncio.run(use())


@pytest.mark.parametrize("wrong", [{"log_rows": 0}, {"log_days": 0}, {"log_rows": True}])
def test_a_log_keeps_at_least_one_row_and_one_day(tmp_path: Path, wrong: dict[str, int]) -> None:
    async def main() -> None:
        with pytest.raises(InvalidArgumentError) as caught:
            await SqliteSessionStore.open(tmp_path / "agent.a3s", **wrong)  # type: ignore[arg-type]
        assert [caught.value.argument] == [*wrong]

    asyncio.run(main())
    assert not (tmp_path / "agent.a3s").exists()
