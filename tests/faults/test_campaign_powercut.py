"""The power-cut campaign keeps its promises on our store, and finds what is planted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.campaigns import powercut
from tests.faults.harness import shim
from tests.faults.harness.fork_server import Stage
from tests.faults.harness.report import Report

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shim.available() is not None, reason=str(shim.available())),
]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as found:
        yield found


def attacked(stage: Stage, subject: str, images: int) -> Report:
    report = Report(campaign="powercut", subject=subject, seed=1)
    with powercut.scratch() as place:
        powercut.attack(report, stage, place, subject, 1, images)
    return report


def test_a_store_of_normal_durability_loses_whole_turns_at_most(stage: Stage) -> None:
    report = attacked(stage, "sqlite-normal", 500)

    assert report.failures == []
    assert report.counts["with_turns_missing"] > 0


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("synchronous_off", "LOST"),
        ("acknowledged_before_commit", "LOST"),
        ("no_transaction", "Error: "),
        ("split_transaction", "Error: "),
    ],
)
def test_what_a_power_cut_shows_is_found(stage: Stage, fault: str, seen: str) -> None:
    report = attacked(stage, f"tests.faults.planted_faults:{fault}", 2_000)

    assert report.counts["failed"] > 0
    assert any(seen in failure for failure in report.failures)
