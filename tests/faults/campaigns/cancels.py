"""Saves are cancelled at random moments: each is done or not at all, and the store goes on.

Every round begins one call (save a snapshot, a collection or a checkpoint, fork, delete, several
savers at once, save while another process holds the write lock, open, close) and cancels it: after
so many iterations of the loop, after a time up to that of a save, by `asyncio.timeout`, or by a
sibling in a task group. Then, at once: the next save works, another process may write, and the
stored state is the one before or the one after. A *block* of rounds shares a file, which is closed,
opened and checked again at its end; every other block runs on a loop that shuffles its callbacks.

The time until a cancelled caller goes on is counted; more than `TOO_LATE` seconds are a failure.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, Final

from a3s_store.core.snapshot import forked
from a3s_store.errors import StoreClosedError, StoreError
from tests.faults.harness import forks
from tests.faults.harness import store_under_test as subjects
from tests.faults.harness.other_process import OtherProcess
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
CANCELS: Final = {"short": 600, "long": 100_000}
# Cancels before a file is closed and checked.
BLOCK: Final = 100
# How many processes run blocks.
LANES: Final = 2
# Seconds after which a cancelled caller has waited too long, and counts as slow.
TOO_LATE: Final = 2.0
SLOW: Final = 0.05
# Seconds after which a call hangs.
TIME_LIMIT: Final = 20.0
_SESSIONS: Final = 5
_COLLECTIONS: Final = ("artifacts", "trace_events", "run_records")


def run(report: Report, size: Size) -> None:
    """Run blocks until enough calls were cancelled."""
    blocks = CANCELS[size] // BLOCK
    forks.share(report, _run_blocks, [range(first, blocks, LANES) for first in range(LANES)])


def _run_blocks(report: Report, blocks: range) -> None:
    with OtherProcess() as other:
        for number in blocks:
            block(report, other, number)


def block(report: Report, other: OtherProcess, number: int) -> None:
    """Run one block of rounds on a file of its own."""
    with tempfile.TemporaryDirectory() as folder:
        attack = _Attack(report, other, number, Path(folder) / "agent.a3s")
        make = (lambda: ShuffledLoop(attack.name)) if number % 2 else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=make) as runner:
            try:
                runner.run(asyncio.wait_for(attack.rounds(), 30 * TIME_LIMIT))
            except Exception as error:  # none is allowed
                report.fail(f"{attack.where()}: {type(error).__name__}: {error}")
                runner.run(attack.give_up())
        other.close_file(attack.path)
        asyncio.run(attack.afterwards())


class _Attack:
    """A block. `_turns`, `_kept` and `_collections` are the stored turns as they were last seen."""

    def __init__(self, report: Report, other: OtherProcess, number: int, path: Path) -> None:
        self.name = f"{report.seed}/{number}"
        self.path = path
        self._report = report
        self._other = other
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
        self._collections = dict.fromkeys(_COLLECTIONS, 0)

    def where(self) -> str:
        """Seed, block and round, which repeat a failure."""
        return f"seed {self._report.seed}, block {self._number}, round {self._round}, {self._kind}"

    async def rounds(self) -> None:
        """Open, run rounds until enough calls were cancelled, close."""
        kinds: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "snapshot": self._snapshot,
            "collection": self._collection,
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
        await asyncio.wait_for(self._store.close(), TIME_LIMIT)

    async def give_up(self) -> None:
        """Close the store after a failure, as far as it can be closed."""
        self._other.close_file(self.path)
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._store.close(), TIME_LIMIT)

    async def afterwards(self) -> None:
        """Open the file once more: everything acknowledged is stored, and nothing is damaged."""
        self._kind = "afterwards"
        try:
            async with self._open(self.path) as store:
                # After a failure one more save may have begun.
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
        self._other.hold(self.path)
        try:
            ended = await self._cut_off(self._save(number))
            await asyncio.sleep(self._chance.uniform(0, 0.01))
        finally:
            self._other.release(self.path)
        await self._settled()
        await self._see(number, ended)

    def _save(self, number: int) -> Coroutine[Any, Any, Any]:
        saving: Coroutine[Any, Any, None] = self._store.save_snapshot(
            state(self.name, number, self._turns[number] + 1)
        )
        return saving

    async def _see(self, number: int, ended: bool) -> None:
        """Check that a session is as before its save or, and must be if it ended, as after it."""
        before, after = self._turns[number], self._turns[number] + 1
        found = (await subjects.stored_turns(self._store, self.name, [number]))[number]
        self._judge(found, before, after, ended)
        self._turns[number] = found

    async def _collection(self) -> None:
        name = self._chance.choice(_COLLECTIONS)
        before, after = self._collections[name], self._collections[name] + 1
        values = getattr(state(self.name, _SESSIONS, after), name)
        save = getattr(self._store, f"save_{name}")
        ended = await self._cut_off(save("no session", values))
        await self._settled()
        found = await getattr(self._store, f"load_{name}")("no session")
        if found == values:
            self._collections[name] = after
        elif found != (getattr(state(self.name, _SESSIONS, before), name) if before else None):
            raise BrokenPromiseError(f"{name}: neither the values before nor the saved ones")
        self._judge(self._collections[name], before, after, ended)

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
            raise BrokenPromiseError(f"the checkpoint of session {number} was never saved")
        return int(found.turn)

    async def _fork(self) -> None:
        number = self._chance.randrange(_SESSIONS)
        if not self._turns[number]:
            return
        new_id = f"fork-{self._round}"
        ended = await self._cut_off(self._store.fork(session_id(number), new_id))
        await self._settled()
        found = await self._store.load_snapshot(new_id)
        expected = forked(state(self.name, number, self._turns[number]), new_id)
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
            await asyncio.wait_for(store.close(), TIME_LIMIT)
        await self._settled()

    async def _close(self) -> None:
        """Close with a save in flight, cancelled; close again, open again."""
        number = self._chance.randrange(_SESSIONS)
        before = self._turns[number]
        save = asyncio.create_task(self._save(number))
        await asyncio.sleep(0)
        await self._cut_off(self._store.close(), 3)
        await asyncio.wait_for(self._store.close(), TIME_LIMIT)
        try:
            await asyncio.wait_for(save, TIME_LIMIT)
            saved = True
        except StoreClosedError:  # on a loop that shuffles the close may come first
            saved = False
        self._store = await self._open(self.path)
        await self._settled()
        await self._see(number, saved)
        if not saved and self._turns[number] != before:
            raise BrokenPromiseError("a save was refused and done")

    # -- Common to all kinds --------------------------------------------------------------

    async def _cut_off(self, what: Coroutine[Any, Any, Any], longer: int = 1) -> bool:
        """Begin a call and cancel it at a random moment; return whether it had ended before."""
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
            # Time in which another program had the processor does not count.
            late = max(0.0, time.monotonic() - cut_at[0] - _starved_since(waited))
            self._cancelled += 1
            self._report.add(cancelled=1, slow=int(late > SLOW), slowest_ms=round(late * 1000))
            if late > TOO_LATE:
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
        """Check that the next change works, and that another process may write.

        Changes are in order, so after this one a cancelled save is done or never will be.
        """
        await asyncio.wait_for(self._store.delete("unknown"), TIME_LIMIT)
        if not self._other.may_write(self.path):
            raise BrokenPromiseError("no other process can write: a transaction was left open")

    def _judge(self, found: int, before: int, after: int, ended: bool) -> None:
        if found not in (before, after):
            raise BrokenPromiseError(f"turn {found} is stored, not {before} or {after}")
        if ended and found != after:
            raise BrokenPromiseError(f"LOST: turn {after} was acknowledged, {found} is stored")
        if not ended:
            self._report.add(**{"whole" if found == after else "absent": 1})


def _waited() -> dict[str, int]:
    """How long each thread of this process waited for a processor, in ns; empty off Linux."""
    found = {}
    for task in Path("/proc/self/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):
            found[task.parent.name] = int(task.read_text().split()[1])
    return found


def _starved_since(before: dict[str, int]) -> float:
    """Seconds that threads have waited for a processor since; ended threads do not count."""
    now = _waited()
    return sum(now[name] - before[name] for name in now.keys() & before.keys()) / 1e9


class _Enough(Exception):  # noqa: N818 - no error, it ends a task group
    """Raised by a sibling task to have its task group cancelled."""


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
