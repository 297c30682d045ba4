"""Hypothesis profiles: `dev` unless A3S_PROFILE says `ci` or `soak`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=100, deadline=None, print_blob=True)
settings.register_profile("soak", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("A3S_PROFILE", "dev"))


ROOT: Final = Path(__file__).parents[1]

# Wall time that one test may take, in seconds: many times what the slowest of its kind takes on two
# busy cores. What reaches it hangs, and all stacks are printed (pytest-timeout).
LIMIT: Final = 300
# Hypothesis shrinks a failing example for 300 seconds at most. A test of its kind has as much more,
# so a failure that is being shrunk is reported as itself and never as a hang.
SHRINKING: Final = 300
# A campaign is a process of its own, which `tests/faults/run_campaign.py` waits 900 seconds for.
CAMPAIGN: Final = 960


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test its limit of wall time, and leave fault and property tests out of coverage.

    Counting those line by line would double their time, and what they show is not which lines ran.
    """
    for item in items:
        path = Path(item.path)
        folder, name = path.parent.name, path.name
        if folder in {"faults", "property"} or name == "test_suite_catches_faults.py":
            item.add_marker("no_cover")
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(seconds_for(item)))


def seconds_for(item: pytest.Item) -> int:
    """The limit of wall time of one test."""
    if Path(item.path).parent.name == "faults":
        return CAMPAIGN
    function = getattr(item, "obj", None)
    shrinks = getattr(function, "is_hypothesis_test", False)
    return LIMIT + SHRINKING if shrinks else LIMIT


def _untracked() -> set[str]:
    """Files of the checkout that git neither tracks nor ignores; none where there is no git."""
    command = ["git", "ls-files", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    except FileNotFoundError:
        return set()
    return set(done.stdout.splitlines())


def pytest_sessionstart(session: pytest.Session) -> None:
    """Remember which files lie about before the tests."""
    if not hasattr(session.config, "workerinput"):
        session.config.stash[_BEFORE] = _untracked()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that left files in the checkout: tests write to folders of their own."""
    before = session.config.stash.get(_BEFORE, None)
    if before is not None and (left := sorted(_untracked() - before)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print(f"\nthe tests left files in the checkout: {', '.join(left)}")


_BEFORE: Final = pytest.StashKey[set[str]]()
