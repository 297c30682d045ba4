"""No integer of a file ends a salvage, hangs a verify or makes a save unreadable."""

from __future__ import annotations

import sys

import pytest

from tests.faults.campaigns import extreme_integers
from tests.faults.campaigns.extreme_integers import Job
from tests.faults.run_campaign import planted

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs forks as Linux has them")

MOST = 2**63 - 1
# Each of these once ended a salvage, was walked position by position, or lost a save.
KNOWN = [
    Job("owner", "owner_key", 2**31, last=True),
    Job("owner", "owner_key", MOST, last=True),
    Job("message", "seq", 2**31, last=True),
    Job("message", "seq", MOST, last=True),
    Job("branch_segment", "start_seq", -(2**63), last=False),
    Job("verification_report", "owner_key", 2**48, last=True),
    Job("retained_artifact_uri", "owner_key", MOST, last=False),
    Job("branch_owner", "owner_key", -(2**63), last=True),
    Job("collection", "count", 2**31, last=True),
    Job("run", "run_key", MOST, last=True),
    # The rows that belong to such a row were taken for those of the next new row.
    Job("owner", "owner_key", -1, last=True),
    Job("branch", "branch_key", -1, last=True),
    Job("subagent_task", "subagent_task_key", -(2**63), last=True),
]


def test_integers_that_once_did_harm_do_none() -> None:
    report = planted("extreme_integers", "sqlite")
    extreme_integers.run(report, "short", only=KNOWN)
    assert report.failures == []
    assert report.counts["tried"] == len(KNOWN)


def test_a_store_that_takes_any_key_is_found() -> None:
    report = planted("extreme_integers", "keys_unbounded")
    extreme_integers.run(report, "short", only=KNOWN[:1])
    assert any("a new session cannot be saved" in failure for failure in report.failures)
