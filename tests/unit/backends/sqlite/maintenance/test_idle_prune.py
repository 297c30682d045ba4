"""A store prunes itself by its policy while no one saves, in steps that wait for saves."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from a3s_store import RetentionPolicy, SqliteSessionStore
from a3s_store.backends.sqlite import idle_work
from a3s_store.backends.sqlite.maintenance.steps import Steps
from a3s_store.errors import InvalidArgumentError
from tests.support import all_rows, policy, session, with_store

DAY = 86_400.0
BEGIN = 1_800_000_000.0


async def grown(store: SqliteSessionStore, name: str = "s", count: int = 120) -> None:
    for length in range(1, count + 1):
        await store.save(session(name, count=length))


async def until(look: Callable[[], Awaitable[bool]]) -> bool:
    """Wait until it is true, for as long as 20 seconds."""
    for _ in range(1000):
        if await look():
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file with a session of 120 generations, of long ago."""
    path = tmp_path / "agent.a3s"
    with_store(path, grown, clock=lambda: BEGIN, durability="normal")
    return path


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle_work, "IDLE", 0.01)


async def has_looked(store: SqliteSessionStore) -> bool:
    """Whether the store has pruned itself, or found that it need not."""
    idle = store._engine.idle
    return idle is not None and idle._pruning is not None and idle._pruning.done()


def after(path: Path, done: Callable[[SqliteSessionStore], Awaitable[bool]], **more: Any) -> bool:
    """Save something two days later; return whether `done` becomes true."""

    async def use(store: SqliteSessionStore) -> bool:
        await store.save(session("other"))
        assert await until(lambda: has_looked(store))
        return await done(store)

    given = {"clock": lambda: BEGIN + 2 * DAY, "durability": "normal", **more}
    return with_store(path, use, **given)


async def is_pruned(store: SqliteSessionStore) -> bool:
    return len(await store.generations("s")) == 100


def test_generations_that_lose_no_message_go_without_a_policy(old: Path) -> None:
    async def rewound(store: SqliteSessionStore) -> None:
        await store.rewind("s", 3)

    with_store(old, rewound, clock=lambda: BEGIN)
    before = len(all_rows(old)["message"])

    async def is_done(store: SqliteSessionStore) -> bool:
        # The newest hundred; the longest of them has all messages of the others.
        return [one.number for one in await store.generations("s")] == [*range(22, 122)]

    assert after(old, is_done)
    rows = all_rows(old)
    assert len(rows["message"]) == before + len(session("other").messages)
    assert "last_prune" in {row[0] for row in rows["meta"].values()}


def test_a_policy_without_numbers_removes_nothing(old: Path) -> None:
    nothing = policy(None)
    assert not with_store(old, _waits, clock=lambda: BEGIN + 2 * DAY, retention=nothing)
    assert len([1 for row in all_rows(old)["generation"] if row[0] == 1]) == 120


async def _waits(store: SqliteSessionStore) -> bool:
    await store.save(session("other"))
    assert await until(lambda: has_looked(store))
    return len(await store.generations("s")) != 120


def test_the_policy_of_a_store_empties_the_trash_and_is_that_of_prune(old: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.trash("s")
        assert (await store.prune(dry_run=True)).deleted == ("s",)

    given: dict[str, Any] = {"retention": policy(trash_days=0), "clock": lambda: BEGIN}
    with_store(old, use, **given)

    async def is_gone(store: SqliteSessionStore) -> bool:
        return not await store.exists("s")

    assert after(old, is_gone, retention=policy(trash_days=1))


def test_it_looks_once_a_day(old: Path) -> None:
    assert after(old, is_pruned)
    with_store(old, lambda store: grown(store, "s2"), clock=lambda: BEGIN + 2 * DAY)
    # Generations of two days ago could go, but the last run is younger than a day.
    assert not with_store(old, _has_pruned_again, clock=lambda: BEGIN + 2.9 * DAY)
    assert with_store(old, _has_pruned_again, clock=lambda: BEGIN + 3.1 * DAY)


def test_another_policy_does_not_wait_for_the_day_to_end(old: Path) -> None:
    with_store(old, lambda store: store.trash("s"), clock=lambda: BEGIN)

    async def is_gone(store: SqliteSessionStore) -> bool:
        return not await store.exists("s")

    assert not after(old, is_gone)  # a process without a policy prunes first
    assert after(old, is_gone, retention=policy(trash_days=1))


async def _has_pruned_again(store: SqliteSessionStore) -> bool:
    await store.save(session("other", count=7))
    assert await until(lambda: has_looked(store))
    return len(await store.generations("s2")) == 100


def test_a_step_waits_until_no_one_saves(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def use(store: SqliteSessionStore) -> None:
        monkeypatch.setattr(idle_work, "IDLE", 1.0)
        await store.save(session("busy"))
        steps = Steps(store._engine, "prune", when_idle=True)
        step = asyncio.create_task(steps.run(lambda conn: conn.total_changes))
        for count in range(100):  # none of these is a second after the one before
            await store.save(session("busy", count=count % 5 + 1))
        assert not step.done()
        monkeypatch.setattr(idle_work, "IDLE", 0.01)
        assert await step

    with_store(old, use, durability="normal")


def test_no_step_removes_more_than_256_generations(tmp_path: Path) -> None:
    executed: list[str] = []

    async def use(store: SqliteSessionStore) -> None:
        await grown(store, "s", 400)
        now[0] += 2 * DAY
        writer = store._engine.writer
        assert writer is not None
        await writer.run(lambda conn: conn.set_trace_callback(executed.append))
        store._engine.idle._prune_after = 0.0  # type: ignore[union-attr]
        await store.save(session("other"))
        assert await until(lambda: is_pruned(store))

    now = [BEGIN]
    with_store(tmp_path / "agent.a3s", use, clock=lambda: now[0], durability="normal")
    removed = [0]  # by each transaction
    for statement in executed:
        if statement.startswith("DELETE FROM generation"):
            removed[-1] += 1
        elif statement == "COMMIT":
            removed.append(0)
    assert sum(removed) == 300
    assert max(removed) == 256


def test_closing_ends_it_and_the_next_opening_goes_on(old: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("other"))
        idle = store._engine.idle
        assert idle is not None

        async def has_begun() -> bool:
            return idle._pruning is not None

        assert await until(has_begun)

    with_store(old, use, clock=lambda: BEGIN + 2 * DAY)
    assert after(old, is_pruned)
    assert with_store(old, lambda store: store.verify(depth="deep")).damage == ()


def test_a_value_that_is_no_policy_is_refused_before_the_file_is_made(tmp_path: Path) -> None:
    for wrong in (True, 5, {"keep_generations": 1}, RetentionPolicy):
        with pytest.raises(InvalidArgumentError, match="retention is a RetentionPolicy"):
            SqliteSessionStore.open(tmp_path / "agent.a3s", retention=wrong)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("saves", [True, False])
def test_an_idle_store_applies_its_policy_again_each_day(
    old: Path, monkeypatch: pytest.MonkeyPatch, saves: bool
) -> None:
    """Though nothing is saved again, or ever, in this opening."""
    now = [BEGIN]

    async def use(store: SqliteSessionStore) -> None:
        if saves:
            await store.save(session("other"))
            assert await until(lambda: has_looked(store))
            assert len(await store.generations("s")) == 120
        now[0] += 2 * DAY
        assert await until(lambda: is_pruned(store))
        await store._engine.idle._pruning  # type: ignore[union-attr, misc]
        at = all_rows(old)["meta"]
        now[0] += 2 * DAY
        await asyncio.sleep(0.3)  # it looks, and finds nothing
        assert all_rows(old)["meta"].keys() == at.keys()

    monkeypatch.setattr(idle_work, "BETWEEN_PRUNES", 0.1)
    with_store(old, use, clock=lambda: now[0], durability="normal")


def test_an_idle_store_wakes_once_a_day_and_has_no_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timer is one call of the loop, which keeps none running; a save brings it forward."""
    woken: list[float] = []

    async def use(store: SqliteSessionStore) -> None:
        loop, idle = asyncio.get_running_loop(), store._engine.idle
        assert idle is not None

        def left() -> float:
            assert idle is not None
            assert idle._timer is not None
            return idle._timer[1].when() - loop.time()

        assert left() > DAY
        work = idle.work

        def counted(of: asyncio.AbstractEventLoop) -> None:
            woken.append(of.time())
            work(of)

        monkeypatch.setattr(idle, "work", counted)
        await store.save(session("s"))
        assert left() <= idle_work.IDLE

        async def sleeps() -> bool:
            return left() > DAY - 60

        assert await until(sleeps)
        count = len(woken)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await asyncio.sleep(0.3)
        assert len(woken) == count
        await store.save(session("s", count=7))
        assert left() <= idle_work.IDLE

    with_store(tmp_path / "agent.a3s", use, durability="normal")
    assert woken


def test_a_save_is_followed_by_idle_work_though_an_item_expires_in_hours(tmp_path: Path) -> None:
    """The timer of an expiry that is far away was kept: the WAL was copied after an hour."""

    async def use(store: SqliteSessionStore) -> None:
        idle = store._engine.idle
        assert idle is not None

        async def sleeps() -> bool:
            assert idle is not None
            assert idle._timer is not None
            return idle._timer[1].when() - asyncio.get_running_loop().time() > 60

        await store.stream("s").put("k", 1, ttl=timedelta(hours=5))
        assert await until(sleeps)
        await store.stream("s").put("soon", 1, ttl=timedelta(milliseconds=50))

        async def is_removed() -> bool:
            return len(all_rows(tmp_path / "agent.a3s")["stream_item"]) == 1

        assert await until(is_removed)

    with_store(tmp_path / "agent.a3s", use, durability="normal")


def test_a_process_with_an_idle_store_ends(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from a3s_store import SqliteSessionStore\n"
        "async def main():\n"
        "    global store\n"
        "    store = await SqliteSessionStore.open(sys.argv[1])\n"
        "asyncio.run(main())\n"
    )
    given = [sys.executable, "-W", "ignore", "-c", program, str(tmp_path / "agent.a3s")]
    assert subprocess.run(given, timeout=60, check=False).returncode == 0
