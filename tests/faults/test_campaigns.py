"""Every campaign in its short form, in a process of its own: promises kept, and really attacked.

That each finds the faults planted for it is shown in the file of its name.
"""

from __future__ import annotations

import sys

import pytest

from a3s_store.backends.sqlite.connection import wal_checkpoint
from tests.faults.__main__ import CAMPAIGNS
from tests.faults.campaigns import reset
from tests.faults.harness import shim
from tests.faults.run_campaign import attack

# How often what has to have happened, at least: a campaign that attacks nothing keeps any promise.
_LEAST = {
    "kill": {
        "kills": 300,
        "acknowledged_saves": 60,
        "kills_while_opening": 12,
        "kills_with_a_save_in_flight": 60,
        "kills_while_writing": 6,
        "double_kills": 30,
        "closed": 7,
    },
    "histories": {
        "kills": 14,
        "operations": 750,
        "races_won": 75,
        "races_lost": 75,
        "unknown": 7,
        "histories": 9,
    },
    "two_windows": {
        "kills": 120,
        "acknowledged_turns": 100,
        "kept_rounds": 150,
        "idle_closes": 60,
        "forks": 3,
        "refused": 3,
        "given_up": 1,
    },
    "powercut": {
        "images": 4_700,
        "different": 1_250,
        "with_a_garbage_index": 90,
        "saved_to": 50,
    },
    "failing_sync": {"failed_syncs": 7, "told_by_an_error": 1, "images": 1_200},
    "failing_reads": {"failing": 80, "told_by_an_error": 50, "told_by_advice": 5},
    "operations": {"stopped": 75, "failing": 150, "told_by_an_error": 75, "told_by_advice": 1},
    "full_disk": {"scenes": 18, "refused": 50, "loads_while_full": 50, "failed_checkpoints": 2},
    "flips": {
        "flips": 1_200,
        "refused": 300,
        "harmless": 300,
        "integrity_check_missed": 120,
        "recovered_with_damage": 120,
    },
    "log_flips": {"lose_commits": 165, "recognised": 150, "kills": 40, "images": 120},
    "pages": {"pages": 60, "zeroed": 60, "swapped": 60, "salvages": 60, "came_back_whole": 60},
    "file_pairs": {"pairs": 600, "refused": 300, "opened": 60},
    "hostile": {
        "files": 360,
        "opened": 120,
        "open_CorruptionError": 10,
        "open_SchemaError": 5,
        "verify_tells": 100,
    },
    "extreme_integers": {"columns": 120, "tried": 50, "salvaged": 50, "deep_tells": 40},
    "memory": {"limits": 46, "refused": 100, "acknowledged_saves": 100, "not_opened": 1},
    "cancels": {"cancelled": 1_000, "whole": 100, "absent": 10, "checked_again": 1},
    "forks": {
        "rounds": 60,
        "forks": 180,
        "children_that_saved": 120,
        "refused": 5,
        "parents_that_ended_first": 40,
        "killed": 40,
        "acknowledged_saves": 1_000,
    },
    "exits": {"ways": 23, "saves_found": 300},
    "reset": {"scenes": 6, "bare_damaged": 2},
    "inputs": {"inputs": 2_000, "refused": 500, "bytes_unchanged": 500},
}


def _unavailable(campaign: str) -> str | None:
    """Why a campaign cannot be run here; None when it can."""
    if campaign in ("powercut", "failing_sync", "failing_reads", "operations"):
        return shim.available()
    if campaign == "reset":
        return reset.unavailable() or (
            None if wal_checkpoint.has_reset_bug() else "this SQLite has no bug"
        )
    return None if sys.platform == "linux" else "needs limits and forks as Linux has them"


@pytest.mark.slow
@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_under_attack_every_promise_is_kept(campaign: str) -> None:
    why = _unavailable(campaign)
    if why is not None:
        pytest.skip(why)
    outcome = attack(campaign)
    assert outcome.failures == []
    if campaign == "full_disk" and outcome.counts.get("scenes_without_a_disk"):
        pytest.skip("this system lets nobody mount a small disk")
    missing = {
        what: outcome.counts.get(what, 0)
        for what, least in _LEAST[campaign].items()
        if outcome.counts.get(what, 0) < least
    }
    assert missing == {}
