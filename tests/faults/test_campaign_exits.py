"""Every way not to close a store: the process ends, and accepted saves are stored."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from tests.faults.campaigns import exits
from tests.support import session


def test_a_store_that_drops_saves_at_the_exit_is_found() -> None:
    left = exits.leave("tests.faults.planted_faults:drops_at_exit", "saves in flight")
    assert any("LOST" in failure for failure in left.failures)


def test_a_store_that_holds_the_process_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exits, "GIVEN_UP", 5.0)
    left = exits.leave("tests.faults.planted_faults:holds_the_process", "saves in flight")
    assert any("HANG" in failure for failure in left.failures)


def test_a_store_outlives_loops_that_are_closed_as_soon_as_a_save_returns(
    tmp_path: Path,
) -> None:
    """aiosqlite's thread reported to the loop after the save, and died if the loop was closed."""

    async def opened() -> SqliteSessionStore:
        return await SqliteSessionStore.open(tmp_path / "agent.a3s")

    store = asyncio.run(opened())
    for number in range(200):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(store.save(session(count=number % 5)))
        loop.close()
    asyncio.run(store.save(session("last")))
    asyncio.run(store.close())
