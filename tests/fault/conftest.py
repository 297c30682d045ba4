"""Attacks are not counted line by line: the processes they fork would be traced as well."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        path = Path(item.path)
        if path.parent.name == "fault" and path.name.startswith("test_campaign"):
            item.add_marker("no_cover")
