"""Counts syncs and bytes exactly, by looking at the system calls of a short run of its own.

Time is a property of a machine, the number of syncs is one of the store: it is what a slower disk
multiplies. Counting slows everything down, so it is never done while something is timed. Without
strace nothing is counted; the device's own count of flushes has everybody's in it.
"""

from __future__ import annotations

import asyncio
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import attrs

from benchmarks.engine import Engine, Keeps
from benchmarks.workload import Plan, Settings, Story

ROOT: Final = Path(__file__).parents[1]
_SYNCS: Final = frozenset({"fsync", "fdatasync"})
_WRITES: Final = frozenset({"write", "pwrite64", "writev", "pwritev"})
_MARKS: Final = ("access", "faccessat", "faccessat2")
_BEGIN: Final = "benchmark-counting-begins"
_END: Final = "benchmark-counting-ends"
# Follow threads, and stop only at the calls that are asked for.
_QUIETLY: Final = ("-f", "--seccomp-bpf", "-qq")
# What an event loop writes to wake itself up is no data.
_WAKE_UP: Final = 16

_CALL: Final = re.compile(r"^\d+\s+(?P<resumed><\.\.\. )?(?P<name>\w+)")
_ANSWER: Final = re.compile(r"= (\d+)$")


@attrs.frozen(kw_only=True)
class Counted:
    """Per save: syncs, and bytes handed to the system."""

    syncs: float
    written: float


@functools.cache
def strace() -> str | None:
    """The path of a strace that may be used here, None if there is none."""
    found = shutil.which("strace")
    if found is None or not sys.platform.startswith("linux"):
        return None
    # Containers may forbid it, and a traced process cannot be traced again.
    tried = subprocess.run(
        [found, *_QUIETLY, "-o", os.devnull, "true"], capture_output=True, check=False
    )
    return found if tried.returncode == 0 else None


def count(
    plan: Plan, name: str, form: Keeps, length: int, *, savers: int, turns: int
) -> Counted | None:
    """Count what an engine does per save; None where strace is missing or the engine fails."""
    if strace() is None or not plan.settings.count_syncs:
        return None
    with tempfile.TemporaryDirectory(dir=plan.folder) as folder:
        trace = Path(folder) / "trace"
        # The question marks leave out what an architecture does not have.
        calls = ",".join(f"?{call}" for call in [*sorted(_SYNCS | _WRITES), *_MARKS])
        tracing = ["strace", *_QUIETLY, "-s", "64", "-o", str(trace), "-e", f"trace={calls}"]
        told = [name, form, str(length), str(savers), str(turns), folder]
        done = subprocess.run(
            [*tracing, sys.executable, "-m", "benchmarks.counting", *told],
            cwd=ROOT,
            capture_output=True,
            check=False,
            timeout=600,
        )
        if done.returncode != 0:
            return None
        return parse(trace.read_text(encoding="utf-8", errors="replace"), savers * turns)


def parse(trace: str, saves: int) -> Counted:
    """The system calls between the two marks, per save."""
    counting = False
    syncs = written = 0
    for line in trace.splitlines():
        if _BEGIN in line or _END in line:
            counting = _BEGIN in line
        call = _CALL.match(line)
        if not counting or call is None:
            continue
        # A call that another thread interrupts has two lines: it began on the first, and what it
        # answered is on the second.
        if call["name"] in _SYNCS and not call["resumed"]:
            syncs += 1
        answer = _ANSWER.search(line)
        if call["name"] in _WRITES and answer is not None and int(answer[1]) > _WAKE_UP:
            written += int(answer[1])
    return Counted(syncs=syncs / saves, written=written / saves)


async def _saves(
    engine: type[Engine], form: Keeps, length: int, savers: int, turns: int, folder: Path
) -> None:
    """The counted work: each saver saves its turns one after the other, all savers at once."""
    plan = Plan(engines={}, settings=Settings(), folder=folder)
    stories = [
        Story(length, session_id=f"session-{saver:04d}", seed=saver) for saver in range(savers)
    ]
    async with plan.running(engine, form, folder) as made:
        for story in stories:
            await made.seed(story.at(0, form))

        # All at first: a floor prepares by saving to another file, which is not to be counted.
        prepared = [
            [made.prepare(story.at(turn, form), story.at(turn + 1, form)) for turn in range(turns)]
            for story in stories
        ]

        async def save_all(saves: list[Any]) -> None:
            for save in saves:
                await made.save(save)

        _mark(_BEGIN)
        await asyncio.gather(*map(save_all, prepared))
        _mark(_END)


def _mark(text: str) -> None:
    os.access(text, os.F_OK)


def main(told: list[str]) -> None:
    """The counted process."""
    from benchmarks.engines import engines

    name, form, length, savers, turns, folder = told
    keeps: Keeps = "everything" if form == "everything" else "messages"
    place = Path(folder) / "store"
    place.mkdir()
    asyncio.run(_saves(engines()[name], keeps, int(length), int(savers), int(turns), place))


if __name__ == "__main__":
    main(sys.argv[1:])
