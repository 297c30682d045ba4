"""Writers are killed at random moments, and so are the processes that recover their files.

A child opens the store and saves several sessions at once, so that saves share commits, together
with turns of a live session, of memories, of a queue's journal (`runtime_turns`) and with
transactions over three sessions (`unit_turns`); it sends a
line for each turn it begins and for each acknowledgement. It is killed: a quarter of the time while
it opens, which for all but the first is a recovery, else after its first save began, at a random
moment or just when the file is written to. Then another process opens the file and compares it with
those lines; now and then that process is killed first. The next child goes on with the same file.
Two processes save into every fifth file at once. Saves and deletions take several transactions in
every second file. Every tenth time no child is killed: the store is closed, and a single file must
be left.

A kill does not lose pages that were written and not synced; a power cut does: see `powercut`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from tests.faults.harness import forks, scenarios, store_under_test
from tests.faults.harness.forks import Child, Send
from tests.faults.harness.progress import Progress
from tests.faults.harness.report import Report, Size
from tests.faults.harness.runtime_turns import APPENDS, JOURNALS, LIVE, MEMORIES, UNITS
from tests.faults.harness.workload import BrokenPromiseError, state

# How many kills, and how many of them one file sees.
_KILLS: Final[Mapping[Size, int]] = {"short": 100, "long": 100_000}
_EACH: Final = 25
# Turns of other kinds, beside snapshots of sessions.
_KINDS: Final = (LIVE, MEMORIES, JOURNALS, UNITS, APPENDS)
# How many sessions a process saves at once.
_AT_ONCE: Final = 4
# One file in so many has two processes; one time in so many the store is closed instead.
_TWO: Final = 5
_CLOSED: Final = 10
# How often a child is killed while it opens, and how often the one that verifies is killed too.
_EARLY: Final = 0.25
_DOUBLE: Final = 0.3
# How often a child is killed just when the file is written to, and how many seconds to wait for it.
_WRITING: Final = 0.6
_WAIT_FOR_WRITE: Final = 0.1
# Seconds in which everything that is not killed has to end.
_TIME_LIMIT: Final = 60.0


def run(report: Report, size: Size) -> None:
    """Kill the writers of one file after the other."""
    names = [f"{report.seed}.{number}" for number in range(report.times * _KILLS[size] // _EACH)]
    forks.share(report, _attack, names)


@attrs.define
class _Life:
    """One file and the progress of its sessions."""

    path: Path
    seed: str
    sessions: tuple[tuple[int, ...], ...]  # of each process
    progress: Progress


def _attack(report: Report, name: str) -> None:
    """Kill the writers of one file, again and again."""
    chance = random.Random(name)
    open_store = store_under_test.find(report.subject)
    processes = 2 if int(name.rpartition(".")[2]) % _TWO == _TWO - 1 else 1
    sessions = tuple(
        (*range(at, processes * _AT_ONCE, processes), *(kind + at for kind in _KINDS))
        for at in range(processes)
    )
    with forks.scratch() as folder:
        progress = Progress.of(itertools.chain(*sessions))
        life = _Life(folder / "killed.a3s", name, sessions, progress)
        kills = step = 0
        while kills < _EACH:
            step += 1
            clean = step % _CLOSED == 0
            writers = [
                Child(lambda send, own=own: _save_on(open_store, life, own, send))  # type: ignore[misc]
                for own in sessions
            ]
            if clean:
                problem = _close(report, chance, writers)
            else:
                kills += len(writers)
                problem = _kill(report, chance, life, writers)
            in_flight = _note(report, life, writers)
            report.add(kills_with_a_save_in_flight=in_flight if not clean else 0)
            left = sorted(path.name for path in folder.iterdir())
            if clean and not problem and left != [life.path.name]:
                problem = f"closed, and these files are left: {left}"
            if not clean:
                _kill_verifier(report, chance, open_store, life)
            problem = problem or _verify(open_store, life)
            if problem:
                report.fail(f"file {name}, step {step}: {problem}")
                return
        report.add(files=1)


def _kill(report: Report, chance: random.Random, life: _Life, writers: list[Child]) -> str:
    """Kill each writer at a random moment; return how one ended before that, or ""."""
    for writer in writers:
        if chance.random() < _EARLY:
            time.sleep(chance.random() * chance.choice((0.004, 0.02)))
        else:
            # The lines "open" and "begun" of the first save.
            while not writer.sent("begun") and not writer.ended:
                if not writer.receive(_TIME_LIMIT):
                    return "a writer hangs: it neither opened the store nor ended"
            time.sleep(chance.random() * chance.choice((0.001, 0.01, 0.05)))
            if chance.random() < _WRITING:
                report.add(kills_while_writing=_wait_for_write(life.path))
        status = writer.kill()
        report.add(kills=1, kills_while_opening=0 if writer.sent("open") else 1)
        if status != -signal.SIGKILL:
            return f"a writer ended with {status}: {writer.sent('error')}"
    return ""


def _wait_for_write(path: Path) -> int:
    """Wait until the file or its WAL is written to: a commit has just begun. 0 when none does.

    A commit takes a fiftieth of the time of a save, so few random moments fall into one.
    """
    deadline = time.monotonic() + _WAIT_FOR_WRITE
    before = _written(path)
    while time.monotonic() < deadline:
        if _written(path) != before:
            return 1
    return 0


def _written(path: Path) -> list[tuple[int, int]]:
    found = []
    for name in (path, f"{path}-wal"):
        with contextlib.suppress(FileNotFoundError):
            info = os.stat(name)  # noqa: PTH116 (quicker, and called without pause)
            found.append((info.st_size, info.st_mtime_ns))
    return found


def _close(report: Report, chance: random.Random, writers: list[Child]) -> str:
    """Ask each writer to close its store; return how one ended badly, or ""."""
    for writer in writers:
        while not writer.sent("open") and not writer.ended:
            if not writer.receive(_TIME_LIMIT):
                return "a writer hangs while it opens the store"
    time.sleep(chance.random() * 0.05)
    for writer in writers:
        if not writer.ended:
            writer.signal(signal.SIGUSR1)
    for writer in writers:
        status = writer.finish(_TIME_LIMIT)
        report.add(closed=1)
        if status != 0:
            return f"a writer that should close ended with {status}: {writer.sent('error')}"
    return ""


def _note(report: Report, life: _Life, writers: list[Child]) -> int:
    """Take in the lines of the writers; return how many had a save in flight."""
    in_flight = 0
    for writer in writers:
        mine: dict[int, int] = {}
        for number, turn in writer.sent("begun"):
            mine[number] = life.progress.begun[number] = turn
        for number, turn in writer.sent("acknowledged"):
            life.progress.acknowledged[number] = turn
            report.add(acknowledged_saves=1, acknowledged_runtime_turns=number >= LIVE)
        in_flight += any(life.progress.acknowledged[number] < turn for number, turn in mine.items())
    return in_flight


def _kill_verifier(
    report: Report, chance: random.Random, open_store: store_under_test.Open, life: _Life
) -> None:
    """Kill the process that recovers the file now and then, and the one after it."""
    while chance.random() < _DOUBLE:
        verifier = Child(lambda send: _check(open_store, life, send))
        time.sleep(chance.random() * chance.choice((0.003, 0.012, 0.03)))
        verifier.kill()
        report.add(double_kills=1)


def _verify(open_store: store_under_test.Open, life: _Life) -> str:
    """Compare the file with the progress, in another process; return the broken promise, or ""."""
    verifier = Child(lambda send: _check(open_store, life, send))
    status = verifier.finish(_TIME_LIMIT)
    if status != 0:
        errors = [text for (text,) in verifier.sent("error")]
        return "; ".join(errors) or f"the file cannot be checked: the process ended with {status}"
    for number, turns in verifier.sent("found"):
        # A save without acknowledgement may be stored; from now on it has to stay.
        life.progress.acknowledged[number] = life.progress.begun[number] = turns
        if turns and number < LIVE:
            state(life.seed, number, turns)  # cached here, so that the children need not compute it
    return ""


# -- In the children ------------------------------------------------------------------------------


def _save_on(
    open_store: store_under_test.Open, life: _Life, own: tuple[int, ...], send: Send
) -> None:
    """Save turn after turn of these sessions, all of them at once, until SIGUSR1."""
    if int(life.seed.rpartition(".")[2]) % 2:
        scenarios.in_chunks()
    closing = False

    async def save(store: Any, number: int) -> None:
        turn = life.progress.acknowledged[number]
        while not closing:
            turn += 1
            send("begun", number, turn)
            await store_under_test.save_turn(store, life.seed, number, turn)
            send("acknowledged", number, turn)

    def close() -> None:
        nonlocal closing
        closing = True

    async def main() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, close)
        async with open_store(life.path) as store:
            send("open")
            await asyncio.gather(*(save(store, number) for number in own))

    asyncio.run(main())


def _check(open_store: store_under_test.Open, life: _Life, send: Send) -> None:
    async def main() -> None:
        async with open_store(life.path) as store:
            found = await store_under_test.check(
                store, life.seed, life.progress.acknowledged, life.progress.begun
            )
            for number, turns in found.items():
                if number < LIVE:
                    await _check_checkpoint(store, number, turns)
        for number, turns in found.items():
            send("found", number, turns)

    asyncio.run(main())


async def _check_checkpoint(store: Any, number: int, turns: int) -> None:
    """Check that the run checkpoint saved before the stored turn is stored, too."""
    wanted = turns - (turns - 1) % store_under_test.CHECKPOINT if turns else 0
    saved = await store.load_loop_checkpoint(f"run-of-{number}")
    if wanted and (saved is None or saved.turn < wanted):
        raise BrokenPromiseError(f"LOST: session {number}'s checkpoint of turn {wanted}")
