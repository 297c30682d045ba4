"""A process that saves: `python -m benchmarks.saver ENGINE FOLDER NUMBER SAVERS TURNS`.

It says when it is ready, begins when it reads a line, and prints what came of it as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from benchmarks.engines import engines
from benchmarks.workload import Plan, Settings, Story


def story_of(process: int, saver: int) -> Story:
    """The session that this saver of this process saves, turn by turn."""
    return Story(4, session_id=f"process-{process}-{saver}", seed=100 * process + saver)


async def _save(name: str, folder: Path, me: int, savers: int, turns: int) -> None:
    """Every saver saves its turns one after the other, beside the others."""
    plan = Plan(engines={}, settings=Settings(), folder=folder)
    stories = [story_of(me, saver) for saver in range(savers)]
    took: list[float] = []
    errors = 0
    async with plan.running(engines()[name], "everything", folder) as made:
        for told in stories:
            told.at(turns)
        print("ready", flush=True)
        sys.stdin.readline()

        async def save_all(told: Story) -> None:
            nonlocal errors
            for turn in range(turns):
                began = time.perf_counter()
                try:
                    await made.save(told.at(turn + 1))
                except Exception:
                    errors += 1
                took.append(time.perf_counter() - began)

        began = time.perf_counter()
        await asyncio.gather(*map(save_all, stories))
        seconds = time.perf_counter() - began
    print(json.dumps({"took": took, "errors": errors, "seconds": seconds}))


if __name__ == "__main__":
    _, given, place, number, many, often = sys.argv
    asyncio.run(_save(given, Path(place), int(number), int(many), int(often)))
