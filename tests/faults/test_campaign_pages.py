"""No lost page goes unnoticed, and what is whole without it is salvaged."""

from __future__ import annotations

from tests.faults.campaigns import pages


def test_a_salvage_that_forgets_something_is_found_out() -> None:
    report = pages.run("tests.faults.planted_faults:salvage_forgets", 1, "short", share=0.2)

    assert any("none of whose pages were touched" in failure for failure in report.failures)
