"""Writers that are killed at random moments, and the faults that such kills have to find."""

from __future__ import annotations

import pytest

from tests.faults.run_campaign import attack


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("acknowledged_before_commit", "LOST"),
        # A part of a save is found by its digest, or as a WAL without its commit link.
        ("no_transaction", ""),
        ("split_transaction", ""),
        ("journal_in_memory", ""),
    ],
)
def test_kills_find_a_planted_fault(fault: str, found: str) -> None:
    outcome = attack("kill", fault, stop_at=found)
    assert not outcome.ok
    assert any(found in failure for failure in outcome.failures)
