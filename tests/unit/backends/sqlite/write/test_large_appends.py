"""Large appends take several transactions, and have the results of one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from a3s_store import Position, SqliteSessionStore
from a3s_store.backends.sqlite.rows import message_writer, unfinished
from a3s_store.errors import EncodeError, SessionNotFoundError, StaleGenerationError
from a3s_store.models import Message
from a3s_store.testing.samples.numbered import image
from tests.chunks import CHUNK, MOST, begun, chunks, collected, rows, small_chunks
from tests.support import messages, session, with_store

COUNT = 125
MORE = messages(COUNT, tag="more")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    small_chunks(monkeypatch)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "agent.a3s"
    with_store(made, lambda store: store.save(session("s", 3)))
    return made


async def position(store: SqliteSessionStore) -> Position:
    page = await store.messages("s", last=1)
    assert page is not None
    return page.end


async def times(store: SqliteSessionStore, session_id: str) -> list[int | None]:
    page = await store.messages(session_id, last=COUNT)
    assert page is not None
    return [one.at_ms for one in page]


def test_no_transaction_writes_more_than_a_chunk(path: Path) -> None:
    found = with_store(path, lambda store: chunks(store, store.append("s", MORE)))
    assert found == [CHUNK] * (COUNT // CHUNK) + [COUNT % CHUNK]
    assert rows(path) == (COUNT + 3, 2, 0)


@pytest.mark.parametrize("count", [0, 3])
def test_it_has_the_result_and_the_rows_of_an_append_in_one_transaction(
    path: Path, count: int
) -> None:
    """A session that is created, and one that goes on; times are those that were given."""
    at_ms = list(range(1_000, 1_000 + COUNT))

    async def use(store: SqliteSessionStore) -> None:
        whole = session("whole", count) if count else None
        if whole is not None:
            await store.save(whole)
            await store.save(session("parts", count))
        create = None if count else session("parts", 0)
        done = await store.append("parts", MORE, create=create, at_ms=at_ms, updated_at=9)
        assert done.start == count
        assert not done.already
        create = None if count else session("whole", 0)
        for start in range(0, COUNT, MOST):
            one = slice(start, start + MOST)
            last = await store.append(
                "whole", MORE[one], create=create, at_ms=at_ms[one], updated_at=9
            )
            create = None
        assert done.position == last.position
        assert done.sequence is not None
        parts, whole = await store.load("parts"), await store.load("whole")
        assert parts is not None
        assert whole is not None
        assert parts == whole.evolve(id="parts", config=parts.config)
        assert await times(store, "parts") == await times(store, "whole") == at_ms
        (listed,) = [one for one in await store.sessions() if one.id == "parts"]
        assert listed.last_message_at_ms == at_ms[-1]
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)


def test_one_large_message_is_one_transaction(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.append("s", [image(1, 3_000_000)])

    with_store(path, use)
    assert rows(path) == (4, 1, 0)


def test_large_messages_have_chunks_of_fewer(path: Path) -> None:
    large = [image(number, 60_000) for number in range(30)]

    found = with_store(path, lambda store: chunks(store, store.append("s", large)))
    assert found == [2] * 15


def test_what_others_append_meanwhile_is_kept(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        async with SqliteSessionStore.open(path) as other:
            appending = asyncio.create_task(store.append("s", MORE))
            await begun(path)
            await other.append("s", messages(2, tag="theirs"))
            done = await appending
        found = await store.load("s")
        assert found is not None
        assert found.messages == (*messages(3), *messages(2, tag="theirs"), *MORE)
        assert done.start == 5
        assert done.generation == 3
        await collected(path, 5 + COUNT)
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)


def test_two_processes_that_append_much_at_once_both_end(path: Path) -> None:
    theirs = messages(COUNT, tag="theirs")

    async def use(store: SqliteSessionStore) -> None:
        async with SqliteSessionStore.open(path) as other:
            await asyncio.gather(store.append("s", MORE), other.append("s", theirs))
        found = await store.load("s")
        assert found is not None
        assert found.messages[3:] in ((*MORE, *theirs), (*theirs, *MORE))
        await collected(path, 3 + 2 * COUNT)
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)


@pytest.mark.parametrize("save_id", [None, bytes(16)])
def test_a_repeat_is_recognised_and_leaves_nothing(path: Path, save_id: bytes | None) -> None:
    async def use(store: SqliteSessionStore) -> None:
        after = await position(store)
        first = await store.append("s", MORE, after=after, save_id=save_id)
        await store.append("s", messages(1, tag="behind"))
        again = await store.append("s", MORE, after=after, save_id=save_id)
        assert again.already
        assert (again.start, again.position) == (first.start, first.position)
        assert await store.generation("s") == 3

    with_store(path, use)
    assert rows(path) == (4 + COUNT, 2, 0)


def test_a_condition_is_compared_before_and_after_the_chunks(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        with pytest.raises(SessionNotFoundError):
            await store.append("nowhere", MORE)
        with pytest.raises(StaleGenerationError):
            await store.append("s", MORE, expected_generation=5)
        assert rows(path) == (3, 1, 0)
        after = await position(store)
        async with SqliteSessionStore.open(path) as other:
            appending = asyncio.create_task(store.append("s", MORE, after=after))
            await begun(path)
            await other.append("s", messages(1, tag="theirs"))
            with pytest.raises(StaleGenerationError) as caught:
                await appending
        assert caught.value.current == await position(store)
        await collected(path, 4)

    with_store(path, use)


def test_a_session_deleted_meanwhile_gets_nothing(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        async with SqliteSessionStore.open(path) as other:
            appending = asyncio.create_task(store.append("s", MORE))
            await begun(path)
            await other.delete("s")
            with pytest.raises(SessionNotFoundError):
                await appending
        await collected(path, 0)
        assert await store.list() == []

    with_store(path, use)


def test_an_error_names_the_message(path: Path) -> None:
    bad = [*MORE, Message.user("half \ud83d of a pair")]

    async def use(store: SqliteSessionStore) -> None:
        with pytest.raises(EncodeError, match=rf"messages\[{COUNT}\]"):
            await store.append("s", bad)
        await collected(path, 3)
        await store.append("s", MORE)

    with_store(path, use)


def test_an_append_that_is_always_taken_for_ended_is_made_in_the_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unfinished.Save, "renew", lambda self, conn, branch: False)

    async def use(store: SqliteSessionStore) -> None:
        await store.append("s", MORE)
        await collected(path, 3 + COUNT)

    with_store(path, use)


def test_a_conversation_is_not_put_into_more_pieces_than_reads_ask_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_writer, "MOST_SEGMENTS", 4)

    async def use(store: SqliteSessionStore) -> None:
        for number in range(8):
            await store.append("s", messages(COUNT, tag=str(number)))
        found = await store.load("s")
        assert found is not None
        assert len(found.messages) == 3 + 8 * COUNT
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)
    assert rows(path) == (3 + 8 * COUNT, 4, 0)


def test_saves_and_appends_in_any_order_are_those_of_one_transaction(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.append("s", MORE)
        first = await store.load("s")
        assert first is not None
        await store.save(first.evolve(messages=(*first.messages, *messages(COUNT, tag="saved"))))
        await store.append("s", messages(2, tag="few"))
        await store.append("s", messages(COUNT, tag="many"))
        found = await store.load("s")
        assert found is not None
        expected = (
            *messages(3),
            *MORE,
            *messages(COUNT, tag="saved"),
            *messages(2, tag="few"),
            *messages(COUNT, tag="many"),
        )
        assert found.messages == expected
        assert await store.generation("s") == 5
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)
