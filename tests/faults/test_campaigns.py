"""Every campaign in its short form, in a process of its own: promises kept, and really attacked.

That each finds the faults planted for it is shown in the file of its name.
"""

from __future__ import annotations

import sys

import pytest

from tests.faults.__main__ import CAMPAIGNS, unavailable
from tests.faults.run_campaign import attack

# The least that each count must reach: a campaign that attacks nothing keeps every promise.
_LEAST = {
    "kill": {
        "kills": 100,
        "acknowledged_saves": 20,
        "kills_while_opening": 6,
        "kills_with_a_save_in_flight": 30,
        "double_kills": 10,
        "closed": 2,
    },
    "histories": {
        "kills": 18,
        "operations": 700,
        "races_won": 60,
        "races_lost": 20,
        "unknown": 3,
        "histories": 4,
    },
    "two_windows": {
        "kills": 24,
        "acknowledged_turns": 20,
        "kept_rounds": 40,
        "idle_closes": 10,
    },
    "write_states": {
        "groups": 1_500,
        "plantederror": 250,
        "refusederror": 80,
        "integrityerror": 80,
        "operationalerror": 3,
    },
    "powercut": {
        "images": 1_000,
        "different": 300,
        "with_a_garbage_index": 20,
        "saved_to": 12,
    },
    "failing_sync": {"failed_syncs": 4, "told_by_an_error": 1, "images": 350},
    "failing_reads": {"failing": 18, "told_by_an_error": 10, "told_by_advice": 1},
    "operations": {"stopped": 36, "failing": 80, "told_by_an_error": 50, "told_by_advice": 1},
    "full_disk": {"scenarios": 10, "refused": 25, "loads_while_full": 25, "failed_checkpoints": 1},
    "flips": {
        "flips": 200,
        "refused": 50,
        "harmless": 100,
        "integrity_check_missed": 25,
        "recovered_with_damage": 30,
    },
    "log_flips": {"lose_commits": 40, "recognised": 36, "kills": 12, "images": 60},
    "pages": {"pages": 60, "zeroed": 12, "swapped": 12, "salvages": 10, "came_back_whole": 10},
    "file_pairs": {"pairs": 300, "refused": 150, "opened": 30},
    "hostile": {
        "files": 180,
        "opened": 60,
        "open_CorruptionError": 5,
        "open_SchemaError": 5,
        "verify_tells": 50,
    },
    "extreme_integers": {"columns": 120, "tried": 9, "salvaged": 9, "deep_tells": 6},
    "memory": {"limits": 15, "refused": 25, "acknowledged_saves": 30},
    "cancels": {"cancelled": 600, "whole": 60, "absent": 6, "checked_again": 1},
    "forks": {
        "rounds": 18,
        "forks": 54,
        "children_that_saved": 35,
        "refused": 1,
        "parents_that_ended_first": 9,
        "killed": 9,
        "acknowledged_saves": 300,
    },
    "exits": {"ways": 23, "saves_found": 300},
    "reset": {"scenarios": 6, "bare_damaged": 2},
    "inputs": {"inputs": 500, "refused": 150, "bytes_unchanged": 150},
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs limits and forks as Linux has them")
@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_under_attack_every_promise_is_kept(campaign: str) -> None:
    if (reason := unavailable(campaign)) is not None:
        pytest.skip(reason)
    outcome = attack(campaign)
    assert outcome.failures == []
    if campaign == "full_disk" and outcome.counts.get("scenarios_without_a_disk"):
        pytest.skip("this system does not allow mounting a small disk")
    missing = {
        what: outcome.counts.get(what, 0)
        for what, least in _LEAST[campaign].items()
        if outcome.counts.get(what, 0) < least
    }
    assert missing == {}
