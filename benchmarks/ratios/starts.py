"""Fresh processes: importing the package, and the first calls of a program."""

from __future__ import annotations

import compileall
import resource
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from benchmarks.ratios.blocks import Ratio, Row
from benchmarks.ratios.scale import Scale

_OTHERS: Final = "import asyncio, sqlite3, attrs, orjson, aiosqlite"
_CALLS: Final = """
import asyncio, sys
from a3s_store import SqliteSessionStore
from a3s_store.models import Message, SessionData

async def main():
    session = SessionData(id="s", messages=[Message.user("a")], created_at=1, updated_at=1)
    async with SqliteSessionStore.open(sys.argv[1]) as store:
        await store.save(session)
    async with SqliteSessionStore.open(sys.argv[1]) as store:
        await store.load("s")

asyncio.run(main())
"""
_PROGRAMS: Final = {
    "others": _OTHERS,
    "package": "import a3s_store",
    "store": f"{_OTHERS}; from a3s_store import SqliteSessionStore",
    "calls": _CALLS,
}
_LINES: Final = {
    "package": ("import a3s_store (names come later)", "≤ 1.6"),
    "store": ("from a3s_store import SqliteSessionStore", "≤ 1.6"),
    "calls": ("the same, and first open, save, open, load", ""),
}


async def starts(folder: Path, scale: Scale) -> AsyncIterator[Row]:
    """CPU of fresh processes, interpreter included, beside importing what the package needs."""
    compileall.compile_dir(Path(__file__).parents[2] / "a3s_store", quiet=1)
    took: dict[str, list[float]] = {name: [] for name in _PROGRAMS}
    for number in range(-1, scale.starts):
        for name, program in _PROGRAMS.items():
            cpu = _cpu(program, folder / f"start-{name}-{number}.a3s")
            if number >= 0:
                took[name].append(cpu)
    for name, (what, asked) in _LINES.items():
        ratios = [mine / least for mine, least in zip(took[name], took["others"], strict=True)]
        yield Row(
            what=what,
            against=_OTHERS,
            cpu=Ratio.of(ratios),
            figures=f"{min(took[name]) * 1e3:,.0f} ms CPU",
            asked=asked,
        )


def _cpu(program: str, path: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program, str(path)], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
