"""The failing-sync campaign keeps its promises on our store, and finds what is planted."""

from __future__ import annotations

import pytest

from a3s_store.testing.faults import failing_sync, powercut, shim
from a3s_store.testing.faults.report import Report
from a3s_store.testing.faults.stage import Stage

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shim.available() is not None, reason=str(shim.available())),
]


def test_a_store_that_goes_on_after_a_failed_sync_is_found() -> None:
    subject = "tests.fault.planted:goes_on_after_an_io_error"
    report = Report(campaign="failing_sync", subject=subject, seed=1)
    with powercut.scratch() as place, Stage() as stage:
        failing_sync.attack(report, stage, place, subject, 1, 10, 500)

    assert any("without reopening" in failure for failure in report.failures)
