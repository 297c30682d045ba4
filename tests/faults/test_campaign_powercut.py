"""The power-cut campaign keeps its promises on our store, and finds planted faults."""

from __future__ import annotations

import pytest

from tests.faults.campaigns import powercut
from tests.faults.harness import shim
from tests.faults.run_campaign import planted

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shim.available() is not None, reason=str(shim.available())),
]


def test_a_store_of_normal_durability_loses_whole_turns_at_most() -> None:
    report = planted("powercut", "sqlite-normal")
    powercut.attack(report, 500)

    assert report.failures == []
    assert report.counts["with_turns_missing"] > 0


@pytest.mark.parametrize(
    ("fault", "seen", "stop_at"),
    [
        ("synchronous_off", "LOST", "LOST"),
        ("acknowledged_before_commit", "LOST", "LOST"),
        # A scenario may fail before there is a recording; an image has to fail, too.
        ("no_transaction", "Error: ", ": operation "),
        ("split_transaction", "Error: ", ": operation "),
    ],
)
def test_what_a_power_cut_shows_is_found(fault: str, seen: str, stop_at: str) -> None:
    report = planted("powercut", fault, stop_at)
    powercut.attack(report, 2_000)

    assert report.counts["failed"] > 0
    assert any(seen in failure for failure in report.failures)
