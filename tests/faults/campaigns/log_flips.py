"""Bits of a write-ahead log are flipped, one in each copy; logs as crashes leave them are not.

SQLite drops whatever follows a wrong page of its log and says nothing. Of the flips that would cost
commits, nine in ten at least are recognised before anything is dropped. No log that a killed
process left, and none that a power cut may leave of one, is taken for damage: the pages of the
commit that was under way may be there, or not, or half.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from a3s_store.backends.sqlite.format import wal_file
from a3s_store.errors import StoreError
from tests.faults.campaigns import flips
from tests.faults.harness import damaged_store, full_store
from tests.faults.harness.full_store import Specimen
from tests.faults.harness.report import Report, Size
from tests.faults.harness.store_under_test import Open, find, save_turn, visible
from tests.faults.harness.workload import state

_FLIPS: Final = {"short": 200, "long": 10_000}
_KILLS: Final = {"short": 40, "long": 1_000}
_IMAGES: Final = {"short": 120, "long": 20_000}
_TURNS: Final = 6
_RECOGNISED: Final = 0.9
_SECTOR: Final = 512
# How often one session is saved while its logs are looked at, and after how many there is a pause
# in which the log is copied, so that it is begun again.
_SAVES: Final = 20
_PAUSE_AT: Final = 14


def run(subject: str, seed: int, size: Size, *, share: float = 1.0) -> Report:
    """Flip bits of a log, and look at logs that are as they may be; see the module.

    A `share` of all that is tried.
    """
    report = Report(campaign="log_flips", subject=subject, seed=seed)
    chance = random.Random(seed)
    with damaged_store.scratch() as folder:
        _flip(report, subject, Path(folder), seed, chance, int(share * _FLIPS[size]))
        # Each process is killed at another moment; then one leaves whatever a power cut may.
        for number in range(int(share * _KILLS[size])):
            _kill(report, subject, Path(folder) / f"killed-{number}", chance)
        _cut(report, subject, Path(folder) / "cut", chance, int(share * _IMAGES[size]))
    return report


def _flip(
    report: Report, subject: str, folder: Path, seed: int, chance: random.Random, count: int
) -> None:
    try:
        whole = _killed_specimen(subject, folder, seed)
    except (AssertionError, StoreError) as error:
        report.fail(f"what a killed process left is refused: {error!r}")
        return
    log = whole.files["-wal"]
    report.add(log_bytes=len(log))
    jobs = [(chance.randrange(len(log)), chance.randrange(8)) for _ in range(count)]
    lost = recognised = 0
    arguments = (subject, str(folder), whole)
    for place, found in zip(
        jobs, damaged_store.side_by_side(_try, jobs, flips.begin, *arguments), strict=True
    ):
        # A load that answers nothing, or something older, is what is to be recognised here.
        silent = [failure for failure in found.failures if failure.startswith("SILENT")]
        for failure in found.failures:
            if failure not in silent and not failure.startswith("reading"):
                report.fail(f"bit {place[1]} of byte {place[0]} of the log: {failure}")
        if silent or found.differs or found.refused:
            lost += 1
            recognised += found.refused or found.verified is False
    report.add(flips=count, lose_commits=lost, recognised=recognised)
    if recognised < _RECOGNISED * lost:
        report.fail(f"{recognised} of {lost} flips that lose commits were recognised")


def _try(place: tuple[int, int]) -> damaged_store.Finding:
    data = bytearray(flips.WORKER["whole"].files["-wal"])
    data[place[0]] ^= 1 << place[1]
    return flips.examined(wal=bytes(data))[0]


def _killed_specimen(subject: str, folder: Path, seed: int) -> Specimen:
    """A specimen with a log in which all commits are, since nobody closed the store."""
    path = folder / "killed"

    async def work() -> None:
        store = await find(subject)(path)
        await full_store.fill(store, str(seed), _TURNS)
        os._exit(0)

    os.waitpid(_child(lambda: asyncio.run(work())), 0)
    files = full_store.read_files(path)
    with get_context("fork").Pool(1) as pool:
        return pool.apply(_taken, (subject, path, files))


def _taken(subject: str, path: Path, files: dict[str, bytes]) -> Specimen:
    return asyncio.run(full_store.taken(find(subject), path, files))


def _kill(report: Report, subject: str, path: Path, chance: random.Random) -> None:
    """Kill a process that saves, some of them right after the log was begun again."""
    reading, writing = os.pipe()

    async def work() -> None:
        async with find(subject)(path) as store:
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
    _must_be_legal(report, log, "killed")
    child = _child(lambda: asyncio.run(_must_open(find(subject), path)))
    if os.waitpid(child, 0)[1]:
        report.fail("what a killed process left is refused, or not what was saved")


async def _must_open(open_store: Open, path: Path) -> None:
    async with open_store(path) as store:
        await visible(store, "killed", range(3))
    os._exit(0)


def _cut(report: Report, subject: str, path: Path, chance: random.Random, count: int) -> None:
    """Of a commit under way any of its sectors may be on the disk, and any may not."""
    states = _log_states(subject, path)
    report.add(log_states=len(states))
    for _ in range(count):
        number = chance.randrange(len(states) - 1)
        before, after = states[number], states[number + 1]
        report.add(images=1)
        _must_be_legal(report, _mixed(before, after, chance), f"of saves {number} and one more")


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
    """The bytes of the log after each of some saves; the saving is done by another process."""
    orders, order = os.pipe()
    answer, answers = os.pipe()

    async def work() -> None:
        async with find(subject)(path) as store:
            for turn in range(1, _SAVES + 1):
                # One commit: of two, the first is synced before the second begins.
                await store.save_snapshot(state("cut", 0, turn))
                os.write(answers, b".")
                await asyncio.to_thread(os.read, orders, 1)
                if turn == _PAUSE_AT:
                    await asyncio.sleep(1.3)

    child = _child(lambda: asyncio.run(work()))
    states = []
    log = path.with_name(path.name + "-wal")
    for _ in range(_SAVES):
        os.read(answer, 1)
        states.append(log.read_bytes())
        os.write(order, b".")
    os.waitpid(child, 0)
    for pipe in (orders, order, answer, answers):
        os.close(pipe)
    return states


def _must_be_legal(report: Report, log: bytes, what: str) -> None:
    found = wal_file.audit(log)
    if found.is_damaged:
        report.fail(f"FALSE ALARM: a log {what}: {found}")


def _child(work: Callable[[], Any]) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(1)
    return child
