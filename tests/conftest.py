"""Hypothesis profiles: `dev` unless A3S_PROFILE says `ci` or `soak`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=100, deadline=None, print_blob=True)
settings.register_profile("soak", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("A3S_PROFILE", "dev"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Attacks and random programs are not counted line by line: it would take them twice as long,
    and what they show is not which lines were met."""
    for item in items:
        path = Path(item.path)
        if path.parent.name in {"fault", "property"} or path.name == "test_suite_catches_faults.py":
            item.add_marker("no_cover")
