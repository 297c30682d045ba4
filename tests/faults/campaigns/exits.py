"""Stores are not closed, in every way that is known, and processes fork with a store open.

Each way is a program of its own (`unclosed_programs`, `forking_programs`). It has to end by itself,
soon, with the exit status it asked for; where Python can still warn, a ResourceWarning names the
unclosed store; afterwards every acknowledged save is stored, and every accepted save of a process
that could still finish it, the file can be written at once, and it is not damaged.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import attrs

from a3s_store.errors import StoreError
from tests.faults.harness import store_under_test as subjects
from tests.faults.harness.report import Report, Size
from tests.faults.harness.unclosed_programs import WAYS
from tests.faults.harness.workload import BrokenPromiseError, state

# Seconds after which the end of a program counts as slow, as broken, and is killed.
SLOW: Final = 2.0
TOO_LONG: Final = 10.0
GIVEN_UP: Final = 30.0
# How often each way is tried.
TIMES: Final = {"short": 1, "long": 20}
# Messages that must not appear at exit.
_NOISE: Final = re.compile(r"database is locked|Event loop is closed|Exception in thread")
_AT_ONCE: Final = 2


def run(report: Report, size: Size) -> None:
    """Run each program; the seed is not used."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for left in pool.map(lambda way: leave(report.subject, way), list(WAYS) * TIMES[size]):
            report.add(exits=1, saves_found=left.found, slow=int(left.seconds > SLOW))
            report.add(slowest_ms=round(left.seconds * 1000))
            for failure in left.failures:
                report.fail(f"{left.way}: {failure}")
    report.add(ways=len(WAYS))


@attrs.define
class Left:
    """The outcome of one program. `seconds` is the time from its line "ending" to its end."""

    way: str
    seconds: float = 0.0
    found: int = 0
    failures: list[str] = attrs.field(factory=list)


def leave(subject: str, way: str) -> Left:
    """Run one of the programs and check its file."""
    left = Left(way)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "agent.a3s"
        # In a file: a child process that lives on could hold a pipe open for ever.
        sent, complained = Path(folder) / "stdout", Path(folder) / "stderr"
        with sent.open("wb") as out, complained.open("wb") as err:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-W", "always", "-W", "ignore::DeprecationWarning"),
                    *("-m", "tests.faults.harness.unclosed_programs", way, str(path), subject),
                ],
                stdout=out,
                stderr=err,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
            try:
                status = process.wait(GIVEN_UP)
                ended = time.monotonic()
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                left.failures.append(f"HANG: it did not end within {GIVEN_UP:.0f} s")
                return left
        lines = [line.split(" ", 1) for line in sent.read_text().splitlines()]
        ending = [float(rest) for word, rest in lines if word == "ending"]
        _judge(left, status, ended - max(ending, default=ended), complained.read_text())
        if not ending:
            left.failures.append(f"it ended with {status} before it was to")
        _check(left, subject, path, [rest for word, rest in lines if word == "must"])
    return left


def _judge(left: Left, status: int, seconds: float, complaints: str) -> None:
    way = WAYS[left.way]
    left.seconds = seconds
    if seconds > TOO_LONG:
        left.failures.append(f"it took {seconds:.1f} s to end")
    if status not in (way.status, way.or_status):
        left.failures.append(f"the exit status is {status}, not {way.status}: {complaints[-300:]}")
    if way.warns and "ResourceWarning" not in complaints:
        left.failures.append("no ResourceWarning names the unclosed store")
    noise = _NOISE.search(complaints)
    if noise is not None or (not way.noise and "Traceback" in complaints):
        left.failures.append(f"at exit: {complaints[-1500:]}")


def _check(left: Left, subject: str, path: Path, must: list[str]) -> None:
    """Open the file and compare it with the acknowledged saves."""
    try:
        found = asyncio.run(_found(subject, path))
    except (StoreError, BrokenPromiseError) as error:
        left.failures.append(f"{type(error).__name__}: {error}")
        return
    lost = set(must) - found
    left.found = len(set(must) & found)
    if lost:
        left.failures.append(f"LOST: {len(lost)} of {len(must)} saves, {min(lost)} among them")


async def _found(subject: str, path: Path) -> set[str]:
    async with subjects.find(subject)(path) as store:
        await subjects.verified(store)
        names = await store.list()
        for name in names:
            expected = state("exits", int(name.rpartition("-")[2]), 3)
            if await store.load_snapshot(name) != expected:
                raise BrokenPromiseError(f"half of {name} is stored")
        await store.save_snapshot(state("exits", 0, 1))
        return set(names)
