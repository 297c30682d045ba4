"""Plan a save from the session's header, the cache and the batch: pure functions, no I/O.

A plan has everything but the place of the messages, for which rows of the message log have to be
read. `parts` and `cache_entry` give the digests and the cache entry after the save, once the
messages are placed.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import attrs

from a3s_store.core.batch import Batch
from a3s_store.core.checksums import NOT_OF_CONFIG, NOT_OF_SESSION
from a3s_store.core.collections import CONFIG_PARTS, SESSION_ROWS, Collection, TableLayout
from a3s_store.core.conversation import CachedConversation
from a3s_store.core.digests import URIS, ListDigest, scalar_digest, text_digest, uris_digest
from a3s_store.core.list_plan import (
    NOTHING_STORED,
    ListPlan,
    Place,
    RowDigest,
    StoredList,
    array,
    plan_list,
    plan_rows,
)
from a3s_store.core.parts import Parts
from a3s_store.core.session_cache import HISTORY, NO_ENTRY, CacheEntry
from a3s_store.core.session_header import SessionHeader, updated_at_in, with_updated_at
from a3s_store.models import SessionData
from a3s_store.wire import canonical, encode_without

_OF_SESSION: Final = frozenset({"session", "config", "messages", *SESSION_ROWS.lists})
# Values are frozen: the same objects are the same fields, and are not encoded.
_UNCHANGED: Final = operator.attrgetter(
    *(
        field.name
        for field in attrs.fields(SessionData)
        if field.name != "updated_at" and field.name not in NOT_OF_SESSION
    )
)
_CONFIG: Final = operator.attrgetter(*CONFIG_PARTS)
_NO_URIS: Final = uris_digest(())


class PlannedObject(NamedTuple):
    """The JSON object of a row to write, None where the stored row is equal; and its digest.

    `text` is the canonical JSON, None where nothing was encoded. `columns` are those to change,
    where all others are known to be equal and nothing was encoded.
    """

    tree: dict[str, Any] | None
    digest: ListDigest
    text: bytes | None = None
    columns: Mapping[str, Any] | None = None

    @property
    def writes(self) -> bool:
        """Whether the row has to be written."""
        return self.tree is not None or self.columns is not None


class SavePlan(NamedTuple):
    """The changes of a batch to a stored session.

    `session` and `config` are None where the batch has no session. `lists` has the lists of the
    session that may differ and the collections of the batch, by name; `removed` the collections it
    removes. `uris` is the digest of the retained artifact URIs, None where the batch leaves them as
    they are.
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

    @property
    def writes(self) -> bool:
        """Whether a row has to be written, other than for messages and the place of their end."""
        name_is_new = (
            self.config is not None
            and self.batch.save_id is not None
            and self.batch.name_source != self.header.name_source
        )
        return bool(
            name_is_new
            or any(one is not None and one.writes for one in (self.session, self.config))
            or any(plan.writes for _, plan in self.lists.values())
            or any(name in self.header.parts for name in self.removed)
            or any(name not in self.header.parts for name in self.lists)
            or self.writes_uris
        )

    @property
    def fields(self) -> bytes | None:
        """The canonical JSON of the session's own row after the save, where it is known."""
        return self.header.fields if self.session is None else self.session.text

    def parts(self, messages: ListDigest | None) -> Parts:
        """Return the digests of all parts after the save; None: the messages stay as they are."""
        changes = {name: plan.digest for name, (_, plan) in self.lists.items()}
        for name, part in (("session", self.session), ("config", self.config)):
            if part is not None:
                changes[name] = part.digest
        if messages is not None:
            changes["messages"] = messages
        removed = self.removed
        if self.uris == _NO_URIS:
            removed = (*removed, URIS)
        elif self.uris is not None:
            changes[URIS] = self.uris
        return self.header.parts.changed(changes, removed)

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
        collections = entry.collections
        if batch.collections:
            new = {one.name: values for one, values in batch.collections.items()}
            collections = {
                name: values
                for name, values in {**collections, **new}.items()
                if values is not None
            }
        session, conversations = entry.session, entry.conversations
        if batch.session is not None:
            session = batch.session if conversation is not None else None
        if conversation is not None:
            conversations = entry.conversations_with(HISTORY, conversation)
        # Not by `_replace`, which takes several times as long.
        return CacheEntry(
            generation,
            session,
            entry.alone,
            collections,
            self._row_digests(),
            self._cached_parts(parts),
            conversations,
            entry.estimates,
        )

    def _row_digests(self) -> Mapping[str, tuple[ListDigest, tuple[RowDigest, ...]]]:
        new = {
            name: (plan.digest, plan.rows)
            for name, (layout, plan) in self.lists.items()
            if layout.lists
        }
        return {**self.cached.row_digests, **new} if new else self.cached.row_digests

    def _cached_parts(self, parts: Mapping[str, ListDigest]) -> Mapping[str, ListDigest]:
        """Return the digests with which the values after the save are cached."""
        batch, cached = self.batch, self.cached.parts
        saved = {collection.name for collection in batch.collections}
        if batch.session is not None:
            saved |= _OF_SESSION
        if cached is self.header.parts or saved.issuperset(parts):
            return parts  # no cached value is another one than the stored
        found = {name: digest for name, digest in cached.items() if name not in saved}
        return found | {name: parts[name] for name in saved if name in parts}


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
        session = _plan_time(batch.session, header, cached) or _plan_session(batch.session, header)
        for name, layout in SESSION_ROWS.lists.items():
            values = array(getattr(batch.session, name), "SessionData", name)
            if values is cached.values(name, header.parts) and not layout.lists:
                continue  # as it is stored
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


def plan_update(batch: Batch, header: SessionHeader, *, config: bool) -> SavePlan:
    """Return what has to be written for new fields of a session, whose lists are not looked at.

    Without `config` its configuration is not looked at either.

    Raises:
        EncodeError: a value breaks its rules.
    """
    assert batch.session is not None, "an update has a session"
    return SavePlan(
        batch=batch,
        header=header,
        cached=NO_ENTRY,
        session=_plan_session(batch.session, header),
        config=_plan_config(batch.session, header, NO_ENTRY) if config else None,
        lists={},
        removed=(),
        uris=None,
        writes_uris=False,
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
        and all(map(operator.is_, _CONFIG(session), _CONFIG(known)))
    ):
        return PlannedObject(None, before)
    tree = encode_without(session, NOT_OF_CONFIG)
    digest = scalar_digest({key: tree[key] for key in CONFIG_PARTS if key in tree})
    return PlannedObject(None if digest == before else tree, digest)


def _plan_session(session: SessionData, header: SessionHeader) -> PlannedObject:
    tree = encode_without(session, NOT_OF_SESSION)
    text = canonical(tree)
    digest = text_digest(text)
    return PlannedObject(None if digest == header.parts.get("session") else tree, digest, text)


def _plan_time(
    session: SessionData, header: SessionHeader, cached: CacheEntry
) -> PlannedObject | None:
    """Return the plan of a session that has the cached fields but for `updated_at`, else None."""
    known, fields, updated_at = cached.session, header.fields, session.updated_at
    if (
        known is None
        or fields is None
        or not all(map(operator.is_, _UNCHANGED(session), _UNCHANGED(known)))
        or not cached.has("session", header.parts)
        or type(updated_at) is not int
        or not -(2**63) <= updated_at < 2**63
    ):
        return None
    stored = updated_at_in(fields)
    if stored == updated_at:
        return PlannedObject(None, header.parts["session"], fields)
    if stored is None:
        return None
    text = with_updated_at(fields, updated_at)
    digest = text_digest(text)
    return PlannedObject(None, digest, text, {"digest": digest.digest, "updated_at": updated_at})
