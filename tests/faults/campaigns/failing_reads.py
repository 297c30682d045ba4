"""Each read of the database and its log fails, once or for good: no one is told of damage.

For each read of a run, in turn, that one fails with EIO, or it and all later ones. What fails has
to be told: to a caller by StoreUnavailableError, or by advice in `health_check()`; never as damage,
since none is there. After it the store must take no save until it was closed and opened again. In
the end, in a process whose reads all work, every acknowledged turn is there and the file is whole.

Few reads may fail without a word: see `_SILENT`. A failure names the read; the same seed and read
repeat it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.faults.harness import forks, scenarios, shim, store_under_test
from tests.faults.harness.fork_server import Ended, Stage
from tests.faults.harness.report import Report, Size
from tests.faults.harness.scenarios import Promised

# Each so-manieth read, in so many shares of the campaign.
_EVERY: Final[Mapping[Size, int]] = {"short": 7, "long": 1}
_SHARES: Final = 8
_RUN: Final[Mapping[str, Any]] = {"sessions": [1, 2], "turns": 5}
_SECONDS: Final = 60.0
# In which step a read may fail without a word: a last checkpoint leaves the log, which the next
# opening reads; one that failed once while opening was repeated.
_SILENT: Final = {True: re.compile("close|last look"), False: re.compile("open|close|last look")}


def run(subject: str, seed: int, size: Size) -> Report:
    """Run the campaign; see `tests.faults`."""
    report = Report(campaign="failing_reads", subject=subject, seed=seed)
    if (reason := shim.available()) is not None:
        report.fail(f"cannot be run here: {reason}")
        return report
    with forks.scratch() as folder, Stage() as stage:
        ended, counted = _play(stage, folder, subject, str(seed), 1 << 40, sticky=False)
    if ended.status != 0 or ended.answer["errors"] or not ended.answer["finished"]:
        report.fail(f"the run fails without any fault: {ended}")
        return report
    report.add(reads=counted.chosen)
    start = 1 + seed % _EVERY[size]
    reads = range(start, counted.chosen + 1, _EVERY[size])
    shares = [" ".join(map(str, reads[first::_SHARES])) for first in range(_SHARES)]
    forks.share(report, _fail_each, [share for share in shares if share])
    return report


def _fail_each(report: Report, reads: str) -> None:
    with Stage() as stage:
        for number in map(int, reads.split()):
            for sticky in (False, True):
                with forks.scratch() as folder:
                    _try(report, stage, folder, number, sticky=sticky)
            if report.is_enough:
                return


def _play(
    stage: Stage, folder: Path, subject: str, seed: str, number: int, *, sticky: bool
) -> tuple[Ended, shim.Counted]:
    place, count = folder / "w", folder / "count"
    place.mkdir()
    environment = shim.environment(
        place, count=count, fail_at=number, fail_kind="read", fail_sticky=sticky
    )
    arguments = {"folder": str(place), "subject_name": subject, "seed": seed, "count": str(count)}
    ended = stage.run(
        f"{scenarios.__name__}:faulty", {**arguments, **_RUN}, environment, seconds=_SECONDS
    )
    return ended, shim.counted(count)


def _try(report: Report, stage: Stage, folder: Path, number: int, *, sticky: bool) -> None:
    ended, counted = _play(stage, folder, report.subject, str(report.seed), number, sticky=sticky)
    if ended.status is not None and not counted.fired:
        report.add(beyond_the_end=1)  # the run differs a little from the one counted
        return
    lasting = "from then on" if sticky else "once"
    name = f"seed {report.seed}, read {number} fails {lasting} ({counted.first})"
    report.add(failing=1)
    for what in (*_complaints(report, ended, sticky=sticky), *_lost(report, folder)):
        report.fail(f"{name}: {what}")


def _complaints(report: Report, ended: Ended, *, sticky: bool) -> Iterator[str]:
    """Return what was wrong while the read failed."""
    if ended.status != 0:
        yield f"the run ended with {ended.status}" if ended.status else "the run hung"
    yield from ended.stray
    if ended.answer is None:
        return
    told = ended.answer
    yield from (f"untyped: {what}" for what in told["untyped"])
    yield from told["broken"]
    for line in told["errors"]:
        if ": StoreUnavailableError: " not in line:
            yield f"told as something else: {line}"
    advice = [each for each in told["advice"] if "Saves are refused" in each]
    if told["errors"]:
        report.add(told_by_an_error=1)
    elif advice:
        report.add(told_by_advice=1)
    elif _SILENT[sticky].fullmatch(told["step"]):
        report.add(silent=1)
    else:
        yield f"no one was told; it came during {told['step'] or 'an unknown step'}"
    if not told["finished"] and not sticky:
        yield f"the store did not recover: {told['errors']}"


def _lost(report: Report, folder: Path) -> Iterator[str]:
    """Return what is missing or wrong when all reads work again."""
    promised = Promised()
    marks = folder / "w" / shim.MARKS
    if marks.exists():
        promised.read(marks.read_bytes())
    seed = str(report.seed)

    async def look() -> None:
        async with store_under_test.find(report.subject)(folder / "w" / scenarios.STORE) as store:
            await store_under_test.check(store, seed, promised.acknowledged, promised.begun)

    def main(_: forks.Say) -> None:
        asyncio.run(look())

    child = forks.Child(main)
    if child.finish(_SECONDS) != 0:
        yield f"afterwards: {'; '.join(text for (text,) in child.said('error')) or 'it hangs'}"
