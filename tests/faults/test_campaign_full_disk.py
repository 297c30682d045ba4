"""A disk that fills up and is emptied again, under an open store."""

from __future__ import annotations

import pytest

from tests.faults.run_campaign import attack


@pytest.mark.slow
def test_a_full_disk_finds_a_failed_save_that_is_acknowledged() -> None:
    outcome = attack("full_disk", "error_swallowed", stop_at="not what was acknowledged")
    assert any("not what was acknowledged" in failure for failure in outcome.failures)
