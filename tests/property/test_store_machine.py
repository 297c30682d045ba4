"""Random programs on all three stores, each compared with a memory store of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from a3s_store.files import FileSessionStore
from a3s_store.memory import MemorySessionStore
from a3s_store.sqlite import SqliteSessionStore
from a3s_store.store import SessionStore
from a3s_store.testing.machine import store_machine

# (programs, steps of each) by profile; the file and SQLite stores sync every save.
_SIZES = {"dev": (15, 25), "ci": (100, 40), "soak": (2000, 60)}
_PROGRAMS, _STEPS = _SIZES[os.environ.get("A3S_PROFILE", "dev")]
_SETTINGS = settings(
    max_examples=_PROGRAMS,
    stateful_step_count=_STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


async def _memory(place: Path) -> SessionStore:
    return MemorySessionStore()


async def _sqlite(place: Path) -> SessionStore:
    return await SqliteSessionStore.open(place / "store.a3s")


async def _files(place: Path) -> SessionStore:
    return await FileSessionStore.open(place)


_STORES = {"memory": _memory, "sqlite": _sqlite, "file": _files}


@pytest.mark.slow
class TestStores(store_machine(_STORES, may_refuse={"file"}).TestCase):  # type: ignore[misc]
    """The SQLite and the memory store take every id; the file store may refuse one."""

    settings = _SETTINGS
