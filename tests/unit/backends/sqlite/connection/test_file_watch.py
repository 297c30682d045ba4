"""A log that SQLite itself cuts is no damage; one that lacks commits is."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.errors import StoreReplacedError
from tests.support import session

WAL_HEADER, FRAME = 32, 24 + 4096


def committed_bytes(path: Path) -> int:
    """How long the log must be for its commits, by the index beside it.

    Read by another process: closing a descriptor of the index here would drop SQLite's locks.
    """
    index = str(path) + "-shm"
    program = f"print(int.from_bytes(open({index!r}, 'rb').read()[16:20], sys.byteorder))"
    said = subprocess.run(
        [sys.executable, "-c", f"import sys; {program}"], capture_output=True, check=True
    ).stdout
    return WAL_HEADER + FRAME * int(said)


@pytest.mark.parametrize("lost", [0, 1])
def test_a_log_may_be_cut_down_to_its_commits_and_no_further(tmp_path: Path, lost: int) -> None:
    """Another process that begins the log anew cuts off what is behind its first commit."""
    path = tmp_path / "agent.a3s"

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            for number in range(20):
                await store.save(session(f"s{number}", count=30))
            conn = sqlite3.connect(path)
            conn.execute("PRAGMA wal_checkpoint(RESTART)")
            conn.close()
            for number in range(3):
                await store.save(session(f"after {number}", count=2))
            log = path.with_name("agent.a3s-wal")
            needed = committed_bytes(path)
            assert log.stat().st_size > needed
            os.truncate(log, needed - lost)
            if lost:
                with pytest.raises(StoreReplacedError, match="cut short"):
                    await store.save(session("more"))
            else:
                await store.save(session("more"))
                assert await store.load("more") == session("more")

    asyncio.run(main())
