"""The methods of `DraftStore`, over three methods of a backend."""

from __future__ import annotations

from abc import abstractmethod

import attrs

from a3s_store.core.base.store import BaseStore
from a3s_store.core.collections import check_id
from a3s_store.core.drafts import Draft, check_draft
from a3s_store.errors import RunClaimedError, during
from a3s_store.wire import check_size


class BaseDraftStore(BaseStore):
    """Checks and redacts drafts; a backend implements `_put_draft`, `_get_draft`, `_drop_draft`."""

    @abstractmethod
    async def _put_draft(self, run_id: str, draft: Draft, claimed_by: str | None) -> None:
        """Store a draft, unless its message is in the checkpoint. Raises RunClaimedError."""

    @abstractmethod
    async def _get_draft(self, run_id: str) -> Draft | None:
        """Return the draft, or None."""

    @abstractmethod
    async def _drop_draft(self, run_id: str, claimed_by: str | None) -> None:
        """Remove the draft. Raises RunClaimedError."""

    async def save_draft(self, run_id: str, draft: Draft, *, claimed_by: str | None = None) -> None:
        """See `DraftStore.save_draft`."""
        op = "save_draft"
        self._check_open(op)
        check_id(run_id, "run_id")
        with during(op, f"run_id {run_id!r}"):
            draft = check_draft(draft)
            # One by one, so that an error has the name of the text.
            text = self._redactor.value(draft.text, "text")
            reasoning = self._redactor.value(draft.reasoning_content, "reasoning_content")
            if text is not draft.text or reasoning is not draft.reasoning_content:
                draft = check_draft(attrs.evolve(draft, text=text, reasoning_content=reasoning))
            check_size([draft.text, draft.reasoning_content], self._limits)
        await self._put_draft(run_id, draft, claimed_by)

    async def load_draft(self, run_id: str) -> Draft | None:
        """See `DraftStore.load_draft`."""
        self._check_open("load_draft")
        return await self._get_draft(check_id(run_id, "run_id"))

    async def delete_draft(self, run_id: str, *, claimed_by: str | None = None) -> None:
        """See `DraftStore.delete_draft`."""
        self._check_open("delete_draft")
        await self._drop_draft(check_id(run_id, "run_id"), claimed_by)


def refuse_other_claim(run_id: str, claimed_by: str | None, stored: str | None) -> None:
    """Check that no other live session has claimed a run.

    Raises:
        RunClaimedError: the stored claim is another than the caller's.
    """
    if stored is not None and stored != claimed_by:
        raise RunClaimedError("another live session has the run", run_id=run_id)


def no_checkpoint(run_id: str) -> RunClaimedError:
    """Return the error for a run that has no checkpoint."""
    return RunClaimedError("the run has no checkpoint", run_id=run_id)
