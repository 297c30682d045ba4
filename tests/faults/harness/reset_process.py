"""The program of process B in the campaign `reset`, and of the two processes that race.

    python -m tests.faults.harness.reset_process ROLE PATH FLAG_OR_SECONDS SUBJECT

B sends "ready" before its checkpoint, "go" when it begins, "done" after it; a line on standard
input lets it go on.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

import attrs

from a3s_store.backends.sqlite.connection import wal_checkpoint
from a3s_store.errors import StoreError
from tests.faults.harness import store_under_test as subjects
from tests.faults.harness.workload import state

# The first word of the line that B sends when its store raised.
DAMAGED: Final = "damaged:"
_MAP: Final = 1 << 28
_TIME_LIMIT: Final = 30.0


@attrs.frozen
class _Pause:
    """Stops B before its first checkpoint, the one of the scenario, and sends its steps to A."""

    flag: Path

    def before(self) -> None:
        _send("ready")
        sys.stdin.readline()
        self.flag.touch()
        _send("go")

    def after(self) -> None:
        self.flag.unlink(missing_ok=True)
        _send("done")


def _send(word: str) -> None:
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
    os._exit(0)  # closing would checkpoint


async def _ours(way: str, path: Path, subject: str, pause: _Pause) -> None:
    checkpoint = wal_checkpoint.WalCheckpointer.checkpoint
    # Later code reads the same lines, so it waits until the scenario is over.
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
    checkpointers: Any = wal_checkpoint.WalCheckpointer
    checkpointers.checkpoint = paused
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
    await asyncio.to_thread(over.wait, _TIME_LIMIT)
    await asyncio.to_thread(sys.stdin.readline)
    await store.close()


def _large(turn: int) -> tuple[Any, ...]:
    """Artifacts that cannot be compressed: they make the WAL long."""
    (artifact,) = state("B", 100, 5).artifacts or ()
    return (artifact.evolve(content=random.Random(turn).randbytes(400_000).hex()),)


async def _write_on(path: Path, seconds: float, subject: str, number: int) -> None:
    """Save for so many seconds; the second of the two opens and closes the store all the time."""
    deadline = time.monotonic() + seconds
    turn = 0
    while time.monotonic() < deadline:
        async with subjects.find(subject)(path) as store:
            for _ in range(3 if number else 10_000):
                if time.monotonic() >= deadline:
                    break
                turn += 1
                await store.save_snapshot(state("race", number, turn))
    _send(str(turn))


def main(arguments: list[str]) -> None:
    """Run process B, or one of the two that race."""
    role, path, given, subject = arguments
    if role in ("writes", "opens"):
        asyncio.run(_write_on(Path(path), float(given), subject, int(role == "opens")))
    elif role == "bare":
        _bare(Path(path), _Pause(Path(given)))
    else:
        try:
            asyncio.run(_ours(role, Path(path), subject, _Pause(Path(given))))
        except StoreError as error:
            _send(f"{DAMAGED} {type(error).__name__}: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
