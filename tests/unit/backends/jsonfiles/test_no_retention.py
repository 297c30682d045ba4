"""A directory of files has no retention, and says so before it reads or writes anything."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.errors import UnsupportedError
from a3s_store.testing.samples import session


def test_pruning_and_sizes_are_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with FileSessionStore.open(tmp_path / "store") as store:
            await store.save(session("s"))
            assert not store.capabilities().retention
            before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
            for call in (store.prune, store.stats):
                with pytest.raises(UnsupportedError) as caught:
                    await call()
                assert caught.value.capability == "retention"
            assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    asyncio.run(main())
