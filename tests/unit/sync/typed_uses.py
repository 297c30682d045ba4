"""Right and wrong uses of the sync face, which mypy checks: an ignore that is not needed fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_type

from a3s_store import (
    Commit,
    CommitGap,
    Positioned,
    SessionSnapshot,
    SqliteSessionStore,
    SyncSessionStore,
    Versioned,
    connect,
)
from a3s_store.agent_memory import MemoryItem
from a3s_store.models import SessionData


def right(store: SyncSessionStore) -> None:
    assert_type(store.load("a"), SessionData | None)
    assert_type(store.load_versioned("a", snapshot=True), Versioned[SessionSnapshot] | None)
    assert_type(store.iter_messages("a"), Iterator[Positioned])
    assert_type(store.list(), list[str])
    assert_type(store.memories("a").of_session().items(), tuple[MemoryItem, ...])
    assert_type(store.update("a", name="x"), int)
    for commit in store.watch():
        assert_type(commit, Commit | CommitGap)
    with SyncSessionStore.open("a.a3s", durability="normal") as other:
        assert_type(other, SyncSessionStore)


def wrong(store: SyncSessionStore) -> None:
    store.update("a", naem="x")  # type: ignore[call-arg]
    store.update("a", name=3)  # type: ignore[arg-type]
    store.load(3)  # type: ignore[call-overload]
    store.fork("a")  # type: ignore[call-arg]
    store.lod("a")  # type: ignore[attr-defined]
    SyncSessionStore.open("a.a3s", durability="no")  # type: ignore[arg-type]


async def by_connect() -> None:
    async with connect("a.a3s", durability="normal") as store:
        assert_type(store, SqliteSessionStore)
    connect("a.a3s", durability="no")  # type: ignore[arg-type]
    connect("a.a3s", durabilty="full")  # type: ignore[call-arg]
