"""A plugin of pytest that leaves tests out, and writes the outcome of every other one.

`A3S_EXCLUDED` is a JSON list of node ids without parameters or with them; `A3S_OUTCOMES` the file.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

_passed: list[str] = []
_failed: dict[str, str] = {}
_skipped: dict[str, str] = {}
_excluded: set[str] = set()
_left_out: list[str] = []


def pytest_collection_modifyitems(config: Any, items: list[pytest.Item]) -> None:
    """Leave out the tests that are excluded."""
    excluded = set(json.loads(os.environ["A3S_EXCLUDED"]))
    kept = []
    for item in items:
        names = {item.nodeid, item.nodeid.partition("[")[0]} & excluded
        _excluded.update(names)
        if names:
            _left_out.append(item.nodeid)
        else:
            kept.append(item)
    items[:] = kept


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note how a test ended; one whose teardown fails has failed."""
    if report.failed:
        _failed[report.nodeid] = report.longreprtext
        if report.nodeid in _passed:
            _passed.remove(report.nodeid)
    elif report.skipped:
        _skipped[report.nodeid] = report.longreprtext
    elif report.when == "call":
        _passed.append(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Note a file that cannot be imported."""
    if report.failed:
        _failed[report.nodeid] = report.longreprtext


def pytest_sessionfinish() -> None:
    """Write the outcomes."""
    outcomes = {
        "passed": _passed,
        "failed": _failed,
        "skipped": _skipped,
        "excluded": sorted(_excluded),
        "left_out": _left_out,
    }
    Path(os.environ["A3S_OUTCOMES"]).write_text(json.dumps(outcomes), encoding="utf-8")
