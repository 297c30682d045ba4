"""The campaign of invalid values finds a store that saves them."""

from __future__ import annotations

import pytest

from tests.faults.campaigns import inputs
from tests.faults.harness.other_process import OtherProcess
from tests.faults.run_campaign import planted


@pytest.mark.parametrize("fault", ["formats_an_id", "accepts_nan", "writes_before_it_checks"])
def test_a_store_that_is_too_trusting_is_found(fault: str) -> None:
    """The inputs of a seed depend on the imported modules, so the number of files is not fixed."""
    report = planted("inputs", fault, stop_at="")
    with OtherProcess() as other:
        for number in range(20):
            inputs.one_file(report, other, number, inputs=200)
            if report.failures:
                return
    pytest.fail(f"not found: {report.counts}")
