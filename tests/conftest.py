"""Hypothesis profiles, limits of wall time, the order of tests, and the minutes of each folder.

A run whose tests leave files in the checkout fails.

A3S_PROFILE chooses the profile: `dev` (the default), `ci`, or `soak` with many more examples.
"""

from __future__ import annotations

import importlib
import os
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

from tests.modules import importable_modules

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=30, deadline=None, print_blob=True)
settings.register_profile("soak", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("A3S_PROFILE", "dev"))


ROOT: Final = Path(__file__).parents[1]

# Seconds of wall time that a test may take: many times those of the slowest test of its kind on two
# busy cores. A test that takes longer hangs, and pytest-timeout prints all stacks.
LIMIT: Final = 300
# Hypothesis shrinks a failing example for up to 300 seconds. Its tests have so much more time, so
# that a failure is reported as itself and not as a hang.
SHRINKING: Final = 300
# `tests/faults/run_campaign.py` gives the process of a campaign 900 seconds.
CAMPAIGN: Final = 960


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test its limit of wall time, and measure no coverage of those that run long.

    That is fault, property and Hypothesis tests: measuring would nearly double their time. Slow
    tests come first, then properties, so that no worker of pytest-xdist is left alone with them at
    the end.
    """
    items.sort(key=_turn)
    for item in items:
        path = Path(item.path)
        folder, name = path.parent.name, path.name
        runs_long = folder in {"faults", "property"} or name == "test_suite_catches_faults.py"
        if runs_long or _is_property(item):
            item.add_marker("no_cover")
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(seconds_for(item)))


def _turn(item: pytest.Item) -> int:
    if item.get_closest_marker("slow") is not None:
        return 0
    return 1 if Path(item.path).parent.name == "property" else 2


def seconds_for(item: pytest.Item) -> int:
    """Return the limit of wall time of one test."""
    if Path(item.path).parent.name == "faults":
        return CAMPAIGN
    return LIMIT + SHRINKING if _is_property(item) else LIMIT


def _is_property(item: pytest.Item) -> bool:
    return bool(getattr(getattr(item, "obj", None), "is_hypothesis_test", False))


def _untracked() -> set[str]:
    """Return the files that git neither tracks nor ignores; none where there is no git."""
    command = ["git", "ls-files", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    except FileNotFoundError:
        return set()
    return set(done.stdout.splitlines())


def pytest_sessionstart(session: pytest.Session) -> None:
    """Store which untracked files there are before the tests."""
    if not hasattr(session.config, "workerinput"):
        session.config.stash[_BEFORE] = _untracked()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Import every module of the package, where coverage is measured.

    A module is imported once a process. A test that is not measured could be the first to use one,
    and its definitions would then count as never executed.
    """
    if session.config.getoption("cov_source", None):
        for module in importable_modules():
            if not module.endswith("__main__"):  # it runs the program
                importlib.import_module(module)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run whose tests left files in the checkout."""
    before = session.config.stash.get(_BEFORE, None)
    if before is not None and (left := sorted(_untracked() - before)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print(f"\nthe tests left files in the checkout: {', '.join(left)}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many minutes the tests of each folder took, those of several workers added up."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds["/".join(Path(report.location[0]).parts[:2])] += report.duration
    for folder, spent in sorted(seconds.items()):
        terminalreporter.write_line(f"{folder}: {spent / 60:.1f} min")


_BEFORE: Final = pytest.StashKey[set[str]]()
