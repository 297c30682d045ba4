"""Databases beside logs that are not theirs: what does not compare enough is found out."""

from __future__ import annotations

import pytest

from tests.faults.run_campaign import attack


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("links_not_compared", "is opened, and is neither"),
        ("never_marked_as_open", "beside the log of nothing is opened, and is neither"),
        ("marked_in_every_commit", "WalMissingError"),
        ("layout_not_compared", "vacuumed at"),
    ],
)
def test_what_does_not_compare_enough_is_found_out(fault: str, seen: str) -> None:
    found = attack("file_pairs", fault).failures
    assert any(seen in failure for failure in found), found
