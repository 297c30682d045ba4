"""Writers that are killed at random moments, and the faults that such kills have to find."""

from __future__ import annotations

import pytest

from tests.faults.run_campaign import attack


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("acknowledged_before_commit", "LOST"),
        ("no_transaction", "WalForeignError"),
        ("split_transaction", "WalForeignError"),
        ("journal_in_memory", ""),
    ],
)
def test_kills_find_a_planted_fault(fault: str, found: str) -> None:
    outcome = attack("kill", fault, stop_at=found)
    assert not outcome.ok
    assert any(found in failure for failure in outcome.failures)
