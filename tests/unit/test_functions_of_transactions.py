"""`run_transaction` of each store refuses a function that is not async."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from a3s_store import MemorySessionStore, SqliteSessionStore
from a3s_store.errors import InvalidArgumentError
from a3s_store.testing.samples import session


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_function_that_is_not_async_is_refused_and_nothing_written(
    kind: str, tmp_path: Path
) -> None:
    def blocking(tx: Any) -> int:
        tx.save(session("a"))
        return 5

    async def main() -> None:
        given: Any = blocking
        opening: Any = MemorySessionStore()
        if kind == "sqlite":
            opening = SqliteSessionStore.open(tmp_path / "a.a3s")
        async with opening as store:
            with pytest.raises(InvalidArgumentError, match="async function, and returned 5"):
                await store.run_transaction(given)
            assert await store.list() == []

    asyncio.run(main())
