"""Everything that is stored under one session id, with all its generations."""

from __future__ import annotations

from typing import Any, Final

import attrs

from a3s_store.backends.memory.branches import Conversation, Head
from a3s_store.core.base.generational import not_there
from a3s_store.core.base.queue_entries import EntryKey, QueueEntry
from a3s_store.core.batch import Batch, encode_collection
from a3s_store.core.collections import Collection
from a3s_store.core.digests import (
    URIS,
    ListDigest,
    list_digest,
    session_parts,
    snapshot_digest_of_parts,
    uris_digest,
)
from a3s_store.core.protocol import Generation
from a3s_store.core.revision import Revision
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.models import SessionData
from a3s_store.wire import encode_without

_MESSAGES: Final = frozenset({"messages"})


@attrs.frozen
class _Save:
    """One generation; `head` and `digest` are None before a session is saved."""

    head: Head | None
    digest: str | None
    saved_at_ms: int


@attrs.define
class Entry:
    """The content of one session id.

    `generation` is the number of the last save; `life` is that of the first one in `saves`.
    """

    generation: int
    life: int
    session: SessionData | None = None
    name_source: str | None = None
    collections: dict[Collection, tuple[Any, ...]] = attrs.field(factory=dict)
    retained_artifact_uris: tuple[str, ...] = ()
    conversation: Conversation = attrs.field(factory=Conversation)
    saves: list[_Save] = attrs.field(factory=list)
    # The generations of saves with an id.
    save_ids: dict[bytes, int] = attrs.field(factory=dict)
    # Queue entries with their claims, oldest first.
    queue: dict[EntryKey, tuple[str | None, QueueEntry]] = attrs.field(factory=dict)
    # The digest of each part of the snapshot, so that a save digests the parts it changes.
    _parts: dict[str, ListDigest] = attrs.field(factory=dict)

    def apply(self, batch: Batch, saved_at_ms: int) -> None:
        """Write a checked batch as the next generation."""
        if batch.session is not None:
            self._put_session(batch.session, batch)
        for collection, values in batch.collections.items():
            self._put_collection(collection, values)
        if batch.retained_artifact_uris is not None:
            self._put_uris(batch.retained_artifact_uris)
        self.generation += 1
        if batch.save_id is not None:
            self.save_ids[batch.save_id] = self.generation
        head, digest = None, None
        if self.session is not None:
            head, digest = self.conversation.head, snapshot_digest_of_parts(self._parts)
        self.saves.append(_Save(head, digest, saved_at_ms))

    def _put_session(self, session: SessionData, batch: Batch) -> None:
        if batch.save_id is not None:
            self.name_source = batch.name_source
        elif self.session is not None and self.session.config.name != session.config.name:
            self.name_source = None
        self.conversation.put(session.messages)
        self._parts |= session_parts(encode_without(session, _MESSAGES))
        self._parts["messages"] = self.conversation.digest
        self.session = session

    def _put_collection(self, collection: Collection, values: tuple[Any, ...] | None) -> None:
        if values is None:
            self.collections.pop(collection, None)
            self._parts.pop(collection.name, None)
        elif values is not self.collections.get(collection):
            trees = encode_collection(collection, values)
            self._parts[collection.name] = list_digest(trees, collection.rows)
            self.collections[collection] = values

    def _put_uris(self, uris: tuple[str, ...]) -> None:
        self.retained_artifact_uris = uris
        if uris:
            self._parts[URIS] = uris_digest(uris)
        else:
            self._parts.pop(URIS, None)

    def snapshot(self) -> SessionSnapshot | None:
        """Return the session with its collections; None without a session."""
        if self.session is None:
            return None
        return SessionSnapshot.of(self.session, self.collections, self.retained_artifact_uris)

    def revision(self) -> Revision | None:
        """Return the revision of the session; None without a session."""
        return None if self.session is None else Revision(self.generation, self.life)

    def session_at(self, generation: int) -> SessionData | None:
        """Return the session with the conversation of a generation; None without a session.

        Raises:
            SessionNotFoundError: there is no such generation, or it had no conversation.
        """
        if self.session is None:
            return None
        found = self.saves[generation - self.life] if self._has(generation) else None
        if found is None or found.head is None:
            raise not_there(generation, self.generation)
        if found.head is self.conversation.head:
            return self.session
        return self.session.evolve(messages=found.head.messages())

    def _has(self, generation: int) -> bool:
        return self.life <= generation <= self.generation

    def generations(self) -> tuple[Generation, ...]:
        """Return all generations, the oldest first."""
        return tuple(
            Generation(
                number=number,
                length=None if save.head is None else save.head.length,
                digest=save.digest,
                saved_at_ms=save.saved_at_ms,
            )
            for number, save in enumerate(self.saves, self.life)
        )

    def put_in_queue(self, claim: str | None, one: QueueEntry) -> None:
        """Add or replace a queue entry, unless it has another claim."""
        if self.queue.get(one.key, (claim,))[0] == claim:
            self.queue[one.key] = claim, one
