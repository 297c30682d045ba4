"""Saving a history in one save: a snapshot, or a store without appends, generations or streams."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Final

from a3s_store.core.base.store import BaseStore
from a3s_store.core.digests import message_digest
from a3s_store.core.protocol import SessionStore
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.core.tool_pairs import check_pairs, repair_pairs
from a3s_store.core.transfer_report import SessionPairs
from a3s_store.importers.history import History, Key
from a3s_store.importers.history_report import Saved
from a3s_store.importers.store_item import (
    CONFLICTS,
    SAVED,
    UNCHANGED,
    OnConflict,
    SessionItem,
    keep_or_refuse,
)
from a3s_store.models import SessionData
from a3s_store.wire import canonical, encode, thaw

# The key of `extra` with the records that have no place in a session.
_KEPT: Final = "x.import"


async def save_snapshot(
    store: SessionStore, snapshot: SessionSnapshot, on_conflict: OnConflict, *, repair: bool
) -> Saved:
    """Save a snapshot as an import of upstream's directories does, and return the outcome."""
    item = SessionItem(owner=snapshot.session.id, snapshot=snapshot, collections={})
    outcome = await keep_or_refuse(store, item, on_conflict, repair=repair)
    problems = check_pairs(snapshot.session.messages)
    pairs = SessionPairs.of(item.owner, problems, repaired=repair) if problems else None
    return Saved(outcome, pairs=pairs)


async def save_at_once(
    store: SessionStore, history: History, on_conflict: OnConflict, *, repair: bool
) -> Saved:
    """Save the present conversation of a history, and return the outcome."""
    mine, counted, lost, pairs = await asyncio.to_thread(_whole, history, repair)
    if isinstance(store, BaseStore):
        mine = store.redacted(SessionSnapshot(session=mine)).session
    mine = _marked(mine)
    stored = await store.load(mine.id)
    if stored is not None:
        mine = _continued(stored, mine)
        if canonical(encode(stored)) == canonical(encode(mine)):
            return Saved(UNCHANGED)
        if not _is_begun(stored, mine) and on_conflict != "replace":
            return Saved(CONFLICTS[on_conflict])
    await store.save(mine)
    return Saved(SAVED, counted, lost, pairs)


def _marked(session: SessionData) -> SessionData:
    """Return the session with the digest of its last message beside the records."""
    extra = thaw(session.extra)
    extra[_KEPT]["last"] = _last_digest(session)
    return session.evolve(extra=extra)


def _last_digest(session: SessionData) -> str:
    return message_digest(encode(session.messages[-1])).hex() if session.messages else ""


def _continued(stored: SessionData, mine: SessionData) -> SessionData:
    """Return the stored session with everything that comes from the source."""
    config = stored.config if stored.config.name else stored.config.evolve(name=mine.config.name)
    return stored.evolve(
        config=config,
        messages=mine.messages,
        total_usage=mine.total_usage,
        total_cost=mine.total_cost,
        model_name=mine.model_name,
        cost_records=mine.cost_records,
        updated_at=mine.updated_at,
        extra={**thaw(stored.extra), **thaw(mine.extra)},
    )


def _is_begun(stored: SessionData, mine: SessionData) -> bool:
    """Return whether the stored conversation is the beginning of the source's.

    Its last message may differ if it was the last one of an import, which was not complete yet.
    """
    theirs = stored.messages
    if theirs == mine.messages[: len(theirs)]:
        return True
    kept = stored.extra.get(_KEPT)
    was_last = isinstance(kept, Mapping) and kept.get("last") == _last_digest(stored)
    return was_last and theirs[:-1] == mine.messages[: len(theirs) - 1]


def _whole(
    history: History, repair: bool
) -> tuple[SessionData, Counter[str], Counter[str], SessionPairs | None]:
    """Return the present conversation of a history as one session, with the records in `extra`."""
    path: list[Key] = []
    for one in history.conversations:
        del path[one.shared :]
        path += one.keys
    lost: Counter[str] = Counter()
    if len(history.conversations) > 1:
        lost["older conversation"] = len(history.conversations) - 1
    with history.open() as reader:
        messages = tuple(timed.message for timed in reader.messages(path))
        records = [{"id": one.id, "kind": one.kind, "value": one.value} for one in reader.records()]
        counted = reader.counted
    problems = check_pairs(messages)
    pairs = SessionPairs.of(history.session.id, problems, repaired=repair) if problems else None
    session = history.session.evolve(
        messages=repair_pairs(messages) if repair else messages,
        extra={**thaw(history.session.extra), _KEPT: {"records": records}},
    )
    return session, counted, lost, pairs
