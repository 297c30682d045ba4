"""The worked example is killed at every round, and goes on in a new process with nothing lost."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from a3s_store import SessionSnapshot, SqliteSessionStore
from a3s_store.models import Message, PermissionDenied, RunStatus, ToolUseBlock

PROGRAM = Path(__file__).parents[2] / "examples" / "small_agent.py"
ROUNDS = 7
SECONDS = 60.0


def start(folder: Path, *, pause: float = 0.0) -> subprocess.Popen[str]:
    (folder / "files").mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [
            sys.executable,
            str(PROGRAM),
            str(folder / "agent.a3s"),
            str(folder / "files"),
            "--pause",
            str(pause),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def finish(folder: Path) -> str:
    process = start(folder)
    said, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    return said


def stored(folder: Path) -> SessionSnapshot:
    async def load() -> SessionSnapshot:
        async with SqliteSessionStore.open(folder / "agent.a3s") as store:
            assert (await store.verify(depth="deep")).ok
            assert (await store.inventory()).loop_checkpoints == ()
            found = await store.load_snapshot("word-count")
            assert found is not None
            return found

    return asyncio.run(load())


def said(snapshot: SessionSnapshot) -> tuple[Message, ...]:
    return snapshot.session.messages


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> SessionSnapshot:
    folder = tmp_path_factory.mktemp("undisturbed")
    finish(folder)
    return stored(folder)


def test_the_example_does_its_work_and_asks_before_nothing_it_may_do(
    undisturbed: SessionSnapshot,
) -> None:
    calls = [
        block.name
        for message in said(undisturbed)
        for block in message.content
        if isinstance(block, ToolUseBlock)
    ]
    assert calls == ["write"] * 4 + ["bash", "read", "bash"]
    assert said(undisturbed)[-1].text.endswith("26 total")
    (run,) = undisturbed.run_records or ()
    assert run.snapshot.status is RunStatus.COMPLETED
    assert sum(isinstance(event.event, PermissionDenied) for event in run.events) == 1
    assert len(undisturbed.trace_events or ()) == ROUNDS


def test_killed_after_every_round_it_goes_on_each_time_and_nothing_is_lost_or_done_twice(
    tmp_path: Path, undisturbed: SessionSnapshot
) -> None:
    for _ in range(ROUNDS):
        process = start(tmp_path, pause=SECONDS)
        assert process.stdout is not None
        with process:
            while not (line := process.stdout.readline()).startswith("round "):
                assert line, "it ended before it was killed"
            process.send_signal(signal.SIGKILL)
    finish(tmp_path)
    assert "done before" in finish(tmp_path)
    found = stored(tmp_path)
    assert said(found) == said(undisturbed)
    assert found.session.total_usage == undisturbed.session.total_usage
    assert [event.name for event in found.trace_events or ()] == [
        event.name for event in undisturbed.trace_events or ()
    ]
    statuses = [run.snapshot.status for run in found.run_records or ()]
    assert statuses == [*[RunStatus.CANCELLED] * ROUNDS, RunStatus.COMPLETED]


@pytest.mark.parametrize("delay", [0.15, 0.25, 0.32, 0.38, 0.45])
def test_killed_at_any_moment_it_comes_to_the_same_end(
    tmp_path: Path, undisturbed: SessionSnapshot, delay: float
) -> None:
    """Not only between rounds: before the session is made, in a tool, in a save."""
    for _ in range(3):
        process = start(tmp_path)
        with process:
            try:
                process.wait(delay)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
    finish(tmp_path)
    found = stored(tmp_path)
    assert said(found) == said(undisturbed)
    assert found.session.total_usage == undisturbed.session.total_usage
