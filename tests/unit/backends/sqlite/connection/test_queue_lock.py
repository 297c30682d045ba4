"""Writers of several processes take turns, and nothing about their queue can stop one."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.connection import connect, queue_lock, wal_checkpoint
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.connection.work_connection import WorkConnection
from a3s_store.backends.sqlite.format.files_beside import QUEUE, beside
from tests.programs import ROOT
from tests.support import database, session, with_store

posix = pytest.mark.skipif(os.name == "nt", reason="locks, modes and signals are POSIX's")

# Commits without a pause, each with a row that tells who made it. The sleep is as long as the sync
# of a disk, so that a process which gets no CPU for a moment misses few turns.
_COMMITS: Final = """
import sys, time
from pathlib import Path
from a3s_store.backends.sqlite import transaction
from a3s_store.backends.sqlite.connection import connect
from a3s_store.backends.sqlite.connection.settings import Settings
conn = connect.open_writer(Settings(path=Path(sys.argv[1]), durability="normal"))
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[3])):
    with transaction.write(conn):
        conn.execute("INSERT INTO my_turns (process) VALUES (?)", (sys.argv[2],))
        time.sleep(0.002)
conn.close()
"""
# Holds the queue as a writer does that waits for SQLite's lock, until it is killed.
_HOLDS: Final = """
import sys, time
from pathlib import Path
from a3s_store.backends.sqlite.connection.queue_lock import QueueLock
lock = QueueLock(Path(sys.argv[1]), 10_000)
with lock.kept():
    lock.run(lambda: print("ready", flush=True))
    time.sleep(600)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "agent.a3s"
    with_store(made, lambda store: store.save(session("s")))
    return made


@contextlib.contextmanager
def started(program: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def writer(path: Path, milliseconds: int = 10_000) -> Iterator[WorkConnection]:
    with contextlib.closing(
        connect.open_writer(Settings(path=path, busy_timeout_ms=milliseconds))
    ) as conn:
        yield conn


def commit(conn: WorkConnection) -> None:
    with transaction.write(conn):
        conn.execute("INSERT INTO meta (name, value) VALUES ('n', 1) ON CONFLICT DO NOTHING")


def longest_gap(order: Sequence[str]) -> int:
    """Return how many commits others made at most while one waited that had not made all of its."""
    done = min(len(order) - 1 - list(reversed(order)).index(each) for each in set(order))
    gaps = []
    for each in set(order):
        own = [-1, *(at for at in range(done + 1) if order[at] == each), done + 1]
        gaps += [after - before - 1 for before, after in itertools.pairwise(own)]
    return max(gaps)


@posix
@pytest.mark.parametrize(("processes", "commits", "most"), [(2, 300, 40), (8, 40, 150)])
def test_no_process_is_overtaken_again_and_again(
    path: Path, processes: int, commits: int, most: int
) -> None:
    with database(path) as conn:
        conn.execute("CREATE TABLE my_turns (turn INTEGER PRIMARY KEY, process TEXT)")
    with contextlib.ExitStack() as stack:
        running = [
            stack.enter_context(started(_COMMITS, path, number, commits))
            for number in range(processes)
        ]
        for process in running:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        assert [process.wait(60) for process in running] == [0] * processes
    with database(path) as conn:
        order = [row[0] for row in conn.execute("SELECT process FROM my_turns ORDER BY turn")]
    assert len(order) == processes * commits
    assert longest_gap(order) <= most


@posix
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
def test_a_holder_that_is_killed_or_stopped_stops_nobody(path: Path, end: signal.Signals) -> None:
    with writer(path, 60_000) as conn, started(_HOLDS, path) as holder:
        commit(conn)  # passes a holder that has it for long
        assert conn.turn is not None
        holder.send_signal(end)
        if end == signal.SIGKILL:
            holder.wait()
        for _ in range(20):
            commit(conn)
        began = time.monotonic()
        with conn.turn.kept():
            commit(conn)
            # The system has released the queue of the dead one; that of a stopped one is passed at
            # once, since it was found held for long before.
            assert conn.turn.is_first == (end == signal.SIGKILL)
        assert time.monotonic() - began < 30


@posix
def test_the_wait_for_both_locks_ends_with_the_busy_timeout_and_sqlites_error(path: Path) -> None:
    with writer(path, 50) as conn, started(_HOLDS, path), database(path) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError) as caught:
            commit(conn)
        assert caught.value.sqlite_errorcode == sqlite3.SQLITE_BUSY
        assert not conn.in_transaction
        other.execute("ROLLBACK")
        commit(conn)


@posix
def test_a_writer_that_never_waits_takes_a_free_lock_though_the_queue_is_held(path: Path) -> None:
    with writer(path, 0) as conn, started(_HOLDS, path):
        commit(conn)


def test_an_error_other_than_busy_is_raised_at_once_and_leaves_the_queue(path: Path) -> None:
    def fail() -> None:
        raise KeyboardInterrupt

    with writer(path, 60_000) as conn, writer(path, 60_000) as other:
        assert conn.turn is not None
        with pytest.raises(KeyboardInterrupt):
            conn.turn.run(fail)
        with pytest.raises(sqlite3.OperationalError, match="syntax"):
            transaction.lock(conn, "NO SUCH STATEMENT")
        assert not conn.turn.is_first
        commit(other)
        commit(conn)


def test_several_writers_of_one_process_queue_too(path: Path) -> None:
    with writer(path) as conn, writer(path) as other:
        assert conn.turn is not None
        assert other.turn is not None
        with conn.turn.kept():
            commit(conn)
            assert conn.turn.is_first
            commit(other)  # after `PASSED_AFTER`
            assert not other.turn.is_first
        with other.turn.kept():
            commit(other)
            assert other.turn.is_first


def test_the_file_is_there_while_a_writer_is(path: Path) -> None:
    queue = beside(path, QUEUE)
    assert not queue.exists()
    with writer(path) as conn:
        with writer(path):
            assert queue.exists()
        info = queue.stat()
        assert info.st_size == 0
        if os.name == "posix":
            assert stat.S_IMODE(info.st_mode) == 0o600
        assert conn.turn is not None
        with contextlib.closing(connect.open_reader(Settings(path=path))) as reader:
            assert reader.turn is None
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    with contextlib.closing(connect.open_reader(Settings(path=path))):
        assert not queue.exists()


@posix
def test_a_file_that_is_removed_meanwhile_is_made_again(path: Path) -> None:
    with writer(path) as conn, writer(path) as other:
        beside(path, QUEUE).unlink()
        assert conn.turn is not None
        assert other.turn is not None
        with conn.turn.kept():
            commit(conn)
            commit(other)
            assert not other.turn.is_first  # it queues for the new file
        assert beside(path, QUEUE).exists()


def test_without_such_locks_writers_poll(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(queue_lock, "_lock", refuse)
    with writer(path, 20) as conn, database(path) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError):
            commit(conn)
        other.execute("ROLLBACK")
        commit(conn)
        assert conn.turn is not None
        assert not conn.turn.is_first


def _folder(queue: Path) -> None:
    queue.mkdir()


def _link(queue: Path) -> None:
    queue.symlink_to(queue.with_name("elsewhere"))


def _link_to_a_file(queue: Path) -> None:
    queue.with_name("elsewhere").touch(0o644)
    queue.symlink_to(queue.with_name("elsewhere"))


def _second_name(queue: Path) -> None:
    queue.with_name("elsewhere").touch(0o644)
    os.link(queue.with_name("elsewhere"), queue)


def _pipe(queue: Path) -> None:
    os.mkfifo(queue)


def _of_another(queue: Path) -> None:
    queue.touch(0o666)
    os.chown(queue, 12345, 12345)


def _gigabyte(queue: Path) -> None:
    with queue.open("wb") as file:
        file.truncate(1 << 30)


@posix
@pytest.mark.parametrize(
    "plant", [_folder, _link, _link_to_a_file, _second_name, _pipe, _of_another, _gigabyte]
)
def test_a_planted_file_does_no_harm_and_is_left_alone(
    path: Path, plant: Callable[[Path], None]
) -> None:
    queue, elsewhere = beside(path, QUEUE), path.with_name("elsewhere")
    if plant is _of_another and os.geteuid() != 0:
        pytest.skip("only root makes files of others")
    plant(queue)
    before = queue.lstat()
    with writer(path) as conn, writer(path) as other:
        for each in (conn, other):
            commit(each)
            assert each.turn is not None
            with each.turn.kept():
                commit(each)
                assert not each.turn.is_first
    after = queue.lstat()
    assert (before.st_ino, before.st_mode, before.st_size) == (
        after.st_ino,
        after.st_mode,
        after.st_size,
    )
    assert not elsewhere.exists() or stat.S_IMODE(elsewhere.stat().st_mode) == 0o644
    assert with_store(path, lambda store: store.list()) == ["s"]


@posix
def test_a_forked_child_does_not_hold_the_queue_of_its_parent(path: Path) -> None:
    with writer(path) as conn:
        assert conn.turn is not None
        with conn.turn.kept():
            commit(conn)
            child = os.fork()
            if child == 0:  # pragma: no cover - in the child
                time.sleep(600)
                os._exit(0)
        try:
            conn.turn.forget()  # as if the parent had died
            with writer(path) as other:
                assert other.turn is not None
                with other.turn.kept():
                    commit(other)
                    assert other.turn.is_first
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def test_the_lock_is_not_inherited_by_programs(path: Path) -> None:
    with writer(path) as conn:
        assert conn.turn is not None
        assert conn.turn.handle is not None
        assert not os.get_inheritable(conn.turn.handle)


def test_a_wal_checkpoint_keeps_its_place(path: Path) -> None:
    """Else others commit between its mark and its lock, and it begins again up to 20 times."""
    with writer(path) as conn, writer(path) as other:
        assert conn.turn is not None
        assert other.turn is not None
        seen: list[bool] = []
        conn.set_trace_callback(lambda _: seen.append(bool(conn.turn and conn.turn.is_first)))
        wal_checkpoint.checkpoint(conn)
        conn.set_trace_callback(None)
        assert seen
        assert all(seen[1:])  # all but the first BEGIN
        assert not conn.turn.is_first
