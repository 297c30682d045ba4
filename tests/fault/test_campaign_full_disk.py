"""A disk that fills up and is emptied again, under an open store."""

from __future__ import annotations

import pytest

from tests.fault.campaigns import attack


@pytest.mark.slow
def test_a_full_disk_loses_nothing_and_the_open_store_goes_on_once_there_is_room() -> None:
    outcome = attack("full_disk")
    assert outcome.failures == []
    counts = outcome.counts
    if counts.get("scenes_without_a_disk"):
        pytest.skip("this system lets nobody mount a small disk")
    assert counts["scenes"] == 18
    assert counts["refused"] > 50
    assert counts["acknowledged_saves"] > 100
    assert counts["loads_while_full"] > 50
    assert counts["not_opened"] > 0
    assert counts["failed_checkpoints"] == 2


@pytest.mark.slow
def test_a_full_disk_finds_a_save_that_fails_and_says_that_it_is_saved() -> None:
    outcome = attack("full_disk", "error_swallowed")
    assert any("not what was acknowledged" in failure for failure in outcome.failures)
