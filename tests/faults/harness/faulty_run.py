"""A run that saves turns while one file operation goes wrong, and the check of its file.

`play` and `check` are called by a campaign, `save_with_a_fault` runs in a child of its
`ForkServer`. One save comes after the other, so that the same operation comes at the same place in
every run.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

import a3s_store
from a3s_store.errors import StoreError, StoreUnavailableError
from tests.faults.harness import shim, store_under_test
from tests.faults.harness.check_after import in_child
from tests.faults.harness.fork_server import Ended, ForkServer
from tests.faults.harness.progress import Progress
from tests.faults.harness.report import Report
from tests.faults.harness.scenarios import STORE, Marks, often
from tests.faults.harness.workload import session_id

# The folder of the store, in the folder of a run.
WATCHED: Final = "w"
# How often a store that failed is opened again before the run gives it up.
_TRIES: Final = 3
# Seconds in which a run has to end.
_TIME_LIMIT: Final = 60.0


def play(
    server: ForkServer,
    folder: Path,
    report: Report,
    *,
    sessions: Sequence[int],
    turns: int,
    log: Path | None = None,
    **fault: Any,
) -> tuple[Ended, shim.Counted]:
    """Save so many turns of each session, in an empty folder.

    `fault` is passed on to `shim.environment`. The result of the run is an `Outcome` as a dict;
    with a `log` its operations are recorded.
    """
    watched, count = folder / WATCHED, folder / "count"
    watched.mkdir()
    ended = server.run(
        f"{__name__}:{save_with_a_fault.__name__}",
        {
            "folder": str(watched),
            "subject_name": report.subject,
            "seed": str(report.seed),
            "sessions": sessions,
            "turns": turns,
            "count": str(count),
        },
        shim.environment(watched, log=log, count=count, **fault),
        seconds=_TIME_LIMIT,
    )
    return ended, shim.counted(count)


def fault_of_its_own(ended: Ended) -> str | None:
    """How a run without a fault failed all the same; None when it ended well."""
    if ended.status == 0 and not ended.result["errors"] and ended.result["finished"]:
        return None
    return f"the run fails without any fault: {ended}"


def check(report: Report, folder: Path) -> str:
    """Compare the store of a run with its marks, in a process of its own without the shim.

    Returns the first broken promise, "" when there is none.
    """
    watched, progress = folder / WATCHED, Progress()
    if (marks := watched / shim.MARKS).exists():
        progress.read(marks.read_bytes())

    async def main() -> None:
        async with store_under_test.find(report.subject)(watched / STORE) as store:
            await store_under_test.check(
                store, str(report.seed), progress.acknowledged, progress.begun
            )

    return in_child(main)


def resolve(folder: Path) -> str:
    """Accept the WAL of the store of a run; return why that failed, "" when it did not."""

    async def main() -> None:
        a3s_store.resolve(folder / WATCHED / STORE, "with-wal")

    return in_child(main)


# -- In the child -------------------------------------------------------------------------------


@attrs.define
class Outcome:
    """The errors and advice that callers got while something failed."""

    errors: list[str] = attrs.field(factory=list)  # the step, the class and the text of each
    untyped: list[str] = attrs.field(factory=list)  # those of them that are no StoreError
    advice: list[str] = attrs.field(factory=list)  # of health_check, each sentence once
    broken: list[str] = attrs.field(factory=list)  # promises that were broken, as seen from inside
    step: str = ""  # the one in which the fault came
    finished: bool = False  # all turns were saved

    def note(self, step: str, error: BaseException) -> None:
        """Add an error that a caller got."""
        line = f"{step}: {type(error).__name__}: {error}"
        self.errors.append(line)
        if not isinstance(error, StoreError):
            self.untyped.append(line)


def save_with_a_fault(
    folder: str,
    subject_name: str,
    seed: str,
    sessions: Sequence[int],
    turns: int,
    count: str,
) -> Mapping[str, Any]:
    """Save while a fault comes; close, open and try again after an error.

    Returns an `Outcome` as a dict. Checkpoints come often.
    """
    often()
    outcome = Outcome()
    work = [(number, turn) for turn in range(1, turns + 1) for number in sessions]
    half = len(work) // 2
    opened = store_under_test.find(subject_name)
    run = _Run(Path(folder), opened, seed, Path(count), outcome)

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: outcome.untyped.append(f"in the event loop: {context}")
        )
        outcome.finished = await run.save_all(work[:half]) and await run.save_all(work[half:])

    asyncio.run(main())
    run.marks.close()
    return attrs.asdict(outcome)


class _Run:
    def __init__(
        self,
        folder: Path,
        opened: store_under_test.Open,
        seed: str,
        count: Path,
        outcome: Outcome,
    ) -> None:
        self._path = folder / STORE
        self._open = opened
        self._seed = seed
        self._count = count
        self._outcome = outcome
        self.marks = Marks(folder)

    async def save_all(self, work: Sequence[tuple[int, int]]) -> bool:
        """Open the store, save, close it; again after an error. Returns whether all is saved."""
        left = list(work)
        for _ in range(_TRIES):
            store = None
            async with self._step("open"):
                store = await self._open(self._path)
            if store is None:
                continue
            while left and await self._saved(store, *left[0]):
                del left[0]
            async with self._step("load"):
                await store.load_snapshot(session_id(work[0][0]))
            # An error of the checkpoint after the first is reported by the second.
            await self._ask(store)
            await self._ask(store, "last look")
            async with self._step("close"):
                await store.close()
            if not left:
                return True
        return False

    async def _saved(self, store: Any, number: int, turn: int) -> bool:
        """Save a turn. After an I/O error the store must refuse to go on, until it is reopened."""
        self.marks.begun(number, turn)
        failed: list[Exception] = []
        while len(failed) < 2:
            async with self._step("save") as met:
                await store_under_test.save_turn(store, self._seed, number, turn)
            if not met:
                self.marks.acknowledged(number, turn)
            await self._ask(store)
            if not met:
                break
            failed += met
        if len(failed) == 1 and isinstance(failed[0], StoreUnavailableError):
            self._outcome.broken.append(
                f"turn {turn} of session {number} was saved without reopening after: {failed[0]}"
            )
        return len(failed) < 2

    async def _ask(self, store: Any, step: str = "health_check") -> None:
        async with self._step(step):
            for sentence in (await store.health_check()).advice:
                if sentence not in self._outcome.advice:
                    self._outcome.advice.append(sentence)

    @contextlib.asynccontextmanager
    async def _step(self, name: str) -> AsyncIterator[list[Exception]]:
        met: list[Exception] = []
        try:
            yield met
        except Exception as error:
            met.append(error)
            self._outcome.note(name, error)
        if not self._outcome.step and shim.counted(self._count).fired:
            self._outcome.step = name
