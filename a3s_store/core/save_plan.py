"""Plan a save from the session's header, the cache and the batch: pure functions, no I/O.

A plan has everything but the place of the messages, for which rows of the message log have to be
read. `parts` and `cache_entry` give the digests and the cache entry after the save, once the
messages are placed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from a3s_store.core.batch import Batch
from a3s_store.core.collections import (
    CONFIG_PARTS,
    CONFIG_ROWS,
    SESSION_ROWS,
    Collection,
    TableLayout,
)
from a3s_store.core.conversation import CachedConversation
from a3s_store.core.digests import URIS, ListDigest, scalar_digest, uris_digest
from a3s_store.core.list_plan import (
    NOTHING_STORED,
    ListPlan,
    Place,
    StoredList,
    array,
    plan_list,
    plan_rows,
)
from a3s_store.core.session_cache import HISTORY, CacheEntry
from a3s_store.core.session_header import SessionHeader
from a3s_store.models import SessionData
from a3s_store.wire import encode_without

# Attributes of a session that the row of its configuration, or its own row, does not have.
_NOT_OF_CONFIG: Final = CONFIG_ROWS.elsewhere - {"extra"}
_NOT_OF_SESSION: Final = frozenset({"messages", *SESSION_ROWS.lists, *CONFIG_PARTS})
_OF_SESSION: Final = frozenset({"session", "config", "messages", *SESSION_ROWS.lists})
_NO_URIS: Final = uris_digest(())


@attrs.frozen
class PlannedObject:
    """The JSON object of a row to write, None where the stored row is equal; and its digest."""

    tree: dict[str, Any] | None
    digest: ListDigest


@attrs.frozen(kw_only=True)
class SavePlan:
    """The changes of a batch to a stored session.

    `session` and `config` are None where the batch has no session. `lists` has the lists of the
    session and the collections of the batch, by name; `removed` the collections it removes. `uris`
    is the digest of the retained artifact URIs, None where the batch leaves them as they are.
    """

    batch: Batch
    header: SessionHeader
    cached: CacheEntry
    session: PlannedObject | None
    config: PlannedObject | None
    lists: Mapping[str, tuple[TableLayout, ListPlan]]
    removed: tuple[str, ...]
    uris: ListDigest | None
    writes_uris: bool

    def parts(self, messages: ListDigest | None) -> dict[str, ListDigest]:
        """Return the digests of all parts after the save; None: the messages stay as they are."""
        found = {**self.header.parts}
        found |= {name: plan.digest for name, (_, plan) in self.lists.items()}
        for name, part in (("session", self.session), ("config", self.config)):
            if part is not None:
                found[name] = part.digest
        if messages is not None:
            found["messages"] = messages
        if self.uris is not None:
            found[URIS] = self.uris
        if self.uris == _NO_URIS:
            del found[URIS]
        return {name: part for name, part in found.items() if name not in self.removed}

    def cache_entry(
        self,
        generation: int,
        parts: Mapping[str, ListDigest],
        conversation: CachedConversation | None,
    ) -> CacheEntry:
        """Return the cache entry of the session after the save.

        `conversation` is None where the messages of the batch were not looked at.
        """
        batch, entry = self.batch, self.cached
        if conversation is not None:
            entry = entry.with_conversation(HISTORY, conversation)
        session = entry.session
        saved = {collection.name for collection in batch.collections}
        if batch.session is not None:
            session = batch.session if conversation is not None else None
            saved |= _OF_SESSION
        values = {collection.name: values for collection, values in batch.collections.items()}
        return attrs.evolve(
            entry,
            generation=generation,
            session=session,
            collections=_present({**entry.collections, **values}),
            row_digests={
                **entry.row_digests,
                **{
                    name: (plan.digest, plan.rows)
                    for name, (layout, plan) in self.lists.items()
                    if layout.lists
                },
            },
            parts={
                **{name: part for name, part in entry.parts.items() if name not in saved},
                **{name: part for name, part in parts.items() if name in saved},
            },
        )


def _present(collections: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values for name, values in collections.items() if values is not None}


def lists_to_look_up(
    batch: Batch, header: SessionHeader, cached: CacheEntry
) -> Iterator[tuple[str, TableLayout]]:
    """Yield the lists whose row digests a plan needs and the cache does not have."""
    for collection, values in batch.collections.items():
        known = cached.values(collection.name, header.parts)
        is_changed = known is not None and known is not values and values is not None
        needs_rows = is_changed and bool(collection.rows.lists)
        if needs_rows and cached.rows(collection.name, header.parts) is None:
            yield collection.name, collection.rows


def plan_save(batch: Batch, header: SessionHeader, cached: CacheEntry) -> SavePlan:
    """Return what has to be written so that the stored session has what is in the batch.

    `cached` has the row digests of `lists_to_look_up`.

    Raises:
        EncodeError: a value breaks its rules.
    """
    session, config, lists = None, None, dict[str, tuple[TableLayout, ListPlan]]()
    if batch.session is not None:
        config = _plan_config(batch.session, header, cached)
        session = _plan_session(batch.session, header.parts.get("session"))
        for name, layout in SESSION_ROWS.lists.items():
            values = array(getattr(batch.session, name), "SessionData", name)
            place = Place("SessionData", name)
            lists[name] = layout, plan_list(layout, place, values, _stored(name, header, cached))
    for collection, items in batch.collections.items():
        if items is not None or collection.name in header.parts:
            lists[collection.name] = collection.rows, _plan(collection, items, header, cached)
    retained = batch.retained_artifact_uris
    uris = None if retained is None else uris_digest(retained)
    return SavePlan(
        batch=batch,
        header=header,
        cached=cached,
        session=session,
        config=config,
        lists=lists,
        removed=tuple(one.name for one, items in batch.collections.items() if items is None),
        uris=uris,
        writes_uris=uris is not None and uris != header.parts.get(URIS, _NO_URIS),
    )


def _plan(
    collection: Collection,
    values: tuple[Any, ...] | None,
    header: SessionHeader,
    cached: CacheEntry,
) -> ListPlan:
    if values is None:
        return plan_rows((), header.parts[collection.name])
    stored = _stored(collection.name, header, cached)
    return plan_list(collection.rows, Place("", collection.name), values, stored)


def _stored(name: str, header: SessionHeader, cached: CacheEntry) -> StoredList:
    digest = header.parts.get(name)
    if digest is None:
        return NOTHING_STORED
    rows = cached.rows(name, header.parts)
    return StoredList(digest, cached.values(name, header.parts), rows or ())


def _plan_config(session: SessionData, header: SessionHeader, cached: CacheEntry) -> PlannedObject:
    before = header.parts.get("config")
    known = cached.session
    # Values are frozen: the same objects are the same configuration, and are not encoded.
    if (
        before is not None
        and known is not None
        and cached.has("config", header.parts)
        and all(getattr(known, name) is getattr(session, name) for name in CONFIG_PARTS)
    ):
        return PlannedObject(None, before)
    tree = encode_without(session, _NOT_OF_CONFIG)
    digest = scalar_digest({key: tree[key] for key in CONFIG_PARTS if key in tree})
    return PlannedObject(None if digest == before else tree, digest)


def _plan_session(session: SessionData, before: ListDigest | None) -> PlannedObject:
    tree = encode_without(session, _NOT_OF_SESSION)
    digest = scalar_digest(tree)
    return PlannedObject(None if digest == before else tree, digest)
