"""The heap has a limit.

Each limit has a child of its own, since SQLite's `hard_heap_limit` is that of the whole process and
only goes down. The child saves three sessions at once, loads them, and saves on after a refusal;
the limit is set before the store is opened, afterwards, or in between. The caller gets MemoryError
or a StoreError, nothing else. Refused saves are not stored and acknowledged ones are, in that
process and in the next, which has no limit and goes on saving.

Some limits are on the address space of the process instead (RLIMIT_AS), and there artifacts of some
megabytes are saved and loaded too. Any allocation of Python may fail as well, in the event loop and
in other threads; such a process may end by an error, but not by SIGSEGV, as orjson once did. Its
acknowledged saves are stored, and the file is intact.
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
from tests.faults.harness.check_after import check_and_save_on, in_child
from tests.faults.harness.forks import Child, Send
from tests.faults.harness.progress import Progress
from tests.faults.harness.report import Report, Size
from tests.faults.harness.workload import session_id, state
from tests.support import artifact

# How many limits on SQLite's heap and on the address space, and between which bytes they lie.
_HEAPS: Final[Mapping[Size, int]] = {"short": 12, "long": 200}
_SPACES: Final[Mapping[Size, int]] = {"short": 3, "long": 60}
_HEAP: Final = (40_000, 2_500_000)
_SPACE: Final = (0, 120_000_000)  # above what the process has already
# Characters of the large artifacts, and the id they are saved under.
_ARTIFACT: Final = (1_000_000, 8_000_000)
_LARGE: Final = "large"
_SESSIONS: Final = 3
# Turns saved before, saves that are tried of each session, and turns saved afterwards.
_BEFORE: Final = 12
_TRIED: Final = 20
_AFTER: Final = 3
_SECONDS: Final = 60.0


def run(report: Report, size: Size) -> None:
    """Try each limit."""
    names = [f"{report.seed}.heap.{number}" for number in range(report.times * _HEAPS[size])]
    names += [f"{report.seed}.space.{number}" for number in range(report.times * _SPACES[size])]
    forks.share(report, _try, names)


@attrs.frozen
class _Limit:
    """A limit in bytes, and after how many rounds of saves it is set; -1: before opening."""

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
        """Set the limit in this process."""
        if self.heap:
            conn = sqlite3.connect(":memory:")
            with contextlib.suppress(MemoryError):  # it may be too low to return a row
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
        progress = Progress.of(range(_SESSIONS))
        problems: list[str] = []
        if limit.when >= 0 or limit.nbytes % 2:
            problems.append(check_and_save_on(open_store, path, name, progress, _BEFORE))
            progress = Progress.of(range(_SESSIONS), _BEFORE)
            for number in range(_SESSIONS):
                state(name, number, _BEFORE)  # cached here, so that the child need not compute it
        child = Child(
            lambda send: _live(open_store, path, name, progress.acknowledged, limit, send)
        )
        status = child.finish(_SECONDS)
        report.add(
            limits=1, acknowledged_saves=progress.take(child), refused=len(child.sent("refused"))
        )
        report.add(not_opened=len(child.sent("not opened")))
        problems += [text for (text,) in child.sent("broken")]
        if status == 0:
            progress.nothing_in_flight()
        elif limit.heap:
            problems.append(f"the process ended with {status}: {child.sent('error')}")
        elif status == -signal.SIGSEGV:
            problems.append("the process ended with SIGSEGV")
        else:
            report.add(**{"hung" if status == -signal.SIGKILL else "ended_by_an_error": 1})
        if not limit.heap:
            report.add(acknowledged_artifacts=len(child.sent("artifact acknowledged")))
            problems.append(_check_artifact(open_store, path, child))
        problems.append(check_and_save_on(open_store, path, name, progress, _AFTER))
        for problem in filter(None, problems):
            report.fail(f"{where}: {problem}")


def _check_artifact(open_store: store_under_test.Open, path: Path, child: Child) -> str:
    """Check that the large artifact is the last acknowledged one, or the one in flight after it."""
    begun = [number for (number,) in child.sent("artifact begun")]
    acknowledged = [number for (number,) in child.sent("artifact acknowledged")]
    allowed: list[Any] = [[_artifact(number)] for number in begun[-1:]]
    allowed.append([_artifact(acknowledged[-1])] if acknowledged else None)

    async def main() -> None:
        async with open_store(path) as store:
            found = await store.load_artifacts(_LARGE)
            assert (None if found is None else list(found)) in allowed, "LOST a large artifact"

    return in_child(main)


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
    send: Send,
) -> None:
    saved = dict(acknowledged)

    async def save(store: Any, number: int) -> None:
        turn = saved[number] + 1
        send("begun", number, turn)
        try:
            await store_under_test.save_turn(store, seed, number, turn)
        except (MemoryError, StoreError) as error:
            send("refused", number, turn, type(error).__name__)
            return
        send("acknowledged", number, turn)
        saved[number] = turn

    async def save_artifact(store: Any, number: int) -> None:
        send("artifact begun", number)
        try:
            await store.save_artifacts(_LARGE, [_artifact(number)])
            send("artifact acknowledged", number)
            await store.load_artifacts(_LARGE)
        except (CodecError, CorruptionError) as error:
            send("broken", f"an intact artifact is called damaged: {error}")
        except (MemoryError, StoreError) as error:
            send("artifact refused", number, type(error).__name__)

    async def load(store: Any, number: int) -> None:
        try:
            found = await store.load_snapshot(session_id(number))
        except (MemoryError, StoreError) as error:
            send("refused", number, None, type(error).__name__)
            return
        if found != (state(seed, number, saved[number]) if saved[number] else None):
            send("broken", f"session {number}: another state than the acknowledged one is loaded")

    async def main() -> None:
        if limit.when < 0:
            limit.set()
        try:
            store = await open_store(path)
        except (MemoryError, StoreError) as error:
            send("not opened", type(error).__name__)
            return
        try:
            for each in range(_TRIED):
                if limit.when == each:
                    limit.set()
                await asyncio.gather(*(save(store, number) for number in saved))
                await asyncio.gather(*(load(store, number) for number in saved))
                if not limit.heap and each % 4 == 0:
                    await save_artifact(store, each)
        finally:
            await store.close()

    asyncio.run(main())
