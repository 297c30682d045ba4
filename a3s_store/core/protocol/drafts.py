"""The protocol of unfinished replies, `DraftStore`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from a3s_store.core.protocol.session_store import SessionStore

if TYPE_CHECKING:
    from a3s_store.core.drafts import Draft


@runtime_checkable
class DraftStore(SessionStore, Protocol):
    """A store that promises `drafts`: each run with a checkpoint may have one draft.

    A draft belongs to its run's checkpoint and is removed with it, also when the session is
    deleted. It is no generation and no part of a session, snapshot, digest, fork or export.
    """

    async def save_draft(self, run_id: str, draft: Draft, *, claimed_by: str | None = None) -> None:
        """Store the draft of a run in place of its last one.

        A checkpoint with more messages than `draft.position` has the message already: then nothing
        is written. Saving such a checkpoint removes the draft in the same commit.

        A store that redacts does so with both texts.

        Raises:
            RunClaimedError: the run has no checkpoint, or another live session than `claimed_by`
                has claimed it; nothing was written.
            EncodeError: a field has a value that cannot be stored.
        """

    async def load_draft(self, run_id: str) -> Draft | None:
        """Return the draft of a run, or None."""

    async def delete_draft(self, run_id: str, *, claimed_by: str | None = None) -> None:
        """Remove the draft of a run; success when there is none.

        With `claimed_by`, only if no other live session has claimed the run.

        Raises:
            RunClaimedError: another one has claimed it; nothing was removed.
        """
