"""Processes that compete, are killed, or leave without closing: real ones, with real signals."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.runtime.runs.drafts import draft_message
from tests.faults.programs import check_whole
from tests.support import database, session, with_store

ROOT = Path(__file__).parents[2]
# From 3.12 on, forking beside threads is warned of; here it is what is tried.
QUIET = ["-W", "ignore::DeprecationWarning"]


def start(program: str, *args: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *QUIET, "-m", "tests.faults.programs", program, *map(str, args)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def check_file(path: Path) -> None:
    with database(path) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert conn.execute("PRAGMA foreign_key_check").fetchall() == []


def test_two_processes_merge_their_turns_and_lose_none(tmp_path: Path) -> None:
    """No save is tried twice, and no turn is in between another."""
    path, turns = tmp_path / "agent.a3s", 60
    with_store(path, lambda store: store.save(session("shared", count=0)))
    both = [start("merge_turns", path, name, turns) for name in ("left", "right")]
    merged = 0
    for process in both:
        out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, "")
        merged += int(out)
    assert merged > 0

    async def use(store: SqliteSessionStore) -> None:
        loaded = await store.load("shared")
        assert loaded is not None
        texts = [message.text.split(":")[0] for message in loaded.messages]
        names = [text.rpartition(" ")[0] for text in texts]
        assert names[::2] == names[1::2], "a turn is two messages, one behind the other"
        for name in ("left", "right"):
            mine = [turn for turn in names[::2] if turn.startswith(name)]
            assert mine == [f"{name} {number}" for number in range(turns)]
        assert await store.generation("shared") == 1 + 2 * turns
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)
    check_file(path)


@pytest.mark.slow
def test_two_processes_save_different_sessions_and_the_same_one(tmp_path: Path) -> None:
    """Ten seconds of two writers: nothing but refused comparisons, and nothing lost."""
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: store.save(session("shared", count=3)))
    both = [start("compete", path, name, 10) for name in ("left", "right")]
    own, added, refused = [], 0, 0
    for process in both:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
        saved, won, lost = map(int, out.split())
        own.append(saved)
        added += won
        refused += lost

    async def use(store: SqliteSessionStore) -> None:
        for name, saved in zip(("left", "right"), own, strict=True):
            whole = await store.load_snapshot(name)
            assert whole is not None
            assert check_whole(whole) == saved % 40 + 1
            assert await store.generation(name) == saved
        shared = await store.load("shared")
        assert shared is not None
        assert shared.total_cost == float(added), "every accepted comparison counted, none twice"
        assert await store.generation("shared") == added + 1

    with_store(path, use)
    assert min(own) > 10
    assert added > 10
    assert refused >= 0
    check_file(path)


@pytest.mark.slow
def test_a_killed_writer_loses_nothing_it_acknowledged_and_leaves_nothing_half(
    tmp_path: Path,
) -> None:
    path = tmp_path / "agent.a3s"
    rng = random.Random(7)
    acknowledged = 0
    for _ in range(25):
        process = start("save_on", path, "victim", acknowledged % 30)
        assert process.stdout is not None
        first = int(process.stdout.readline())
        time.sleep(rng.uniform(0.0, 0.05))
        process.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        # Not communicate(): it would leave out what readline() has read ahead.
        with process:
            out = process.stdout.read()
        acknowledged = int(([str(first), *out.split()])[-1])

        async def use(store: SqliteSessionStore) -> int:
            whole = await store.load_snapshot("victim")
            assert whole is not None
            return check_whole(whole)

        found = with_store(path, use)
        assert found in {acknowledged, acknowledged + 1}
    check_file(path)


def test_of_a_reply_that_a_kill_cut_off_the_draft_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    process = start("stream", path, "victim")
    assert process.stdout is not None
    for _ in range(3):
        count = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
    with process:
        count = int(([str(count), *process.stdout.read().split()])[-1])

    async def use(store: SqliteSessionStore) -> None:
        (run_id,) = (await store.inventory()).loop_checkpoints
        checkpoint = await store.load_loop_checkpoint(run_id)
        draft = await store.load_draft(run_id)
        assert checkpoint is not None
        assert draft is not None
        assert draft.position == len(checkpoint.messages) == 3
        words = draft.text.split()
        assert words == [f"word-{number}" for number in range(len(words))]
        assert len(words) >= count > 0
        message = draft_message(draft)
        assert message.text.startswith(draft.text)
        assert (await store.verify(depth="deep")).ok
        await store.delete("victim")
        assert await store.load_draft(run_id) is None

    with_store(path, use)
    check_file(path)


def test_processes_that_open_a_new_store_at_once_all_get_in(tmp_path: Path) -> None:
    """The switch to the log is refused while another one switches, without asking to wait."""
    for attempt in range(3):
        path = tmp_path / f"agent-{attempt}.a3s"
        processes = [start("save_one", path, f"s{number}") for number in range(6)]
        for process in processes:
            _, err = process.communicate(timeout=60)
            assert (process.returncode, err) == (0, "")
        assert with_store(path, lambda store: store.list()) == [f"s{n}" for n in range(6)]
        check_file(path)


WAYS = ["kept", "cycle", "dropped", "task", "raise", "exit", "closed loop"]


@pytest.mark.parametrize("way", WAYS)
def test_a_store_that_is_never_closed_holds_no_process_and_loses_nothing(
    tmp_path: Path, way: str
) -> None:
    path = tmp_path / "agent.a3s"
    process = subprocess.Popen(
        [sys.executable, "-W", "always", "-m", "tests.faults.programs", "forget", str(path), way],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    _, err = process.communicate(timeout=20)
    assert process.returncode == {"raise": 1, "exit": 7}.get(way, 0)
    assert "ResourceWarning" in err

    saved = with_store(path, lambda store: store.list())
    assert "acknowledged" in saved
    if way in {"task", "closed loop"}:
        assert [f"accepted-{n}" for n in range(20)] == sorted(
            (i for i in saved if i != "acknowledged"), key=lambda i: int(i.rpartition("-")[2])
        )
    check_file(path)
    assert [found.name for found in tmp_path.iterdir()] == ["agent.a3s"]


@pytest.mark.parametrize("way", WAYS)
def test_leaving_without_closing_takes_less_than_two_seconds(tmp_path: Path, way: str) -> None:
    """The bound is on the process: from the last line of its main to its end it must not wait."""
    code = (
        "import sys, time, atexit\n"
        "began = []\n"
        "atexit.register(lambda: sys.stdout.write(str(time.monotonic() - began[0])))\n"
        "from tests.faults import programs\n"
        "try:\n"
        "    programs.forget(*sys.argv[1:])\n"
        "finally:\n"
        "    began.append(time.monotonic())\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "agent.a3s"), way],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert float(process.stdout) < 2.0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_is_told_and_the_parent_goes_on(tmp_path: Path) -> None:
    process = start("fork", tmp_path / "agent.a3s")
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    check_file(tmp_path / "agent.a3s")
