"""Kill a process when its writer begins a statement, at every so many statements of some work."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from a3s_store import SqliteSessionStore
from tests.faults.harness.forks import Child, Send

Work = Callable[[SqliteSessionStore, Send], Awaitable[Any]]


def kills(base: Path, work: Work, every: int) -> Iterator[tuple[Path, Child, bool]]:
    """Do the work on copies of a store's file, killed later each time.

    Yields the file, the child that worked, and whether it came to its end, with which this ends.
    """
    path = base.with_name("killed.a3s")
    for at in itertools.count(1, every):
        for old in path.parent.glob("killed.a3s*"):
            old.unlink()
        shutil.copyfile(base, path)
        path.chmod(0o600)
        child = Child(lambda send, at=at: _work(path, at, work, send))  # type: ignore[misc]
        status = child.finish(60)
        assert status in (0, -signal.SIGKILL), child.sent("error")
        yield path, child, status == 0
        if status == 0:
            return


def _work(path: Path, at: int, work: Work, send: Send) -> None:
    numbers = itertools.count(1)

    def traced(statement: str) -> None:
        if next(numbers) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    async def main() -> None:
        async with SqliteSessionStore.open(path) as store:
            writer = store._engine.writer
            assert writer is not None
            await writer.run(lambda conn: conn.set_trace_callback(traced))
            await work(store, send)

    asyncio.run(main())
