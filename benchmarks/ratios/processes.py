"""The longest save of processes that save without pause, beside raw ones with the same queue lock.

    python -m benchmarks.ratios.processes KIND FILE NUMBER SAVES

is one of the processes: it says when it is ready, begins when it reads a line, and prints how long
each save took, in seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import functools
import json
import os
import pickle
import random
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

from a3s_store import SqliteSessionStore
from a3s_store.models import SessionData
from benchmarks.engines.floors import transact
from benchmarks.engines.recording import Statement
from benchmarks.ratios.blocks import Ratio, Row
from benchmarks.ratios.conversations import copied, messages, proven, seeded, session, turns
from benchmarks.ratios.raw import Raw
from benchmarks.ratios.scale import Scale

ROOT: Final = Path(__file__).parents[2]
_HISTORY: Final = 20
# Seconds for which a process waits before it asks again: for the queue lock, then for SQLite's.
_QUEUE: Final = (0.0003, 0.0009)
_LOCK: Final = 0.0001


async def processes(folder: Path, scale: Scale) -> AsyncIterator[Row]:
    """Let so many processes save, ours and raw ones in turn."""
    most = max(scale.processes)
    base = folder / "base.a3s"
    histories = [
        turns(session(f"s{number}", messages(_HISTORY)), scale.process_saves)
        for number in range(most)
    ]

    async def fill(store: SqliteSessionStore) -> None:
        for states in histories:
            await store.save(states[0])

    await seeded(base, fill)
    for number, states in enumerate(histories):
        _note(base, number, states)
    for count in scale.processes:
        worst: list[float] = []
        longest: list[float] = []
        for block in range(scale.blocks):
            ours = copied(base, f"ours-{count}-{block}.a3s")
            mine = _together("store", ours, count, scale.process_saves)
            least = _together("raw", copied(base, f"raw-{count}-{block}.a3s"), count, 0)
            await proven(ours)
            worst.append(max(mine) / max(least))
            longest.append(max(mine) * 1e3)
        yield Row(
            what=f"longest save of {count} processes without pause",
            against="raw, with a queue lock",
            wall=Ratio.of(worst),
            figures=f"{statistics.median(longest):,.0f} ms",
            asked="≤ 3",
        )


def _note(base: Path, number: int, states: list[SessionData]) -> None:
    """Write the statements of one process to a file beside the store's."""
    calls = [functools.partial(SqliteSessionStore.save, session=one) for one in states[1:]]
    first = functools.partial(SqliteSessionStore.load, session_id=f"s{number}")
    noted = Raw(base, f"noted-{number}", calls, first)
    noted.close()
    # The log's numbers are those of one process alone: here others have given them already.
    old, new = "INSERT INTO commit_log", "REPLACE INTO commit_log"
    turns_of = [
        [(one.sql.replace(old, new), one.parameters, one.many) for one in turn]
        for turn in noted.turns
    ]
    _statements(base, number).write_bytes(pickle.dumps(turns_of))


def _statements(path: Path, number: int) -> Path:
    return path.with_name(f"statements-{number}")


def _together(kind: str, path: Path, count: int, saves: int) -> list[float]:
    with contextlib.ExitStack() as stack:
        started = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", __name__, kind, str(path), str(number), str(saves)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=ROOT,
                )
            )
            for number in range(count)
        ]
        for one in started:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        for one in started:
            assert one.stdin is not None
            one.stdin.write("\n")
            one.stdin.flush()
        took: list[float] = []
        for one in started:
            said, _ = one.communicate(timeout=300)
            took += json.loads(said)
    return took


async def _save(path: Path, number: int, saves: int) -> list[float]:
    states = turns(session(f"s{number}", messages(_HISTORY)), saves)
    took = []
    async with SqliteSessionStore.open(path, busy_timeout_ms=60_000) as store:
        await store.save(states[0])
        _wait_for_all()
        for state in states[1:]:
            began = time.perf_counter()
            await store.save(state)
            took.append(time.perf_counter() - began)
    return took


def _save_raw(path: Path, number: int) -> list[float]:
    noted = pickle.loads(_statements(path, number).read_bytes())
    todo = [[Statement(0, *one) for one in turn] for turn in noted]
    conn = sqlite3.connect(path, isolation_level=None, timeout=0.0)
    for pragma in ("synchronous = FULL", "foreign_keys = ON", "secure_delete = FAST"):
        conn.execute(f"PRAGMA {pragma}").fetchall()
    took = []
    queue = os.open(f"{path}-queue-of-raw", os.O_RDWR | os.O_CREAT, 0o600)
    _wait_for_all()
    for turn in todo:
        began = time.perf_counter()
        with _first_in_queue(queue, conn):
            transact(conn, turn, begin=False)
        took.append(time.perf_counter() - began)
    return took


@contextlib.contextmanager
def _first_in_queue(queue: int, conn: sqlite3.Connection) -> Iterator[None]:
    """Hold the write lock; only the process that has the queue's lock asks SQLite for its own."""
    while True:
        try:
            fcntl.flock(queue, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            time.sleep(random.uniform(*_QUEUE))
    while True:
        try:
            conn.execute("BEGIN IMMEDIATE")
            break
        except sqlite3.OperationalError:
            time.sleep(_LOCK)
    fcntl.flock(queue, fcntl.LOCK_UN)
    yield


def _wait_for_all() -> None:
    print("ready", flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    _, _kind, _file, _number, _saves = sys.argv
    if _kind == "store":
        print(json.dumps(asyncio.run(_save(Path(_file), int(_number), int(_saves)))))
    else:
        print(json.dumps(_save_raw(Path(_file), int(_number))))
