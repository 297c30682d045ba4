"""The scenes of the WAL-reset bug: one process checkpoints while another one commits.

SQLite before 3.51.3 loses commits when a checkpoint that began on a log that was copied already
goes on after another connection began the log again. The window is a few instructions wide; here
giving back a map of memory, which SQLite does inside it, takes a second (`slowmap.c`), and so every
scene is played the same each time. A is this process; B is another one, which checkpoints:

    a save       as the store does it after a save that made the log long
    idle         as it does once nothing was saved for a second
    call         the guarded checkpoint by itself
    bare         PRAGMA wal_checkpoint(PASSIVE), as every other program would

Each while A is idle and while A is in the middle of a save. Our store maps no memory; that of B is
told to, behind its back, for otherwise there would be no window to look through. `bare` has to do
damage where SQLite has the bug, or the other scenes would prove nothing; where it does none they
are counted as such. The long form then has two processes race for ten minutes, nothing slowed.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import attrs

from a3s_store.backends.sqlite.connection import wal_checkpoint
from a3s_store.backends.sqlite.write import session_writer
from a3s_store.errors import StoreError
from tests.faults.harness import shim
from tests.faults.harness import store_under_test as subjects
from tests.faults.harness.report import Report, Size
from tests.faults.harness.workload import BrokenPromiseError, state

SLOWMAP: Final = shim.SOURCE.with_name("slowmap.c")
WAYS: Final = ("a save", "idle", "call", "bare")
# How long two processes race in the long form, in seconds.
RACE: Final = 600.0
# Seconds in which what must not hang has surely ended, and in which B is inside its checkpoint.
_SURELY: Final = 30.0
_INSIDE: Final = 0.3
_MAP: Final = 1 << 28
_TURNS: Final = 8
_AT_ONCE: Final = 2
# What B says first when its store raised.
_DAMAGED: Final = "damaged:"


def unavailable() -> str | None:
    """Why the scenes cannot be played here; None when they can."""
    return shim.available()


def run(subject: str, seed: int, size: Size) -> Report:
    """Play every scene, and have two processes race in the long form. See the module."""
    report = Report(campaign="reset", subject=subject, seed=seed)
    reason = unavailable()
    if reason is not None:
        report.fail(f"the scenes were not played: {reason}")
        return report
    scenes = [(way, busy) for way in WAYS for busy in (False, True)]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(_AT_ONCE, mp_context=spawn) as pool:
        played = [pool.submit(play, subject, seed, *scene) for scene in scenes]
        for (way, busy), outcome in zip(scenes, played, strict=True):
            name = f"{way}, A {'in a transaction' if busy else 'idle'}"
            try:
                _tell(report, way, name, outcome.result())
            except EOFError as error:
                report.fail(f"{name} was not played: {error}")
    if size == "long":
        _race(report, RACE)
    return report


def play(subject: str, seed: int, way: str, busy: bool) -> str:
    """One scene: what is damaged or lost, empty when nothing is.

    Raises:
        EOFError: process B did not play along.
    """
    return asyncio.run(_Scene(subject, f"{seed}", way, busy).play())


def _tell(report: Report, way: str, name: str, damage: str) -> None:
    if way == "bare":
        report.add(bare_scenes=1, bare_damaged=int(bool(damage)))
        if not damage and wal_checkpoint.has_reset_bug():
            report.add(patched=1)
        return
    report.add(scenes=1)
    if damage:
        report.fail(f"{name}: {damage}")


class _Scene:
    """One scene, seen from A."""

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
            return await self._look(path)

    async def _overtake(self, store: Any, other: _Other) -> None:
        """Commit while B is in the middle of a checkpoint that began on a log copied already."""
        await other.hear("ready")
        await self._save(store, range(12, 30))
        await _checkpoint(store)
        inside, go_on = threading.Event(), threading.Event()
        with _held(inside, go_on) if self._busy else contextlib.nullcontext():
            saving = None
            if self._busy:
                saving = asyncio.create_task(self._save(store, range(30, 31)))
                await asyncio.to_thread(inside.wait, _SURELY)
            other.say()
            await other.hear("go")
            await asyncio.sleep(_INSIDE)
            go_on.set()
            await (saving or self._save(store, range(30, 31)))
        await other.hear("done")

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
        return _Other([sys.executable, "-m", __name__, *command], environment)

    async def _look(self, path: Path) -> str:
        try:
            async with self._open(path) as store:
                await subjects.check(store, self._seed, self._saved, self._saved)
        except (StoreError, BrokenPromiseError) as error:
            return f"{type(error).__name__}: {error}"
        with contextlib.closing(sqlite3.connect(path)) as conn:
            (found,) = conn.execute("PRAGMA integrity_check(1)").fetchone()
        return "" if found == "ok" else str(found)


async def _checkpoint(store: Any) -> None:
    """Have A's log copied whole, as the bug needs it: without a link committed behind it."""
    await store._engine.writer.run(wal_checkpoint.copy_plain)


@contextlib.contextmanager
def _held(inside: threading.Event, go_on: threading.Event) -> Iterator[None]:
    """Have a save of this process stop in the middle of its transaction until `go_on`."""
    commit = session_writer.commit

    def stop(*given: Any, **named: Any) -> Any:
        inside.set()
        go_on.wait(_SURELY)
        return commit(*given, **named)

    session_writer.commit = stop
    try:
        yield
    finally:
        session_writer.commit = commit


class _Other:
    """Process B: each hears what the other says, a line at a time."""

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

    def say(self) -> None:
        """Let it go on. Raises EOFError when it is no more."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise EOFError("B has ended before it was to") from None

    async def hear(self, word: str) -> None:
        """Wait for this word. Raises EOFError when it says another, or ended."""
        assert self._process.stdout is not None
        reading = asyncio.to_thread(self._process.stdout.readline)
        try:
            said = (await asyncio.wait_for(reading, _SURELY)).strip()
        except TimeoutError:
            self._process.kill()
            raise EOFError(f"B was to say {word!r}, and said nothing") from None
        if said.startswith(_DAMAGED):
            raise BrokenPromiseError(f"B: {said}")
        if said != word:
            raise EOFError(f"B was to say {word!r}, not {said!r}")

    async def finish(self) -> None:
        """Let it end, and wait for that. Raises EOFError when it did not end well.

        It may have ended before, having met damage: what it said of that is heard in any case.
        """
        assert self._process.stdout is not None
        early = None
        try:
            self.say()
        except EOFError as error:
            early = error
        said = await asyncio.to_thread(self._process.stdout.read)
        status = await asyncio.to_thread(self._process.wait, _SURELY)
        if said.startswith(_DAMAGED):
            raise BrokenPromiseError(f"B: {said.strip()}")
        if status:
            raise EOFError(f"B ended with {status}")
        if early is not None:
            raise early


# -- Process B ------------------------------------------------------------------------------------


@attrs.frozen
class _Pause:
    """Stops B before the checkpoint of the scene, the first there is, and says what it does."""

    flag: Path

    def before(self) -> None:
        _say("ready")
        sys.stdin.readline()
        self.flag.touch()
        _say("go")

    def after(self) -> None:
        self.flag.unlink(missing_ok=True)
        _say("done")


def _say(word: str) -> None:
    os.write(1, f"{word}\n".encode())


def _bare(path: Path, pause: _Pause) -> None:
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute(f"PRAGMA mmap_size = {_MAP}")
    conn.execute("PRAGMA wal_autocheckpoint = 0")
    conn.execute("SELECT sum(length(content)) FROM message").fetchall()
    pause.before()
    conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    pause.after()
    sys.stdin.readline()
    os._exit(0)  # a close would have a say in it


async def _ours(way: str, path: Path, subject: str, pause: _Pause) -> None:
    checkpoint = wal_checkpoint.WalCheckpointer.checkpoint
    # What follows reads the same lines, so it waits until the scene is over.
    played, over = threading.Event(), threading.Event()

    def paused(checkpointer: wal_checkpoint.WalCheckpointer, conn: Any) -> None:
        if played.is_set():
            checkpoint(checkpointer, conn)
            return
        played.set()
        pause.before()
        checkpoint(checkpointer, conn)
        pause.after()
        over.set()

    def map_memory(conn: Any) -> None:
        conn.execute(f"PRAGMA mmap_size = {_MAP}").close()
        conn.execute("SELECT sum(length(content)) FROM message").fetchall()

    store = await subjects.find(subject)(path)
    await store._engine.writer.run(map_memory)
    keepers: Any = wal_checkpoint.WalCheckpointer
    keepers.checkpoint = paused
    if way == "a save":
        turn = 0
        while not played.is_set():
            turn += 1
            await store.save_snapshot(state("B", 100, turn))
            await store.save_artifacts("B", _large(turn))
    elif way == "idle":
        for turn in range(1, wal_checkpoint.WORTH_COPYING + 2):
            await store.save_snapshot(state("B", 100, turn))
    elif way == "call":
        await store.save_snapshot(state("B", 100, 1))
        await store._engine.writer.run(store._engine._checkpointer.checkpoint)
    await asyncio.to_thread(over.wait, _SURELY)
    await asyncio.to_thread(sys.stdin.readline)
    await store.close()


def _large(turn: int) -> tuple[Any, ...]:
    """Artifacts that cannot be compressed: they make the log long."""
    (artifact,) = state("B", 100, 5).artifacts or ()
    return (artifact.evolve(content=random.Random(turn).randbytes(400_000).hex()),)


# -- The race -------------------------------------------------------------------------------------


def _race(report: Report, seconds: float) -> None:
    """One process saves, another opens, saves, copies the log, closes, again and again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "agent.a3s"
        asyncio.run(_begin(report.subject, path))
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        runners = [
            subprocess.Popen(
                [sys.executable, "-m", __name__, role, str(path), str(seconds), report.subject],
                stdout=subprocess.PIPE,
                text=True,
                env=environment,
            )
            for role in ("writes", "opens")
        ]
        turns = {}
        for number, runner in enumerate(runners):
            said, _ = runner.communicate(timeout=seconds + _SURELY)
            if runner.returncode:
                report.fail(f"race: a process ended with {runner.returncode}")
                return
            turns[number] = int(said.split()[-1])
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


async def _write_on(path: Path, seconds: float, subject: str, number: int) -> None:
    """Save for so long; the second of the two opens and closes the store all the time."""
    deadline = time.monotonic() + seconds
    turn = 0
    while time.monotonic() < deadline:
        async with subjects.find(subject)(path) as store:
            for _ in range(3 if number else 10_000):
                if time.monotonic() >= deadline:
                    break
                turn += 1
                await store.save_snapshot(state("race", number, turn))
    _say(str(turn))


def main(arguments: list[str]) -> None:
    """What process B does, and the two that race."""
    role, path, given, subject = arguments
    if role in ("writes", "opens"):
        asyncio.run(_write_on(Path(path), float(given), subject, int(role == "opens")))
    elif role == "bare":
        _bare(Path(path), _Pause(Path(given)))
    else:
        try:
            asyncio.run(_ours(role, Path(path), subject, _Pause(Path(given))))
        except StoreError as error:
            _say(f"{_DAMAGED} {type(error).__name__}: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
