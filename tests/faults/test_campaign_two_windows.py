"""Processes that talk in one session and are killed, and the faults that this has to find."""

from __future__ import annotations

import pytest

from tests.faults.run_campaign import attack


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("last_save_wins", "LOST"),
        ("totals_added_twice", "not the sum"),
    ],
)
def test_live_sessions_at_once_find_a_planted_fault(fault: str, found: str) -> None:
    outcome = attack("two_windows", fault, stop_at=found)
    assert not outcome.ok
    assert any(found in failure for failure in outcome.failures), outcome.failures
