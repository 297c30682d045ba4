"""The protocol of saves that are generations, `GenerationalStore`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import attrs

from a3s_store.core.protocol.session_store import SessionStore

if TYPE_CHECKING:
    from a3s_store.core.snapshot import SessionSnapshot
    from a3s_store.models import SessionData


@attrs.frozen(kw_only=True)
class Generation:
    """One save of a session, or of one of its collections.

    `length` is the number of messages that the conversation had, and `digest` the snapshot digest;
    both are None before a session is saved under the id. `saved_at_ms` is this machine's clock in
    Unix milliseconds, for people to read.
    """

    number: int
    length: int | None
    digest: str | None
    saved_at_ms: int


@runtime_checkable
class GenerationalStore(SessionStore, Protocol):
    """A store that promises `generations`: every save makes one, and older ones can be loaded."""

    async def save(self, session: SessionData, *, expected_generation: int | None = None) -> None:
        """Save as `SessionStore.save` does, if the session is at `expected_generation`.

        None saves without a condition; 0 expects that nothing is stored under the id.

        Raises:
            StaleGenerationError: it was saved or deleted since; nothing was written.
        """

    async def save_snapshot(
        self, snapshot: SessionSnapshot, *, expected_generation: int | None = None
    ) -> None:
        """Save as `SessionStore.save_snapshot` does; `expected_generation` as in `save`."""

    async def load(self, session_id: str, *, generation: int | None = None) -> SessionData | None:
        """Return the session, with the conversation of a generation if one is given.

        Everything except the conversation is that of today. None when no session is stored now.

        Raises:
            SessionNotFoundError: the session has no such generation, or none with a conversation.
            GenerationGoneError: the generation was pruned.
        """

    async def generation(self, session_id: str) -> int:
        """Return the number of the last save under this id, 0 when nothing is stored under it."""

    async def generations(self, session_id: str) -> tuple[Generation, ...]:
        """Return every stored generation of this id, the oldest first.

        Numbers begin with 1. Each save of the session or of a collection, fork and rewind takes the
        next number; so does the deletion, so that no number is used twice under an id.
        """

    async def delete(
        self, session_id: str, *, tree: bool = False, expected_generation: int | None = None
    ) -> None:
        """Delete as `SessionStore.delete` does, with the generations of the session.

        `expected_generation` as in `save`; with `tree` it applies to this session alone.
        """

    async def fork(
        self,
        session_id: str,
        new_id: str,
        at: int | None = None,
        *,
        expected_generation: int | None = None,
    ) -> None:
        """Save a copy of a session under `new_id` with its first `at` messages; None: all of them.

        No message is copied: both sessions share them. Collections are copied, with runs and
        subagent tasks bound to the new id as upstream's `fork_for_session` does. Runs that have not
        ended are cancelled in the copy, since it would never see their end. Its cost records name
        the session that they were made for.

        Raises:
            SessionNotFoundError: there is no such session, or it has fewer messages.
            StaleGenerationError: the session is not at `expected_generation`, which is checked
                first; or something is stored under `new_id` already.
        """

    async def rewind(
        self, session_id: str, length: int, *, expected_generation: int | None = None
    ) -> int:
        """Shorten the conversation to its first `length` messages; return the new generation.

        Nothing is lost: the generation before still has the longer conversation.

        Raises:
            SessionNotFoundError: there is no such session, or it has fewer messages.
            StaleGenerationError: it was saved since; nothing was written.
        """
