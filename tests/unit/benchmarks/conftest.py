"""Runs in tests measure nothing, so their stores lie in memory where that can be had."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

_MEMORY = Path("/dev/shm")


@pytest.fixture
def scratch() -> Iterator[Path]:
    """An empty folder where a sync costs nothing, if the system has one."""
    there = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK | os.X_OK)
    with tempfile.TemporaryDirectory(dir=_MEMORY if there else None) as folder:
        yield Path(folder)
