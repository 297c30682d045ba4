"""A process forks while it saves, and its children save to the same file: nothing is lost or stuck.

Parent and children open the file each by themselves. The parent forks at random moments, from its
event loop and from other threads, in the middle of saves and between them; then it saves on, closes
or is killed, before its children are done or after. Each child opens a store of its own, saves
beside the others, and closes it or is killed. Every child must have saved what it wanted, without
finding the file busy and without hanging; or, where the parent could not come to rest, have been
told so at once. To see that, another process holds the file's write lock in every sixth round, so
that a save of the parent waits for longer than a fork does.

In the end another process compares the file with what was acknowledged.
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
from tests.faults.harness.check_after import Said, go_on
from tests.faults.harness.forks import Child, Say
from tests.faults.harness.report import Report, Size

# How many lives of a parent, each with a file of its own.
_ROUNDS: Final[Mapping[Size, int]] = {"short": 60, "long": 3_000}
_FORKS: Final = 3
# Sessions that the parent saves at once; those of its children follow.
_OWN: Final = 3
# Every so manyth round another process holds the write lock, for so many seconds.
_HELD: Final = 6
_HELD_FOR: Final = 1.5
# Seconds in which a child that cannot be served is told so: a fork waits half a second at most.
_AT_ONCE: Final = 2.0
# Seconds after which a parent or a child hangs: longer than the busy timeout, which is an error.
_LONGEST: Final = 20.0


@attrs.frozen
class _Life:
    """A file, its seed, and whether another process holds its write lock for a while."""

    path: Path
    name: str
    held: bool


def run(subject: str, seed: int, size: Size) -> Report:
    """Run the campaign; see `tests.faults`."""
    report = Report(campaign="forks", subject=subject, seed=seed)
    forks.share(report, _attack, [f"{seed}.{number}" for number in range(_ROUNDS[size])])
    return report


def _attack(report: Report, name: str) -> None:
    """One life of a parent with its children."""
    open_store = store_under_test.find(report.subject)
    held = int(name.rpartition(".")[2]) % _HELD == _HELD - 1
    said = Said.sessions(_OWN + _FORKS)
    with forks.scratch() as folder:
        life = _Life(folder / "forked.a3s", name, held)
        parent = Child(lambda say: _be_parent(open_store, life, say))
        while not parent.said("saving") and not parent.ended:
            parent.hear(_LONGEST)
        with _locked(life.path) if held else contextlib.nullcontext():
            while held and not parent.ended and len(parent.said("forked")) < _FORKS:
                parent.hear(_HELD_FOR)
        status = _finish(parent)
        said.by(parent)
        for number in range(_OWN + _FORKS):
            said.begun.setdefault(number, 0)
        problems = [
            *_problems(parent, status),
            go_on(open_store, life.path, name, said, turns=1),
        ]
    for what in filter(None, problems):
        report.fail(f"round {name}: {what}")
    refused = parent.said("refused")
    report.add(
        rounds=1,
        rounds_with_a_held_lock=held,
        forks=len(parent.said("forked")),
        children_that_saved=len(parent.said("done")),
        refused=len(refused),
        acknowledged_saves=len(parent.said("acknowledged")),
        parents_that_ended_first=len(parent.said("done after the parent")),
        killed=len(parent.said("killed")),
    )


def _finish(parent: Child) -> int:
    """Let it and its children end, within `_LONGEST`; return the parent's exit status.

    What a parent speaks through its children have, too, so this hears their last word.
    """
    deadline = time.monotonic() + _LONGEST
    while not parent.ended and parent.hear(deadline - time.monotonic()):
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
    """Return the promises that were broken, apart from those about the file."""
    killed = any(who == "parent" for (who,) in parent.said("killed"))
    if status != (-signal.SIGKILL if killed else 0):
        yield f"the parent ended with {status}"
    for (text,) in parent.said("error"):
        yield text
    for number, seconds in parent.said("refused"):
        if seconds > _AT_ONCE:
            yield f"child {number} was refused after {seconds:.1f} s"
    ended = {number for number, *_ in (*parent.said("done"), *parent.said("refused"))}
    for (number,) in parent.said("forked"):
        if number not in ended:
            yield f"child {number} hung, or ended without a word"


# -- In the parent and its children ---------------------------------------------------------------


def _be_parent(open_store: store_under_test.Open, life: _Life, say: Say) -> None:
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
            say("begun", number, turn)
            await store_under_test.save_turn(store, life.name, number, turn)
            say("acknowledged", number, turn)
            if chance.random() < 0.5:
                await asyncio.sleep(chance.random() * 0.02)

    async def main() -> None:
        nonlocal stop
        store = await open_store(life.path)
        saving = [asyncio.create_task(save_on(store, number)) for number in range(_OWN)]
        await asyncio.sleep(0.02)
        say("saving")
        if life.held:
            await asyncio.sleep(0.1)  # the lock is taken meanwhile, and the saves wait for it
        children = []
        for number in range(_OWN, _OWN + _FORKS):
            await asyncio.sleep(chance.random() * 0.03)
            if quiet_afterwards and not life.held:
                stop = True
                await asyncio.gather(*saving)
            args = (open_store, life, number, say)
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
        say("killed", "parent")
        os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(main())


def _fork(open_store: store_under_test.Open, life: _Life, number: int, say: Say) -> int:
    say("forked", number)
    began = time.monotonic()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            asyncio._set_running_loop(None)  # the parent's
            asyncio.run(_be_child(open_store, life, number, say, began))
            _done(number, parent, say)
        except BaseException as error:
            say("error", f"child {number}: {type(error).__name__}: {str(error)[:400]}")
        finally:
            os._exit(0)
    return child


async def _be_child(
    open_store: store_under_test.Open, life: _Life, number: int, say: Say, began: float
) -> None:
    chance = random.Random(f"{life.name}/{number}")
    parent = os.getppid()
    try:
        store = await open_store(life.path)
    except StoreForkedError:
        say("refused", number, time.monotonic() - began)
        os._exit(0)
    for turn in range(1, chance.randrange(2, 12)):
        say("begun", number, turn)
        await store_under_test.save_turn(store, life.name, number, turn)
        say("acknowledged", number, turn)
        await asyncio.sleep(chance.random() * chance.choice((0.002, 0.04)))
    if chance.random() < 0.5:
        say("killed", "child")
        _done(number, parent, say)
        os.kill(os.getpid(), signal.SIGKILL)
    await store.close()


def _done(number: int, parent: int, say: Say) -> None:
    say("done", number)
    if os.getppid() != parent:
        say("done after the parent", number)
