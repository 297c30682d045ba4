"""The command line is tried as in a plain shell, whatever the tests themselves run in."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def plain_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """No width and no colours from outside; parallel test runners set a width."""
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
