"""Bits of a WAL are flipped, one in each copy; WALs as crashes leave them are accepted.

SQLite drops everything behind a wrong page of its WAL without an error. Of the flips that would
lose commits, nine in ten at least are recognised before anything is dropped. No WAL that a killed
process left, and none that a power cut may leave, is taken for damage: of the commit in progress
each page may be written, missing, or torn.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from a3s_store.backends.sqlite.format import wal_file
from a3s_store.errors import StoreError
from tests.faults.harness import forks, full_store
from tests.faults.harness.damaged_store import Examiner
from tests.faults.harness.full_store import Original
from tests.faults.harness.report import Report, Size
from tests.faults.harness.store_under_test import Open, find, save_turn, stored_turns
from tests.faults.harness.workload import state

_FLIPS: Final = {"short": 50, "long": 10_000}
_KILLS: Final = {"short": 12, "long": 1_000}
_IMAGES: Final = {"short": 60, "long": 20_000}
_TURNS: Final = 6
_RECOGNISED: Final = 0.9
_SECTOR: Final = 512
# Flips of one process.
_SHARE: Final = 25
# How many saves are made of which the WALs are taken, and after how many there is a pause in which
# a checkpoint copies the WAL, so that it is restarted.
_SAVES: Final = 20
_PAUSE_AT: Final = 14

# A bit: the offset of its byte, and its number in it.
Bit = tuple[int, int]


def run(report: Report, size: Size, *, share: float = 1.0) -> None:
    """Flip bits of a WAL, and check WALs of killed processes and of power cuts.

    A `share` of all that is tried.
    """
    chance = random.Random(report.seed)
    with forks.scratch() as folder:
        _flip(report, folder, chance, int(share * _FLIPS[size]))
        # Each process is killed at another moment.
        for number in range(int(share * _KILLS[size])):
            _kill(report, folder / f"killed-{number}", chance)
        _cut(report, folder / "cut", chance, int(share * _IMAGES[size]))


def _flip(report: Report, folder: Path, chance: random.Random, count: int) -> None:
    try:
        original = _killed_original(report, folder)
    except (AssertionError, StoreError) as error:
        report.fail(f"the file of a killed process is refused: {error!r}")
        return
    log = original.files["-wal"]
    report.add(log_bytes=len(log), flips=count)
    bits = [(chance.randrange(len(log)), chance.randrange(8)) for _ in range(count)]
    forks.share(
        report,
        lambda own, some: _flip_each(own, some, Examiner(own, folder, original)),
        [bits[first : first + _SHARE] for first in range(0, len(bits), _SHARE)],
    )
    lost, recognised = report.counts["lose_commits"], report.counts["recognised"]
    if recognised < _RECOGNISED * lost:
        report.fail(f"{recognised} of {lost} flips that lose commits were recognised")


def _flip_each(report: Report, bits: Sequence[Bit], examiner: Examiner) -> None:
    for at, bit in bits:
        data = bytearray(examiner.original.files["-wal"])
        data[at] ^= 1 << bit
        found, _ = examiner.examine(wal=bytes(data))
        # A load that returns None, or an older value, is a lost commit.
        silent = [failure for failure in found.failures if failure.startswith("SILENT")]
        for failure in found.failures:
            if failure not in silent and not failure.startswith("reading"):
                report.fail(f"bit {bit} of byte {at} of the WAL: {failure}")
        if silent or found.differs or found.refused:
            noticed = found.refused or found.verified is False
            report.add(lose_commits=1, recognised=int(noticed))


def _killed_original(report: Report, folder: Path) -> Original:
    """A store with all commits in its WAL, since no process closed it."""
    path = folder / "killed"

    async def work() -> None:
        store = await find(report.subject)(path)
        await full_store.fill(store, str(report.seed), _TURNS)
        os._exit(0)

    os.waitpid(_child(lambda: asyncio.run(work())), 0)
    return full_store.read_in_own_process(report.subject, path, full_store.read_files(path))


def _kill(report: Report, path: Path, chance: random.Random) -> None:
    """Kill a process that saves, sometimes just after its WAL was restarted."""
    reading, writing = os.pipe()

    async def work() -> None:
        async with find(report.subject)(path) as store:
            for turn in range(1, 10_000):
                await save_turn(store, "killed", turn % 3, 1 + turn // 3)
                os.write(writing, b".")

    child = _child(lambda: asyncio.run(work()))
    os.close(writing)
    os.read(reading, 1)
    time.sleep(chance.uniform(0, 0.08))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reading)
    report.add(kills=1)
    log = full_store.read_files(path).get("-wal", b"")
    _must_not_be_suspected(report, log, "of a killed process")
    child = _child(lambda: asyncio.run(_must_open(find(report.subject), path)))
    if os.waitpid(child, 0)[1]:
        report.fail("the file of a killed process is refused, or has other sessions")


async def _must_open(open_store: Open, path: Path) -> None:
    async with open_store(path) as store:
        await stored_turns(store, "killed", range(3))
    os._exit(0)


def _cut(report: Report, path: Path, chance: random.Random, count: int) -> None:
    """Check WALs in which any sectors of the commit in progress are on the disk."""
    states = _log_states(report.subject, path)
    report.add(log_states=len(states))
    for _ in range(count):
        number = chance.randrange(len(states) - 1)
        before, after = states[number], states[number + 1]
        report.add(images=1)
        image = _mixed(before, after, chance)
        _must_not_be_suspected(report, image, f"of saves {number} and one more")


def _mixed(before: bytes, after: bytes, chance: random.Random) -> bytes:
    # The header is synced by itself, before any page is written under it.
    header = after[:32] if chance.random() < 0.9 or not before else before[:32]
    if header == before[:32] != after[:32]:
        return before
    image = bytearray(header)
    share = chance.random()
    for at in range(32, len(after), _SECTOR):
        source = after if chance.random() < share or at >= len(before) else before
        if at >= len(before) and chance.random() > share:
            image += bytes(len(after[at : at + _SECTOR]))
        else:
            image += source[at : at + _SECTOR]
    return bytes(image) + before[len(after) :]


def _log_states(subject: str, path: Path) -> list[bytes]:
    """The bytes of the WAL after each of some saves, which another process makes."""
    orders, order = os.pipe()
    done, report_done = os.pipe()

    async def work() -> None:
        async with find(subject)(path) as store:
            for turn in range(1, _SAVES + 1):
                # One commit: of two, the first is synced before the second begins.
                await store.save_snapshot(state("cut", 0, turn))
                os.write(report_done, b".")
                await asyncio.to_thread(os.read, orders, 1)
                if turn == _PAUSE_AT:
                    await asyncio.sleep(1.3)

    child = _child(lambda: asyncio.run(work()))
    states = []
    log = path.with_name(path.name + "-wal")
    for _ in range(_SAVES):
        os.read(done, 1)
        states.append(log.read_bytes())
        os.write(order, b".")
    os.waitpid(child, 0)
    for pipe in (orders, order, done, report_done):
        os.close(pipe)
    return states


def _must_not_be_suspected(report: Report, log: bytes, what: str) -> None:
    found = wal_file.audit(log)
    if found.is_damaged:
        report.fail(f"FALSE ALARM: a WAL {what}: {found}")


def _child(work: Callable[[], Any]) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(1)
    return child
