"""A log with a flipped bit is recognised before anything is dropped, and no other is suspected."""

from __future__ import annotations

import pytest

from tests.faults.campaigns import log_flips


@pytest.mark.parametrize(
    ("fault", "seen"),
    [("log_not_looked_at", "were recognised"), ("every_log_suspected", "is refused")],
)
def test_a_store_that_looks_away_or_is_too_anxious_is_found_out(fault: str, seen: str) -> None:
    report = log_flips.run(f"tests.faults.planted_faults:{fault}", 1, "short", share=0.1)

    assert any(seen in failure for failure in report.failures)
