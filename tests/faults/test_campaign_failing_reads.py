"""Reads that fail, and the faults that they have to find."""

from __future__ import annotations

import pytest

from tests.faults.harness import shim
from tests.faults.run_campaign import attack


@pytest.mark.slow
@pytest.mark.skipif(shim.available() is not None, reason=str(shim.available()))
@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("takes_a_failing_disk_for_damage", "told as something else"),
        ("goes_on_after_a_failed_read", ""),
    ],
)
def test_failing_reads_find_a_planted_fault(fault: str, found: str) -> None:
    outcome = attack("failing_reads", fault, stop_at=found)
    assert not outcome.ok
    assert any(found in failure for failure in outcome.failures)
