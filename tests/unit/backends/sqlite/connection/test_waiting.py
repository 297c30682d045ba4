"""How long opening and closing wait for a program that holds the write lock."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.connection import kept_files
from a3s_store.errors import StoreBusyError
from tests.support import database, session, with_store


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    with database(path) as conn:
        conn.execute("BEGIN IMMEDIATE")
        yield
        conn.execute("ROLLBACK")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "agent.a3s"
    with_store(made, lambda store: store.save(session("s")))
    return made


def test_a_cancelled_open_ends_at_once_and_leaves_nothing_open(path: Path) -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                # "normal" is noted in the file, which takes the lock.
                await SqliteSessionStore.open(path, durability="normal", busy_timeout_ms=60_000)

    with locked(path):
        began = time.monotonic()
        asyncio.run(main())
        assert time.monotonic() - began < 10
        assert not kept_files.is_open(kept_files.identity(path))


def test_an_open_that_is_not_cancelled_waits_as_long_as_it_may(path: Path) -> None:
    async def main() -> None:
        async with SqliteSessionStore.open(
            path, durability="normal", busy_timeout_ms=60_000
        ) as store:
            await store.save(session("t"))

    async def beside() -> None:
        opening = asyncio.create_task(main())
        with locked(path):
            await asyncio.wait({opening}, timeout=0.5)
            assert not opening.done()
        await opening

    asyncio.run(beside())


def test_closing_waits_once_for_all_that_was_accepted(path: Path) -> None:
    """Writes without a lane are done one by one, and each would wait, as would the checkpoint."""
    timeout = 1.5

    async def main() -> float:
        store = await SqliteSessionStore.open(path, busy_timeout_ms=int(timeout * 1000))
        with locked(path):
            waiting = [asyncio.create_task(store.delete(f"s{number}")) for number in range(6)]
            await asyncio.sleep(0.05)
            began = time.monotonic()
            await store.close()
            took = time.monotonic() - began
            told = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(error) for error in told] == [StoreBusyError] * 6
        return took

    assert asyncio.run(main()) < 3 * timeout
    assert with_store(path, lambda store: store.list()) == ["s"]
