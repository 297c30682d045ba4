"""Scenarios that children of a `ForkServer` play with the store, to be recorded.

A scenario writes to the folder's `marks` before each save and after its acknowledgement, so that a
recording shows at each moment which turns have to be stored: `B session turn` and `A session turn`
for a save begun and acknowledged, `D session 0` and `G session 0` for a deletion. It calls only the
public methods of the store.

Checkpoints are rare in a small store, since its WAL has 4 MiB before one is due, and deletions and
saves have one step. `often` and `in_chunks` lower those figures in the child: module attributes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from a3s_store.backends.sqlite.connection import wal_checkpoint
from a3s_store.backends.sqlite.rows import unfinished
from a3s_store.backends.sqlite.write import large_saves, write_states
from a3s_store.core.conversation import Bound
from tests.faults.harness import shim, store_under_test
from tests.faults.harness.workload import session_id

STORE: Final = "store.db"

Checkpoints = Literal["often", "seldom"]


class Marks:
    """The file of marks in the recorded folder."""

    def __init__(self, folder: Path) -> None:
        self._handle = os.open(folder / shim.MARKS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def begun(self, number: int, turn: int) -> None:
        """A save begins: the turn may be stored from now on."""
        os.write(self._handle, b"B %d %d\n" % (number, turn))

    def acknowledged(self, number: int, turn: int) -> None:
        """A save was acknowledged: the turn must be stored."""
        os.write(self._handle, b"A %d %d\n" % (number, turn))

    def deleting(self, number: int) -> None:
        """A deletion begins: the session may be stored or not."""
        os.write(self._handle, b"D %d 0\n" % number)

    def deleted(self, number: int) -> None:
        """A deletion was acknowledged: the session must not be stored."""
        os.write(self._handle, b"G %d 0\n" % number)

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)


def often() -> None:
    """Make the store checkpoint every few saves, and delete in small steps. For this process."""
    small = 64 * 1024
    for module, name, value in (
        (wal_checkpoint, "LOG_BYTES", small),
        (wal_checkpoint, "LONG", 4 * small),
        (wal_checkpoint, "COMMITS", 3),
        (wal_checkpoint, "OFTEN", 2),
        (unfinished, "ROWS", 2),
    ):
        assert hasattr(module, name), name  # else checkpoints would be rare without a failure
        setattr(module, name, value)


def in_chunks() -> None:
    """Have saves and deletions take several transactions, and copy the WAL. For this process."""
    often()
    for module, name, value in (
        (write_states, "MOST_NEW", Bound(2, 1 << 20)),
        (write_states, "CHUNK", Bound(2, 1 << 20)),
        (large_saves, "COPIED", 1000),
    ):
        assert hasattr(module, name), name
        setattr(module, name, value)


class _Player:
    """The store of one scenario, with a mark around each save and deletion."""

    def __init__(self, folder: str, subject_name: str, seed: str) -> None:
        self._path = Path(folder) / STORE
        self._open = store_under_test.find(subject_name)
        self._seed = seed
        self._marks = Marks(Path(folder))
        self._store: Any = None

    def play(self, main: Coroutine[Any, Any, None]) -> None:
        """Run the scenario to its end."""
        asyncio.run(main)
        self._marks.close()

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Any]:
        """The open store; `save` and `remove` use it."""
        async with self._open(self._path) as self._store:
            yield self._store

    async def save(self, number: int, turns: Iterable[int]) -> None:
        """Save these turns of a session, one after the other."""
        for turn in turns:
            self._marks.begun(number, turn)
            await store_under_test.save_turn(self._store, self._seed, number, turn)
            self._marks.acknowledged(number, turn)

    async def remove(self, number: int, how: Callable[[str], Awaitable[Any]]) -> None:
        """Delete a session with one of the store's methods."""
        self._marks.deleting(number)
        await how(session_id(number))
        self._marks.deleted(number)


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
    player = _Player(folder, subject_name, seed)

    async def main() -> None:
        for cycle in range(cycles):
            some = range(1 + turns * cycle // cycles, 1 + turns * (cycle + 1) // cycles)
            async with player.opened():
                await asyncio.gather(*(player.save(number, some) for number in sessions))

    player.play(main())


def removing(
    folder: str, subject_name: str, seed: str, sessions: Sequence[int], turns: int
) -> None:
    """Sessions are deleted, one is erased, both come back, while another is being saved."""
    often()
    player = _Player(folder, subject_name, seed)
    first, second, other = sessions

    async def main() -> None:
        async with player.opened() as store:
            for number in sessions:
                await player.save(number, range(1, turns))
            await asyncio.gather(
                player.remove(first, store.delete), player.save(other, range(turns, turns + 3))
            )
            await player.save(first, (1, 2))
            await player.remove(second, store.erase)
            await asyncio.gather(
                player.save(second, (1, 2)), player.save(other, range(turns + 3, turns + 5))
            )

    player.play(main())


def chunked(folder: str, subject_name: str, seed: str, sessions: Sequence[int], turns: int) -> None:
    """Sessions are saved for the first time and deleted, again and again; one is appended to."""
    in_chunks()
    player = _Player(folder, subject_name, seed)
    *others, kept = sessions

    async def main() -> None:
        for cycle in range(2):
            async with player.opened() as store:
                # The first save of a session here, with all messages of so many turns.
                await asyncio.gather(
                    *(player.save(number, (turns,)) for number in others),
                    player.save(kept, (1 + cycle,)),
                )
                await asyncio.gather(*(player.remove(number, store.delete) for number in others))

    player.play(main())


def compacting(
    folder: str, subject_name: str, seed: str, sessions: Sequence[int], turns: int
) -> None:
    """Sessions are deleted and the file is cut, again and again, while another is being saved."""
    often()
    player = _Player(folder, subject_name, seed)
    *others, kept = sessions

    async def empty(store: Any) -> None:
        for number in others:
            await player.remove(number, store.delete)
        await store.compact(target_free=0)

    async def main() -> None:
        for cycle in range(2):
            async with player.opened() as store:
                for number in others:
                    await player.save(number, range(1, turns + 1))
                some = range(1 + 3 * cycle, 4 + 3 * cycle)
                await asyncio.gather(empty(store), player.save(kept, some))

    player.play(main())


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
            with contextlib.suppress(BaseException):  # the status tells it
                shim.configure(environment)
                savers(folder, subject_name, seed, share, turns, cycles, "often")
                status = 0
            os._exit(status)
        children.append(child)
    for child in children:
        _, state = os.waitpid(child, 0)
        if state:
            raise RuntimeError(f"a saving process ended with status {state}")
