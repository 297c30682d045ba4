"""Random programs on all three stores, each compared with a memory store of its own."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, settings

from a3s_store.backends.jsonfiles import FileSessionStore
from a3s_store.backends.memory import MemorySessionStore
from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.core.protocol import Capabilities, Inventory, SessionStore
from a3s_store.core.reports import Depth, VerifyReport
from a3s_store.testing._stream_unit_rules import StreamUnitRules
from a3s_store.testing.state_machine import Clock, store_machine
from tests.support import in_chunks

# (programs, steps of each) by profile; the file and SQLite stores sync every save.
_SIZES = {"dev": (11, 25), "ci": (8, 30), "soak": (2000, 60)}
_PROGRAMS, _STEPS = _SIZES[os.environ.get("A3S_PROFILE", "dev")]
_SETTINGS = settings(
    max_examples=_PROGRAMS,
    stateful_step_count=_STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

# Of all stores, so that items of streams expire in each at the same step.
_CLOCK = Clock()


async def _memory(place: Path) -> SessionStore:
    return MemorySessionStore(clock=_CLOCK)


async def _sqlite(place: Path) -> SessionStore:
    return await SqliteSessionStore.open(place / "store.a3s", clock=_CLOCK)


async def _sqlite_in_memory(place: Path) -> SessionStore:
    return await SqliteSessionStore.open(":memory:", clock=_CLOCK)


async def _sqlite_with_a_tiny_cache(place: Path) -> SessionStore:
    """A store with a tiny session cache, which mostly has the wrong session."""
    return await SqliteSessionStore.open(place / "store.a3s", cache_bytes=10_000, clock=_CLOCK)


async def _sqlite_in_chunks(place: Path) -> SessionStore:
    """A store in which nearly every save takes several transactions."""
    return in_chunks(await SqliteSessionStore.open(place / "store.a3s", clock=_CLOCK))


class _InTurns:
    """Two stores of one file; each call goes to the other one, which remembers what was before."""

    def __init__(self, *stores: SqliteSessionStore) -> None:
        self._stores = stores
        self._turns = itertools.cycle(stores)

    def __getattr__(self, name: str) -> Any:
        return getattr(next(self._turns), name)

    # These ask no file, or both stores; `inventory` is looked for without being called.
    def capabilities(self) -> Capabilities:
        return self._stores[0].capabilities()

    async def inventory(self) -> Inventory:
        return await next(self._turns).inventory()

    async def verify(self, *, depth: Depth = "quick") -> VerifyReport:
        return await next(self._turns).verify(depth=depth)

    async def close(self) -> None:
        for store in self._stores:
            await store.close()


async def _sqlite_in_turns(place: Path) -> SessionStore:
    path = place / "store.a3s"
    stores = [await SqliteSessionStore.open(path, clock=_CLOCK) for _ in range(2)]
    in_chunks(stores[1])
    return cast(SessionStore, _InTurns(*stores))


async def _files(place: Path) -> SessionStore:
    return await FileSessionStore.open(place)


_STORES = {
    "memory": _memory,
    "sqlite": _sqlite,
    "sqlite in memory": _sqlite_in_memory,
    "sqlite that forgets": _sqlite_with_a_tiny_cache,
    "sqlite in chunks": _sqlite_in_chunks,
    "sqlite in turns": _sqlite_in_turns,
    "file": _files,
}


@pytest.mark.slow
class TestStores(store_machine(_STORES, may_refuse={"file"}, clock=_CLOCK).TestCase):  # type: ignore[misc]
    """The SQLite stores and the memory store take every id; the file store may refuse one."""

    settings = _SETTINGS


class _Streams(StreamUnitRules):
    """The rules about streams alone, so that a program has many of them."""

    openers = MappingProxyType(
        {name: _STORES[name] for name in ("memory", "sqlite", "sqlite in turns")}
    )
    clock = _CLOCK


@pytest.mark.slow
class TestStreams(_Streams.TestCase):  # type: ignore[misc, valid-type]
    """Streams inside and outside transactions, and items that expire."""

    settings = _SETTINGS
