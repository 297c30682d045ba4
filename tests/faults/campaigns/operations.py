"""Every file operation is stopped, and every one fails: somebody is told, and nothing is lost.

For each operation of a run the process is gone before it, in the middle of it, or after it; and for
each of each kind it fails, as on a bad disk (EIO) or a full one (ENOSPC), once or from then on.
What fails has to be told: to a caller by a typed error, or by advice in `health_check()`. Few
operations may fail without a word, since nothing depends on them: see `HARMLESS`. After an error
the run closes the store, opens it again and goes on; after an I/O error the store must refuse to
save before that. In the end, in a process without the shim, every acknowledged turn is there.

A failure names the fault; the same seed and fault repeat it, since one save follows the other.
"""

from __future__ import annotations

import asyncio
import errno
import multiprocessing
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import attrs

from a3s_store.errors import StoreError
from tests.faults.campaigns.powercut import ENOUGH, scratch
from tests.faults.harness import scenarios, shim, store_under_test
from tests.faults.harness.fork_server import Ended, Stage
from tests.faults.harness.report import Report, Size
from tests.faults.harness.scenarios import Promised
from tests.faults.harness.shim import CrashHow
from tests.faults.harness.workload import BrokenPromiseError

# Each so-manieth operation.
_EVERY: Final[Mapping[Size, int]] = {"short": 16, "long": 1}
_RUN: Final[Mapping[str, Any]] = {"sessions": [1, 2], "turns": 5}
_SECONDS: Final = 30.0


@attrs.frozen
class Harmless:
    """What may fail without a word."""

    operation: str  # as the shim calls it, a regular expression
    step: str  # in which it failed, likewise
    once: bool  # only where it fails once and not from then on
    why: str


HARMLESS: Final[Sequence[Harmless]] = (
    Harmless(
        r"(write|truncate|sync) store\.db(-wal)?",
        "close|last look",
        False,
        "a last checkpoint; the log keeps what it did not copy, and the next opening reads it",
    ),
    Harmless(
        r"(write|truncate|sync) store\.db(-wal)?",
        "save|load|health_check",
        True,
        "a checkpoint or a link committed for it; it was made again, soon, and succeeded: else "
        "advice would say so",
    ),
    Harmless(
        r"unlink store\.db-(wal|shm)",
        "open|close",
        False,
        "whoever closes last removes them; what stays is read, or made anew",
    ),
    Harmless(
        r"sync folder \.",
        "open|save",
        True,
        "SQLite's own with the first sync of a log, which it ignores; the store has synced the "
        "folder itself before it was open",
    ),
    Harmless(r"truncate store\.db-wal", ".*", False, "the log is only longer than it need be"),
)
_CRASHES: Final[Sequence[CrashHow]] = ("before", "torn", "after")
_KINDS: Final = ("write", "sync", "truncate", "unlink", "create", "name")
_ERRORS: Final = (errno.EIO, errno.ENOSPC)


@attrs.frozen
class _Fault:
    """What is done to which operation: `how` to the k-th of all, or an error to that of a kind."""

    number: int
    how: CrashHow | Literal["fails"]
    kind: str = "any"
    error: int = errno.EIO
    sticky: bool = False

    def __str__(self) -> str:
        if self.how != "fails":
            return f"stopped {self.how} operation {self.number}"
        lasting = "from then on" if self.sticky else "once"
        return f"{self.kind} {self.number} fails with {errno.errorcode[self.error]} {lasting}"

    def settings(self) -> dict[str, Any]:
        """For `shim.environment`."""
        if self.how != "fails":
            return {"crash_at": self.number, "crash_how": self.how}
        return {
            "fail_at": self.number,
            "fail_kind": self.kind,
            "fail_errno": self.error,
            "fail_sticky": self.sticky,
        }


@attrs.frozen
class _Part:
    faults: Sequence[_Fault]
    subject: str
    seed: str
    usual: frozenset[str]  # advice that is given without any fault
    scratch: Path


@attrs.define
class _Outcome:
    counts: Counter[str] = attrs.field(factory=Counter)
    failures: list[str] = attrs.field(factory=list)


def run(subject_name: str, seed: int, size: Size) -> Report:
    """Run the campaign; see `tests.faults`."""
    report = Report(campaign="operations", subject=subject_name, seed=seed)
    if (reason := shim.available()) is not None:
        report.fail(f"cannot be run here: {reason}")
        return report
    with scratch() as place:
        attack(report, place, subject_name, seed, _EVERY[size])
    return report


def attack(report: Report, place: Path, subject_name: str, seed: int, every: int) -> None:
    """Stop and fail each so-manieth operation."""
    with Stage() as stage:
        ended, counted, kinds = _play(stage, place, subject_name, str(seed), None)
    if ended.status != 0 or ended.answer["errors"] or not ended.answer["finished"]:
        report.fail(f"the run fails without any fault: {ended}")
        return
    report.add(operations=counted.operations)
    faults = list(_faults(counted.operations, kinds, every, seed))
    usual = frozenset(ended.answer["advice"])
    parts = [
        _Part(faults[first : first + 25], subject_name, str(seed), usual, place)
        for first in range(0, len(faults), 25)
    ]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for outcome in pool.imap_unordered(_run_part, parts):
            report.counts.update(outcome.counts)
            report.failures.extend(outcome.failures)
            if len(report.failures) >= ENOUGH:
                report.add(given_up=1)
                break


def _faults(total: int, kinds: Mapping[str, int], every: int, seed: int) -> Iterator[_Fault]:
    start = 1 + seed % every
    for number in range(start, total + 1, every):
        for how in _CRASHES:
            yield _Fault(number, how)
    for kind in _KINDS:
        # Of the kinds that are few, each is tried.
        step = every if kinds.get(kind, 0) > 4 * every else 1
        for number in range(1 + seed % step, kinds.get(kind, 0) + 1, step):
            for error in _ERRORS:
                for sticky in (False, True):
                    yield _Fault(number, "fails", kind, error, sticky)


def _play(
    stage: Stage, place: Path, subject_name: str, seed: str, fault: _Fault | None
) -> tuple[Ended, shim.Counted, dict[str, int]]:
    """The run with this fault in `place`/w; without one also how many operations of each kind."""
    folder, log, count = place / "w", place / "log", place / "count"
    folder.mkdir()
    arguments = {"folder": str(folder), "subject_name": subject_name, "seed": seed}
    kinds: dict[str, int] = {}
    if fault is not None:
        environment = shim.environment(folder, count=count, **fault.settings())
    else:
        environment = shim.environment(folder, log=log, count=count)
    ended = stage.run(
        f"{scenarios.__name__}:faulty",
        {**arguments, **_RUN, "count": str(count)},
        environment,
        seconds=_SECONDS,
    )
    counted = shim.counted(count)
    if fault is None:
        kinds = _by_kind(shim.parse(log))
        shutil.rmtree(folder)
    return ended, counted, kinds


def _by_kind(operations: Sequence[shim.Operation]) -> dict[str, int]:
    names = {
        shim.Kind.WRITE: "write",
        shim.Kind.SYNC: "sync",
        shim.Kind.CUT: "truncate",
        shim.Kind.UNLINK: "unlink",
        shim.Kind.CREATE: "create",
    }
    return Counter(
        "name" if op.kind > shim.Kind.UNLINK else names[op.kind]
        for op in operations
        if op.kind is not shim.Kind.OPEN and not op.is_marks
    )


def _run_part(part: _Part) -> _Outcome:
    outcome = _Outcome()
    with Stage() as stage:
        for fault in part.faults:
            place = Path(tempfile.mkdtemp(dir=part.scratch))
            try:
                _try(stage, part, fault, place, outcome)
            finally:
                shutil.rmtree(place, ignore_errors=True)
    return outcome


def _try(stage: Stage, part: _Part, fault: _Fault, place: Path, outcome: _Outcome) -> None:
    ended, counted, _ = _play(stage, place, part.subject, part.seed, fault)
    if ended.status is not None and not counted.fired:
        outcome.counts["beyond_the_end"] += 1  # the run differs a little from the one counted
        return
    outcome.counts["stopped" if fault.how != "fails" else "failing"] += 1
    found = list(_complaints(ended, counted, fault, part.usual, outcome.counts))
    lost = _hold(part, place)
    if lost is not None:
        found.append(lost)
    outcome.failures += [f"seed {part.seed}, {fault} ({counted.first}): {what}" for what in found]


def _complaints(
    ended: Ended,
    counted: shim.Counted,
    fault: _Fault,
    usual: frozenset[str],
    counts: Counter[str],
) -> Iterator[str]:
    """What was wrong while the fault came."""
    if ended.status is None:
        yield f"the run hung for {_SECONDS:.0f} seconds"
        return
    if fault.how != "fails":
        if not ended.was_stopped:
            yield f"ended with status {ended.status}: {ended.stray}"
        return
    yield from ended.stray
    if ended.status != 0:
        return
    told = ended.answer
    yield from (f"untyped: {what}" for what in told["untyped"])
    yield from told["broken"]
    advice = [each for each in told["advice"] if each not in usual]
    if told["errors"]:
        counts["told_by_an_error"] += 1
    elif advice:
        counts["told_by_advice"] += 1
    elif is_harmless(counted.first, told["step"], fault.sticky):
        counts["harmless"] += 1
    else:
        yield f"nobody was told; it came during {told['step'] or 'an unknown step'}"
    if not told["finished"] and not fault.sticky:
        yield f"the store did not recover: {told['errors']}"


def is_harmless(operation: str, step: str, sticky: bool) -> bool:
    """Whether this operation may fail in this step without anybody being told."""
    return any(
        re.fullmatch(known.operation, operation)
        and re.fullmatch(known.step, step)
        and not (known.once and sticky)
        for known in HARMLESS
    )


def _hold(part: _Part, place: Path) -> str | None:
    """What is missing or wrong afterwards, without any fault; None when nothing is."""
    promised = Promised()
    marks = place / "w" / shim.MARKS
    if marks.exists():
        promised.read(marks.read_bytes())

    async def look() -> None:
        async with store_under_test.find(part.subject)(place / "w" / scenarios.STORE) as store:
            await store_under_test.check(store, part.seed, promised.acknowledged, promised.begun)

    try:
        asyncio.run(asyncio.wait_for(look(), _SECONDS))
    except (BrokenPromiseError, StoreError, TimeoutError) as error:
        return f"{type(error).__name__}: {error}"
    return None
