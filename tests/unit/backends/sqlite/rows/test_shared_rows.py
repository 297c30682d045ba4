"""Conversations with rows of another one: what their loads prove, and what is removed with them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.errors import CorruptionError
from a3s_store.models import Message
from tests.support import all_rows, checkpoint, database, messages, policy, session, with_store


def changed(path: Path, statement: str) -> None:
    """Change a closed store with plain SQL."""
    with database(path) as conn:
        assert conn.execute(statement).rowcount > 0
        conn.commit()


async def slide(store: SqliteSessionStore) -> None:
    """Drop the first message twice, with a new one behind each time."""
    for first in range(3):
        await store.save(session(messages=messages(20, start=first)))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE branch_segment SET source_start = source_start + 1",
        "UPDATE branch_segment SET source_start = source_start - 1",
        "UPDATE branch_segment SET source_start = NULL",
        "UPDATE branch_chain SET segments = replace(segments, '2', '1')",
        "UPDATE branch_chain SET chain_hash = zeroblob(32)",
        "DELETE FROM branch_chain",
    ],
)
def test_a_segment_that_begins_at_another_row_is_never_loaded(
    tmp_path: Path, statement: str
) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, slide)
    changed(path, statement)

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            with pytest.raises(CorruptionError) as caught:
                await store.load("fix-login")
            assert caught.value.part in ("messages", "generation")

    asyncio.run(main())


def test_a_row_lost_in_the_middle_is_named_by_its_place_in_the_conversation(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, slide)
    changed(path, "DELETE FROM message WHERE seq = 12")

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            rest = await store.load("fix-login", on_damage="report")
            assert [(d.part, d.position) for d in rest.damage] == [("messages", 10)]
            assert rest.value is not None
            kept = (*messages(10, start=2), *messages(9, start=13))
            assert rest.value.messages == kept

    asyncio.run(main())


@pytest.mark.parametrize("gone", ["fix-login", "fork"])
def test_the_rows_of_a_fork_outlive_the_session_they_were_written_for(
    tmp_path: Path, gone: str
) -> None:
    path = tmp_path / "agent.a3s"
    left = "fork" if gone == "fix-login" else "fix-login"

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            await slide(store)
            await store.fork("fix-login", "fork", 15)
            await store.save(session("fork", messages=messages(13, start=4)))
            await store.delete(gone)
            found = await store.load(left)
            assert found is not None
            expected = messages(13, start=4) if left == "fork" else messages(20, start=2)
            assert found.messages == expected
            assert (await store.verify(depth="deep")).ok

    asyncio.run(main())


async def _replaced_checkpoint(store: SqliteSessionStore) -> None:
    """A checkpoint takes the place of another of which it shares one message in the middle."""
    await store.save(session(messages=()))
    first = messages(5, tag="first")
    await store.save_loop_checkpoint("run-1", checkpoint(first))
    second = (*messages(2, tag="second"), first[2], *messages(2, start=2, tag="second"))
    await store.save_loop_checkpoint("run-1", checkpoint(second))


async def _goes_on(store: SqliteSessionStore) -> None:
    await _replaced_checkpoint(store)
    # The conversation of the first checkpoint, of which one row is left.
    await store.save(session(messages=messages(5, tag="first")))


@pytest.mark.parametrize(
    ("program", "history", "rows"),
    [(_replaced_checkpoint, (), 5), (_goes_on, messages(5, tag="first"), 9)],
)
def test_no_text_stays_behind_for_a_row_that_is_shared(
    tmp_path: Path,
    program: Callable[[SqliteSessionStore], Awaitable[None]],
    history: tuple[Message, ...],
    rows: int,
) -> None:
    """Each message of the session and of the checkpoint is there once, and no other."""
    path = tmp_path / "agent.a3s"
    with_store(path, program)

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            assert (await store.verify(depth="deep")).ok
            found = await store.load("fix-login")
            assert found is not None
            assert found.messages == history

    asyncio.run(main())
    assert len(all_rows(path)["message"]) == rows


def said(letters: str) -> tuple[Message, ...]:
    return tuple(map(Message.user, letters))


@pytest.mark.parametrize("column", ["start_seq", "end_seq", "source_branch", "source_start"])
def test_a_changed_segment_before_new_messages_is_never_loaded(tmp_path: Path, column: str) -> None:
    """The last row has the chain hash of the head, and says nothing of the rows before it."""
    path = tmp_path / "agent.a3s"

    async def fill(store: SqliteSessionStore) -> None:
        await store.save(session(messages=said("123456789")))
        await store.save(session(messages=said("S3456X")))

    with_store(path, fill)
    changed(path, f"UPDATE branch_segment SET {column} = {column} + 1 WHERE source_start > 0")

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            with pytest.raises(CorruptionError):
                await store.load("fix-login")
            assert not (await store.verify(depth="deep")).ok

    asyncio.run(main())


def test_a_lost_segment_is_not_read_as_rows_of_the_next(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def fill(store: SqliteSessionStore) -> None:
        await store.save(session(messages=said("123456789")))
        await store.save(session(messages=said("1S456X")))

    with_store(path, fill)
    changed(
        path,
        "DELETE FROM branch_segment WHERE start_seq = 1 "
        "AND branch_key = (SELECT head_branch FROM session)",
    )

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            with pytest.raises(CorruptionError):
                await store.load("fix-login")
            assert not (await store.verify()).ok

    asyncio.run(main())


DAYS = 86_400 * 3


@pytest.mark.parametrize(
    "histories", [("12345", "12xyz", "12xq"), ("123456789", "ST23456X", "ST")], ids=" ".join
)
def test_a_store_is_whole_after_the_histories_it_shared_rows_with_are_pruned(
    tmp_path: Path, histories: tuple[str, ...]
) -> None:
    clock = [1_800_000_000.0]

    async def use(store: SqliteSessionStore) -> None:
        for letters in histories:
            clock[0] += DAYS
            await store.save(session(messages=said(letters)))
        clock[0] += 9 * DAYS
        await store.prune(policy(1, 1))
        assert (await store.verify(depth="deep")).damage == ()
        await store.backup(tmp_path / "backup.a3s")

    with_store(tmp_path / "agent.a3s", use, clock=lambda: clock[0])
