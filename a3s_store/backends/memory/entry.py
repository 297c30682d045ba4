"""Everything that is stored under one session id, with all its generations."""

from __future__ import annotations

import functools
from typing import Any, Final

import attrs

from a3s_store.backends.memory.branches import Conversation, Head
from a3s_store.core.base.generational import not_there, pruned
from a3s_store.core.base.queue_entries import EntryKey, QueueEntry
from a3s_store.core.batch import Batch, encode_collection
from a3s_store.core.branches import Branch, Save, branches_of
from a3s_store.core.collections import Collection
from a3s_store.core.digests import URIS, ListDigest, list_digest, session_parts, uris_digest
from a3s_store.core.host_data import NO_HOST_DATA, HostData
from a3s_store.core.parts import snapshot_digest_of_parts
from a3s_store.core.protocol import Generation
from a3s_store.core.revision import Position, Revision
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.models import SessionData
from a3s_store.wire import encode_without

_MESSAGES: Final = frozenset({"messages"})


@attrs.frozen
class _Save:
    """One generation; `head` and `digest` are None before a session is saved.

    `end` is the position of the end of its conversation.
    """

    head: Head | None
    digest: str | None
    saved_at_ms: int
    end: Position


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
    # By number, in order; those that were pruned are missing.
    saves: dict[int, _Save] = attrs.field(factory=dict)
    host: HostData = NO_HOST_DATA
    # Its last change in the commit log: when, and which.
    changed_at_ms: int = 0
    changed_sequence: int = 0
    # The generations of saves with an id, and the ends of their conversations.
    save_ids: dict[bytes, tuple[int, Position]] = attrs.field(factory=dict)
    # Queue entries with their claims, oldest first.
    queue: dict[EntryKey, tuple[str | None, QueueEntry]] = attrs.field(factory=dict)
    # The digest of each part of the snapshot, so that a save digests the parts it changes.
    _parts: dict[str, ListDigest] = attrs.field(factory=dict)

    def copy(self) -> Entry:
        """Return an entry with the same content, whose changes leave this one as it is."""
        return attrs.evolve(
            self,
            collections=dict(self.collections),
            conversation=attrs.evolve(
                self.conversation, chain_hashes=[*self.conversation.chain_hashes]
            ),
            saves=dict(self.saves),
            save_ids=dict(self.save_ids),
            queue=dict(self.queue),
            parts=dict(self._parts),
        )

    def apply(
        self,
        batch: Batch,
        saved_at_ms: int,
        at_ms: tuple[int, ...] = (),
        *,
        again: bool = False,
    ) -> bool:
        """Write a checked batch as the next generation; False if it changes nothing.

        `at_ms` as in `Conversation.put`. `again`: in place of the last generation.
        """
        before = dict(self._parts), self.name_source
        if batch.session is not None:
            self._put_name_source(batch.session, batch)
            self.conversation.put(batch.session.messages, saved_at_ms, at_ms)
            self._put_session(batch.session)
        for collection, values in batch.collections.items():
            self._put_collection(collection, values)
        if batch.retained_artifact_uris is not None:
            self._put_uris(batch.retained_artifact_uris)
        if self.saves and before == (self._parts, self.name_source):
            return False
        if not again:
            self.generation += 1
        if batch.save_id is not None:
            self.save_ids[batch.save_id] = self.generation, self.conversation.position
        head, digest = None, None
        if self.session is not None:
            head, digest = self.conversation.head, snapshot_digest_of_parts(self._parts)
        self.saves[self.generation] = _Save(head, digest, saved_at_ms, self.conversation.position)
        return True

    def _put_name_source(self, session: SessionData, batch: Batch) -> None:
        if batch.save_id is not None:
            self.name_source = batch.name_source
        elif self.session is not None and self.session.config.name != session.config.name:
            self.name_source = None

    def _put_session(self, session: SessionData) -> None:
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

    @property
    def digest(self) -> str | None:
        """The snapshot digest of the last generation; None without a session."""
        return self.saves[self.generation].digest if self.saves else None

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
        head, _ = self.conversation_at(generation)
        if head is self.conversation.head:
            return self.session
        return self.session.evolve(messages=head.messages())

    def conversation_at(self, generation: int) -> tuple[Head, Position]:
        """Return the head of a generation and the position of its end; raises as `session_at`."""
        found = self.saves.get(generation)
        if found is None and self.saves and self.life <= generation <= self.generation:
            raise pruned(generation)
        if found is None or found.head is None:
            raise not_there(generation, self.generation)
        return found.head, found.end

    def turn_to(self, generation: int) -> None:
        """Make the conversation of a generation the present one; raises as `session_at`.

        The session itself is as before, until it is saved with these messages.
        """
        head, end = self.conversation_at(generation)
        if end != self.conversation.position:
            self.conversation = Conversation.of(head)

    def heads(self) -> dict[int, Head]:
        """Return the heads of the generations that have a conversation, by number."""
        return {number: save.head for number, save in self.saves.items() if save.head is not None}

    def branches(self) -> tuple[Branch, ...]:
        """Return the branches of all generations; () without a session."""
        if self.session is None:
            return ()
        found = self.heads()

        @functools.cache
        def conversation(number: int) -> Conversation:
            return Conversation.of(found[number])

        return branches_of(
            [
                Save(number, head.branch, head.length, self.saves[number].saved_at_ms)
                for number, head in found.items()
            ],
            lambda save, length: conversation(save.number).chain_hash_at(length),
            lambda save, position: conversation(save.number).messages[position],
        )

    def saved_as(self, save_id: bytes) -> Position | None:
        """Return the end of the conversation that the save with this id made; None without it."""
        return self.save_ids[save_id][1] if save_id in self.save_ids else None

    def generations(self) -> tuple[Generation, ...]:
        """Return all generations, the oldest first."""
        return tuple(
            Generation(
                number=number,
                length=None if save.head is None else save.head.length,
                digest=save.digest,
                saved_at_ms=save.saved_at_ms,
            )
            for number, save in self.saves.items()
        )

    def put_in_queue(self, claim: str | None, one: QueueEntry) -> None:
        """Add or replace a queue entry, unless it has another claim."""
        if self.queue.get(one.key, (claim,))[0] == claim:
            self.queue[one.key] = claim, one
