"""Writers that are killed at random moments, and the faults that such kills have to find."""

from __future__ import annotations

import pytest

from tests.fault.campaigns import attack


@pytest.mark.slow
def test_five_hundred_killed_writers_lose_nothing_that_was_acknowledged() -> None:
    outcome = attack("kill")
    assert outcome.failures == []
    counts = outcome.counts
    assert counts["kills"] >= 500
    assert counts["acknowledged_saves"] > 100
    assert counts["kills_while_opening"] > 20
    assert counts["kills_with_a_save_in_flight"] > 100
    assert counts["kills_while_writing"] > 10
    assert counts["double_kills"] > 50
    assert counts["closed"] > 10


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("acknowledged_before_commit", "LOST"),
        ("no_transaction", "session"),
        ("split_transaction", "does not add up"),
        ("journal_in_memory", ""),
    ],
)
def test_kills_find_a_planted_fault(fault: str, found: str) -> None:
    outcome = attack("kill", fault)
    assert not outcome.ok
    assert any(found in failure for failure in outcome.failures)
