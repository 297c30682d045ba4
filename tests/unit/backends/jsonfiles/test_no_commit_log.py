"""A directory of files has no commit log, and says so before it reads or writes anything."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.core.protocol import watchable
from a3s_store.errors import UnsupportedError
from a3s_store.testing.samples import session


def test_the_commit_log_and_watches_are_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with FileSessionStore.open(tmp_path / "store") as store:
            await store.save(session("s"))
            promised = store.capabilities()
            assert {promised.commit_log, promised.watch, promised.append_only_event_log} == {False}
            assert watchable(store) is None
            before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
            found = []
            for call in (store.commits, store.latest_sequence):
                with pytest.raises(UnsupportedError) as caught:
                    await call()
                found.append(caught.value.capability)
            with pytest.raises(UnsupportedError) as caught:
                store.watch()
            assert [*found, caught.value.capability] == ["commit_log", "commit_log", "watch"]
            assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}

    asyncio.run(main())
