"""Each read of the database and its WAL fails, once or for good: no caller is told of damage.

For each read of a run, in turn, that read fails with EIO, or it and all later ones. The failure has
to be reported: to a caller by StoreUnavailableError, or by advice in `health_check()`; never as
damage, since there is none. After it the store must take no save until it was closed and opened
again. In the end, in a process in which all reads work, every acknowledged turn is stored and the
file is intact.

Few reads may fail without a report: see `_SILENT`. A failure names the read; the same seed and read
repeat it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from tests.faults.harness import faulty_run, forks, shim
from tests.faults.harness.fork_server import Ended, ForkServer
from tests.faults.harness.report import Report, Size

unavailable = shim.available

# One read in so many fails; the campaign is cut into so many shares.
_EVERY: Final[Mapping[Size, int]] = {"short": 32, "long": 1}
_SHARES: Final = 8
# In which step a read may fail without a report: a last checkpoint leaves the WAL, which the next
# opening reads; a read that failed once while opening was repeated.
_SILENT: Final = {True: re.compile("close|last look"), False: re.compile("open|close|last look")}


def run(report: Report, size: Size) -> None:
    """Count the reads of a run, then let each in so many fail."""
    with forks.scratch() as folder, ForkServer() as server:
        # No read has this number: nothing fails, and reads are counted.
        ended, counted = _play(server, folder, report, 1 << 40, sticky=False)
    if (problem := faulty_run.fault_of_its_own(ended)) is not None:
        report.fail(problem)
        return
    report.add(reads=counted.chosen)
    every = max(1, _EVERY[size] // report.times)
    reads = range(1 + report.seed % every, counted.chosen + 1, every)
    shares = [reads[first::_SHARES] for first in range(_SHARES)]
    forks.share(report, _fail_each, [share for share in shares if share])


def _fail_each(report: Report, reads: range) -> None:
    with ForkServer() as server:
        for number in reads:
            for sticky in (False, True):
                with forks.scratch() as folder:
                    _try(report, server, folder, number, sticky=sticky)
            if report.is_enough:
                return


def _play(
    server: ForkServer, folder: Path, report: Report, number: int, *, sticky: bool
) -> tuple[Ended, shim.Counted]:
    return faulty_run.play(
        server,
        folder,
        report,
        sessions=[1, 2],
        turns=5,
        fail_at=number,
        fail_kind="read",
        fail_sticky=sticky,
    )


def _try(report: Report, server: ForkServer, folder: Path, number: int, *, sticky: bool) -> None:
    ended, counted = _play(server, folder, report, number, sticky=sticky)
    if ended.status is not None and not counted.fired:
        report.add(beyond_the_end=1)  # the run differs a little from the counted one
        return
    lasting = "from then on" if sticky else "once"
    name = f"seed {report.seed}, read {number} fails {lasting} ({counted.first})"
    report.add(failing=1)
    for what in _complaints(report, ended, sticky=sticky):
        report.fail(f"{name}: {what}")
    if problem := faulty_run.check(report, folder):
        report.fail(f"{name}: {problem}")


def _complaints(report: Report, ended: Ended, *, sticky: bool) -> Iterator[str]:
    """The promises that were broken while the read failed."""
    if ended.status != 0:
        yield f"the run ended with {ended.status}" if ended.status else "the run hung"
    yield from ended.stray
    if ended.result is None:
        return
    outcome = ended.result
    yield from (f"untyped: {what}" for what in outcome["untyped"])
    yield from outcome["broken"]
    for line in outcome["errors"]:
        if ": StoreUnavailableError: " not in line:
            yield f"told as something else: {line}"
    advice = [each for each in outcome["advice"] if "Saves are refused" in each]
    if outcome["errors"]:
        report.add(told_by_an_error=1)
    elif advice:
        report.add(told_by_advice=1)
    elif _SILENT[sticky].fullmatch(outcome["step"]):
        report.add(silent=1)
    else:
        yield f"no one was told; it came during {outcome['step'] or 'an unknown step'}"
    if not outcome["finished"] and not sticky:
        yield f"the store did not recover: {outcome['errors']}"
