"""A heap with a limit: refused saves are not stored, acknowledged ones are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from tests.faults.run_campaign import ROOT, attack
from tests.support import session, with_store


@pytest.mark.parametrize("scenario", ["checkpoint", "lock"])
def test_without_memory_a_checkpoint_fails_and_blocks_no_other(
    tmp_path: Path, scenario: str
) -> None:
    path = tmp_path / "agent.a3s"
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.limited_memory", str(path), scenario],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")

    async def check(store: SqliteSessionStore) -> None:
        assert await store.load("fix-login") == session(count=50)

    with_store(path, check)


@pytest.mark.slow
def test_limits_find_an_encoder_that_does_not_check_for_memory() -> None:
    outcome = attack("memory", "memory_not_asked_for", stop_at="SIGSEGV")
    assert any("SIGSEGV" in failure for failure in outcome.failures)


@pytest.mark.slow
def test_limits_find_a_failed_save_that_is_acknowledged() -> None:
    outcome = attack("memory", "error_swallowed", stop_at="LOST")
    assert any("LOST" in failure for failure in outcome.failures)
