"""The check after an attack: another process compares the file with the progress and saves on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from tests.faults.harness import store_under_test
from tests.faults.harness.forks import Child
from tests.faults.harness.progress import Progress

# Seconds in which a process that is not under attack has to end.
TIME_LIMIT: Final = 60.0


def check_and_save_on(
    open_store: store_under_test.Open, path: Path, seed: str, progress: Progress, turns: int
) -> str:
    """Check a file, save so many turns of each session, check again, close.

    Returns the first fault, "" when there is none. Afterwards the folder must hold one file.
    """

    async def main() -> None:
        async with open_store(path) as store:
            found = await store_under_test.check(store, seed, progress.acknowledged, progress.begun)
            for number, last in found.items():
                for turn in range(last + 1, last + 1 + turns):
                    await store_under_test.save_turn(store, seed, number, turn)
            wanted = {number: last + turns for number, last in found.items()}
            await store_under_test.check(store, seed, wanted, wanted)

    if problem := in_child(main):
        return problem
    left = sorted(found.name for found in path.parent.iterdir())
    return "" if left == [path.name] else f"afterwards these files are left: {left}"


def in_child(main: Callable[[], Coroutine[Any, Any, None]]) -> str:
    """Run a check in a process of its own. Returns its error, "" when it has none."""
    child = Child(lambda send: asyncio.run(main()))
    if child.finish(TIME_LIMIT) == 0:
        return ""
    return f"afterwards: {'; '.join(text for (text,) in child.sent('error')) or 'it hangs'}"
