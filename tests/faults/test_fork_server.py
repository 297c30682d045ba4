"""Children of the fork server: their results and ends, and the marks of a workload."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.harness import shim
from tests.faults.harness.fork_server import ForkServer
from tests.faults.harness.progress import Progress

needs_shim = pytest.mark.skipif(shim.available() is not None, reason=str(shim.available()))


# The functions that children call; they import this module.


def write_twice(folder: str) -> int:
    path = Path(folder) / "a"
    path.write_text("once")
    path.write_text("twice")
    return 7


def hang() -> None:
    if os.fork() == 0:
        time.sleep(600)  # to be killed with the process that forked it
    time.sleep(600)


def fail_in_a_thread() -> None:
    def fail() -> None:
        raise OSError("no caller waits for this thread")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer() as found:
        yield found


def called(name: str) -> str:
    return f"tests.faults.test_fork_server:{name}"


@needs_shim
def test_each_child_has_a_folder_and_a_fault_of_its_own(server: ForkServer, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    log = tmp_path / "log"

    first = server.run(
        called("write_twice"),
        {"folder": str(tmp_path / "one")},
        shim.environment(tmp_path / "one", log=log),
    )
    second = server.run(
        called("write_twice"),
        {"folder": str(tmp_path / "two")},
        shim.environment(tmp_path / "two", crash_at=2),
    )

    assert (first.status, first.result, first.stray) == (0, 7, ())
    assert [each.kind.name for each in shim.parse(log)] == [
        "CREATE",
        "WRITE",
        "OPEN",
        "CUT",
        "WRITE",
    ]
    assert second.was_stopped
    assert (tmp_path / "two" / "a").read_text() == ""


@needs_shim
def test_a_child_that_hangs_is_killed_with_its_children(server: ForkServer, tmp_path: Path) -> None:
    ended = server.run(called("hang"), {}, shim.environment(tmp_path), seconds=0.5)

    assert ended.status is None
    assert not ended.was_stopped


@needs_shim
def test_an_error_in_a_thread_is_reported(server: ForkServer, tmp_path: Path) -> None:
    ended = server.run(called("fail_in_a_thread"), {}, shim.environment(tmp_path))

    assert ended.status == 0
    assert ended.stray == ("in a thread: OSError: no caller waits for this thread",)


def test_progress_follows_the_marks() -> None:
    progress = Progress()

    progress.read(b"B 1 1\nB 2 1\nA 1 1\nB 1 2\n")
    assert (progress.begun, progress.acknowledged) == ({1: 2, 2: 1}, {1: 1})

    progress.read(b"D 1 0\n")
    assert (progress.begun[1], progress.acknowledged[1]) == (2, 0)

    progress.read(b"G 1 0\nB 1 1\n")
    assert (progress.begun[1], progress.acknowledged[1]) == (1, 0)
