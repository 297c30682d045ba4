"""Processes that append to one session, and one that is killed before it knows the result."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.core.revision import Position
from a3s_store.models import Message
from tests.faults.programs import save_id
from tests.faults.test_processes import check_file, start
from tests.support import session, with_store

_COUNT = 80


@pytest.mark.parametrize("program", ["append", "append_after"])
def test_what_two_processes_append_is_there_once_and_in_order(program: str, tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: store.save(session("shared", count=0)))
    both = [start(program, path, name, _COUNT) for name in ("left", "right")]
    refused = 0
    for process in both:
        out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, "")
        refused += int(out or 0)

    async def use(store: SqliteSessionStore) -> None:
        loaded = await store.load("shared")
        assert loaded is not None
        texts = [message.text for message in loaded.messages]
        for name in ("left", "right"):
            mine = [text for text in texts if text.startswith(name)]
            assert mine == [f"{name} {number}" for number in range(_COUNT)]
        assert len(texts) == 2 * _COUNT
        assert await store.generation("shared") == 1 + 2 * _COUNT
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)
    check_file(path)


@pytest.mark.slow
def test_an_append_repeated_after_a_kill_is_applied_once(tmp_path: Path) -> None:
    """The process is killed before or after its commit, and the caller does not know which."""
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: store.save(session("shared", count=0)))
    rng = random.Random(11)
    number = 0
    for _ in range(16):
        process = start("append_on", path, number)
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        time.sleep(rng.uniform(0.0, 0.03))
        process.send_signal(signal.SIGKILL)
        with process:
            lines += [line for line in process.stdout if line.endswith("\n")]
        last, length, chain_hash = lines[-1].split()
        number = int(last)
        after = Position(int(length), bytes.fromhex(chain_hash))

        async def repeat(
            store: SqliteSessionStore, number: int = number, after: Position = after
        ) -> None:
            message = Message.user(str(number))
            given: dict[str, Any] = {"after": after, "save_id": save_id(number)}
            done = await store.append("shared", [message], **given)
            again = await store.append("shared", [message], **given)
            assert (again.already, again.position) == (True, done.position)
            loaded = await store.load("shared")
            assert loaded is not None
            assert [one.text for one in loaded.messages] == [*map(str, range(number + 1))]

        with_store(path, repeat)
        number += 1

    async def verify(store: SqliteSessionStore) -> None:
        assert await store.generation("shared") == number + 1
        assert (await store.verify(depth="deep")).ok

    with_store(path, verify)
    check_file(path)


def test_a_process_that_dies_after_the_commit_is_recognised(tmp_path: Path) -> None:
    """The commit stands and the caller never heard of it: the repeated call says `already`."""
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: store.save(session("shared", count=0)))
    process = start("append_on", path, 0)
    assert process.stdout is not None
    for _ in range(3):  # the third line is printed after the second commit
        line = process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert line.startswith("2 ")

    async def repeat(store: SqliteSessionStore) -> None:
        page = await store.messages("shared", stop=1)
        assert page is not None
        first = await store.append("shared", [Message.user("0")], save_id=save_id(0))
        assert (first.already, first.start) == (True, 0)
        done = await store.append(
            "shared", [Message.user("1")], after=first.position, save_id=save_id(1)
        )
        assert (done.already, done.start) == (True, 1)

    with_store(path, repeat)
