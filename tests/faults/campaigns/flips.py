"""Bits of a closed database are flipped, one in each copy.

Each copy is opened and asked everything: what comes is what was saved, or a typed error that names
the session. Every bit of the file's header, then bits at random places.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from a3s_store.errors import StoreError
from tests.faults.harness import damaged_store, full_store
from tests.faults.harness.full_store import Specimen
from tests.faults.harness.report import Report, Size
from tests.faults.harness.store_under_test import find

_FLIPS = {"short": 1_200, "long": 100_000}
_TURNS = 18
_HEADER = 100

# In a worker: the loop, how to open, where, and what was whole.
WORKER: dict[str, Any] = {}


def run(subject: str, seed: int, size: Size, *, share: float = 1.0) -> Report:
    """Flip bits; see the module. A `share` of them is tried."""
    report = Report(campaign="flips", subject=subject, seed=seed)
    with damaged_store.scratch() as folder:
        whole = made(report, Path(folder), _TURNS)
        if whole is None:
            return report
        report.add(database_bytes=len(whole.files[""]))
        chance = random.Random(seed)
        jobs = list(_places(len(whole.files[""]), chance, _FLIPS[size]))
        jobs = [job for job in jobs if chance.random() < share]
        findings = damaged_store.side_by_side(_try, jobs, begin, subject, folder, whole)
        for place, (found, missed) in zip(jobs, findings, strict=True):
            report.add(flips=1, **{found.outcome: 1, **found.counts})
            report.add(integrity_check_missed=missed)
            for failure in found.failures:
                report.fail(f"bit {place[1]} of byte {place[0]}: {failure}")
    return report


def made(report: Report, folder: Path, turns: int) -> Specimen | None:
    """A specimen of a store that was closed; None, and a failure, when it does not come out right.

    It is made in a process of its own, which has ended when others are forked from this one.
    """
    with get_context("fork").Pool(1) as pool:
        try:
            return pool.apply(_make, (report.subject, folder, report.seed, turns))
        except (AssertionError, StoreError) as error:
            report.fail(f"what was saved is not what is answered: {error!r}")
            return None


def _make(subject: str, folder: Path, seed: int, turns: int) -> Specimen:
    async def make() -> Specimen:
        path = folder / "specimen"
        await full_store.make(find(subject), path, str(seed), turns)
        return await full_store.taken(find(subject), path, full_store.read_files(path))

    return asyncio.run(make())


def begin(subject: str, folder: str, whole: Specimen) -> None:
    """In a worker, before its first job."""
    path = Path(folder) / f"damaged-{os.getpid()}"
    WORKER.update(runner=asyncio.Runner(), open=find(subject), path=path, whole=whole)


def examined(*, thorough: bool = True, **changed: bytes) -> tuple[damaged_store.Finding, bool]:
    """In a worker: what is found in a copy, and whether only we saw what is wrong with it."""
    whole: Specimen = WORKER["whole"]
    path: Path = WORKER["path"]
    whole.write(path, **changed)
    structure = damaged_store.structure_is_whole(path)
    whole.write(path, **changed)
    found: damaged_store.Finding = WORKER["runner"].run(
        damaged_store.examine(WORKER["open"], path, whole, thorough=thorough)
    )
    noticed = found.refused or found.differs or found.verified is False or bool(found.failures)
    return found, structure and noticed


def _places(length: int, chance: random.Random, count: int) -> Iterator[tuple[int, int]]:
    for place in range(8 * min(_HEADER, length)):
        yield divmod(place, 8)
    for _ in range(count - 8 * _HEADER):
        yield chance.randrange(length), chance.randrange(8)


def _try(place: tuple[int, int]) -> tuple[damaged_store.Finding, bool]:
    data = bytearray(WORKER["whole"].files[""])
    data[place[0]] ^= 1 << place[1]
    # What is harmless is verified now and then, whether that raises nothing.
    return examined(thorough=place[0] % 8 == 0, db=bytes(data))
