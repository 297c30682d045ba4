"""Every file operation is stopped, and every one fails: a caller is told, and nothing is lost.

For each operation of a run the process is gone before it, in the middle of it, or after it; and for
each of each kind it fails, as on a bad disk (EIO) or a full one (ENOSPC), once or from then on.
A failure has to be reported: to a caller by a typed error, or by advice in `health_check()`. Few
operations may fail without a report, since nothing depends on them: see `HARMLESS`. After an error
the run closes the store, opens it again and goes on; after an I/O error the store must refuse to
save before that. In the end, in a process without the shim, every acknowledged turn is stored.

A failure names the fault; the same seed and fault repeat it, since one save follows the other.
"""

from __future__ import annotations

import errno
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import attrs

from tests.faults.harness import faulty_run, forks, shim
from tests.faults.harness.fork_server import Ended, ForkServer
from tests.faults.harness.report import Report, Size
from tests.faults.harness.shim import CrashHow

unavailable = shim.available

# One operation in so many.
_EVERY: Final[Mapping[Size, int]] = {"short": 48, "long": 1}
# Faults of one process.
_SHARE: Final = 25


@attrs.frozen
class Harmless:
    """An operation that may fail without a report."""

    operation: str  # as the shim names it, a regular expression
    step: str  # in which it failed, likewise
    once: bool  # only where it fails once and not from then on
    why: str


HARMLESS: Final[Sequence[Harmless]] = (
    Harmless(
        r"(write|truncate|sync) store\.db(-wal)?",
        "close|last look",
        False,
        "a last checkpoint; the WAL keeps the rest, and the next opening reads it",
    ),
    Harmless(
        r"(write|truncate|sync) store\.db(-wal)?",
        "save|load|health_check",
        True,
        "a checkpoint or a link committed for it; it was soon repeated and succeeded: else advice "
        "would say so",
    ),
    Harmless(
        r"unlink store\.db-(wal|shm)",
        "open|close",
        False,
        "the last process to close removes them; a file that stays is read, or made anew",
    ),
    Harmless(
        r"(create|open|unlink) store\.db-queue",
        ".*",
        False,
        "fair waiting only; without the file writers poll",
    ),
    Harmless(
        r"sync folder \.",
        "open|save",
        True,
        "SQLite's own with the first sync of a WAL, which it ignores; the store has synced the "
        "folder itself before it was open",
    ),
    Harmless(r"truncate store\.db-wal", ".*", False, "the WAL is only longer than necessary"),
)
# How the refusal of a WAL begins that no commit has linked to its database.
_UNLINKED: Final = "afterwards: WalForeignError: open: nothing in"
_CRASHES: Final[Sequence[CrashHow]] = ("before", "torn", "after")
_KINDS: Final = ("write", "sync", "truncate", "unlink", "create", "name")
# How many operations of each kind fail, at least, if there are as many.
_OF_EACH_KIND: Final = 4
_ERRORS: Final = (errno.EIO, errno.ENOSPC)


@attrs.frozen
class _Fault:
    """The fault of one run: `how` at the k-th operation, or an error at the k-th of a kind."""

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
        """The arguments of `shim.environment`."""
        if self.how != "fails":
            return {"crash_at": self.number, "crash_how": self.how}
        return {
            "fail_at": self.number,
            "fail_kind": self.kind,
            "fail_errno": self.error,
            "fail_sticky": self.sticky,
        }


def run(report: Report, size: Size) -> None:
    """Stop and fail one operation in so many."""
    attack(report, _EVERY[size])


def attack(report: Report, every: int) -> None:
    """Stop and fail one operation in `every`."""
    with forks.scratch() as folder:
        log = folder / "log"
        with ForkServer() as server:
            ended, counted = _play(server, folder, report, log=log)
        kinds = _by_kind(shim.parse(log))
    if (problem := faulty_run.fault_of_its_own(ended)) is not None:
        report.fail(problem)
        return
    report.add(operations=counted.operations)
    faults = list(_faults(counted.operations, kinds, every, report.seed))
    usual = frozenset(ended.result["advice"])  # advice that is given without any fault
    shares = [faults[first : first + _SHARE] for first in range(0, len(faults), _SHARE)]
    forks.share(report, lambda own, share: _try_each(own, share, usual), shares)


def _faults(total: int, kinds: Mapping[str, int], every: int, seed: int) -> Iterator[_Fault]:
    for number in range(1 + seed % every, total + 1, every):
        for how in _CRASHES:
            yield _Fault(number, how)
    for kind in _KINDS:
        # Of a rare kind, several operations all the same.
        count = kinds.get(kind, 0)
        step = max(1, min(every, count // _OF_EACH_KIND))
        for number in range(1 + seed % step, count + 1, step):
            for error in _ERRORS:
                for sticky in (False, True):
                    yield _Fault(number, "fails", kind, error, sticky)


def _play(
    server: ForkServer, folder: Path, report: Report, **settings: Any
) -> tuple[Ended, shim.Counted]:
    return faulty_run.play(server, folder, report, sessions=[1, 2], turns=5, **settings)


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


def _try_each(report: Report, faults: Sequence[_Fault], usual: frozenset[str]) -> None:
    with ForkServer() as server:
        for fault in faults:
            with forks.scratch() as folder:
                _try(report, server, folder, fault, usual)
            if report.is_enough:
                return


def _try(
    report: Report, server: ForkServer, folder: Path, fault: _Fault, usual: frozenset[str]
) -> None:
    ended, counted = _play(server, folder, report, **fault.settings())
    if ended.status is not None and not counted.fired:
        report.add(beyond_the_end=1)  # the run differs a little from the counted one
        return
    report.add(**{"stopped" if fault.how != "fails" else "failing": 1})
    found = list(_complaints(report, ended, counted, fault, usual))
    problem = faulty_run.check(report, folder)
    if problem.startswith(_UNLINKED) and fault.kind == "sync" and fault.sticky:
        # A known limit (docs/trust.md): nothing is lost, and the user decides.
        report.add(resolved=1)
        problem = faulty_run.resolve(folder) or faulty_run.check(report, folder)
    if problem:
        found.append(problem)
    for what in found:
        report.fail(f"seed {report.seed}, {fault} ({counted.first}): {what}")


def _complaints(
    report: Report, ended: Ended, counted: shim.Counted, fault: _Fault, usual: frozenset[str]
) -> Iterator[str]:
    """The promises that were broken during the fault."""
    if ended.status is None:
        yield "the run hung"
        return
    if fault.how != "fails":
        if not ended.was_stopped:
            yield f"ended with status {ended.status}: {ended.stray}"
        return
    yield from ended.stray
    if ended.status != 0:
        return
    outcome = ended.result
    yield from (f"untyped: {what}" for what in outcome["untyped"])
    yield from outcome["broken"]
    advice = [each for each in outcome["advice"] if each not in usual]
    if outcome["errors"]:
        report.add(told_by_an_error=1)
    elif advice:
        report.add(told_by_advice=1)
    elif is_harmless(counted.first, outcome["step"], fault.sticky):
        report.add(harmless=1)
    else:
        yield f"no one was told; it came during {outcome['step'] or 'an unknown step'}"
    if not outcome["finished"] and not fault.sticky:
        yield f"the store did not recover: {outcome['errors']}"


def is_harmless(operation: str, step: str, sticky: bool) -> bool:
    """Whether this operation may fail in this step without a report."""
    return any(
        re.fullmatch(known.operation, operation)
        and re.fullmatch(known.step, step)
        and not (known.once and sticky)
        for known in HARMLESS
    )
