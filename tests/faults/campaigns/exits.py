"""Stores are not closed, in every way that is known, and processes fork with a store open.

Each way is a program of its own (`leaving`, `forking`). It has to end by itself, soon, with the
exit status it asked for; where Python can still say something, a ResourceWarning says what was
forgotten; afterwards everything that was acknowledged is there, and everything that was accepted
by a process that could still finish it, the file can be written at once, and it is not damaged.
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

# Seconds: to end what was begun; after which it counts as slow, as broken, and is killed.
SLOW: Final = 2.0
TOO_LONG: Final = 10.0
GIVEN_UP: Final = 30.0
# How often each way is tried.
TIMES: Final = {"short": 1, "long": 20}
# What nobody is to read on the way out.
_NOISE: Final = re.compile(r"database is locked|Event loop is closed|Exception in thread")
_AT_ONCE: Final = 2


def run(subject: str, seed: int, size: Size) -> Report:
    """Leave in each way; the seed has no part in it but the order. See the module."""
    report = Report(campaign="exits", subject=subject, seed=seed)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for left in pool.map(lambda way: leave(subject, way), list(WAYS) * TIMES[size]):
            report.add(exits=1, saves_found=left.found, slow=int(left.seconds > SLOW))
            slowest = max(report.counts["slowest_ms"], round(left.seconds * 1000))
            report.counts["slowest_ms"] = slowest
            for failure in left.failures:
                report.fail(f"{left.way}: {failure}")
    report.add(ways=len(WAYS))
    return report


@attrs.define
class Left:
    """What came of one program. `seconds` is from its last word to its end."""

    way: str
    seconds: float = 0.0
    found: int = 0
    failures: list[str] = attrs.field(factory=list)


def leave(subject: str, way: str) -> Left:
    """Run one of the programs and look at what it left."""
    left = Left(way)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "agent.a3s"
        # In a file: a child that was forgotten could hold a pipe open for ever.
        said, complained = Path(folder) / "stdout", Path(folder) / "stderr"
        with said.open("wb") as out, complained.open("wb") as err:
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
        lines = [line.split(" ", 1) for line in said.read_text().splitlines()]
        leaving = [float(rest) for word, rest in lines if word == "leaving"]
        _judge(left, status, ended - max(leaving, default=ended), complained.read_text())
        if not leaving:
            left.failures.append(f"it ended with {status} before it was to")
        _look(left, subject, path, [rest for word, rest in lines if word == "must"])
    return left


def _judge(left: Left, status: int, seconds: float, complaints: str) -> None:
    way = WAYS[left.way]
    left.seconds = seconds
    if seconds > TOO_LONG:
        left.failures.append(f"it took {seconds:.1f} s to end")
    if status not in (way.status, way.or_status):
        left.failures.append(f"the exit status is {status}, not {way.status}: {complaints[-300:]}")
    if way.warns and "ResourceWarning" not in complaints:
        left.failures.append("no ResourceWarning says that a store was forgotten")
    noise = _NOISE.search(complaints)
    if noise is not None or (not way.noise and "Traceback" in complaints):
        left.failures.append(f"on the way out: {complaints[-1500:]}")


def _look(left: Left, subject: str, path: Path, must: list[str]) -> None:
    """Open what it left."""
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
            expected = state("leaving", int(name.rpartition("-")[2]), 3)
            if await store.load_snapshot(name) != expected:
                raise BrokenPromiseError(f"half of {name} is there")
        await store.save_snapshot(state("leaving", 0, 1))
        return set(names)
