"""Every way not to close a store: the process ends, and accepted saves are stored."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from tests.faults.campaigns import exits
from tests.support import session


@pytest.mark.parametrize(
    ("fault", "seen"),
    [("drops_at_exit", "LOST"), ("holds_the_process", "HANG")],
)
def test_a_store_that_must_be_closed_is_found(
    monkeypatch: pytest.MonkeyPatch, fault: str, seen: str
) -> None:
    monkeypatch.setattr(exits, "GIVEN_UP", 5.0)
    left = exits.leave(f"tests.faults.planted_faults:{fault}", "saves in flight")
    assert any(seen in failure for failure in left.failures)


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
