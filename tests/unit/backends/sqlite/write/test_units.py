"""Transactions of SQLite: one savepoint, one entry, whole or not at all, beside other writers."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from a3s_store import SessionSnapshot, SqliteSessionStore
from a3s_store.errors import ConflictError, StaleGenerationError, StoreError, StoreForkedError
from a3s_store.models import Message
from tests.chunks import chunks
from tests.support import database, executed, in_chunks, messages, session, with_store

WORD: Final = (Message.user("more"),)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "agent.a3s"

    async def fill(store: SqliteSessionStore) -> None:
        for one in ("a", "b", "c"):
            await store.save(session(one, 3))

    with_store(made, fill)
    return made


def count(path: Path, table: str) -> int:
    with database(path) as conn:
        found: int = conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return found


async def lengths(store: Any, ids: str = "abc") -> list[int | None]:
    """Return how many messages each session has; None without it."""
    found = [await store.load(one) for one in ids]
    return [None if one is None else len(one.messages) for one in found]


def test_a_unit_is_one_transaction_with_one_row_of_the_log_for_each_session(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        async def unit() -> None:
            async with store.transaction() as tx:
                for _ in range(3):
                    tx.append("a", WORD)
                    tx.append("b", WORD)
                    tx.update("a", total_cost=1.0)

        await store.update("c", pinned=True)  # the first commit of an opening has others behind it
        found = await executed(store, unit())
        assert sum(one == "BEGIN IMMEDIATE" for one in found) == 1
        assert sum(one == "COMMIT" for one in found) == 1
        assert await lengths(store) == [6, 6, 3]

    before = count(path, "commit_log"), count(path, "generation")
    with_store(path, use)
    assert (count(path, "commit_log"), count(path, "generation")) == (before[0] + 3, before[1] + 2)


def test_units_share_a_transaction_with_saves_and_fail_alone(path: Path) -> None:
    """What the writer knows afterwards is what is stored, also of the unit that was rolled back."""

    async def use(store: SqliteSessionStore) -> None:
        async def unit(one: str, fails: bool) -> None:
            async with store.transaction() as tx:
                tx.append(one, WORD)
                tx.save(session("d", 5))
                tx.update(one, name="x", expected_generation=77 if fails else None)

        async def at_once() -> None:
            # All wait until the writer goes on.
            gate = threading.Event()
            store._engine.writer.run_later(lambda conn: gate.wait(30))  # type: ignore[union-attr]
            waiting = asyncio.gather(
                store.append("a", WORD),
                unit("a", fails=True),
                unit("b", fails=False),
                store.append("b", WORD),
                store.append("c", WORD),
                return_exceptions=True,
            )
            await asyncio.sleep(0.05)
            gate.set()
            results.extend(await waiting)

        results: list[Any] = []
        await store.update("c", pinned=True)  # as above
        found = await executed(store, at_once())
        assert sum(one.startswith("SAVEPOINT") for one in found) == 5
        assert sum(one == "COMMIT" for one in found) == 1
        assert [type(one) for one in results if isinstance(one, Exception)] == [
            StaleGenerationError
        ]
        assert await lengths(store, "abcd") == [4, 5, 4, 5]
        for one in "abcd":
            await store.append(one, WORD)
            found_session = await store.load(one)
            assert found_session is not None
            await store.save(found_session.evolve(messages=(*found_session.messages, *WORD)))
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)
    assert with_store(path, lambda store: lengths(store, "abcd")) == [6, 7, 6, 7]


def test_messages_that_a_later_call_replaced_are_removed(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        async with store.transaction() as tx:
            tx.append("a", messages(4))
            tx.save(session("a", 2))
            tx.save(session("new", 9))
            tx.save(session("new", 0).evolve(messages=WORD))
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)
    with database(path) as conn:
        texts = conn.execute("SELECT count(*) FROM message").fetchone()[0]
    assert texts == 9 + 1, "three sessions of three, and the one new message"


def test_a_unit_conflicts_with_what_another_store_of_the_file_wrote(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        async with SqliteSessionStore.open(path) as other:

            async def unit(change: Callable[[], Any]) -> None:
                async with store.transaction() as tx:
                    await tx.load("a")
                    await change()
                    tx.append("b", WORD)

            changes: list[Callable[[], Any]] = [
                lambda: other.append("a", WORD),
                lambda: other.update("a", name="n"),
                lambda: other.rewind("a", 1),
                lambda: other.delete("a"),
            ]
            for change in changes:
                with pytest.raises(ConflictError, match="session 'a'") as caught:
                    await unit(change)
                assert caught.value.session_ids == ("a",)
            async with store.transaction() as tx:
                await tx.load("a")
                await other.append("c", WORD)
                tx.append("b", WORD)
        assert await lengths(store) == [None, 4, 4]

    with_store(path, use)


def test_writers_of_two_files_stores_lose_no_change(path: Path) -> None:
    """Each adds 1 to the same number in a transaction, with loads that are checked."""

    async def use(store: SqliteSessionStore) -> None:
        async with SqliteSessionStore.open(path) as other:

            async def add(tx: Any) -> None:
                found = await tx.load("a")
                tx.save(found.evolve(total_cost=found.total_cost + 1))
                tx.append("b", WORD)

            start = (await store.load("a")).total_cost  # type: ignore[union-attr]
            await asyncio.gather(
                *(one.run_transaction(add, retries=500) for one in (store, other) * 8)
            )
            found = await store.load("a")
            assert found is not None
            assert found.total_cost == start + 16
        assert await lengths(store) == [3, 19, 3]

    with_store(path, use)


@pytest.mark.parametrize("large", [False, True])
def test_a_unit_cancelled_at_any_await_is_whole_or_absent(path: Path, large: bool) -> None:
    async def use(store: SqliteSessionStore) -> None:
        if large:
            in_chunks(store)
        for step in range(14):
            before = await lengths(store)

            async def unit() -> None:
                async with store.transaction() as tx:
                    for one in "ab":
                        found = await tx.load(one)
                        assert found is not None
                        more = messages(5) if large else WORD
                        tx.save(found.evolve(messages=(*found.messages, *more)))

            task = asyncio.create_task(unit())
            for _ in range(step):
                await asyncio.sleep(0.0005 if step % 2 else 0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await store.delete("none")  # after all that was accepted
            after = await lengths(store)
            added = {
                (one or 0) - (old or 0) for one, old in zip(after[:2], before[:2], strict=True)
            }
            assert added in ({0}, {5 if large else 1}), f"cancelled at step {step}"
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)


def test_an_interrupt_in_the_block_writes_nothing(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        async def unit() -> None:
            async with store.transaction() as tx:
                tx.append("a", WORD)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await unit()
        assert await lengths(store) == [3, 3, 3]

    with_store(path, use)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_forked_in_the_block_commits_nothing(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        tx = store.transaction()
        await tx.__aenter__()
        tx.append("a", WORD)
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            try:
                step = tx.__aexit__(None, None, None)
                step.send(None)
            except StoreForkedError:
                os._exit(0)
            except BaseException:
                os._exit(2)
            os._exit(1)
        _, status = await asyncio.to_thread(os.waitpid, child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        await tx.__aexit__(None, None, None)
        assert await lengths(store) == [4, 3, 3]

    with_store(path, use)


# -- Large units ----------------------------------------------------------------------------------


def test_a_large_unit_is_made_in_turns_and_seen_at_its_end(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        in_chunks(store, most=10, chunk=4)
        seen: list[list[int | None]] = []

        async def unit() -> None:
            async with store.transaction() as tx:
                for number, one in enumerate(("a", "new", "b", "c")):
                    tx.save(session(one, 9 + number))
                tx.append("new", WORD)

        async def others() -> None:
            async with SqliteSessionStore.open(path) as other:
                for number in range(6):
                    seen.append(await lengths(other))
                    await other.save(session(f"other{number}", 1))

        found, _ = await asyncio.gather(chunks(store, unit()), others())
        assert len(found) > 4
        assert max(found) <= 4
        assert all(one in ([3, 3, 3], [9, 11, 12]) for one in seen), seen
        assert await lengths(store, "abc") == [9, 11, 12]
        assert await lengths(store, ["new"]) == [11]  # type: ignore[arg-type]
        numbers = [await store.generation(one) for one in ("a", "b", "c", "new")]
        assert numbers == [2, 2, 2, 1]
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)
    assert count(path, "unfinished") == 0


def test_a_large_unit_that_fails_leaves_no_rows(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        in_chunks(store, most=4, chunk=4)

        async def unit() -> None:
            async with store.transaction() as tx:
                tx.save(session("a", 20))
                tx.save(session("new", 30))
                tx.update("b", name="x", expected_generation=7)

        with pytest.raises(StaleGenerationError):
            await unit()
        async with asyncio.timeout(60):
            while count(path, "unfinished"):  # noqa: ASYNC110 - the file is the only one to tell
                await asyncio.sleep(0.01)
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)
    assert count(path, "message") == 9


def test_a_large_unit_conflicts_with_a_change_between_its_turns(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        in_chunks(store, most=4, chunk=2)

        async def unit() -> None:
            async with store.transaction() as tx:
                found = await tx.load("a")
                assert found is not None
                tx.save(found.evolve(messages=(*found.messages, *messages(30))))
                tx.save(session("new", 30))

        task = asyncio.create_task(unit())
        async with SqliteSessionStore.open(path) as other, asyncio.timeout(60):
            while not count(path, "unfinished"):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0)
            await other.append("a", WORD)
        with pytest.raises(ConflictError):
            await task
        assert await lengths(store) == [4, 3, 3]
        assert not await store.exists("new")

    with_store(path, use)


def test_an_import_of_many_sessions_is_one_transaction_in_each_batch(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        given = [SessionSnapshot(session=session(f"s{number}", 4)) for number in range(300)]
        await store.import_many(given[:1])
        found = await executed(store, store.import_many(given))
        assert sum(one.startswith("COMMIT") for one in found) == 2, "256 sessions and the rest"
        assert not any(one.startswith("SAVEPOINT") for one in found)
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)


def test_the_error_of_a_damaged_session_in_a_unit_names_it(path: Path) -> None:
    with database(path) as conn, conn:
        conn.execute("UPDATE generation SET digest = 'x' WHERE owner_key = 2")

    async def use(store: SqliteSessionStore) -> None:
        async def unit() -> None:
            async with store.transaction() as tx:
                tx.append("a", WORD)
                tx.append("b", WORD)

        with pytest.raises(StoreError) as caught:
            await unit()
        assert getattr(caught.value, "session_id", None) == "b"
        assert await lengths(store, "ac") == [3, 3]

    with_store(path, use)
