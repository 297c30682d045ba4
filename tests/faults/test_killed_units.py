"""A process that is killed at any statement of a transaction: all of it is stored, or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from a3s_store import SqliteSessionStore
from tests.faults.harness import unit_turns
from tests.faults.harness.forks import Send
from tests.faults.harness.statement_kills import kills
from tests.support import in_chunks, with_store

NUMBER = 400


async def _stored(store: Any) -> int:
    assert (await store.verify(depth="deep")).ok
    return await unit_turns.stored_turns(store, NUMBER)


@pytest.mark.slow
@pytest.mark.parametrize("large", [False, True], ids=["at once", "in turns"])
def test_a_unit_killed_at_any_statement_is_whole_or_absent(tmp_path: Path, large: bool) -> None:
    async def make_a_turn(store: SqliteSessionStore, send: Send) -> None:
        if large:
            in_chunks(store, most=2, chunk=1)
        await unit_turns.save_turn(store, NUMBER, 2)
        send("done")

    base = tmp_path / "base.a3s"
    with_store(base, lambda store: unit_turns.save_turn(store, NUMBER, 1))
    found = []
    for path, child, _ in kills(base, make_a_turn, every=5):
        turns = with_store(path, _stored)
        assert turns in ((2,) if child.sent("done") else (1, 2))
        found.append(turns)
    assert set(found) == {1, 2}
    assert found == sorted(found), "once it is stored it stays"
