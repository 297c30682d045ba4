"""Scenarios of a failing disk, which children of a `ForkServer` play.

Each returns the results and errors of its calls by name; `test_failing_disk.py` checks them.
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, Final

from a3s_store import SqliteSessionStore
from a3s_store.errors import StoreError
from tests.faults.harness import shim
from tests.support import artifact, database, session

_TIME_LIMIT: Final = 10.0
_STORE: Final = "agent.a3s"


def reads(folder: str, name: str, sticky: bool) -> dict[str, str]:
    """Reads of the database or of its WAL fail while a store is open, and then no more."""
    return asyncio.run(_reads(Path(folder) / _STORE, name, sticky))


async def _reads(path: Path, name: str, sticky: bool) -> dict[str, str]:
    async with SqliteSessionStore.open(path) as store:
        await store.save_artifacts("big", [artifact(number, 9000) for number in range(400)])
    outcome = {}
    store = await SqliteSessionStore.open(path, cache_bytes=0)
    # After the first save a checkpoint copies the WAL; the second save is in the WAL alone.
    for session_id in ("r", "s"):
        await store.save(session(session_id))
    shim.fail_now("read", sticky=sticky, name=name)
    read_it = store.load("s") if name.endswith("-wal") else store.load_artifacts("big")
    outcome["load"] = await _result(read_it)
    outcome["save"] = await _result(store.save(session("t")))
    outcome["health"] = await _result(_health(store))
    shim.fail_now("read", at=0)
    outcome["save afterwards"] = await _result(store.save(session("t")))
    outcome["load afterwards"] = await _result(store.load_artifacts("big"))
    outcome["health afterwards"] = await _result(_health(store))
    await store.close()
    async with SqliteSessionStore.open(path) as store:
        outcome["save when opened again"] = await _result(store.save(session("t")))
        outcome["verify"] = await _result(_verified(store))
    return outcome


def reports(folder: str, sticky: bool) -> dict[str, str]:
    """Reads fail in calls that report damage instead of raising it."""
    return asyncio.run(_reports(Path(folder) / _STORE, sticky))


async def _reports(path: Path, sticky: bool) -> dict[str, str]:
    async with SqliteSessionStore.open(path) as store:
        await store.save(session("s", count=2000))
    outcome = {}
    for name in ("verify", "load"):
        store = await SqliteSessionStore.open(path, cache_bytes=0)
        shim.fail_now("read", at=3, sticky=sticky, name=_STORE)
        reported: Awaitable[Any] = (
            _verified(store) if name == "verify" else store.load("s", on_damage="report")
        )
        outcome[name] = await _result(reported)
        shim.fail_now("read", at=0)
        outcome[f"save after {name}"] = await _result(store.save(session("t")))
        await store.close()
    return outcome


def opening(folder: str, sticky: bool) -> dict[str, str]:
    """A read fails while a store is being opened, at each place where one can."""
    return asyncio.run(_opening(Path(folder) / _STORE, sticky))


async def _opening(path: Path, sticky: bool) -> dict[str, str]:
    async with SqliteSessionStore.open(path) as store:
        await store.save(session("s"))
    outcome: dict[str, str] = {}

    async def save() -> None:
        async with SqliteSessionStore.open(path) as store:
            await store.save(session("s"))

    # Reads that fail for good while closing keep the WAL, so that the next opening reads more.
    for at in range(1, 150):
        shim.fail_now("read", at=at, sticky=sticky)
        outcome[f"read {at}"] = await _result(save())
        count = shim.fired()
        shim.fail_now("read", at=0)
        if not count:
            break
    outcome["afterwards"] = await _result(save())
    return outcome


def no_space(folder: str, error: int) -> dict[str, str]:
    """Writes are refused for lack of space, with an error that SQLite takes for a failing disk."""
    return asyncio.run(_no_space(Path(folder) / _STORE, error))


async def _no_space(path: Path, error: int) -> dict[str, str]:
    outcome = {}
    async with SqliteSessionStore.open(path) as store:
        await store.save(session("s"))
        shim.fail_now("write", error=error, sticky=True)
        outcome["save"] = await _result(store.save(session("t")))
        shim.fail_now("write", at=0)
        outcome["save afterwards"] = await _result(store.save(session("t")))
    return outcome


def checkpoint(folder: str, damaged: bool, error: int = errno.EIO) -> dict[str, str]:
    """A checkpoint of an idle store meets an I/O error; then the file is damaged, or not."""
    return asyncio.run(_checkpoint(Path(folder) / _STORE, damaged, error))


async def _checkpoint(path: Path, damaged: bool, error: int) -> dict[str, str]:
    outcome = {}
    store = await SqliteSessionStore.open(path)
    for number in range(30):
        await store.save(session(f"s{number}"))
    shim.fail_now("write", name=_STORE, error=error)
    await asyncio.to_thread(_wait_for_failure)
    outcome["checkpoint"] = "failed" if shim.fired() else "made"
    outcome["save"] = await _result(store.save(session("t")))
    await store.close()
    if damaged:
        _damage_an_index(path)
    outcome["save when opened again"] = await _result(_open_and_save(path))
    return outcome


def _wait_for_failure() -> None:
    until = time.monotonic() + _TIME_LIMIT
    while not shim.fired() and time.monotonic() < until:
        time.sleep(0.05)


def _damage_an_index(path: Path) -> None:
    """Damage that opening does not check by itself: an index without one of its rows."""
    with database(path) as conn:
        conn.execute("PRAGMA writable_schema = ON")
        (root,) = conn.execute(
            "SELECT rootpage FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'owner'"
        ).fetchone()
    with path.open("r+b") as file:
        file.seek((root - 1) * 4096 + 3)
        file.write(b"\xff\xff")  # how many cells the page has


async def _open_and_save(path: Path) -> None:
    async with SqliteSessionStore.open(path) as store:
        await store.save(session("t"))


async def _health(store: SqliteSessionStore) -> str:
    health = await store.health_check()
    return f"{health.facts['read_errors']} read errors; {' '.join(health.advice)}"


async def _verified(store: SqliteSessionStore) -> str:
    report = await store.verify(depth="deep")
    return "; ".join(map(str, report.damage)) or "intact"


async def _result(call: Awaitable[Any]) -> str:
    try:
        result = await call
    except StoreError as error:
        return f"{type(error).__name__} {getattr(error, 'errno', None)}: {error}"
    return result if isinstance(result, str) else "done"
