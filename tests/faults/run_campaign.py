"""Runs a campaign as its users do: in a process of its own, which has no threads to be forked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs

ROOT = Path(__file__).parents[2]
# Longer than any short campaign takes on a busy machine: whoever waits so long hangs.
_PATIENCE = 900


@attrs.frozen
class Outcome:
    """What a campaign reported."""

    ok: bool
    counts: dict[str, int]
    failures: list[str]


def attack(campaign: str, subject: str = "sqlite", seed: int = 1) -> Outcome:
    """The outcome of the short form; `subject` may name a planted fault."""
    planted = subject if subject == "sqlite" else f"tests.faults.planted_faults:{subject}"
    command = [sys.executable, "-m", "tests.faults", campaign, "--short", "--json"]
    done = subprocess.run(
        [*command, "--seed", str(seed), "--subject", planted],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
    )
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if found["ok"] else 1)
    return Outcome(found["ok"], found["counts"], found["failures"])
