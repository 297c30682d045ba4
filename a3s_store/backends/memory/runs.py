"""The checkpoints of runs, with their claims and drafts."""

from __future__ import annotations

import attrs

from a3s_store.core.base.conditional import run_taken
from a3s_store.core.base.drafts import no_checkpoint, refuse_other_claim
from a3s_store.core.changes import RunCheckpoint
from a3s_store.core.drafts import Draft
from a3s_store.models import LoopCheckpoint


class Runs:
    """The runs of all sessions, by their ids. Callers hold the lock of the store."""

    def __init__(self) -> None:
        self._runs: dict[str, RunCheckpoint] = {}
        self._drafts: dict[str, Draft] = {}

    def copy(self) -> Runs:
        """Return the same runs, whose changes leave these as they are."""
        made = Runs()
        made._runs, made._drafts = dict(self._runs), dict(self._drafts)
        return made

    def ids(self) -> list[str]:
        """Return the ids of all runs with a checkpoint, sorted."""
        return sorted(self._runs)

    def get(self, run_id: str) -> RunCheckpoint | None:
        """Return the checkpoint of a run, or None."""
        return self._runs.get(run_id)

    def of_session(self, session_id: str) -> tuple[RunCheckpoint, ...]:
        """Return the checkpoints of a session's runs, the oldest first."""
        return tuple(run for run in self._runs.values() if run.checkpoint.session_id == session_id)

    def put(self, run: RunCheckpoint) -> None:
        """Store a checkpoint, and remove a draft of a message that the checkpoint has."""
        self._runs[run.run_id] = run
        draft = self._drafts.get(run.run_id)
        if draft is not None and draft.position < len(run.checkpoint.messages):
            del self._drafts[run.run_id]

    def put_checkpoint(self, checkpoint: LoopCheckpoint) -> None:
        """Store a checkpoint under the claim that its run has."""
        before = self._runs.get(checkpoint.run_id)
        if before is None:
            self.put(RunCheckpoint(checkpoint=checkpoint))
        else:
            self.put(attrs.evolve(before, checkpoint=checkpoint))

    def drop(self, run_id: str) -> RunCheckpoint | None:
        """Remove a run with its draft, and return it; None if there is none."""
        self._drafts.pop(run_id, None)
        return self._runs.pop(run_id, None)

    def drop_of(self, session_id: str) -> tuple[RunCheckpoint, ...]:
        """Remove the runs of a session, and return them."""
        gone = self.of_session(session_id)
        for run in gone:
            self.drop(run.run_id)
        return gone

    def claimed_by(self, run_id: str) -> tuple[str | None] | None:
        """Return the claim of a run in a tuple; None when the run has no checkpoint."""
        run = self._runs.get(run_id)
        return None if run is None else (run.claimed_by,)

    def claim(self, run_id: str, seen: str | None, by: str) -> RunCheckpoint:
        """Claim a run for `by`, if `seen` still has the claim. Raises RunClaimedError."""
        run = self._runs.get(run_id)
        if run is None or run.claimed_by != seen:
            raise run_taken(run_id)
        claimed = attrs.evolve(run, claimed_by=by)
        self._runs[run_id] = claimed
        return claimed

    def put_draft(self, run_id: str, draft: Draft, claimed_by: str | None) -> None:
        """Store a draft, unless its message is in the checkpoint. Raises RunClaimedError."""
        run = self._runs.get(run_id)
        if run is None:
            raise no_checkpoint(run_id)
        refuse_other_claim(run_id, claimed_by, run.claimed_by)
        if draft.position >= len(run.checkpoint.messages):
            self._drafts[run_id] = draft

    def draft(self, run_id: str) -> Draft | None:
        """Return the draft of a run, or None."""
        return self._drafts.get(run_id)

    def drop_draft(self, run_id: str, claimed_by: str | None) -> None:
        """Remove the draft of a run. Raises RunClaimedError."""
        run = self._runs.get(run_id)
        if run is not None and claimed_by is not None:
            refuse_other_claim(run_id, claimed_by, run.claimed_by)
        self._drafts.pop(run_id, None)

    def clear(self) -> None:
        """Remove all runs."""
        self._runs.clear()
        self._drafts.clear()
