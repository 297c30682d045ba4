"""The heap has a limit.

A child of its own for each limit, since SQLite's `hard_heap_limit` is the whole process's and only
ever goes down. It saves three sessions at once, loads them, and saves on, whatever is refused; the
limit comes before the store is opened, afterwards, or in the middle. What passes through to the
caller is MemoryError or a StoreError, nothing else. What was refused is not there, what was
acknowledged is, in that process and in the next, which has no limit and goes on saving.

Some limits are on the address space of the process instead (RLIMIT_AS), and there artifacts of some
megabytes are saved and loaded too. Any allocation of Python's may fail as well, in the event loop
and in the threads of others; such a process may end by an error, but not by SIGSEGV, with which
orjson met it. What it acknowledged is there, and the file is whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import resource
import signal
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from a3s_store.errors import CodecError, CorruptionError, StoreError
from a3s_store.models import ToolArtifact
from tests.faults.harness import forks, store_under_test
from tests.faults.harness.check_after import Said, go_on
from tests.faults.harness.forks import Child, Say
from tests.faults.harness.report import Report, Size
from tests.faults.harness.workload import session_id, state
from tests.support import artifact

# How many limits on SQLite's heap and on the address space, and between which bytes they lie.
_HEAPS: Final[Mapping[Size, int]] = {"short": 40, "long": 200}
_SPACES: Final[Mapping[Size, int]] = {"short": 6, "long": 60}
_HEAP: Final = (40_000, 2_500_000)
_SPACE: Final = (0, 120_000_000)  # above what the process has already
# Characters of the large artifacts, and the id they are saved under.
_ARTIFACT: Final = (1_000_000, 8_000_000)
_LARGE: Final = "large"
_SESSIONS: Final = 3
# Turns that are there before, saves that are tried of each session, and turns saved afterwards.
_BEFORE: Final = 12
_TRIED: Final = 20
_AFTER: Final = 3
_SECONDS: Final = 60.0


def run(subject: str, seed: int, size: Size) -> Report:
    """Try each limit; see the module."""
    report = Report(campaign="memory", subject=subject, seed=seed)
    names = [f"{seed}.heap.{number}" for number in range(_HEAPS[size])]
    names += [f"{seed}.space.{number}" for number in range(_SPACES[size])]
    forks.share(report, _try, names)
    return report


@attrs.frozen
class _Limit:
    """How much memory there is, and after how many rounds of saves; -1: before it is opened."""

    heap: bool
    nbytes: int
    when: int

    @classmethod
    def named(cls, name: str) -> _Limit:
        """The limit with this name, always the same one."""
        chance = random.Random(name)
        if heap := ".heap." in name:
            nbytes = int(math.exp(chance.uniform(*map(math.log, _HEAP))))
        else:
            nbytes = chance.randrange(*_SPACE)
        return cls(heap, nbytes, chance.choice((-1, 0, 1, 4, 16)))

    def set(self) -> None:
        """Let it hold from now on, in this process."""
        if self.heap:
            conn = sqlite3.connect(":memory:")
            with contextlib.suppress(MemoryError):  # it may be too low to answer that it is set
                conn.execute(f"PRAGMA hard_heap_limit = {self.nbytes}").close()
            conn.close()
        else:
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            space = pages * resource.getpagesize() + self.nbytes
            resource.setrlimit(resource.RLIMIT_AS, (space, resource.RLIM_INFINITY))


def _try(report: Report, name: str) -> None:
    limit = _Limit.named(name)
    where = f"{name} ({limit})"
    open_store = store_under_test.find(report.subject)
    with forks.scratch() as folder:
        path = folder / "limited.a3s"
        said = Said.sessions(_SESSIONS)
        problems: list[str] = []
        if limit.when >= 0 or limit.nbytes % 2:
            problems.append(go_on(open_store, path, name, said, _BEFORE))
            said = Said.sessions(_SESSIONS, _BEFORE)
            for number in range(_SESSIONS):
                state(name, number, _BEFORE)  # so that the child need not work it out
        child = Child(lambda say: _live(open_store, path, name, said.acknowledged, limit, say))
        status = child.finish(_SECONDS)
        report.add(limits=1, acknowledged_saves=said.by(child), refused=len(child.said("refused")))
        report.add(not_opened=len(child.said("not opened")))
        problems += [text for (text,) in child.said("broken")]
        if status == 0:
            said.nothing_in_flight()
        elif limit.heap:
            problems.append(f"the process ended with {status}: {child.said('error')}")
        elif status == -signal.SIGSEGV:
            problems.append("the process ended with SIGSEGV")
        else:
            report.add(**{"hung" if status == -signal.SIGKILL else "ended_by_an_error": 1})
        if not limit.heap:
            report.add(acknowledged_artifacts=len(child.said("artifact acknowledged")))
            problems.append(_look_at_artifact(open_store, path, child))
        problems.append(go_on(open_store, path, name, said, _AFTER))
        for problem in filter(None, problems):
            report.fail(f"{where}: {problem}")


def _look_at_artifact(open_store: store_under_test.Open, path: Path, child: Child) -> str:
    """Whether the large artifact is the one acknowledged last, or the one in flight after it."""
    begun = [number for (number,) in child.said("artifact begun")]
    acknowledged = [number for (number,) in child.said("artifact acknowledged")]
    allowed: list[Any] = [[_artifact(number)] for number in begun[-1:]]
    allowed.append([_artifact(acknowledged[-1])] if acknowledged else None)

    async def main() -> None:
        async with open_store(path) as store:
            found = await store.load_artifacts(_LARGE)
            assert (None if found is None else list(found)) in allowed, "LOST a large artifact"

    looking = Child(lambda say: asyncio.run(main()))
    return "" if looking.finish(_SECONDS) == 0 else f"afterwards: {looking.said('error')}"


def _artifact(number: int) -> ToolArtifact:
    size = random.Random(number).randrange(*_ARTIFACT)
    return artifact(number, size)


# -- In the child that has the limit --------------------------------------------------------------


def _live(
    open_store: store_under_test.Open,
    path: Path,
    seed: str,
    acknowledged: Mapping[int, int],
    limit: _Limit,
    say: Say,
) -> None:
    there = dict(acknowledged)

    async def save(store: Any, number: int) -> None:
        turn = there[number] + 1
        say("begun", number, turn)
        try:
            await store_under_test.save_turn(store, seed, number, turn)
        except (MemoryError, StoreError) as error:
            say("refused", number, turn, type(error).__name__)
            return
        say("acknowledged", number, turn)
        there[number] = turn

    async def save_artifact(store: Any, number: int) -> None:
        say("artifact begun", number)
        try:
            await store.save_artifacts(_LARGE, [_artifact(number)])
            say("artifact acknowledged", number)
            await store.load_artifacts(_LARGE)
        except (CodecError, CorruptionError) as error:
            say("broken", f"a whole artifact is called wrong: {error}")
        except (MemoryError, StoreError) as error:
            say("artifact refused", number, type(error).__name__)

    async def load(store: Any, number: int) -> None:
        try:
            found = await store.load_snapshot(session_id(number))
        except (MemoryError, StoreError) as error:
            say("refused", number, None, type(error).__name__)
            return
        if found != (state(seed, number, there[number]) if there[number] else None):
            say("broken", f"session {number}: a load does not answer what was acknowledged")

    async def main() -> None:
        if limit.when < 0:
            limit.set()
        try:
            store = await open_store(path)
        except (MemoryError, StoreError) as error:
            say("not opened", type(error).__name__)
            return
        try:
            for each in range(_TRIED):
                if limit.when == each:
                    limit.set()
                await asyncio.gather(*(save(store, number) for number in there))
                await asyncio.gather(*(load(store, number) for number in there))
                if not limit.heap and each % 4 == 0:
                    await save_artifact(store, each)
        finally:
            await store.close()

    asyncio.run(main())
