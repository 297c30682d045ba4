"""Watches beside processes that save, that are killed, and that forget to close."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from a3s_store import Commit, SqliteSessionStore
from tests.faults.test_processes import start
from tests.support import session, with_store


def _killed(process: subprocess.Popen[str], seconds: float) -> list[int]:
    """Kill a process some time after its first line; return the numbers of its whole lines."""
    assert process.stdout is not None
    lines = [process.stdout.readline()]
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    with process:
        lines += process.stdout.readlines()
    return [int(line) for line in lines if line.endswith("\n")]


def test_a_watch_returns_every_save_of_processes_that_are_killed(tmp_path: Path) -> None:
    """Each commit once and in order, and none is missing that a saver was told of."""
    path = tmp_path / "agent.a3s"
    rng = random.Random(7)

    async def use(store: SqliteSessionStore) -> None:
        watch = store.watch(after=0)
        seen: list[Commit] = []
        told = 0
        for _ in range(3):
            process = start("save_on", path, "s", told)
            killing = asyncio.create_task(
                asyncio.to_thread(_killed, process, rng.uniform(0.05, 0.2))
            )
            while not killing.done() or len(seen) < await store.latest_sequence():
                try:
                    async with asyncio.timeout(0.2):
                        found = await anext(watch)
                except TimeoutError:
                    continue
                assert isinstance(found, Commit)
                seen.append(found)
            # The last commit of a killed saver may have no line.
            told = max(await killing)
            assert [one.sequence for one in seen] == [*range(1, len(seen) + 1)]
            assert [one.generation for one in seen] == [*range(1, len(seen) + 1)]
            assert len(seen) >= told
            told = len(seen)
        assert told >= 3

    with_store(path, use)


@pytest.mark.slow
def test_a_killed_watcher_goes_on_and_misses_nothing(tmp_path: Path) -> None:
    """It is killed between reading a commit and printing it, or anywhere else."""
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: store.save(session("first")))
    rng = random.Random(5)
    saver = start("save_on", path, "s", 0)
    seen: list[int] = []
    try:
        for _ in range(4):
            watcher = start("watch_on", path, seen[-1] if seen else 0)
            seen += _killed(watcher, rng.uniform(0.0, 0.2))
            assert seen == [*range(1, len(seen) + 1)]
    finally:
        saver.kill()
        saver.communicate()
    assert len(seen) >= 4


def test_a_waiting_watch_does_not_keep_a_process_alive(tmp_path: Path) -> None:
    process = start("watch_and_forget", tmp_path / "agent.a3s")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "0 done\n"), err
