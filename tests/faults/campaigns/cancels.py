"""Saves are cancelled at random moments: each happened whole or not at all, and the store goes on.

Every round something is begun (a snapshot, a collection, a checkpoint, a fork, a deletion, several
savers at once, a save while another process holds the write lock, an open, a close) and cancelled:
after so many turns of the loop, after a time up to that of a save, by `asyncio.timeout`, or by a
sibling in a task group. Then, at once: the next save works, another process may write, and what is
there is the state before or the state after. A *block* of rounds shares a file, which is closed,
opened and checked again at its end; every other block runs on a loop that shuffles its callbacks.

How soon the caller is let go of is counted, and a failure only beyond `LET_GO` seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

from a3s_store.core.snapshot import with_ended_runs
from a3s_store.errors import StoreClosedError, StoreError
from tests.faults.harness import store_under_test as subjects
from tests.faults.harness.other_process import Beside
from tests.faults.harness.report import Report, Size
from tests.faults.harness.shuffled_loop import ShuffledLoop
from tests.faults.harness.workload import (
    BrokenPromiseError,
    checkpoint,
    session_id,
    state,
    turns_of,
)

# How many cancels there are at least.
CANCELS: Final = {"short": 1_000, "long": 100_000}
# Cancels before a file is closed and checked.
BLOCK: Final = 100
PROCESSES: Final = 2
# Seconds: after which the caller of a cancelled save must be gone, and counts as slow.
LET_GO: Final = 2.0
SLOW: Final = 0.05
# Seconds in which what must not hang has surely ended.
SURELY: Final = 20.0
_SESSIONS: Final = 5
_FAMILIES: Final = ("artifacts", "trace_events", "run_records")


def run(subject: str, seed: int, size: Size) -> Report:
    """Cancel saves of the subject; see the module."""
    report = Report(campaign="cancels", subject=subject, seed=seed)
    blocks = CANCELS[size] // BLOCK
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=spawn) as pool:
        lanes = [
            pool.submit(_lane, subject, seed, range(first, blocks, PROCESSES))
            for first in range(PROCESSES)
        ]
        for lane in lanes:
            counts, failures = lane.result()
            slowest = max(report.counts["slowest_ms"], counts.pop("slowest_ms", 0))
            report.add(**counts)
            report.counts["slowest_ms"] = slowest
            report.failures += failures
    return report


def _lane(subject: str, seed: int, blocks: range) -> tuple[Counter[str], list[str]]:
    report = Report(campaign="cancels", subject=subject, seed=seed)
    with Beside() as beside:
        for number in blocks:
            block(report, beside, number)
    return report.counts, report.failures


def block(report: Report, beside: Beside, number: int) -> None:
    """One block of rounds, on a file of its own: to repeat one that failed."""
    with tempfile.TemporaryDirectory() as folder:
        attack = _Attack(report, beside, number, Path(folder) / "agent.a3s")
        make = (lambda: ShuffledLoop(attack.name)) if number % 2 else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=make) as runner:
            try:
                runner.run(asyncio.wait_for(attack.rounds(), 30 * SURELY))
            except Exception as error:  # whatever it is, it was not to be
                report.fail(f"{attack.where()}: {type(error).__name__}: {error}")
                runner.run(attack.give_up())
        beside.let_go(attack.path)
        asyncio.run(attack.afterwards())


class _Attack:
    """A block. `turns`, `kept` and `collections` are what is on record, by what was seen last."""

    def __init__(self, report: Report, beside: Beside, number: int, path: Path) -> None:
        self.name = f"{report.seed}/{number}"
        self.path = path
        self._report = report
        self._beside = beside
        self._number = number
        self._open = subjects.find(report.subject)
        self._chance = random.Random(self.name)
        self._store: Any = None
        self._round = 0
        self._kind = ""
        self._cancelled = 0
        self._usual = 0.002  # seconds, about what a save takes
        self._turns = dict.fromkeys(range(_SESSIONS), 0)
        self._kept = dict.fromkeys(range(_SESSIONS), 0)
        self._shelves = dict.fromkeys(_FAMILIES, 0)

    def where(self) -> str:
        """What repeats a failure."""
        return f"seed {self._report.seed}, block {self._number}, round {self._round}, {self._kind}"

    async def rounds(self) -> None:
        """Open, attack until enough was cancelled, close."""
        kinds: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "snapshot": self._snapshot,
            "family": self._family,
            "checkpoint": self._checkpoint,
            "fork": self._fork,
            "delete": self._delete,
            "several": self._several,
            "locked": self._locked,
            "open": self._another,
            "close": self._close,
        }
        weights = (30, 15, 15, 8, 8, 14, 4, 3, 3)
        self._store = await self._open(self.path)
        while self._cancelled < BLOCK:
            self._round += 1
            (self._kind,) = self._chance.choices(list(kinds), weights)
            self._report.add(rounds=1)
            await kinds[self._kind]()
        self._kind = "last close"
        await asyncio.wait_for(self._store.close(), SURELY)

    async def give_up(self) -> None:
        """Close the store after a failure, as far as it can be closed."""
        self._beside.let_go(self.path)
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._store.close(), SURELY)

    async def afterwards(self) -> None:
        """Open the file once more: everything acknowledged is there, and nothing is damaged."""
        self._kind = "afterwards"
        try:
            async with self._open(self.path) as store:
                # After a failure a save may have been begun that nobody looked at.
                begun = {number: turns + 1 for number, turns in self._turns.items()}
                found = await subjects.check(store, self.name, self._turns, begun)
                self._report.add(checked_again=len(found))
        except (BrokenPromiseError, StoreError) as error:
            self._report.fail(f"{self.where()}: {error}")

    # -- Kinds of rounds ----------------------------------------------------------------------

    async def _snapshot(self) -> None:
        number = self._chance.randrange(_SESSIONS)
        ended = await self._cut_off(self._save(number))
        await self._settled()
        await self._see(number, ended)

    async def _several(self) -> None:
        numbers = self._chance.sample(range(_SESSIONS), self._chance.randrange(2, _SESSIONS + 1))
        cuts = [
            self._cut_off(self._save(number)) if self._chance.random() < 0.7 else self._save(number)
            for number in numbers
        ]
        ended = await asyncio.gather(*cuts)
        await self._settled()
        for number, end in zip(numbers, ended, strict=True):
            await self._see(number, end is not False)

    async def _locked(self) -> None:
        """Another process holds the write lock while a save is cancelled, and a while longer."""
        number = self._chance.randrange(_SESSIONS)
        self._beside.hold(self.path)
        try:
            ended = await self._cut_off(self._save(number))
            await asyncio.sleep(self._chance.uniform(0, 0.01))
        finally:
            self._beside.release(self.path)
        await self._settled()
        await self._see(number, ended)

    def _save(self, number: int) -> Coroutine[Any, Any, Any]:
        saving: Coroutine[Any, Any, None] = self._store.save_snapshot(
            state(self.name, number, self._turns[number] + 1)
        )
        return saving

    async def _see(self, number: int, ended: bool) -> None:
        """Whether a session is as it was before its save or as it is after; after, if it ended."""
        before, after = self._turns[number], self._turns[number] + 1
        found = (await subjects.visible(self._store, self.name, [number]))[number]
        self._judge(found, before, after, ended)
        self._turns[number] = found

    async def _family(self) -> None:
        name = self._chance.choice(_FAMILIES)
        before, after = self._shelves[name], self._shelves[name] + 1
        values = getattr(state(self.name, _SESSIONS, after), name)
        save = getattr(self._store, f"save_{name}")
        ended = await self._cut_off(save("families", values))
        await self._settled()
        found = await getattr(self._store, f"load_{name}")("families")
        if found == values:
            self._shelves[name] = after
        elif found != (getattr(state(self.name, _SESSIONS, before), name) if before else None):
            raise BrokenPromiseError(f"{name}: neither what was there nor what was saved")
        self._judge(self._shelves[name], before, after, ended)

    async def _checkpoint(self) -> None:
        number = self._chance.randrange(_SESSIONS)
        before, after = self._kept[number], self._kept[number] + 1
        value = checkpoint(self.name, number, after)
        ended = await self._cut_off(self._store.save_loop_checkpoint(value.run_id, value))
        await self._settled()
        self._kept[number] = await self._checkpoint_of(number)
        self._judge(self._kept[number], before, after, ended)

    async def _checkpoint_of(self, number: int) -> int:
        found = await self._store.load_loop_checkpoint(f"run-of-{number}")
        if found is None:
            return 0
        if found != checkpoint(self.name, number, found.turn):
            raise BrokenPromiseError(f"the checkpoint of session {number} is none of its")
        return int(found.turn)

    async def _fork(self) -> None:
        number = self._chance.randrange(_SESSIONS)
        if not self._turns[number]:
            return
        new_id = f"fork-{self._round}"
        ended = await self._cut_off(self._store.fork(session_id(number), new_id))
        await self._settled()
        found = await self._store.load_snapshot(new_id)
        expected = with_ended_runs(state(self.name, number, self._turns[number]).fork(new_id))
        if found not in (None, expected):
            raise BrokenPromiseError(f"half a fork of session {number}")
        self._judge(int(found is not None), 0, 1, ended)

    async def _delete(self) -> None:
        number = self._chance.randrange(_SESSIONS)
        before, kept = self._turns[number], self._kept[number]
        ended = await self._cut_off(self._store.delete(session_id(number)))
        await self._settled()
        snapshot = await self._store.load_snapshot(session_id(number))
        found = 0 if snapshot is None else turns_of(snapshot)
        self._turns[number], self._kept[number] = found, await self._checkpoint_of(number)
        if self._kept[number] not in ({0} if before and not found else {0, kept}):
            raise BrokenPromiseError(f"half of session {number} was deleted")
        self._judge(found, before, 0, ended)

    async def _another(self) -> None:
        """A second store on the file is opened; if it is not cancelled it is closed again."""
        stores: list[Any] = []

        async def open_it() -> None:
            stores.append(await self._open(self.path))

        await self._cut_off(open_it(), 4)
        for store in stores:
            await asyncio.wait_for(store.close(), SURELY)
        await self._settled()

    async def _close(self) -> None:
        """Close with a save in flight, cancelled; close again, open again."""
        number = self._chance.randrange(_SESSIONS)
        before = self._turns[number]
        save = asyncio.create_task(self._save(number))
        await asyncio.sleep(0)
        await self._cut_off(self._store.close(), 3)
        await asyncio.wait_for(self._store.close(), SURELY)
        try:
            await asyncio.wait_for(save, SURELY)
            saved = True
        except StoreClosedError:  # on a loop that shuffles the close may come first
            saved = False
        self._store = await self._open(self.path)
        await self._settled()
        await self._see(number, saved)
        if not saved and self._turns[number] != before:
            raise BrokenPromiseError("a save was refused and done")

    # -- What is the same in all --------------------------------------------------------------

    async def _cut_off(self, what: Coroutine[Any, Any, Any], longer: int = 1) -> bool:
        """Begin something and cancel it at a random moment; whether it had ended before."""
        way = self._chance.choice((self._after_turns, self._after_a_time, self._limited, _sibling))
        seconds = self._chance.uniform(0, 1.5 * longer * self._usual)
        began = time.monotonic()
        waited = _waited()
        cut_at: list[float] = []
        try:
            if way is _sibling:
                await _sibling(what, seconds, cut_at)
            else:
                await way(what, seconds, cut_at)
        except (asyncio.CancelledError, TimeoutError) as error:
            if isinstance(error, StoreError):
                raise
            # Time in which another program had the processor is nobody's fault here.
            late = max(0.0, time.monotonic() - cut_at[0] - _starved_since(waited))
            self._cancelled += 1
            self._report.add(cancelled=1, slow=int(late > SLOW))
            worst = max(self._report.counts["slowest_ms"], round(late * 1000))
            self._report.counts["slowest_ms"] = worst
            if late > LET_GO:
                raise BrokenPromiseError(f"the caller waited {late:.1f} s") from None
            return False
        if longer == 1:
            self._usual += (time.monotonic() - began - self._usual) / 16
        self._report.add(ended_before=1)
        return True

    async def _after_turns(
        self, what: Coroutine[Any, Any, Any], _: float, cut_at: list[float]
    ) -> None:
        task = asyncio.create_task(what)
        for _turn in range(self._chance.choice((0, 0, 1, 1, 2, 3, 5, 8, 12))):
            await asyncio.sleep(0)
        cut_at.append(time.monotonic())
        task.cancel()
        await task

    async def _after_a_time(
        self, what: Coroutine[Any, Any, Any], seconds: float, cut_at: list[float]
    ) -> None:
        task = asyncio.create_task(what)
        await asyncio.sleep(seconds)
        cut_at.append(time.monotonic())
        task.cancel()
        await task

    async def _limited(
        self, what: Coroutine[Any, Any, Any], seconds: float, cut_at: list[float]
    ) -> None:
        cut_at.append(time.monotonic() + seconds)
        async with asyncio.timeout(seconds):
            await what

    async def _settled(self) -> None:
        """The next save works, and so does another process's.

        Saves are in order, so after this one a cancelled save has landed or never will.
        """
        await asyncio.wait_for(self._store.delete("nobody"), SURELY)
        if not self._beside.may_write(self.path):
            raise BrokenPromiseError("nobody else can write: a transaction was left open")

    def _judge(self, found: int, before: int, after: int, ended: bool) -> None:
        if found not in (before, after):
            raise BrokenPromiseError(f"{found} is there, not {before} or {after}")
        if ended and found != after:
            raise BrokenPromiseError(f"LOST: {after} was acknowledged, {found} is there")
        if not ended:
            self._report.add(**{"whole" if found == after else "absent": 1})


def _waited() -> dict[str, int]:
    """How long each thread of this process could have run and did not, in ns; empty elsewhere."""
    found = {}
    for task in Path("/proc/self/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):
            found[task.parent.name] = int(task.read_text().split()[1])
    return found


def _starved_since(before: dict[str, int]) -> float:
    """Seconds that threads have waited for a processor; those that ended since do not count."""
    now = _waited()
    return sum(now[name] - before[name] for name in now.keys() & before.keys()) / 1e9


class _Enough(Exception):  # noqa: N818 - no error, a reason to leave
    """A sibling's, after which its task group is cancelled."""


async def _sibling(what: Coroutine[Any, Any, Any], seconds: float, cut_at: list[float]) -> None:
    """Have a task of the same group fail after so long."""
    saved: list[asyncio.Task[Any]] = []

    async def fail() -> None:
        await asyncio.sleep(seconds)
        cut_at.append(time.monotonic())
        raise _Enough

    with _without_enough():
        async with asyncio.TaskGroup() as group:
            saved.append(group.create_task(what))
            other = group.create_task(fail())
            saved[0].add_done_callback(lambda _: other.cancel())
    if saved[0].cancelled():
        raise asyncio.CancelledError


@contextlib.contextmanager
def _without_enough() -> Iterator[None]:
    try:
        yield
    except* _Enough:
        pass
