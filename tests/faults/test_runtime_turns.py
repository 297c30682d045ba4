"""The checks of live sessions, memories and queue journals find lost parts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.runtime import StoreJournal
from tests.faults.harness import store_under_test
from tests.faults.harness.runtime_turns import JOURNALS, LIVE, MEMORIES
from tests.faults.harness.workload import BrokenPromiseError, session_id

TURNS = 7


async def _forget(store: Any) -> None:
    await store.memories(session_id(MEMORIES)).delete("memory-4")


async def _forget_the_last(store: Any) -> None:
    await store.memories(session_id(MEMORIES)).delete(f"memory-{TURNS}")


async def _clear(store: Any) -> None:
    journal = StoreJournal(store, session_id(JOURNALS))
    await journal.load()
    await journal.clear()
    journal.release()


async def _rewind(store: Any) -> None:
    found = await store.load_snapshot(session_id(LIVE))
    await store.rewind(session_id(LIVE), len(found.session.messages) - 1)


async def _drop_runs(store: Any) -> None:
    await store.save_run_records(session_id(LIVE), ())


@pytest.mark.parametrize(
    ("number", "damage"),
    [
        (LIVE, _rewind),
        (LIVE, _drop_runs),
        (MEMORIES, _forget),
        (MEMORIES, _forget_the_last),
        (JOURNALS, _clear),
    ],
)
def test_a_lost_part_is_found(
    number: int, damage: Callable[[Any], Awaitable[None]], tmp_path: Path
) -> None:
    async def main() -> None:
        async with SqliteSessionStore.open(tmp_path / "turns.db") as store:
            turns = {number: 0}
            for turn in range(1, TURNS + 1):
                await store_under_test.save_turn(store, "1", number, turn)
                turns[number] = turn
                assert await store_under_test.check(store, "1", turns, turns) == turns
            await damage(store)
            with pytest.raises(BrokenPromiseError):
                await store_under_test.check(store, "1", turns, turns)

    asyncio.run(main())
