"""Snapshots: sessions with values in all of their collections."""

from __future__ import annotations

from typing import Any

from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.testing.samples.collections import MAKERS, items
from a3s_store.testing.samples.sessions import rich_session, session


def rich_snapshot(session_id: str) -> SessionSnapshot:
    """Return a snapshot with every field of the session set and values in every collection."""
    collections: dict[str, Any] = {
        collection: items(collection, "1", "2", "1") for collection in MAKERS
    }
    return SessionSnapshot(
        session=rich_session(session_id),
        retained_artifact_uris=("a3s://artifacts/1", "a3s://artifacts/not-there"),
        **collections,
    )


def small_snapshot(session_id: str, text: str) -> SessionSnapshot:
    """Return a snapshot with `text` in its session and in one value of each collection."""
    collections: dict[str, Any] = {collection: items(collection, text) for collection in MAKERS}
    return SessionSnapshot(session=session(session_id, (text, text)), **collections)
