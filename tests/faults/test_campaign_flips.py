"""The campaign of flipped bits finds a store that does not verify its values."""

from __future__ import annotations

import pytest

from tests.faults.campaigns import flips
from tests.faults.run_campaign import planted


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("checksums_not_checked", "SILENT"),
        ("list_checksums_not_checked", "SILENT"),
        ("digests_not_checked", "SILENT"),
        ("memories_not_checked", "SILENT ('memories'"),
        ("damage_swallowed", "SILENT"),
        ("order_reversed", "another value than the saved one is loaded"),
        ("blobs_not_linked", "another value than the saved one is loaded"),
    ],
)
def test_a_store_that_does_not_verify_is_found(fault: str, seen: str) -> None:
    report = planted("flips", fault, stop_at=seen)
    flips.attack(report, 2_000)
    assert any(seen in failure for failure in report.failures)
