"""Forked processes: one child, and the shares of a campaign.

Importing everything takes a tenth of a second and more, a fork a few milliseconds; so a campaign
that needs thousands of processes forks them. Invariants: 1. the process that forks has no other
thread and no open store, so its child starts as a process of its own would; 2. a child ends by
`os._exit` and never returns into its parent's code; 3. a line that a child sent is complete or
absent, and survives the child's death.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import select
import shutil
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs

from tests.faults.harness.report import Report

# Sends one line of values that JSON knows; the parent can read it once this returns.
Send = Callable[..., None]
Item = TypeVar("Item")

# How many shares of a campaign run at once.
AT_ONCE: Final = max(2, os.cpu_count() or 1)
# The exit status of a child that sent an error of its own.
ENDED_BY_ERROR: Final = 3


class Child:
    """A process that runs a function; `hear`, `finish` and `kill` read the lines it sends."""

    def __init__(self, work: Callable[[Send], object]) -> None:
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
        """The read end of its pipe, for `select`."""
        return self._said

    def receive(self, seconds: float) -> bool:
        """Wait for a line or for its end; False when neither came within so many seconds."""
        if self._open and not select.select([self], [], [], max(0.0, seconds))[0]:
            return False
        self._read()
        return True

    def signal(self, number: int) -> None:
        """Send the process a signal."""
        os.kill(self.pid, number)

    def kill(self) -> int:
        """Kill the process unless it has ended, read its last lines, return the exit status."""
        os.kill(self.pid, signal.SIGKILL)
        return self._reap()

    def finish(self, seconds: float) -> int:
        """Wait so many seconds for its end, then kill it; return the exit status."""
        deadline = time.monotonic() + seconds
        while not self.ended and self.receive(deadline - time.monotonic()):
            pass
        return self._reap() if self.ended else self.kill()

    @property
    def ended(self) -> bool:
        """Whether it has ended and all its lines were read."""
        return not self._open

    def sent(self, what: str) -> list[list[Any]]:
        """The lines that begin with this word, without the word."""
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
        received = os.read(self._said, 1 << 16)
        if not received:
            self._open = False
            os.close(self._said)
        *whole, self._unread = (self._unread + received).split(b"\n")
        self.lines += map(json.loads, whole)


def wait_for(
    children: Sequence[Child], what: str, count: int, chance: random.Random, seconds: float
) -> bool:
    """Wait until the children have sent so many more lines of a kind, and then to a random moment.

    That moment is before the next such line, as far as their pace tells: what was done by then
    depends on the seed and not on the speed of the machine. The end of a child ends the wait.

    Returns: False when there was no line at all for so many seconds.
    """
    before = _sent(children, what)
    began = time.monotonic()
    while (found := _sent(children, what) - before) < count:
        if any(child.ended for child in children):
            return True
        ready, _, _ = select.select(children, [], [], seconds)
        if not ready:
            return False
        for child in ready:
            child.receive(0)
    time.sleep(chance.random() * (time.monotonic() - began) / max(1, found))
    return True


def _sent(children: Sequence[Child], what: str) -> int:
    return sum(len(child.sent(what)) for child in children)


def _be_child(work: Callable[[Send], object], read_end: int, write_end: int) -> None:
    """Run the function and exit. An exception is sent as an "error" line with its place."""
    status = ENDED_BY_ERROR
    try:
        os.close(read_end)

        def send(*values: Any) -> None:
            line = json.dumps(values).encode() + b"\n"
            assert len(line) <= select.PIPE_BUF, "a longer one may be torn"
            os.write(write_end, line)

        try:
            work(send)
            status = 0
        except BaseException as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{place.name}, line {place.lineno}"
            send("error", f"{type(error).__name__}: {str(error)[:600]} ({where})")
    finally:
        os._exit(status)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder, in memory where the system has /dev/shm.

    A killed process leaves the same files in memory as on a disk: nothing here cuts the power.
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
    item: object
    deadline: float


def share(
    report: Report,
    work: Callable[[Report, Item], object],
    items: Sequence[Item],
    *,
    seconds: float = math.inf,
) -> None:
    """Do `work` for each item in a process of its own, a few at a time, and add up their reports.

    A process that raises, crashes or takes longer than `seconds` is a failure of its item. The
    running processes are killed once the report has enough failures.
    """
    waiting = list(reversed(items))
    running: list[_Share] = []
    while running or waiting:
        while waiting and len(running) < AT_ONCE:
            item = waiting.pop()
            child = Child(_reported(report, work, item))
            running.append(_Share(child, item, time.monotonic() + seconds))
        left = min(one.deadline for one in running) - time.monotonic()
        select.select(
            [one.child for one in running], [], [], None if left == math.inf else max(0.0, left)
        )
        for one in list(running):
            one.child.receive(0)
            if one.child.ended or time.monotonic() >= one.deadline:
                running.remove(one)
                _add(report, one)
        if report.is_enough:
            for one in running:
                _kill_tree(one.child.pid)
                one.child.kill()
            return


def _kill_tree(pid: int) -> None:
    """Kill a process and all it has started: each may have the pipe that is read to its end."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        for child in _children(pid):
            _kill_tree(child)
        os.kill(pid, signal.SIGKILL)


def _children(pid: int) -> Iterator[int]:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            _, parent, *_ = stat.read_text().rpartition(")")[2].split()
            if int(parent) == pid:
                yield int(stat.parent.name)


def _reported(
    report: Report, work: Callable[[Report, Item], object], item: Item
) -> Callable[[Send], None]:
    def run(send: Send) -> None:
        own = report.share()
        work(own, item)
        send("counts", own.counts)
        for failure in own.failures:
            send("failure", failure[:600])

    return run


def _add(report: Report, one: _Share) -> None:
    status = one.child.finish(10 if one.child.ended else 0)
    for (counts,) in one.child.sent("counts"):
        report.add(**counts)
    for (failure,) in one.child.sent("failure"):
        report.fail(failure)
    if status != 0:
        why = "; ".join(text for (text,) in one.child.sent("error"))
        how = {-signal.SIGPROF: "computed for too long", -signal.SIGKILL: "took too long"}
        report.fail(f"{one.item}: {how.get(status, f'the attack ended with {status}')}: {why}")
