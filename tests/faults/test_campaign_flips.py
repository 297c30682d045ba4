"""No flipped bit of a database goes unnoticed, and a store that does not look is found out."""

from __future__ import annotations

import pytest

from tests.faults.campaigns import flips


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("seals_not_checked", "SILENT"),
        ("digests_not_checked", "SILENT"),
        ("memories_not_checked", "SILENT ('memories'"),
        ("damage_swallowed", "SILENT"),
        ("order_reversed", "is not what is answered"),
        ("blobs_not_linked", "is not what is answered"),
    ],
)
def test_a_store_that_does_not_look_is_found_out(fault: str, seen: str) -> None:
    """A hundred bits may all lie where the fault makes no difference: then another file."""
    found: list[str] = []
    for seed in range(2, 12):
        found += flips.run(
            f"tests.faults.planted_faults:{fault}", seed, "short", share=0.1
        ).failures
        if any(seen in failure for failure in found):
            return
    pytest.fail(f"in ten files nothing shows the fault: {found}")
