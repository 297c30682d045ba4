"""A process that uses a store as an application does, step by step, and is closed or killed.

with StoreProcess() as one:
    one.open(path)
    one.save("a", 3)
    one.kill()
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from a3s_store import SqliteSessionStore
from a3s_store.errors import StoreError
from tests.faults.harness.json_child import JsonProcess
from tests.support import session


class StoreProcess(JsonProcess):
    """The process, started at once and ended at the end of the block.

    Every step returns None, or the class name of the StoreError that was raised and, behind a
    blank, its reason or kind if it has one.
    """

    def __init__(self) -> None:
        super().__init__(__name__)

    def open(self, path: Path, **options: Any) -> str | None:
        """Open the store at this path."""
        return self._step("open", str(path), options)

    def save(self, session_id: str, count: int) -> str | None:
        """Save a session of so many messages."""
        return self._step("save", session_id, count)

    def load(self, session_id: str) -> str | None:
        """Load a session; "missing" where there is none."""
        return self._step("load", session_id)

    def close(self) -> str | None:
        """Close the store."""
        return self._step("close")

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self._process.kill()
        self._process.wait()

    def _step(self, *step: Any) -> str | None:
        outcome: str | None = self.ask(step)
        return outcome


class _Commands:
    """The steps, in the process."""

    def __init__(self) -> None:
        self._store: SqliteSessionStore | None = None

    async def open(self, path: str, options: dict[str, Any]) -> None:
        self._store = await SqliteSessionStore.open(path, **options)

    async def save(self, session_id: str, count: int) -> None:
        await self._opened.save(session(session_id, count))

    async def load(self, session_id: str) -> str | None:
        return None if await self._opened.load(session_id) is not None else "missing"

    async def close(self) -> None:
        await self._opened.close()

    @property
    def _opened(self) -> SqliteSessionStore:
        assert self._store is not None
        return self._store


def named(error: StoreError) -> str:
    """The class of an error, and its reason or kind if it has one."""
    why = getattr(error, "reason", None) or getattr(error, "kind", None)
    return type(error).__name__ + (f" {why}" if why else "")


async def _outcome(step: Coroutine[Any, Any, str | None]) -> str | None:
    try:
        return await step
    except StoreError as error:
        return named(error)


def main() -> None:
    """Run the steps on standard input, a line each, until it ends."""
    commands = _Commands()
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            what, *arguments = json.loads(line)
            outcome = runner.run(_outcome(getattr(commands, what)(*arguments)))
            print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    main()
