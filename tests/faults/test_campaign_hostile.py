"""The campaign of hostile files finds a store that trusts them."""

from __future__ import annotations

import sys

import pytest

from tests.faults.campaigns import hostile
from tests.faults.run_campaign import planted

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs limits as Linux has them")


@pytest.mark.parametrize(
    ("fault", "file"),
    [
        ("schema_not_verified", "a view without end instead of a table"),
        ("blobs_unbounded", "a blob that unpacks to more than it says"),
    ],
)
def test_a_store_that_is_too_trusting_is_found_out(fault: str, file: str) -> None:
    report = planted("hostile", fault)
    hostile.run(report, "short", files=0, handmade=(file,))

    assert report.failures
