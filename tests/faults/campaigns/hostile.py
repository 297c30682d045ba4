"""Files made by somebody else are opened and read from end to end, each in a bounded process.

Whatever is in a file, opening, listing, loading and verifying it each end within two seconds of
computing, with a bounded amount of memory, in a value or a typed error: no crash, no hang, nothing
else. The files are whole ones with bytes and fields changed at random, and others made by hand.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import select
import shutil
import signal
import time
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from a3s_store.errors import StoreError
from tests.faults.campaigns import flips
from tests.faults.harness import damaged_store, full_store, mutations
from tests.faults.harness.full_store import Question, Specimen
from tests.faults.harness.hostile_files import HANDMADE
from tests.faults.harness.report import Report, Size
from tests.faults.harness.store_under_test import Open, find

_FILES: Final = {"short": 300, "long": 20_000}
_TURNS: Final = 6
# What may be taken: by one question in seconds of computing, by one file in seconds of waiting, and
# in bytes more than an idle process has.
_COMPUTING: Final = 6.0
_WAITING: Final = 30.0
_MEMORY: Final = 200 * 1024 * 1024
# Of each kind of thing that a file says it has so many are loaded.
_LOADED: Final = 40

# The number of a mutated file, or the name of one made by hand.
Job = int | str


def run(
    subject: str,
    seed: int,
    size: Size,
    *,
    files: int | None = None,
    handmade: Sequence[str] = tuple(HANDMADE),
) -> Report:
    """Open hostile files; see the module. So many `files` are changed, these others `handmade`."""
    report = Report(campaign="hostile", subject=subject, seed=seed)
    with damaged_store.scratch() as folder:
        whole = flips.made(report, Path(folder), _TURNS)
        if whole is None:
            return report
        count = files if files is not None else _FILES[size]
        jobs: deque[Job] = deque([*handmade, *range(count)])
        report.add(files=len(jobs), handmade=len(handmade))
        lanes = [
            _Lane(jobs, subject, Path(folder) / f"lane-{number}", whole, seed)
            for number in range(damaged_store.WORKERS)
        ]
        for lane in lanes:
            lane.start()
        while any(lane.child for lane in lanes):
            ready, _, _ = select.select([lane for lane in lanes if lane.child], [], [], 1.0)
            for lane in lanes:
                lane.go_on(report, lane in ready)
    return report


class _Lane:
    """A process that reads one hostile file after another; a new one when it ends before its time.

    It is told the next job by a byte, and answers with a line.
    """

    def __init__(
        self, jobs: deque[Job], subject: str, folder: Path, whole: Specimen, seed: int
    ) -> None:
        self.jobs, self.subject, self.folder = jobs, subject, folder
        self.whole, self.seed = whole, seed
        self.child = 0
        self.job: Job = 0
        self.began = 0.0
        self.pipe = -1

    def fileno(self) -> int:
        return self.pipe

    def start(self) -> None:
        """Begin the next job, in a process of its own."""
        self.began = time.monotonic()
        if not self.jobs:
            return
        self.job = self.jobs.popleft()
        self.pipe, answers = os.pipe()
        self.child = os.fork()
        if self.child == 0:
            try:
                os.close(self.pipe)
                _bounded()
                os.write(answers, self._work().encode()[:60_000])
            finally:
                os._exit(0)
        os.close(answers)

    def _work(self) -> str:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(exist_ok=True)
        path = self.folder / "store"
        if isinstance(self.job, str):
            self.whole.write(path)
            HANDMADE[self.job](path)
        else:
            self.whole.write(path, db=mutations.mutated(self.whole.files[""], self.seed, self.job))
        seen: Counter[str] = Counter()
        failure = asyncio.run(_read_all(find(self.subject), path, self.whole, seen))
        return "\n".join([failure, *seen])

    def go_on(self, report: Report, is_ready: bool) -> None:
        """Take the answer, if there is one or the process has ended, and begin the next job."""
        if not self.child:
            return
        if not is_ready:
            if time.monotonic() < self.began + _WAITING:
                return
            os.kill(self.child, signal.SIGKILL)
        answer = b"" if not is_ready else os.read(self.pipe, 65_536)
        os.close(self.pipe)
        _, status = os.waitpid(self.child, 0)
        self.child = 0
        name = f"{self.job!r}"
        ended = os.waitstatus_to_exitcode(status)
        if not answer:
            how = {-signal.SIGPROF: "computed for too long", -signal.SIGKILL: "hung"}
            report.fail(f"{name}: {how.get(ended, f'ended with {ended}')}")
        else:
            failure, *seen = answer.decode(errors="replace").split("\n")
            report.add(**dict.fromkeys(seen, 1))
            if failure:
                report.fail(f"{name}: {failure}")
        self.start()


def _bounded() -> None:
    """Give this process no more memory than it may take."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    status = Path("/proc/self/status")
    used = 0
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        used = int(lines["VmData"].split()[0]) * 1024
    stacks = 8 * 8 * 1024 * 1024  # of the threads that a store has
    resource.setrlimit(resource.RLIMIT_DATA, (used + stacks + _MEMORY,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit() -> None:
    """Have this process killed when what comes next computes for too long."""
    signal.setitimer(signal.ITIMER_PROF, _COMPUTING)


async def _read_all(open_store: Open, path: Path, whole: Specimen, seen: Counter[str]) -> str:
    """Open, list, load and verify; answers what broke the promise, or nothing."""
    _limit()
    try:
        store = await open_store(path)
    except StoreError as error:
        seen[f"open_{type(error).__name__}"] += 1
        return ""
    except Exception as error:
        return f"UNTYPED when opened: {error!r}"[:2000]
    failure = ""
    try:
        for question in await _questions(store, whole, seen):
            _limit()
            try:
                await full_store.ask(store, question)
            except StoreError as error:
                seen[f"load_{type(error).__name__}"] += 1
        _limit()
        with contextlib.suppress(StoreError):
            report = await store.verify(depth="deep")
            seen["verified_clean" if report.ok else "verify_tells"] += 1
    except Exception as error:
        failure = f"UNTYPED: {error!r}"[:2000]
    with contextlib.suppress(StoreError):
        await store.close()
    seen["opened"] += 1
    return failure


async def _questions(store: Any, whole: Specimen, seen: Counter[str]) -> list[Question]:
    """What the file says can be asked, and what could be asked of the whole one."""
    asked = [*whole.answers]
    try:
        inventory = await store.inventory()
    except StoreError as error:
        seen[f"list_{type(error).__name__}"] += 1
        return asked
    for kind, keys in (
        ("snapshot", inventory.sessions),
        ("generations", inventory.sessions),
        ("loop", inventory.loop_checkpoints),
        ("workflow", inventory.workflow_checkpoints),
    ):
        asked += [(kind, key) for key in keys[:_LOADED] if (kind, key) not in whole.answers]
    return asked
