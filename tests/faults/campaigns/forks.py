"""A process forks while it saves, and its children save to the same file: nothing is lost or stuck.

The parent forks at random moments, from its event loop and from other threads, during saves and
between them; then it saves on, closes or is killed, before its children are done or after. Each
child opens a store of its own, saves at the same time as the others, and closes it or is killed.
Every child must complete its saves, without a busy error and without hanging; or, where the
parent's saves could not be finished before the fork, get StoreForkedError at once. For that,
another process holds the file's write lock in every sixth round, so that a save of the parent waits
for longer than a fork does.

In the end another process compares the file with the acknowledged saves.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from a3s_store.errors import StoreForkedError
from tests.faults.harness import forks, store_under_test
from tests.faults.harness.check_after import check_and_save_on
from tests.faults.harness.forks import Child, Send
from tests.faults.harness.progress import Progress
from tests.faults.harness.report import Report, Size

# How many parents, each with a file of its own.
_ROUNDS: Final[Mapping[Size, int]] = {"short": 18, "long": 3_000}
_FORKS: Final = 3
# Sessions that the parent saves at once; the sessions of its children have the next numbers.
_OWN: Final = 3
# In one round in so many another process holds the write lock, for so many seconds.
_HELD: Final = 6
_HELD_FOR: Final = 1.5
# Seconds in which a child must be refused, if at all: a fork waits half a second at most.
_AT_ONCE: Final = 2.0
# Seconds after which a parent or a child hangs: longer than the busy timeout, which is an error.
_LONGEST: Final = 20.0


@attrs.frozen
class _Life:
    """A file, its seed, and whether another process holds its write lock for a while."""

    path: Path
    name: str
    held: bool


def run(report: Report, size: Size) -> None:
    """Run rounds, each with a file of its own."""
    rounds = report.times * _ROUNDS[size]
    forks.share(report, _attack, [f"{report.seed}.{number}" for number in range(rounds)])


def _attack(report: Report, name: str) -> None:
    """Run one round: a parent and its children."""
    open_store = store_under_test.find(report.subject)
    held = int(name.rpartition(".")[2]) % _HELD == _HELD - 1
    progress = Progress.of(range(_OWN + _FORKS))
    with forks.scratch() as folder:
        life = _Life(folder / "forked.a3s", name, held)
        parent = Child(lambda send: _be_parent(open_store, life, send))
        while not parent.sent("saving") and not parent.ended:
            parent.receive(_LONGEST)
        with _locked(life.path) if held else contextlib.nullcontext():
            while held and not parent.ended and len(parent.sent("forked")) < _FORKS:
                parent.receive(_HELD_FOR)
        status = _finish(parent)
        progress.take(parent)
        problems = [
            *_problems(parent, status),
            check_and_save_on(open_store, life.path, name, progress, turns=1),
        ]
    for what in filter(None, problems):
        report.fail(f"round {name}: {what}")
    refused = parent.sent("refused")
    report.add(
        rounds=1,
        rounds_with_a_held_lock=held,
        forks=len(parent.sent("forked")),
        children_that_saved=len(parent.sent("done")),
        refused=len(refused),
        acknowledged_saves=len(parent.sent("acknowledged")),
        parents_that_ended_first=len(parent.sent("done after the parent")),
        killed=len(parent.sent("killed")),
    )


def _finish(parent: Child) -> int:
    """Let the parent and its children end, within `_LONGEST`; return the parent's exit status.

    The children inherit the parent's pipe, so it ends with the last of them.
    """
    deadline = time.monotonic() + _LONGEST
    while not parent.ended and parent.receive(deadline - time.monotonic()):
        pass
    if not parent.ended:
        os.killpg(parent.pid, signal.SIGKILL)
    return parent.finish(_LONGEST)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the write lock, as another program does."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as conn:
        conn.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            conn.execute("ROLLBACK")


def _problems(parent: Child, status: int) -> Iterator[str]:
    """The broken promises, apart from those about the file."""
    killed = any(who == "parent" for (who,) in parent.sent("killed"))
    if status != (-signal.SIGKILL if killed else 0):
        yield f"the parent ended with {status}"
    for (text,) in parent.sent("error"):
        yield text
    for number, seconds in parent.sent("refused"):
        if seconds > _AT_ONCE:
            yield f"child {number} was refused after {seconds:.1f} s"
    ended = {number for number, *_ in (*parent.sent("done"), *parent.sent("refused"))}
    for (number,) in parent.sent("forked"):
        if number not in ended:
            yield f"child {number} hung, or ended without a report"


# -- In the parent and its children ---------------------------------------------------------------


def _be_parent(open_store: store_under_test.Open, life: _Life, send: Send) -> None:
    os.setpgid(0, 0)  # so that a child that hangs can be killed
    chance = random.Random(life.name)
    quiet_afterwards = chance.random() < 0.5
    closes = chance.random() < 0.6
    waits = chance.random() < 0.4
    stop = False

    async def save_on(store: Any, number: int) -> None:
        turn = 0
        while not stop:
            turn += 1
            send("begun", number, turn)
            await store_under_test.save_turn(store, life.name, number, turn)
            send("acknowledged", number, turn)
            if chance.random() < 0.5:
                await asyncio.sleep(chance.random() * 0.02)

    async def main() -> None:
        nonlocal stop
        store = await open_store(life.path)
        saving = [asyncio.create_task(save_on(store, number)) for number in range(_OWN)]
        await asyncio.sleep(0.02)
        send("saving")
        if life.held:
            await asyncio.sleep(0.1)  # the lock is taken meanwhile, and the saves wait for it
        children = []
        for number in range(_OWN, _OWN + _FORKS):
            await asyncio.sleep(chance.random() * 0.03)
            if quiet_afterwards and not life.held:
                stop = True
                await asyncio.gather(*saving)
            args = (open_store, life, number, send)
            if chance.random() < 0.5:
                children.append(_fork(*args))
            else:
                children.append(await asyncio.to_thread(_fork, *args))
        if waits:
            for child in children:
                await asyncio.to_thread(os.waitpid, child, 0)
        else:
            await asyncio.sleep(chance.random() * 0.1)
        stop = True
        if closes:
            await asyncio.gather(*saving)
            await store.close()
            return
        send("killed", "parent")
        os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(main())


def _fork(open_store: store_under_test.Open, life: _Life, number: int, send: Send) -> int:
    send("forked", number)
    began = time.monotonic()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            asyncio._set_running_loop(None)  # the parent's
            asyncio.run(_be_child(open_store, life, number, send, began))
            _done(number, parent, send)
        except BaseException as error:
            send("error", f"child {number}: {type(error).__name__}: {str(error)[:400]}")
        finally:
            os._exit(0)
    return child


async def _be_child(
    open_store: store_under_test.Open, life: _Life, number: int, send: Send, began: float
) -> None:
    chance = random.Random(f"{life.name}/{number}")
    parent = os.getppid()
    try:
        store = await open_store(life.path)
    except StoreForkedError:
        send("refused", number, time.monotonic() - began)
        os._exit(0)
    for turn in range(1, chance.randrange(2, 12)):
        send("begun", number, turn)
        await store_under_test.save_turn(store, life.name, number, turn)
        send("acknowledged", number, turn)
        await asyncio.sleep(chance.random() * chance.choice((0.002, 0.04)))
    if chance.random() < 0.5:
        send("killed", "child")
        _done(number, parent, send)
        os.kill(os.getpid(), signal.SIGKILL)
    await store.close()


def _done(number: int, parent: int, send: Send) -> None:
    send("done", number)
    if os.getppid() != parent:
        send("done after the parent", number)
