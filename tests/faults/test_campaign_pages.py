"""The campaign of lost pages finds a salvage that loses messages."""

from __future__ import annotations

from tests.faults.campaigns import pages
from tests.faults.run_campaign import planted


def test_a_salvage_that_loses_messages_is_found() -> None:
    report = planted("pages", "salvage_forgets", stop_at="which has no row")
    pages.run(report, "short", share=0.2)

    assert any("which has no row on a lost page" in failure for failure in report.failures)
