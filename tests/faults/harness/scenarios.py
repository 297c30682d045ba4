"""What recorded children do with the store: each scene is a function that a `Stage` calls.

A scene says in the folder's `marks` what it is about to save and what was acknowledged, so that a
recording tells at each of its moments what has to be there: `B session turn` and `A session turn`
for a save begun and acknowledged, `D session 0` and `G session 0` for a deletion. It calls only
what the store offers its callers, and answers what they were told.

Checkpoints come seldom in a small store, since its log has 4 MiB before one is due. `checkpoints=
"often"` lowers those figures in the child: module attributes of `sqlite.wal` and `.connection`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import attrs

from a3s_store.backends.sqlite.connection import wal_checkpoint
from a3s_store.errors import StoreError, StoreUnavailableError
from tests.faults.harness import shim, store_under_test
from tests.faults.harness.shim import Operation
from tests.faults.harness.store_under_test import Open, save_turn
from tests.faults.harness.workload import session_id

STORE: Final = "store.db"

Checkpoints = Literal["often", "seldom"]


class Marks:
    """What a workload says of itself, in the folder that is recorded."""

    def __init__(self, folder: Path) -> None:
        self._handle = os.open(folder / shim.MARKS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def begun(self, number: int, turn: int) -> None:
        """A save is about to be asked for."""
        os.write(self._handle, b"B %d %d\n" % (number, turn))

    def acknowledged(self, number: int, turn: int) -> None:
        """It was promised to be there."""
        os.write(self._handle, b"A %d %d\n" % (number, turn))

    def deleting(self, number: int) -> None:
        """The session is about to be deleted: it may be there or not."""
        os.write(self._handle, b"D %d 0\n" % number)

    def gone(self, number: int) -> None:
        """It was promised that the session is not there."""
        os.write(self._handle, b"G %d 0\n" % number)

    def close(self) -> None:
        """No more is to be said."""
        os.close(self._handle)


@attrs.define
class Promised:
    """What was begun and acknowledged so far: turns by session."""

    begun: dict[int, int] = attrs.field(factory=dict)
    acknowledged: dict[int, int] = attrs.field(factory=dict)

    def follow(self, operation: Operation) -> None:
        """Take in what a recording says."""
        if operation.is_marks and operation.data:
            self.read(operation.data)

    def read(self, marks: bytes) -> None:
        """Take in lines of a file of marks."""
        for line in marks.splitlines():
            what, number, turn = line[:1], *map(int, line[1:].split())
            if what == b"B":
                self.begun[number] = max(self.begun.get(number, 0), turn)
            elif what == b"A":
                self.acknowledged[number] = max(self.acknowledged.get(number, 0), turn)
            elif what == b"D":
                self.acknowledged[number] = 0
            else:
                self.begun[number] = 0


def often() -> None:
    """Have the store checkpoint, and begin its log again, every few saves. For this process."""
    small = 64 * 1024
    for module, name, value in (
        (wal_checkpoint, "LOG_BYTES", small),
        (wal_checkpoint, "LONG", 4 * small),
        (wal_checkpoint, "COMMITS", 3),
        (wal_checkpoint, "OFTEN", 2),
    ):
        assert hasattr(module, name), name  # else checkpoints would be rare without a word
        setattr(module, name, value)


# -- Power cuts: everything goes well ------------------------------------------------------------


def savers(
    folder: str,
    subject_name: str,
    seed: str,
    sessions: Sequence[int],
    turns: int,
    cycles: int,
    checkpoints: Checkpoints,
) -> None:
    """Several tasks save a session each, at once; in between the store is closed and opened."""
    if checkpoints == "often":
        often()
    opened, place = store_under_test.find(subject_name), Path(folder)

    async def play() -> None:
        marks = Marks(place)

        async def save(store: Any, number: int, some: Iterable[int]) -> None:
            for turn in some:
                marks.begun(number, turn)
                await save_turn(store, seed, number, turn)
                marks.acknowledged(number, turn)

        for cycle in range(cycles):
            some = range(1 + turns * cycle // cycles, 1 + turns * (cycle + 1) // cycles)
            async with opened(place / STORE) as store:
                await asyncio.gather(*(save(store, number, some) for number in sessions))
        marks.close()

    asyncio.run(play())


def removing(
    folder: str, subject_name: str, seed: str, sessions: Sequence[int], turns: int
) -> None:
    """Sessions are deleted, one is erased, both come back, while another is being saved."""
    often()
    opened, place = store_under_test.find(subject_name), Path(folder)
    first, second, other = sessions

    async def play() -> None:
        marks = Marks(place)

        async def save(store: Any, number: int, some: Iterable[int]) -> None:
            for turn in some:
                marks.begun(number, turn)
                await save_turn(store, seed, number, turn)
                marks.acknowledged(number, turn)

        async def remove(number: int, how: Callable[[str], Awaitable[Any]]) -> None:
            marks.deleting(number)
            await how(session_id(number))
            marks.gone(number)

        async with opened(place / STORE) as store:
            for number in sessions:
                await save(store, number, range(1, turns))
            await asyncio.gather(
                remove(first, store.delete), save(store, other, range(turns, turns + 3))
            )
            await save(store, first, (1, 2))
            await remove(second, store.erase)
            await asyncio.gather(
                save(store, second, (1, 2)), save(store, other, range(turns + 3, turns + 5))
            )
        marks.close()

    asyncio.run(play())


def compacting(
    folder: str, subject_name: str, seed: str, sessions: Sequence[int], turns: int
) -> None:
    """Sessions are deleted and the file is cut, again and again, while another is being saved."""
    often()
    opened, place = store_under_test.find(subject_name), Path(folder)
    *others, kept = sessions

    async def play() -> None:
        marks = Marks(place)

        async def save(store: Any, number: int, some: Iterable[int]) -> None:
            for turn in some:
                marks.begun(number, turn)
                await save_turn(store, seed, number, turn)
                marks.acknowledged(number, turn)

        async def empty(store: Any) -> None:
            for number in others:
                marks.deleting(number)
                await store.delete(session_id(number))
                marks.gone(number)
            await store.compact(target_free=0)

        for cycle in range(2):
            async with opened(place / STORE) as store:
                for number in others:
                    await save(store, number, range(1, turns + 1))
                some = range(1 + 3 * cycle, 4 + 3 * cycle)
                await asyncio.gather(empty(store), save(store, kept, some))
        marks.close()

    asyncio.run(play())


def processes(
    folder: str, subject_name: str, seed: str, sessions: Sequence[int], turns: int, cycles: int
) -> None:
    """Two processes have the store open, each with half of the sessions."""
    half = len(sessions) // 2
    shares = (sessions[:half], sessions[half:])
    environment = dict(os.environ)
    children = []
    for share in shares:
        child = os.fork()
        if child == 0:
            status = 1
            with contextlib.suppress(BaseException):  # the status says it
                shim.configure(environment)
                savers(folder, subject_name, seed, share, turns, cycles, "often")
                status = 0
            os._exit(status)
        children.append(child)
    for child in children:
        _, state = os.waitpid(child, 0)
        if state:
            raise RuntimeError(f"a saving process ended with status {state}")


# -- Faults: something fails ---------------------------------------------------------------------

# How often a store that failed is opened again before it is given up.
_PATIENCE: Final = 3


@attrs.define
class Told:
    """What callers were told while something failed."""

    errors: list[str] = attrs.field(factory=list)  # the step, the class and the text of each
    untyped: list[str] = attrs.field(factory=list)  # those of them that are no StoreError
    advice: list[str] = attrs.field(factory=list)  # of health_check, each sentence once
    broken: list[str] = attrs.field(factory=list)  # promises that were broken, as seen from inside
    step: str = ""  # the one in which the fault came
    finished: bool = False  # all turns were saved

    def note(self, step: str, error: BaseException) -> None:
        """A caller was told this."""
        line = f"{step}: {type(error).__name__}: {error}"
        self.errors.append(line)
        if not isinstance(error, StoreError):
            self.untyped.append(line)


def faulty(
    folder: str,
    subject_name: str,
    seed: str,
    sessions: Sequence[int],
    turns: int,
    count: str,
) -> Mapping[str, Any]:
    """Save while a fault comes; close, open and try again after an error. Answers `Told` as a dict.

    One save comes after the other, so that the same operation comes at the same place in every
    run. Checkpoints come often.
    """
    often()
    told = Told()
    work = [(number, turn) for turn in range(1, turns + 1) for number in sessions]
    half = len(work) // 2
    run = _Faulty(Path(folder), store_under_test.find(subject_name), seed, Path(count), told)

    async def play() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: told.untyped.append(f"in the event loop: {context}")
        )
        told.finished = await run.save_all(work[:half]) and await run.save_all(work[half:])

    asyncio.run(play())
    run.marks.close()
    return attrs.asdict(told)


class _Faulty:
    def __init__(self, folder: Path, opened: Open, seed: str, count: Path, told: Told) -> None:
        self._path = folder / STORE
        self._open = opened
        self._seed = seed
        self._count = count
        self._told = told
        self.marks = Marks(folder)

    async def save_all(self, work: Sequence[tuple[int, int]]) -> bool:
        """Open the store, save, close it; again after an error. Answers whether all is saved."""
        left = list(work)
        for _ in range(_PATIENCE):
            store = None
            async with self._step("open"):
                store = await self._open(self._path)
            if store is None:
                continue
            while left and await self._saved(store, *left[0]):
                del left[0]
            async with self._step("load"):
                await store.load_snapshot(session_id(work[0][0]))
            # What the checkpoint after the first met is seen by the second.
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
                await save_turn(store, self._seed, number, turn)
            if not met:
                self.marks.acknowledged(number, turn)
            await self._ask(store)
            if not met:
                break
            failed += met
        if len(failed) == 1 and isinstance(failed[0], StoreUnavailableError):
            self._told.broken.append(
                f"turn {turn} of session {number} was saved without reopening after: {failed[0]}"
            )
        return len(failed) < 2

    async def _ask(self, store: Any, step: str = "health_check") -> None:
        async with self._step(step):
            for sentence in (await store.health_check()).advice:
                if sentence not in self._told.advice:
                    self._told.advice.append(sentence)

    @contextlib.asynccontextmanager
    async def _step(self, name: str) -> AsyncIterator[list[Exception]]:
        met: list[Exception] = []
        try:
            yield met
        except Exception as error:
            met.append(error)
            self._told.note(name, error)
        if not self._told.step and shim.counted(self._count).fired:
            self._told.step = name
