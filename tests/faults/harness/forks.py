"""Children forked from a warm process, what they said before they ended, and shares of a campaign.

Importing everything takes a tenth of a second and more, forking a few milliseconds; so a campaign
that needs thousands of processes forks them. Invariants: 1. whoever forks has no thread and no
store open, so that a child begins as a process of its own would; 2. a child leaves by `os._exit`
and never returns into its parent's code; 3. a line that was said is whole or not there, and stays
said when the child is killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from tests.faults.harness.report import Report

# Says one line: values that JSON knows. It is there for the parent once this returns.
Say = Callable[..., None]

# How many shares of a campaign run at once.
AT_ONCE: Final = max(2, os.cpu_count() or 1)
# After so many broken promises a campaign begins no further share.
ENOUGH: Final = 8
# A child that ended by an error of its own, which it told.
ENDED_BY_ERROR: Final = 3


class Child:
    """A process that runs a function; what it says is read by `hear`, `finish` or `kill`."""

    def __init__(self, work: Callable[[Say], object]) -> None:
        self._said, write_end = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _be_child(work, self._said, write_end)
        os.close(write_end)
        self._unread = b""
        self._open = True
        self.lines: list[list[Any]] = []
        self.status: int | None = None  # the exit status, -9 when killed; None while it runs

    def fileno(self) -> int:
        """What it says, for `select`."""
        return self._said

    def hear(self, seconds: float) -> bool:
        """Wait for it to say something, or to end; False when it did neither in that time."""
        if self._open and not select.select([self], [], [], max(0.0, seconds))[0]:
            return False
        self._read()
        return True

    def signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def kill(self) -> int:
        """Kill it, unless it ended before; answers the exit status and hears what it said."""
        os.kill(self.pid, signal.SIGKILL)
        return self._reap()

    def finish(self, seconds: float) -> int:
        """Let it end by itself, within that time, else kill it; answers the exit status."""
        deadline = time.monotonic() + seconds
        while not self.ended and self.hear(deadline - time.monotonic()):
            pass
        return self._reap() if self.ended else self.kill()

    @property
    def ended(self) -> bool:
        """Whether everything it said was heard, as it is no more."""
        return not self._open

    def said(self, what: str) -> list[list[Any]]:
        """The lines that begin with this word, without it."""
        return [line[1:] for line in self.lines if line[0] == what]

    def _reap(self) -> int:
        while self._open:
            self._read()
        if self.status is None:
            _, status = os.waitpid(self.pid, 0)
            self.status = os.waitstatus_to_exitcode(status)
        return self.status

    def _read(self) -> None:
        if not self._open:
            return
        heard = os.read(self._said, 1 << 16)
        if not heard:
            self._open = False
            os.close(self._said)
        *whole, self._unread = (self._unread + heard).split(b"\n")
        self.lines += map(json.loads, whole)


def _be_child(work: Callable[[Say], object], read_end: int, write_end: int) -> None:
    """Run the function and leave. Whatever it raises is said, with the place it came from."""
    status = ENDED_BY_ERROR
    try:
        os.close(read_end)

        def say(*values: Any) -> None:
            line = json.dumps(values).encode() + b"\n"
            assert len(line) <= select.PIPE_BUF, "a longer one may be torn"
            os.write(write_end, line)

        try:
            work(say)
            status = 0
        except BaseException as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{place.name}, line {place.lineno}"
            say("error", f"{type(error).__name__}: {str(error)[:600]} ({where})")
    finally:
        os._exit(status)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards; in memory where the system has such a place.

    What is killed leaves the same behind in memory as on a disk: nothing here cuts the power.
    """
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="a3s-faults-", dir=memory if memory.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@attrs.define
class _Share:
    child: Child
    name: str


def share(report: Report, work: Callable[[Report, str], object], names: Sequence[str]) -> None:
    """Do `work` for each of these names in processes of their own, a few at a time.

    Each writes a report of its own, which is added to this one.
    """
    waiting = list(reversed(names))
    running: list[_Share] = []
    while running or (waiting and len(report.failures) < ENOUGH):
        while waiting and len(running) < AT_ONCE and len(report.failures) < ENOUGH:
            name = waiting.pop()
            running.append(_Share(Child(_reported(report, work, name)), name))
        select.select([one.child for one in running], [], [])
        for one in list(running):
            if one.child.hear(0) and one.child.ended:
                running.remove(one)
                _add(report, one)


def _reported(
    report: Report, work: Callable[[Report, str], object], name: str
) -> Callable[[Say], None]:
    def run(say: Say) -> None:
        own = Report(campaign=report.campaign, subject=report.subject, seed=report.seed)
        work(own, name)
        say("counts", own.counts)
        for failure in own.failures:
            say("failure", failure[:600])

    return run


def _add(report: Report, one: _Share) -> None:
    status = one.child.finish(10)
    for (counts,) in one.child.said("counts"):
        report.add(**counts)
    for (failure,) in one.child.said("failure"):
        report.fail(failure)
    if status != 0:
        why = "; ".join(text for (text,) in one.child.said("error"))
        report.fail(f"{one.name}: the attack itself ended with {status}: {why}")
