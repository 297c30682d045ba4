"""Programs that start children while they have a store open; see `unclosed_programs`.

A forked child must not use what it inherited, and ends as any other process; the parent is not
affected. None of the parents closes its store.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a3s_store.errors import StoreForkedError

if TYPE_CHECKING:
    from tests.faults.harness.unclosed_programs import Program

# Seconds after which a child hangs.
_TIME_LIMIT = 8.0


def child_uses_it(program: Program) -> None:
    """The child gets StoreForkedError from every method."""

    async def attempts(store: Any) -> int:
        for attempt in (store.list, store.health_check, lambda: program.save(store)):
            try:
                await attempt()
            except StoreForkedError:
                continue
            return 1
        await store.close()
        return 0

    _fork(program, lambda store: os._exit(asyncio.run(attempts(store))))


def child_ends(program: Program) -> None:
    """The child ends as programs do: hooks are run, objects are collected."""
    _fork(program, lambda _: sys.exit(0))


def child_is_gone(program: Program) -> None:
    """The child ends at once."""
    _fork(program, lambda _: os._exit(0))


def saves_in_flight(program: Program) -> None:
    """The saves are done once, by the parent."""
    _fork(program, lambda _: sys.exit(0), fly=True)


def child_opens_another(program: Program) -> None:
    """The child opens a store of its own on the same file, and does not close it."""

    def use(_: Any) -> None:
        program.number += 1000
        asyncio.run(program.opened())
        sys.exit(0)

    _fork(program, use)


def _fork(program: Program, use: Callable[[Any], object], *, fly: bool = False) -> None:
    loop = asyncio.new_event_loop()
    program.kept.append(store := loop.run_until_complete(program.opened()))

    async def begin() -> None:
        program.fly(store)
        await asyncio.sleep(0)

    if fly:
        loop.run_until_complete(begin())
    child = os.fork()
    if child == 0:
        use(store)
        os._exit(99)
    status = _wait(child)
    if status:
        sys.exit(f"the child ended with {status}")
    loop.run_until_complete(program.save(store))
    loop.close()
    program.ending()


def _wait(child: int) -> int:
    deadline = time.monotonic() + _TIME_LIMIT
    while time.monotonic() < deadline:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return -9


def beside_an_open(program: Program) -> None:
    """One thread opens stores all the time, another forks; each child ends as a program does.

    Each opens a store. Without waiting, a fork in the middle of another thread's sqlite3_open()
    would leave SQLite's own mutex locked in the child for ever.
    """
    stop = threading.Event()

    async def open_one(number: int) -> None:
        async with program.open(program.path.with_name(f"other-{number % 3}")):
            pass

    async def open_and_close() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            await open_one(number)

    asyncio.run(_begin_and_close(program))
    thread = threading.Thread(target=lambda: asyncio.run(open_and_close()))
    thread.start()
    statuses = []
    for number in range(30):
        time.sleep(0.003)
        child = os.fork()
        if child == 0:
            with contextlib.suppress(StoreForkedError):  # the wait was too short
                asyncio.run(open_one(number))
            sys.exit(0)
        statuses.append(_wait(child))
        if statuses[-1]:
            break
    stop.set()
    thread.join()
    if any(statuses):
        sys.exit(f"the children ended with {statuses}")
    program.ending()


async def _begin_and_close(program: Program) -> None:
    await (await program.opened()).close()


def multiprocessing_child(how: str, way: str) -> Callable[[Program], None]:
    """A child of `multiprocessing` that ends in that way without closing its store."""
    return functools.partial(_with_child, how, way)


def _with_child(how: str, way: str, program: Program) -> None:
    async def main() -> None:
        program.kept.append(await program.opened())
        context: Any = multiprocessing.get_context(how)
        child = context.Process(target=_forget, args=(str(program.path), program.subject, way))
        child.start()
        child.join(_TIME_LIMIT)
        if child.exitcode != 0:
            child.kill()
            sys.exit(f"the child ended with {child.exitcode}")
        program.ending()

    asyncio.run(main())


def _forget(path: str, subject: str, way: str) -> None:
    # It imports this module.
    from tests.faults.harness import unclosed_programs

    unclosed_programs.WAYS[way].program(unclosed_programs.Program(Path(path), subject, first=1000))
