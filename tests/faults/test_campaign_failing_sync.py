"""The failing-sync campaign keeps its promises on our store, and finds what is planted."""

from __future__ import annotations

import pytest

from tests.faults.campaigns import failing_sync, powercut
from tests.faults.harness import shim
from tests.faults.harness.fork_server import Stage
from tests.faults.harness.report import Report

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shim.available() is not None, reason=str(shim.available())),
]


def test_a_store_that_goes_on_after_a_failed_sync_is_found() -> None:
    subject = "tests.faults.planted_faults:goes_on_after_an_io_error"
    report = Report(campaign="failing_sync", subject=subject, seed=1)
    with powercut.scratch() as place, Stage() as stage:
        failing_sync.attack(report, stage, place, subject, 1, 10, 500)

    assert any("without reopening" in failure for failure in report.failures)
