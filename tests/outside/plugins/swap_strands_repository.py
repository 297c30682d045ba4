"""Puts `A3sSessionRepository` in the place of the repository that the suite has for itself."""

from __future__ import annotations

import importlib
from typing import Any

from a3s_store import SyncSessionStore
from a3s_store.adapters.strands import A3sSessionRepository


class Swapped(A3sSessionRepository):
    """`A3sSessionRepository`, made without arguments, over a store in memory."""

    def __init__(self) -> None:
        super().__init__(SyncSessionStore.open(":memory:"))


# `tests` is the package of the suite here.
_fixtures: Any = importlib.import_module("tests.fixtures.mock_session_repository")
_fixtures.MockedSessionRepository = Swapped
