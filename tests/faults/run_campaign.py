"""Run campaigns in tests: in a process of its own, as users do, or in parts on a planted fault."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import attrs

from tests.faults import planted_faults, planted_trust
from tests.faults.harness import store_under_test
from tests.faults.harness.report import Report

ROOT: Final = Path(__file__).parents[2]
# Longer than any short campaign takes on a busy machine, in seconds.
_TIME_LIMIT: Final = 900


@attrs.frozen
class Outcome:
    """The result of a campaign."""

    ok: bool
    counts: dict[str, int]
    failures: list[str]


def planted(campaign: str, fault: str, stop_at: str | None = None) -> Report:
    """An empty report of a campaign on a store with this fault, or on a named subject.

    The campaign stops at the first broken promise with the text `stop_at`.
    """
    return Report(campaign=campaign, subject=_subject(fault), seed=1, stop_at=stop_at)


def _subject(fault: str) -> str:
    if fault in store_under_test.SUBJECTS:
        return fault
    module = next(one for one in (planted_faults, planted_trust) if hasattr(one, fault))
    return f"{module.__name__}:{fault}"


def attack(campaign: str, fault: str = "sqlite", stop_at: str | None = None) -> Outcome:
    """Run the short form as `planted` says, in a process without other threads."""
    command = [sys.executable, "-m", "tests.faults", campaign, "--short", "--json"]
    command += ["--subject", _subject(fault)]
    command += ["--stop-at", stop_at] if stop_at is not None else []
    done = subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=_TIME_LIMIT,
    )
    # The processes of a broken store may complain.
    assert fault != "sqlite" or done.stderr == "", done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if found["ok"] else 1)
    return Outcome(found["ok"], found["counts"], found["failures"])
