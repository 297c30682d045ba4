"""Branches are read from generations and chain hashes; a switch writes no message."""

from __future__ import annotations

from pathlib import Path

from a3s_store import SqliteSessionStore
from tests.support import database, messages, policy, session, with_store
from tests.unit.backends.sqlite.read.test_loads_of_lists import statements_of


def _fill(path: Path, length: int, *, edits: int = 3) -> None:
    """Save a conversation as it grows, then others that leave it near its end."""

    async def fill(store: SqliteSessionStore) -> None:
        for count in range(length - 20, length + 1):
            await store.save(session("s", messages=messages(count)))
        for number in range(edits):
            await store.rewind("s", length - 10 + number)
            await store.append("s", messages(2, tag=f"edit {number}"))
        await store.save(session("before", messages=messages(1)))

    with_store(path, fill)


def test_one_message_is_read_for_each_branch_however_long_the_conversation_is(
    tmp_path: Path,
) -> None:
    counts = []
    for length in (40, 400):
        path = tmp_path / f"{length}.a3s"
        _fill(path, length)
        seen = statements_of(path, lambda store: store.branches("s"))
        assert sum("content" in one and "message" in one for one in seen) == 4, seen
        counts.append(len(seen))
    # Ten times the length is three or four steps of each bisection more, of six pairs.
    assert counts[1] - counts[0] <= 2 * 2 * 6 * 4, counts


def test_a_switch_writes_no_message(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    _fill(path, 40)
    tables = ("message", "branch", "branch_segment", "branch_chain")

    def rows() -> list[int]:
        with database(path) as conn:
            return [conn.execute(f"SELECT count(*) FROM {one}").fetchone()[0] for one in tables]

    before = rows()

    async def switch(store: SqliteSessionStore) -> None:
        for branch in await store.branches("s"):
            await store.switch_branch("s", branch.generation)
        report = await store.verify(depth="deep")
        assert report.ok, report

    with_store(path, switch)
    assert rows() == before


def test_a_pruned_branch_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    _fill(path, 40)

    async def prune(store: SqliteSessionStore) -> None:
        before = await store.branches("s")
        await store.prune(policy(1))
        assert await store.branches("s") == before, "no branch is pruned unless days are given"
        for branch in before:
            await store.switch_branch("s", branch.generation)

    with_store(path, prune)
