"""No lost page goes unnoticed, and what is whole without it is salvaged."""

from __future__ import annotations

import pytest

from a3s_store.testing.faults import pages


@pytest.mark.slow
def test_every_lost_page_is_refused_told_or_harmless_and_the_rest_is_salvaged() -> None:
    report = pages.run("sqlite", 1, "short")

    assert report.failures == []
    assert report.counts["pages"] > 60
    for how in ("cut", "cut_off", "zeroed", "swapped"):
        assert report.counts[how] >= report.counts["pages"] - 1
    assert report.counts["salvages"] > 60
    assert report.counts["came_back_whole"] > 60
    assert report.counts["came_back_in_part"] > 60


def test_a_salvage_that_forgets_something_is_found_out() -> None:
    report = pages.run("tests.fault.planted:salvage_forgets", 1, "short", share=0.2)

    assert any("none of whose pages were touched" in failure for failure in report.failures)
