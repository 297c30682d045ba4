"""The longest save of one session during each big operation on another one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from a3s_store import SqliteSessionStore
from a3s_store.models import Message, SessionData
from benchmarks.ratios.blocks import PAUSE, Ratio, Row
from benchmarks.ratios.conversations import grown, messages, proven, session
from benchmarks.ratios.scale import Scale

# Seconds for which the probe saves alone, at least and at most.
_ALONE: Final = (0.3, 2.0)


async def waits(folder: Path, scale: Scale) -> AsyncIterator[Row]:
    """Save a turn every few milliseconds, alone and during each operation."""
    path = folder / "waits.a3s"
    big = session("big", messages(scale.big))
    middle = scale.big // 2
    changed = (*big.messages[:middle], Message.user("changed"), *big.messages[middle + 1 :])
    more = messages(scale.big)
    longest: dict[str, list[float]] = {}
    alone: list[float] = []
    async with SqliteSessionStore.open(path) as store:
        probe = session("probe", messages(100))
        await store.save(probe)
        operations: list[tuple[str, Callable[[], Awaitable[Any]]]] = [
            (f"first save of {scale.big:,} messages", lambda: store.save(big)),
            (f"append of {scale.big:,} messages", lambda: store.append("big", more)),
            ("change in the middle", lambda: store.save(big.evolve(messages=changed))),
            ("backup", lambda: store.backup(folder / "waits-backup.a3s")),
            ("quick verify", store.verify),
            ("compact", lambda: store.compact(full=True)),
            ("delete", lambda: store.delete("big")),
            ("erase of another session", lambda: store.erase("gone")),
        ]
        for _ in range(scale.blocks):
            await store.save(session("gone", messages(100)))
            for name, operation in operations:
                began = time.perf_counter()
                probe, during = await _probed(store, probe, _of(operation))
                # As long, since the longest of many saves is longer than that of a few.
                took = min(max(time.perf_counter() - began, _ALONE[0]), _ALONE[1])
                probe, idle = await _probed(store, probe, asyncio.sleep(took))
                alone.append(idle)
                longest.setdefault(name, []).append(during / idle)
            (folder / "waits-backup.a3s").unlink()
    await proven(path)
    for name, found in longest.items():
        excepted = name.startswith(("erase", "compact"))
        yield Row(
            what=f"longest save of another session during: {name}",
            against="alone",
            wall=Ratio.of(found),
            figures=f"alone {max(alone) * 1e3:.1f} ms",
            asked="no limit (VACUUM)" if excepted else "≤ 4",
        )


async def _of(operation: Callable[[], Awaitable[Any]]) -> None:
    await operation()


async def _probed(
    store: SqliteSessionStore, probe: SessionData, beside: Awaitable[Any]
) -> tuple[SessionData, float]:
    """Return the session and its longest save until `beside` has ended."""
    longest = 0.0
    task = asyncio.ensure_future(beside)
    while not task.done():
        await asyncio.sleep(PAUSE)
        probe = grown(probe)
        began = time.perf_counter()
        await store.save(probe)
        longest = max(longest, time.perf_counter() - began)
    await task
    return probe, longest
