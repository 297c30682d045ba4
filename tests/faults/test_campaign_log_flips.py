"""The campaign of flipped bits in a WAL finds a store that checks too little or too much."""

from __future__ import annotations

import pytest

from tests.faults.campaigns import log_flips
from tests.faults.run_campaign import planted


@pytest.mark.parametrize(
    ("fault", "seen"),
    [("log_not_looked_at", "were recognised"), ("every_log_suspected", "is refused")],
)
def test_a_store_that_checks_too_little_or_too_much_is_found(fault: str, seen: str) -> None:
    report = planted("log_flips", fault, stop_at=seen)
    log_flips.run(report, "short", share=0.1)

    assert any(seen in failure for failure in report.failures)
