"""Processes that fork while they save, and the faults that such forks have to find."""

from __future__ import annotations

import pytest

from tests.faults.run_campaign import attack


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("keeps_what_it_inherited", "StoreReplacedError"),
        ("forks_without_waiting", "child"),
    ],
)
def test_forks_find_a_planted_fault(fault: str, found: str) -> None:
    outcome = attack("forks", fault, stop_at=found)
    assert not outcome.ok
    assert any(found in failure for failure in outcome.failures)
