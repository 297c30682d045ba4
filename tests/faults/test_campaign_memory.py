"""A heap with a limit: what is refused is not there, what is acknowledged is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from tests.faults.run_campaign import ROOT, attack
from tests.support import session, with_store


@pytest.mark.parametrize("scene", ["checkpoint", "lock"])
def test_without_memory_a_checkpoint_fails_and_holds_nobody_up(tmp_path: Path, scene: str) -> None:
    path = tmp_path / "agent.a3s"
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.limited_memory", str(path), scene],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")

    async def look(store: SqliteSessionStore) -> None:
        assert await store.load("fix-login") == session(count=50)

    with_store(path, look)


@pytest.mark.slow
def test_limits_find_a_value_for_which_memory_is_not_asked_for() -> None:
    outcome = attack("memory", "memory_not_asked_for")
    assert any("SIGSEGV" in failure for failure in outcome.failures)


@pytest.mark.slow
def test_limits_find_a_save_that_fails_and_says_that_it_is_saved() -> None:
    outcome = attack("memory", "error_swallowed")
    assert any("LOST" in failure for failure in outcome.failures)
