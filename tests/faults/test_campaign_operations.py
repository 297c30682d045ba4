"""The campaign of operations finds planted faults, and excuses few failures only."""

from __future__ import annotations

import pytest

from tests.faults.campaigns import operations
from tests.faults.harness import shim
from tests.faults.run_campaign import planted

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shim.available() is not None, reason=str(shim.available())),
]


@pytest.mark.parametrize("fault", ["error_swallowed", "no_transaction"])
def test_what_a_fault_at_an_operation_shows_is_found(fault: str) -> None:
    report = planted("operations", fault, stop_at="BrokenPromiseError")
    operations.attack(report, every=60)

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
def test_only_operations_that_nothing_depends_on_may_fail_without_a_report(
    operation: str, step: str, sticky: bool, harmless: bool
) -> None:
    assert operations.is_harmless(operation, step, sticky) is harmless
