"""What cannot be saved is refused by name, and a store that is more lenient is found out."""

from __future__ import annotations

import pytest

from tests.faults.campaigns import inputs
from tests.faults.harness.other_process import Beside
from tests.faults.harness.report import Report


@pytest.mark.parametrize("fault", ["formats_an_id", "accepts_nan", "writes_before_it_checks"])
def test_a_store_that_is_too_trusting_is_found(fault: str) -> None:
    """Which inputs a seed gives depends on what else is imported: so as many files as it takes."""
    report = Report(campaign="inputs", subject=f"tests.faults.planted_faults:{fault}", seed=1)
    with Beside() as beside:
        for number in range(20):
            inputs.one_file(report, beside, number, inputs=200)
            if report.failures:
                return
    pytest.fail(f"not found: {report.counts}")
