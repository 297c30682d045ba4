"""The failing-sync campaign finds a store that goes on after a failed sync."""

from __future__ import annotations

import pytest

from tests.faults.campaigns import failing_sync
from tests.faults.harness import shim
from tests.faults.run_campaign import planted

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shim.available() is not None, reason=str(shim.available())),
]


def test_a_store_that_goes_on_after_a_failed_sync_is_found() -> None:
    report = planted("failing_sync", "goes_on_after_an_io_error", stop_at="without reopening")
    failing_sync.attack(report, most=10, total=500)

    assert any("without reopening" in failure for failure in report.failures)
