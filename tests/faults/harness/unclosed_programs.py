"""Programs that do not close their store, each in another way; the campaign `exits` runs them.

    python -m tests.faults.harness.unclosed_programs WAY PATH SUBJECT

Each prints `must ID` for a session that has to be stored afterwards, since its save was
acknowledged, or accepted by a process that could still finish it, and `ending SECONDS`, by the
clock that all processes share, when its main function is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import attrs

from tests.faults.harness import forking_programs, store_under_test
from tests.faults.harness.workload import state

# How many saves are in flight when a program ends with some.
FLYING: Final = 20


@attrs.frozen
class Way:
    """A way to end, and its expected outcome."""

    program: Callable[[Program], Any]
    status: int = 0
    or_status: int | None = None  # where Python itself may end otherwise
    warns: bool = True  # Python can still warn of an unclosed store
    noise: bool = False  # a traceback is expected


class Program:
    """The state of a program: the path of the store and how it is opened."""

    def __init__(self, path: Path, subject_name: str, first: int = 0) -> None:
        self.path = path
        self.subject = subject_name
        self.open = store_under_test.find(subject_name)
        self.number = first
        self.kept: list[object] = []

    def send(self, *words: object) -> None:
        """Print a line."""
        os.write(1, (" ".join(map(str, words)) + "\n").encode())

    def ending(self) -> None:
        """Print that the main function is done."""
        self.send("ending", time.monotonic())

    async def opened(self) -> Any:
        """An open store with one acknowledged save."""
        store = await self.open(self.path)
        await self.save(store)
        return store

    async def save(self, store: Any) -> None:
        """Save a session, and print its id."""
        self.number += 1
        await store.save_snapshot(state("exits", self.number, 3))
        self.send("must", f"session-{self.number}")

    def fly(self, store: Any, must: bool = True) -> None:
        """Begin saves that are accepted with the next turn of the loop."""
        for _ in range(FLYING):
            self.number += 1
            save = store.save_snapshot(state("exits", self.number, 3))
            self.kept.append(asyncio.get_running_loop().create_task(save))
            if must:
                self.send("must", f"session-{self.number}")


def _in_main(
    end: Callable[[Program, Any], object] | None = None, *, fly: bool = False, keep: bool = True
) -> Callable[[Program], None]:
    """A program with a store that ends inside its main, perhaps with saves in flight."""

    async def main(program: Program) -> None:
        store = await program.opened()
        if keep:
            program.kept.append(store)
        if fly:
            program.fly(store)
            await asyncio.sleep(0)
        program.ending()
        if end is not None:
            end(program, store)

    return lambda program: asyncio.run(main(program))


def _waiting(begin: Callable[[Program], object], *, must: bool = True) -> Callable[[Program], None]:
    """A program that is interrupted while saves are in flight and it waits for something else."""

    async def main(program: Program) -> None:
        store = await program.opened()
        program.kept.append(store)
        program.fly(store, must)
        await asyncio.sleep(0)
        program.ending()
        begin(program)
        await asyncio.sleep(60)

    return lambda program: asyncio.run(main(program))


def _raise(*_: object) -> None:
    raise RuntimeError("on purpose")


def _cycle(_: Program, store: Any) -> None:
    store.itself = store


def _collected(program: Program) -> None:
    async def main() -> None:
        store = await program.opened()
        _cycle(program, store)
        del store
        gc.collect()
        program.ending()

    asyncio.run(main())


def _closed_loop(program: Program) -> None:
    loop = asyncio.new_event_loop()
    program.kept.append(store := loop.run_until_complete(program.opened()))

    async def begin() -> None:
        program.fly(store)
        await asyncio.sleep(0)

    loop.run_until_complete(begin())
    loop.close()
    program.ending()


def _stopped_loop(program: Program) -> None:
    loop = asyncio.new_event_loop()
    program.kept.append(store := loop.run_until_complete(program.opened()))

    async def begin() -> None:
        program.fly(store)
        loop.call_later(0.001, loop.stop)
        await asyncio.sleep(60)

    program.kept += [loop, main := loop.create_task(begin())]
    with contextlib.suppress(RuntimeError):
        loop.run_until_complete(main)
    program.ending()


def _daemon_thread(program: Program) -> None:
    flying = threading.Event()

    async def main() -> None:
        program.kept.append(store := await program.opened())
        program.fly(store)
        await asyncio.sleep(0)
        flying.set()
        await asyncio.sleep(3600)

    threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
    flying.wait()
    program.ending()


def _other_thread(program: Program) -> None:
    async def main() -> None:
        program.kept.append(store := await program.opened())
        program.fly(store)
        await asyncio.sleep(0)

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    thread.join()
    program.ending()


def _two_loops(program: Program) -> None:
    async def again(store: Any) -> None:
        await program.save(store)
        program.fly(store)
        await asyncio.sleep(0)

    program.kept.append(store := asyncio.run(program.opened()))
    asyncio.run(again(store))
    asyncio.run(again(store))
    program.ending()


async def _sessions(program: Program) -> AsyncIterator[Any]:
    async with program.open(program.path) as store:
        await program.save(store)
        yield store
        yield store


def _generator(program: Program) -> None:
    async def main() -> None:
        async for store in _sessions(program):
            program.fly(store)
            await asyncio.sleep(0)
            break
        program.ending()

    asyncio.run(main())


def _cancelled_open(program: Program) -> None:
    async def open_it() -> None:
        program.kept.append(await program.opened())

    async def main() -> None:
        await (await program.opened()).close()
        for number in range(20):
            opening = asyncio.create_task(open_it())
            await asyncio.sleep(number / 5000)
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
        program.ending()

    asyncio.run(main())


def _several_stores(program: Program) -> None:
    async def main() -> None:
        for _ in range(4):
            store = await program.opened()
            program.kept.append(store)
            program.fly(store)
        await asyncio.sleep(0)
        program.ending()

    asyncio.run(main())


def _interrupt(times: int) -> Callable[[Program], None]:
    """Have another thread press Ctrl-C so many times, a few milliseconds apart."""

    def press() -> None:
        for _ in range(times):
            time.sleep(0.003)
            os.kill(os.getpid(), signal.SIGINT)

    return lambda _: threading.Thread(target=press, daemon=True).start()


def _terminate(program: Program) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _leave_when_terminated(program: Program) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))
    _terminate(program)


def _callback(_: Program) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    asyncio.get_running_loop().call_soon(interrupt)


WAYS: Final[dict[str, Way]] = {
    "the end of main": Way(_in_main()),
    "saves in flight": Way(_in_main(fly=True)),
    "a local store": Way(_in_main(keep=False)),
    "sys.exit": Way(_in_main(lambda *_: sys.exit(7), fly=True), 7),
    "an exception": Way(_in_main(_raise, fly=True), 1, noise=True),
    "os._exit": Way(_in_main(lambda *_: os._exit(3)), 3, warns=False),
    "a cycle": Way(_in_main(_cycle, fly=True)),
    "collected": Way(_collected),
    "a closed loop": Way(_closed_loop, noise=True),
    "a stopped loop": Way(_stopped_loop, noise=True),
    "a daemon thread": Way(_daemon_thread),
    "another thread": Way(_other_thread),
    "two loops": Way(_two_loops),
    "a generator": Way(_generator, warns=False),
    "a cancelled open": Way(_cancelled_open, warns=False),
    "several stores": Way(_several_stores),
    "SIGINT": Way(_waiting(_interrupt(1)), -signal.SIGINT, noise=True),
    # An interrupt while Python prints the first one makes its status 1.
    "SIGINT twice": Way(_waiting(_interrupt(2)), -signal.SIGINT, 1, noise=True),
    "SIGINT three times": Way(_waiting(_interrupt(3)), -signal.SIGINT, 1, noise=True),
    "SIGTERM": Way(_waiting(_terminate, must=False), -signal.SIGTERM, warns=False),
    "SIGTERM handled": Way(_waiting(_leave_when_terminated), 9),
    "KeyboardInterrupt": Way(_waiting(_callback), -signal.SIGINT, noise=True),
    "a spawned child": Way(forking_programs.multiprocessing_child("spawn", "saves in flight")),
}
if hasattr(os, "fork"):
    WAYS.update(
        {
            "fork, the child uses it": Way(forking_programs.child_uses_it),
            "fork, the child ends": Way(forking_programs.child_ends),
            "fork, the child is gone": Way(forking_programs.child_is_gone),
            "fork, saves in flight": Way(forking_programs.saves_in_flight),
            "fork, a new store": Way(forking_programs.child_opens_another),
            "a forked child": Way(
                forking_programs.multiprocessing_child("fork", "the end of main")
            ),
            "fork beside an open": Way(forking_programs.beside_an_open, warns=False),
        }
    )


if __name__ == "__main__":
    way, path, name = sys.argv[1:]
    # A shell has what it starts in the background ignore Ctrl-C, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # In a global name: the objects it keeps live to the very end.
    running = Program(Path(path), name)
    WAYS[way].program(running)
