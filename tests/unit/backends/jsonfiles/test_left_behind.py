"""Temporary files of killed writers are removed, those of living ones never."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from a3s_store.agent_memory import JsonlMemoryStore, MemoryItem
from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.core import processes
from a3s_store.core.new_files import temporary_name
from tests.unit.backends.jsonfiles.file_samples import child, files_in, run, snapshot, values

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills and process ids of POSIX")

# Does one thing to a store, or to a file of JSON lines, and stands still in the middle of it.
_STOPPED = """
import asyncio, os, shutil, stat, sys, time
from a3s_store.agent_memory import JsonlMemoryStore, MemoryItem
from a3s_store.backends.jsonfiles import FileSessionStore
from tests.unit.backends.jsonfiles.file_samples import snapshot

sync = os.fsync

def stand_still(what, **more):
    if isinstance(what, int) and not stat.S_ISREG(os.fstat(what).st_mode):
        return sync(what)  # of a folder that is made before
    print("stands still", flush=True)
    while True:
        time.sleep(60)

where, what = sys.argv[1:]
item = MemoryItem.new("SECRET")

async def main():
    if what == "lines":
        store = await JsonlMemoryStore.open(where)
        os.fsync = stand_still
        await store.store(item)
    async with FileSessionStore.open(where) as store:
        if what == "delete":
            shutil.rmtree = stand_still
            await store.delete("a/b")
        os.fsync = stand_still
        if what == "memory":
            await store.memories("a/b").store(item)
        if what == "health check":
            await store.health_check()
        await store.save_snapshot(snapshot("a/b", "SECRET"))

asyncio.run(main())
"""
WORK = ("first save", "second save", "delete", "memory", "health check")


@contextmanager
def standing_still(where: Path, what: str) -> Iterator[subprocess.Popen[str]]:
    """A process in the middle of a piece of work; it is killed at the end at the latest."""
    stopped = child(_STOPPED, where, what)
    try:
        assert stopped.stdout is not None
        assert stopped.stdout.readline() == "stands still\n"
        yield stopped
    finally:
        kill(stopped)


def kill(stopped: subprocess.Popen[str]) -> None:
    stopped.send_signal(signal.SIGKILL)
    stopped.communicate()
    assert stopped.returncode == -signal.SIGKILL


def temporaries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.tmp"))


def opened(folder: Path) -> None:
    """Open a store there, and close it."""

    async def nothing(store: FileSessionStore) -> None:
        pass

    run(folder, nothing)


@pytest.mark.parametrize("what", WORK)
def test_what_a_killed_writer_leaves_is_removed_at_the_next_opening(
    tmp_path: Path, what: str
) -> None:
    """And not before it is killed, though a store is opened beside it."""
    if what != "first save":
        run(tmp_path, lambda store: store.save_snapshot(snapshot("a/b", "old")))
    with standing_still(tmp_path, what) as writer:
        there = temporaries(tmp_path)
        assert there, "it makes one"
        opened(tmp_path)
        assert temporaries(tmp_path) == there
        kill(writer)
        assert temporaries(tmp_path) == there
        opened(tmp_path)
        assert temporaries(tmp_path) == []


@pytest.mark.parametrize("what", WORK)
def test_what_a_killed_writer_leaves_goes_with_its_session(tmp_path: Path, what: str) -> None:
    """Of a store that is not opened anew."""

    async def work(store: FileSessionStore) -> None:
        await store.save_snapshot(snapshot("a/b", "old"))
        with standing_still(tmp_path, what) as writer:
            assert temporaries(tmp_path)
            kill(writer)
        await store.delete("a/b")

    run(tmp_path, work)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert temporaries(tmp_path) == []


def test_the_work_of_a_killed_writer_is_done_again(tmp_path: Path) -> None:
    run(tmp_path, lambda store: store.save_snapshot(snapshot("a/b", "old")))
    with standing_still(tmp_path, "second save") as writer:
        kill(writer)

    async def work(store: FileSessionStore) -> None:
        assert await store.load_snapshot("a/b") == snapshot("a/b", "old")
        await store.save_snapshot(snapshot("a/b", "new"))
        assert await store.load_snapshot("a/b") == snapshot("a/b", "new")

    run(tmp_path, work)
    assert temporaries(tmp_path) == []


def _of_process(name: str, pid: int, started: str) -> str:
    """A temporary name as another process of this machine makes it."""
    place = processes.own_token().partition(".")[0]
    return temporary_name(name).replace(processes.own_token(), f"{place}.{pid}.{started}")


def test_a_process_that_has_the_id_of_a_dead_writer_hides_it_from_no_one(tmp_path: Path) -> None:
    """It started at another time."""
    started = processes.started(os.getppid())
    if not started:
        pytest.skip("when a process started is not told here")
    reused = _of_process("a.json", os.getppid(), str(int(started) + 1))
    living = _of_process("a.json", os.getppid(), started)
    for name in (reused, living):
        (tmp_path / name).write_bytes(b"SECRET")
    opened(tmp_path)
    assert temporaries(tmp_path) == [living]


def _elsewhere(name: str) -> str:
    """A temporary name of a process on another machine, or before this one was started again."""
    return temporary_name(name).replace(processes.own_token(), "0123456789ab.1.1")


def test_of_a_writer_elsewhere_the_lock_says_that_it_is_gone(tmp_path: Path) -> None:
    """But of the probe of a health check, which is written without it: that counts after a day."""
    for name in (_elsewhere("a.json"), _elsewhere("artifacts of a")):
        (tmp_path / name).write_bytes(b"SECRET")
    (tmp_path / _elsewhere("folder")).mkdir()
    probe = tmp_path / _elsewhere(".health_check")
    probe.write_bytes(b"ok")
    opened(tmp_path)
    assert temporaries(tmp_path) == [probe.name]
    day_before = time.time() - 2 * 86_400
    os.utime(probe, (day_before, day_before))
    opened(tmp_path)
    assert temporaries(tmp_path) == []


def test_files_that_older_releases_left_go_too_and_upstreams_stay(tmp_path: Path) -> None:
    """In the folders of files only when a session is deleted: opening looks into the root."""
    run(tmp_path, lambda store: store.save_snapshot(snapshot("x")))
    older = f"x.json.{time.time_ns()}.4242.7.tmp"
    upstream = f"x.json.{time.time_ns()}.4242.tmp"
    note = "note.tmp"
    places = (tmp_path, tmp_path / "traces", tmp_path / "artifacts/x")
    for place in places:
        for name in (older, upstream, note):
            (place / name).write_bytes(b"SECRET")
    opened(tmp_path)
    assert temporaries(tmp_path) == sorted([older] * 2 + [upstream] * 3 + [note] * 3)
    run(tmp_path, lambda store: store.delete("another"))
    assert not (tmp_path / "traces" / older).exists()
    run(tmp_path, lambda store: store.delete("x"))
    assert temporaries(tmp_path) == sorted([upstream] * 2 + [note] * 2)


def test_a_session_that_is_called_like_a_temporary_file_is_none(tmp_path: Path) -> None:
    names = (_elsewhere("a/b"), f"c.{time.time_ns()}.4242.7.tmp")

    async def work(store: FileSessionStore) -> None:
        for name in names:
            await store.save_snapshot(snapshot(name))
            await store.save_artifacts(name + "/only", values("artifacts"))
            await store.memories(name).store(MemoryItem.new("use tabs"))

    run(tmp_path, work)
    before = files_in(tmp_path)
    run(tmp_path, lambda store: store.delete("another"))
    opened(tmp_path)
    assert files_in(tmp_path) == before


def test_no_link_is_followed_to_sweep(tmp_path: Path) -> None:
    root, outside = tmp_path / "store", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    kept = outside / _elsewhere("a.json")
    kept.write_bytes(b"")
    (root / "traces").symlink_to(outside)
    (root / _elsewhere("b.json")).symlink_to(kept)
    (root / _elsewhere("c")).symlink_to(outside)
    run(root, lambda store: store.delete("x"))
    assert [path.name for path in root.iterdir()] == ["traces"]
    assert kept.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may remove everything")
def test_a_file_that_cannot_be_removed_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    left = tmp_path / _elsewhere("a.json")
    left.write_bytes(b"SECRET")
    tmp_path.chmod(0o500)
    try:
        with caplog.at_level(logging.WARNING):
            opened(tmp_path)
    finally:
        tmp_path.chmod(0o700)
    assert str(left) in caplog.text


# -- A file of JSON lines, which has no lock ------------------------------------------------------


def lines_opened(path: Path) -> None:
    """Open a store of memories there."""
    asyncio.run(JsonlMemoryStore.open(path))


def test_what_a_killed_writer_of_json_lines_leaves_is_removed_at_the_next_opening(
    tmp_path: Path,
) -> None:
    path = tmp_path / "m.jsonl"
    with standing_still(path, "lines") as writer:
        (there,) = temporaries(tmp_path)
        assert there.startswith(".m.jsonl.")
        lines_opened(path)
        assert temporaries(tmp_path) == [there]
        kill(writer)
        lines_opened(tmp_path / "another.jsonl")
        assert temporaries(tmp_path) == [there], "it is no other file's"
        lines_opened(path)
        assert temporaries(tmp_path) == []


def test_of_a_writer_of_json_lines_elsewhere_nothing_is_known_for_a_day(tmp_path: Path) -> None:
    """Nor of those of older releases, whose names say nothing at all."""
    path = tmp_path / "m.jsonl"
    left = [tmp_path / _elsewhere(".m.jsonl"), tmp_path / f".{'0a' * 16}.tmp"]
    for one in left:
        one.write_bytes(b"SECRET")
    lines_opened(path)
    assert len(temporaries(tmp_path)) == 2
    day_before = time.time() - 2 * 86_400
    for one in left:
        os.utime(one, (day_before, day_before))
    lines_opened(path)
    assert temporaries(tmp_path) == []
