"""Writers are killed at random moments, and so are those who recover what they left.

A child opens the store and saves several sessions at once, so that saves share commits, with turns
of a live session, of memories and of a queue's journal beside them (`runtime_turns`); it says what
it begins and what was acknowledged. It is killed: a quarter of the time while it opens, which for
all but the first is a recovery, else after its first save began, at some moment or just when
something is written. Then another process opens the file and holds what is there against what was
said; now and then that one is killed first. The next child goes on with the same file. Two
processes save into every fifth file at once. Every tenth time nobody is killed: the store is
closed, and a single file must be left.

What a kill cannot show is what a power cut takes: see `powercut`.
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

from tests.faults.harness import forks, store_under_test
from tests.faults.harness.forks import Child, Say
from tests.faults.harness.report import Report, Size
from tests.faults.harness.runtime_turns import JOURNALS, LIVE, MEMORIES
from tests.faults.harness.workload import BrokenPromiseError, state

# How many kills, and how many of them one file sees.
_KILLS: Final[Mapping[Size, int]] = {"short": 300, "long": 100_000}
_EACH: Final = 25
# How many sessions a process saves at once.
_AT_ONCE: Final = 4
# Every so manyth file has two processes; every so manyth time the store is closed instead.
_TWO: Final = 5
_CLOSED: Final = 10
# How often a child is killed while it opens, and how often the one that verifies is killed too.
_EARLY: Final = 0.25
_DOUBLE: Final = 0.3
# How often a child is killed just when something is written, and how long that is waited for.
_WRITING: Final = 0.6
_WAIT_FOR_WRITE: Final = 0.1
# Seconds in which everything that is not killed has to end.
_PATIENCE: Final = 60.0


def run(subject: str, seed: int, size: Size) -> Report:
    """Kill writers `_KILLS` times; see the module."""
    report = Report(campaign="kill", subject=subject, seed=seed)
    names = [f"{seed}.{number}" for number in range(_KILLS[size] // _EACH)]
    forks.share(report, _attack, names)
    return report


@attrs.define
class _Life:
    """One file, and what is known of it by the turns of each session."""

    path: Path
    seed: str
    sessions: tuple[tuple[int, ...], ...]  # of each process
    acknowledged: dict[int, int] = attrs.field(factory=dict)
    begun: dict[int, int] = attrs.field(factory=dict)


def _attack(report: Report, name: str) -> None:
    """Kill the writers of one file, again and again."""
    chance = random.Random(name)
    open_store = store_under_test.find(report.subject)
    processes = 2 if int(name.rpartition(".")[2]) % _TWO == _TWO - 1 else 1
    sessions = tuple(
        (*range(at, processes * _AT_ONCE, processes), LIVE + at, MEMORIES + at, JOURNALS + at)
        for at in range(processes)
    )
    with forks.scratch() as folder:
        life = _Life(folder / "killed.a3s", name, sessions)
        for number in itertools.chain(*sessions):
            life.acknowledged[number] = life.begun[number] = 0
        kills = step = 0
        while kills < _EACH:
            step += 1
            clean = step % _CLOSED == 0
            writers = [
                Child(lambda say, own=own: _save_on(open_store, life, own, say))  # type: ignore[misc]
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
    """Kill each at its moment; answers what is wrong, if they ended before that."""
    for writer in writers:
        if chance.random() < _EARLY:
            time.sleep(chance.random() * chance.choice((0.004, 0.02)))
        else:
            # "open", then the first save.
            while not writer.said("begun") and not writer.ended:
                if not writer.hear(_PATIENCE):
                    return "a writer hangs: it neither opened the store nor ended"
            time.sleep(chance.random() * chance.choice((0.001, 0.01, 0.05)))
            if chance.random() < _WRITING:
                report.add(kills_while_writing=_wait_for_write(life.path))
        status = writer.kill()
        report.add(kills=1, kills_while_opening=0 if writer.said("open") else 1)
        if status != -signal.SIGKILL:
            return f"a writer ended with {status}: {writer.said('error')}"
    return ""


def _wait_for_write(path: Path) -> int:
    """Wait until the file or its log is written to: a commit has just begun; 0 when none does.

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
    """Ask each to close, at its moment; answers what is wrong with how it ended."""
    for writer in writers:
        while not writer.said("open") and not writer.ended:
            if not writer.hear(_PATIENCE):
                return "a writer hangs while it opens the store"
    time.sleep(chance.random() * 0.05)
    for writer in writers:
        if not writer.ended:
            writer.signal(signal.SIGUSR1)
    for writer in writers:
        status = writer.finish(_PATIENCE)
        report.add(closed=1)
        if status != 0:
            return f"a writer that should close ended with {status}: {writer.said('error')}"
    return ""


def _note(report: Report, life: _Life, writers: list[Child]) -> int:
    """Take down what they said; answers how many had begun a save that was not acknowledged."""
    in_flight = 0
    for writer in writers:
        mine: dict[int, int] = {}
        for number, turn in writer.said("begun"):
            mine[number] = life.begun[number] = turn
        for number, turn in writer.said("acknowledged"):
            life.acknowledged[number] = turn
            report.add(acknowledged_saves=1, acknowledged_runtime_turns=number >= LIVE)
        in_flight += any(life.acknowledged[number] < turn for number, turn in mine.items())
    return in_flight


def _kill_verifier(
    report: Report, chance: random.Random, open_store: store_under_test.Open, life: _Life
) -> None:
    """Now and then the one who recovers is killed too, and the one after it."""
    while chance.random() < _DOUBLE:
        verifier = Child(lambda say: _look(open_store, life, say))
        time.sleep(chance.random() * chance.choice((0.003, 0.012, 0.03)))
        verifier.kill()
        report.add(double_kills=1)


def _verify(open_store: store_under_test.Open, life: _Life) -> str:
    """Hold what is there against what was said; answers what is wrong with it."""
    verifier = Child(lambda say: _look(open_store, life, say))
    status = verifier.finish(_PATIENCE)
    if status != 0:
        told = [text for (text,) in verifier.said("error")]
        return "; ".join(told) or f"nobody can look: the process ended with {status}"
    for number, turns in verifier.said("found"):
        # A save that was not acknowledged may be there, whole; from now on it has to stay.
        life.acknowledged[number] = life.begun[number] = turns
        if turns and number < LIVE:
            state(life.seed, number, turns)  # so that the children need not work it out
    return ""


# -- In the children ------------------------------------------------------------------------------


def _save_on(
    open_store: store_under_test.Open, life: _Life, own: tuple[int, ...], say: Say
) -> None:
    """Save these sessions' next turns, all at once and one after the other, until told to close."""
    closing = False

    async def save(store: Any, number: int) -> None:
        turn = life.acknowledged[number]
        while not closing:
            turn += 1
            say("begun", number, turn)
            await store_under_test.save_turn(store, life.seed, number, turn)
            say("acknowledged", number, turn)

    def close() -> None:
        nonlocal closing
        closing = True

    async def main() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, close)
        async with open_store(life.path) as store:
            say("open")
            await asyncio.gather(*(save(store, number) for number in own))

    asyncio.run(main())


def _look(open_store: store_under_test.Open, life: _Life, say: Say) -> None:
    async def main() -> None:
        async with open_store(life.path) as store:
            found = await store_under_test.check(store, life.seed, life.acknowledged, life.begun)
            for number, turns in found.items():
                if number < LIVE:
                    await _check_checkpoint(store, number, turns)
        for number, turns in found.items():
            say("found", number, turns)

    asyncio.run(main())


async def _check_checkpoint(store: Any, number: int, turns: int) -> None:
    """The last checkpoint that came before what is there was acknowledged, so it is there, too."""
    wanted = turns - (turns - 1) % store_under_test.CHECKPOINT if turns else 0
    saved = await store.load_loop_checkpoint(f"run-of-{number}")
    if wanted and (saved is None or saved.turn < wanted):
        raise BrokenPromiseError(f"LOST: session {number}'s checkpoint of turn {wanted}")
