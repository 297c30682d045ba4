"""The scenarios of the WAL-reset bug: one process checkpoints while another one commits.

SQLite before 3.51.3 loses commits when a checkpoint that began on a completely copied WAL goes on
after another connection restarted the WAL. The window is a few instructions wide; here SQLite's
unmapping of memory in it takes a second (`slowmap.c`), and so every scenario runs the same each
time. A is this process; B is another one (`reset_process`), which checkpoints:

    a save       as the store does it after a save that made the WAL long
    idle         as it does once nothing was saved for a second
    call         the guarded checkpoint by itself
    bare         PRAGMA wal_checkpoint(PASSIVE), as every other program would

Each while A is idle and while A is in the middle of a save. Our store maps no memory; the store of
B is made to, for otherwise there would be no window. `bare` has to do damage where SQLite has the
bug, or the other scenarios would prove nothing; without damage it is counted as patched. The long
form then has two processes race for ten minutes, with nothing slowed down.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from a3s_store.backends.sqlite.connection import wal_checkpoint
from a3s_store.backends.sqlite.write import session_writer
from a3s_store.errors import StoreError
from tests.faults.harness import forks, reset_process, shim
from tests.faults.harness import store_under_test as subjects
from tests.faults.harness.report import Report, Size
from tests.faults.harness.workload import BrokenPromiseError, state

SLOWMAP: Final = shim.SOURCE.with_name("slowmap.c")
WAYS: Final = ("a save", "idle", "call", "bare")
# How long two processes race in the long form, in seconds.
RACE: Final = 600.0
# Seconds after which a process hangs, and after which B is inside its checkpoint.
_TIME_LIMIT: Final = 30.0
_INSIDE: Final = 0.3
_TURNS: Final = 8


def unavailable() -> str | None:
    """Why the scenarios prove nothing on this machine; None when they do."""
    return shim.available() or (
        None if wal_checkpoint.has_reset_bug() else "this SQLite does not have the bug"
    )


def run(report: Report, size: Size) -> None:
    """Play every scenario, and have two processes race in the long form."""
    forks.share(report, _play, [(way, busy) for way in WAYS for busy in (False, True)])
    if size == "long":
        _race(report, RACE)


def _play(report: Report, scenario: tuple[str, bool]) -> None:
    way, busy = scenario
    name = f"{way}, A {'in a transaction' if busy else 'idle'}"
    try:
        damage = play(report.subject, report.seed, way, busy)
    except EOFError as error:
        report.fail(f"{name} was not played: {error}")
        return
    if way == "bare":
        is_patched = not damage and wal_checkpoint.has_reset_bug()
        report.add(bare_scenarios=1, bare_damaged=int(bool(damage)), patched=int(is_patched))
        return
    report.add(scenarios=1)
    if damage:
        report.fail(f"{name}: {damage}")


def play(subject: str, seed: int, way: str, busy: bool) -> str:
    """Play one scenario; return the damage or loss, "" when there is none.

    Raises:
        EOFError: process B did not play along.
    """
    return asyncio.run(_Scenario(subject, f"{seed}", way, busy).play())


class _Scenario:
    """Process A of one scenario."""

    def __init__(self, subject: str, seed: str, way: str, busy: bool) -> None:
        self._subject = subject
        self._open = subjects.find(subject)
        self._seed = seed
        self._way = way
        self._busy = busy
        self._saved: dict[int, int] = {}

    async def play(self) -> str:
        """See `play`."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "agent.a3s"
            with contextlib.ExitStack() as stack:
                store = await self._open(path)
                try:
                    await self._save(store, range(12))
                    await _checkpoint(store)
                    other = stack.enter_context(self._start(path))
                    await self._overtake(store, other)
                    await self._save(store, range(40, 48))
                    await _checkpoint(store)
                    await self._save(store, range(48, 49))
                    await _checkpoint(store)
                    await other.finish()
                except (StoreError, BrokenPromiseError) as error:
                    return f"{type(error).__name__}: {error}"
                finally:
                    await store.close()
            return await self._check(path)

    async def _overtake(self, store: Any, other: _Other) -> None:
        """Commit during a checkpoint of B that began on a completely copied WAL."""
        await other.receive("ready")
        await self._save(store, range(12, 30))
        await _checkpoint(store)
        inside, go_on = threading.Event(), threading.Event()
        with _held(inside, go_on) if self._busy else contextlib.nullcontext():
            saving = None
            if self._busy:
                saving = asyncio.create_task(self._save(store, range(30, 31)))
                await asyncio.to_thread(inside.wait, _TIME_LIMIT)
            other.send()
            await other.receive("go")
            await asyncio.sleep(_INSIDE)
            go_on.set()
            await (saving or self._save(store, range(30, 31)))
        await other.receive("done")

    async def _save(self, store: Any, numbers: range) -> None:
        for number in numbers:
            await store.save_snapshot(state(self._seed, number, _TURNS))
            self._saved[number] = _TURNS

    def _start(self, path: Path) -> _Other:
        flag = path.with_name("slow")
        environment = {
            **os.environ,
            "LD_PRELOAD": str(shim.library(SLOWMAP)),
            "A3S_FAULTS_SLOWMAP": str(flag),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        command = [self._way, str(path), str(flag), self._subject]
        return _Other([sys.executable, "-m", reset_process.__name__, *command], environment)

    async def _check(self, path: Path) -> str:
        try:
            async with self._open(path) as store:
                await subjects.check(store, self._seed, self._saved, self._saved)
        except (StoreError, BrokenPromiseError) as error:
            return f"{type(error).__name__}: {error}"
        with contextlib.closing(sqlite3.connect(path)) as conn:
            (found,) = conn.execute("PRAGMA integrity_check(1)").fetchone()
        return "" if found == "ok" else str(found)


async def _checkpoint(store: Any) -> None:
    """Copy A's WAL completely, as the bug needs it: without a link committed behind it."""
    await store._engine.writer.run(wal_checkpoint.copy_plain)


@contextlib.contextmanager
def _held(inside: threading.Event, go_on: threading.Event) -> Iterator[None]:
    """Stop a save of this process in the middle of its transaction until `go_on`."""
    commit = session_writer.commit

    def stop(*given: Any, **named: Any) -> Any:
        inside.set()
        go_on.wait(_TIME_LIMIT)
        return commit(*given, **named)

    session_writer.commit = stop
    try:
        yield
    finally:
        session_writer.commit = commit


class _Other:
    """Process B, which reads and sends lines."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def __enter__(self) -> _Other:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        with contextlib.suppress(BrokenPipeError), self._process:
            pass

    def send(self) -> None:
        """Let B go on. Raises EOFError when it has ended."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise EOFError("B has ended too early") from None

    async def receive(self, word: str) -> None:
        """Wait for this word. Raises EOFError when B sends another, or has ended."""
        assert self._process.stdout is not None
        reading = asyncio.to_thread(self._process.stdout.readline)
        try:
            sent = (await asyncio.wait_for(reading, _TIME_LIMIT)).strip()
        except TimeoutError:
            self._process.kill()
            raise EOFError(f"B has to send {word!r}, and sent nothing") from None
        if sent.startswith(reset_process.DAMAGED):
            raise BrokenPromiseError(f"B: {sent}")
        if sent != word:
            raise EOFError(f"B has to send {word!r}, not {sent!r}")

    async def finish(self) -> None:
        """Let B end, and wait for its end. Raises EOFError when it did not end well.

        It may have ended before because of damage: its line about that is read in any case.
        """
        assert self._process.stdout is not None
        early = None
        try:
            self.send()
        except EOFError as error:
            early = error
        sent = await asyncio.to_thread(self._process.stdout.read)
        status = await asyncio.to_thread(self._process.wait, _TIME_LIMIT)
        if sent.startswith(reset_process.DAMAGED):
            raise BrokenPromiseError(f"B: {sent.strip()}")
        if status:
            raise EOFError(f"B ended with {status}")
        if early is not None:
            raise early


# -- The race -------------------------------------------------------------------------------------


def _race(report: Report, seconds: float) -> None:
    """One process saves, another opens, saves, checkpoints, closes, again and again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "agent.a3s"
        asyncio.run(_begin(report.subject, path))
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        runners = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    reset_process.__name__,
                    role,
                    str(path),
                    str(seconds),
                    report.subject,
                ],
                stdout=subprocess.PIPE,
                text=True,
                env=environment,
            )
            for role in ("writes", "opens")
        ]
        turns = {}
        for number, runner in enumerate(runners):
            sent, _ = runner.communicate(timeout=seconds + _TIME_LIMIT)
            if runner.returncode:
                report.fail(f"race: a process ended with {runner.returncode}")
                return
            turns[number] = int(sent.split()[-1])
        report.add(race_saves=sum(turns.values()))
        try:
            asyncio.run(_look_at_race(report.subject, path, turns))
        except (StoreError, BrokenPromiseError) as error:
            report.fail(f"race: {type(error).__name__}: {error}")


async def _begin(subject: str, path: Path) -> None:
    async with subjects.find(subject)(path):
        pass


async def _look_at_race(subject: str, path: Path, turns: dict[int, int]) -> None:
    async with subjects.find(subject)(path) as store:
        await subjects.check(store, "race", turns, turns)
