"""The protocol of saves on the condition of a revision, `ConditionalStore`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, overload, runtime_checkable

from a3s_store.core.protocol.session_store import SessionStore

if TYPE_CHECKING:
    from a3s_store.core.changes import Committed, Merge, RunCheckpoint, SessionChanges
    from a3s_store.core.revision import Revision, Versioned
    from a3s_store.core.snapshot import SessionSnapshot
    from a3s_store.models import SessionData


@runtime_checkable
class ConditionalStore(SessionStore, Protocol):
    """A store that promises `conditional_writes`, so that several live sessions may save to it."""

    async def revision(self, session_id: str) -> Revision | None:
        """Return the revision of a session; None when none was saved under the id."""

    @overload
    async def load_versioned(
        self, session_id: str, *, snapshot: Literal[False] = False
    ) -> Versioned[SessionData] | None: ...
    @overload
    async def load_versioned(
        self, session_id: str, *, snapshot: Literal[True]
    ) -> Versioned[SessionSnapshot] | None: ...
    async def load_versioned(
        self, session_id: str, *, snapshot: bool = False
    ) -> Versioned[SessionData] | Versioned[SessionSnapshot] | None:
        """Return the session and its revision, read at one moment; None when there is no session.

        With `snapshot` the value is the whole snapshot. Calling `load` and `revision` is no
        substitute: others may save between the two.
        """

    async def save_changes(
        self, changes: SessionChanges, *, on: Revision | None, merge: Merge | None = None
    ) -> Committed:
        """Save if the session is at the revision `on`; None expects no session under the id.

        At another revision `merge` is called for the changes to save instead, inside the same
        transaction: no other save comes between. It is given redacted changes, and its result is
        not redacted again. It is not called if the session was deleted, or deleted and created
        again.

        Raises:
            StaleGenerationError: the session was deleted or created again; or it is at another
                revision and there is no `merge`. Nothing was written.
            RunClaimedError: a run of the changes was taken over; nothing was written.
            EncodeError: a value breaks its rules, in the changes or in the result of `merge`.
            Exception: `merge` raised it; nothing was written.
        """

    async def landed(self, session_id: str, save_id: bytes) -> Revision | None:
        """Return the revision that the save with this id made; None when it was not made."""

    async def run_checkpoints(self, session_id: str) -> tuple[RunCheckpoint, ...]:
        """Return the loop checkpoints of the session's runs, the oldest first."""

    async def claim_run(self, run_id: str, *, seen: str | None, by: str) -> RunCheckpoint:
        """Claim a run for the live session with the token `by`, if `seen` still has the claim.

        Only one of several concurrent callers succeeds.

        Raises:
            RunClaimedError: it was claimed or ended meanwhile, or there is no checkpoint.
        """


def conditional(store: SessionStore) -> ConditionalStore | None:
    """Return the store if it compares and writes in one transaction, else None."""
    if store.capabilities().conditional_writes and isinstance(store, ConditionalStore):
        return store
    return None
