"""A test that hangs is ended at its limit of wall time, and the stacks of all threads printed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.internal.conjecture import engine

from tests import conftest

HANGING = """
import threading, time

def beside():
    time.sleep(60)

def test_hangs():
    threading.Thread(target=beside, daemon=True).start()
    waiting_for_an_answer()

def waiting_for_an_answer():
    threading.Event().wait(60)
"""


def test_a_hang_is_ended_and_the_stacks_of_all_threads_are_printed(tmp_path: Path) -> None:
    (tmp_path / "test_hanging.py").write_text(HANGING, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\ntimeout = 1\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
    )
    said = done.stdout + done.stderr
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "Timeout (>1.0s)" in said
    for frame in ("in beside", "waiting_for_an_answer"):
        assert frame in said


def test_every_test_has_a_limit(request: pytest.FixtureRequest) -> None:
    marker = request.node.get_closest_marker("timeout")
    assert marker is not None
    assert marker.args == (conftest.LIMIT,)


@given(st.booleans())
def test_shrinking_ends_before_the_limit(request: pytest.FixtureRequest, drawn: bool) -> None:
    """Hypothesis gives up shrinking after 300 seconds, and tells what it found."""
    assert engine.MAX_SHRINKING_SECONDS <= conftest.SHRINKING
    marker = request.node.get_closest_marker("timeout")
    assert marker is not None
    assert marker.args == (conftest.LIMIT + conftest.SHRINKING,)


def test_a_test_that_waits_for_a_campaign_waits_longer_than_the_campaign_may_take() -> None:
    text = (conftest.ROOT / "tests" / "faults" / "run_campaign.py").read_text(encoding="utf-8")
    assert "_TIME_LIMIT: Final = 900" in text
    assert conftest.CAMPAIGN > 900
