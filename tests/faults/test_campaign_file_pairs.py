"""The campaign of file pairs finds a store that does not compare them enough."""

from __future__ import annotations

import pytest

from tests.faults.run_campaign import attack


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("links_not_compared", "is opened, and has the rows of neither"),
        ("never_marked_as_open", "is opened, and has the rows of neither"),
        ("marked_in_every_commit", "WalMissingError"),
        ("layout_not_compared", "vacuumed at"),
    ],
)
def test_a_store_that_does_not_compare_enough_is_found(fault: str, seen: str) -> None:
    found = attack("file_pairs", fault, stop_at=seen).failures
    assert any(seen in failure for failure in found), found
