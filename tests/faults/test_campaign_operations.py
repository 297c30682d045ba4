"""The campaign of operations keeps its promises on our store, and finds what is planted."""

from __future__ import annotations

import pytest

from tests.faults.campaigns import operations, powercut
from tests.faults.harness import shim
from tests.faults.harness.report import Report

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shim.available() is not None, reason=str(shim.available())),
]


@pytest.mark.parametrize("fault", ["error_swallowed", "no_transaction"])
def test_what_a_fault_at_an_operation_shows_is_found(fault: str) -> None:
    subject = f"tests.faults.planted_faults:{fault}"
    report = Report(campaign="operations", subject=subject, seed=1)
    with powercut.scratch() as place:
        operations.attack(report, place, subject, 1, 60)

    assert report.counts["stopped"] > 0
    assert any("BrokenPromiseError" in failure for failure in report.failures)


@pytest.mark.parametrize(
    ("operation", "step", "sticky", "harmless"),
    [
        ("unlink store.db-shm", "close", True, True),
        ("write store.db", "save", False, True),
        ("write store.db", "save", True, False),
        ("write store.db-wal", "save", True, False),
        ("sync store.db-wal", "save", True, False),
        ("sync folder .", "open", True, False),
    ],
)
def test_only_what_nothing_depends_on_may_fail_without_a_word(
    operation: str, step: str, sticky: bool, harmless: bool
) -> None:
    assert operations.is_harmless(operation, step, sticky) is harmless
