"""Several processes, threads and stores in one directory."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.backends.jsonfiles.lock import DirectoryLock
from a3s_store.errors import StoreBusyError, StoreForkedError
from tests.unit.backends.jsonfiles.file_samples import child, files_in, run, session, snapshot

_HOLDER = """
import sys
from pathlib import Path
from a3s_store.backends.jsonfiles.lock import DirectoryLock

with getattr(DirectoryLock(Path(sys.argv[1]), 10), sys.argv[2])():
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def _held_by_another(directory: Path, how: str) -> Iterator[subprocess.Popen[str]]:
    holder = child(_HOLDER, directory, how)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    try:
        yield holder
    finally:
        holder.communicate("\n" if holder.poll() is None else None)


def test_another_process_that_writes_keeps_everybody_out(tmp_path: Path) -> None:
    run(tmp_path, lambda store: store.save(session("x")))

    async def work(store: FileSessionStore) -> None:
        before = files_in(tmp_path)
        for call in (
            store.save(session("x", "new")),
            store.load("x"),
            store.list(),
            store.delete("x"),
            store.exists("x"),
            store.inventory(),
            store.load_loop_checkpoint("r"),
        ):
            with pytest.raises(StoreBusyError, match="stayed locked") as caught:
                await call
            assert caught.value.hint
        assert files_in(tmp_path) == before

    with _held_by_another(tmp_path, "exclusive"):
        run(tmp_path, work, timeout=0.02)
    assert run(tmp_path, lambda store: store.load("x"), timeout=0) == session("x")


def test_another_process_that_reads_keeps_only_writers_out(tmp_path: Path) -> None:
    run(tmp_path, lambda store: store.save(session("x")))

    async def work(store: FileSessionStore) -> None:
        assert await store.load("x") == session("x")
        with pytest.raises(StoreBusyError):
            await store.save(session("x", "new"))

    with _held_by_another(tmp_path, "shared"):
        run(tmp_path, work, timeout=0.02)


def test_a_save_waits_for_its_turn_and_the_event_loop_does_not(tmp_path: Path) -> None:
    async def work(store: FileSessionStore, holder: subprocess.Popen[str]) -> None:
        saving = asyncio.ensure_future(store.save(session("x")))
        longest = 0.0
        for _ in range(100):
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - began)
        assert not saving.done()
        assert longest < 1
        assert holder.stdin is not None
        holder.stdin.write("\n")
        holder.stdin.flush()
        await saving

    with _held_by_another(tmp_path, "exclusive") as holder:
        run(tmp_path, lambda store: work(store, holder))
    assert list(files_in(tmp_path)) == ["x.json"]


def test_closing_waits_for_a_save_whose_caller_gave_up(tmp_path: Path) -> None:
    async def work(holder: subprocess.Popen[str]) -> None:
        store = await FileSessionStore.open(tmp_path)
        saving = asyncio.ensure_future(store.save(session("x")))
        await asyncio.sleep(0.01)
        saving.cancel()
        closing = asyncio.ensure_future(store.close())
        await asyncio.wait([saving, closing], timeout=0.02)
        assert saving.cancelled()
        assert not closing.done()
        assert holder.stdin is not None
        holder.stdin.write("\n")
        holder.stdin.flush()
        await closing
        assert list(files_in(tmp_path)) == ["x.json"]

    with _held_by_another(tmp_path, "exclusive") as holder:
        asyncio.run(work(holder))


def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    with _held_by_another(tmp_path, "exclusive") as holder:
        holder.kill()
        holder.wait()
        run(tmp_path, lambda store: store.save(session("x")))


def test_a_child_forked_meanwhile_does_not_keep_the_lock(tmp_path: Path) -> None:
    """It has the open directory too, so closing ours would not have unlocked it."""
    lock = DirectoryLock(tmp_path, 0)
    with lock.exclusive():
        other = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False
        )
    try:
        with DirectoryLock(tmp_path, 0).exclusive():
            pass
    finally:
        other.communicate(b"\n")


def test_threads_and_stores_in_one_process_take_turns(tmp_path: Path) -> None:
    lock, other = DirectoryLock(tmp_path, 0.05), DirectoryLock(tmp_path, 0.05)
    seen: list[str] = []

    def try_both() -> None:
        for one in (lock, other):
            for how in ("exclusive", "shared"):
                try:
                    with getattr(one, how)():
                        seen.append("entered")
                except StoreBusyError:
                    seen.append("busy")

    with lock.exclusive():
        thread = threading.Thread(target=try_both)
        thread.start()
        thread.join()
    assert seen == ["busy"] * 4
    with lock.shared():
        thread = threading.Thread(target=try_both)
        thread.start()
        thread.join()
    # The same store's threads queue; another store may read beside it.
    assert seen[4:] == ["busy", "busy", "busy", "entered"]


_COUNTER = """
import asyncio, sys
from a3s_store.backends.jsonfiles import FileSessionStore
from tests.unit.backends.jsonfiles.file_samples import snapshot

async def main():
    async with FileSessionStore.open(sys.argv[1]) as store:
        added = refused = 0
        while added < 25:
            now = await store.load_snapshot("x")
            session = now.session.evolve(updated_at=now.session.updated_at + 1)
            if await store.save_snapshot_cas(now.evolve(session=session), now.digest()):
                added += 1
            else:
                refused += 1
        print(refused)

asyncio.run(main())
"""


@pytest.mark.slow
def test_no_update_of_three_processes_is_lost_when_they_compare(tmp_path: Path) -> None:
    """Each adds 1 to a number 25 times: what `aggregate_cas` and `shared_by_processes` promise."""
    first = snapshot("x")
    run(tmp_path, lambda store: store.save_snapshot(first))
    counters = [child(_COUNTER, tmp_path) for _ in range(3)]
    for counter in counters:
        counter.communicate()
        assert counter.returncode == 0
    last = run(tmp_path, lambda store: store.load_snapshot("x"))
    assert last is not None
    assert last.session.updated_at == first.session.updated_at + 75
    assert not [name for name in files_in(tmp_path) if name.endswith(".tmp")]


_BLIND = """
import asyncio, sys
from a3s_store.backends.jsonfiles import FileSessionStore
from tests.unit.backends.jsonfiles.file_samples import snapshot

async def main():
    async with FileSessionStore.open(sys.argv[1]) as store:
        for step in range(40):
            await store.save_snapshot(snapshot("x", f"{sys.argv[2]}{step:02}"))

asyncio.run(main())
"""


@pytest.mark.slow
def test_a_reader_never_sees_half_of_another_processs_snapshot(tmp_path: Path) -> None:
    run(tmp_path, lambda store: store.save_snapshot(snapshot("x", "000")))
    writers = [child(_BLIND, tmp_path, number) for number in (1, 2)]

    async def read(store: FileSessionStore) -> None:
        while any(writer.poll() is None for writer in writers):
            found = await store.load_snapshot("x")
            assert found is not None
            tag = found.trace_events[0].name if found.trace_events else ""
            assert found == snapshot("x", tag)

    run(tmp_path, read)
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_store_is_refused_in_a_forked_child(tmp_path: Path) -> None:
    store = asyncio.run(_opened(tmp_path))
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            asyncio.run(store.save(session("x")))
        except StoreForkedError as error:
            os.write(writing, error.op.encode())
        finally:
            os._exit(0)
    os.waitpid(process, 0)
    os.close(writing)
    assert os.read(reading, 100) == b"save"
    os.close(reading)
    asyncio.run(store.save(session("x")))
    asyncio.run(store.close())


async def _opened(directory: Path) -> FileSessionStore:
    return await FileSessionStore.open(directory)
