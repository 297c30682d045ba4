"""What a live session saves, on which condition, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import attrs

from a3s_store.core.batch import Batch
from a3s_store.core.collections import Collection
from a3s_store.core.revision import Revision, Versioned
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.models import LoopCheckpoint, Message, SessionData


@attrs.frozen(kw_only=True)
class RunCheckpoint:
    """The checkpoint of a run, and what live sessions need beside it.

    `base_length` is how many of its messages were the session's when the run began, None where
    that is not known; the others are the run's own. `claimed_by` is the token of the live session
    that may write it, None when none has claimed it.
    """

    checkpoint: LoopCheckpoint
    base_length: int | None = None
    claimed_by: str | None = None

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self.checkpoint.run_id


class RunClaim(NamedTuple):
    """A run, and the token of the live session that has claimed it."""

    run_id: str
    token: str


@attrs.frozen(kw_only=True)
class SessionChanges:
    """Changes to a session that are saved together or not at all.

    `session` None leaves the session itself as it is, `collections` has those that change (None
    removes one), `retained_artifact_uris` None leaves them. `name_source` says who gave the
    session its name: `made`, or None for a person or unknown; it is saved with the session.

    `checkpoint` is kept with the changes, if the run is still that live session's. With
    `begins_run` there may be none yet, else one that is not there any more was taken over. The
    checkpoints of `ended_runs` are removed with the changes, if these are still whose they say.

    `save_id` are 16 random bytes, by which the save is found again (`landed`). `uncompacted` are
    messages that were compacted away and are stored nowhere: a merge may need them.
    """

    session_id: str
    save_id: bytes
    op: str = "save"
    session: SessionData | None = None
    name_source: str | None = None
    collections: Mapping[Collection, tuple[Any, ...] | None] = attrs.field(factory=dict)
    uncompacted: tuple[Message, ...] = ()
    retained_artifact_uris: tuple[str, ...] | None = None
    checkpoint: RunCheckpoint | None = None
    begins_run: bool = False
    ended_runs: tuple[RunClaim, ...] = ()

    @property
    def changes_session(self) -> bool:
        """Whether the session or a collection changes: what makes a generation."""
        return bool(
            self.session is not None or self.collections or self.retained_artifact_uris is not None
        )

    def is_written_at(self, on: Revision | None, actual: Revision | None) -> bool:
        """Whether they may be written where the session stands at `actual`, and was seen at `on`.

        A run goes on whatever others save, unless the session is not the same any more.
        """
        if self.changes_session or on is None or actual is None:
            return on == actual
        return on.life == actual.life


Stored: TypeAlias = Versioned[SessionSnapshot]
# Returns the changes to save in place of ours, given ours (redacted, if the store redacts) and the
# stored session; what it returns is saved as it is. It may be called more than once, on another
# thread; what it raises is raised, and nothing is written.
Merge: TypeAlias = Callable[[SessionChanges, Stored], SessionChanges]


@attrs.frozen(kw_only=True)
class Committed:
    """A save that was made.

    `revision` is the session's afterwards. `changes` are what was written (redacted, if the store
    redacts); `theirs` is what was stored before, where it was merged, else None.
    """

    revision: Revision
    changes: SessionChanges
    theirs: Stored | None = None


def batch_of(changes: SessionChanges) -> Batch:
    """What a backend commits of changes, apart from runs and conditions."""
    return Batch(
        op=changes.op,
        session_id=changes.session_id,
        session=changes.session,
        collections=changes.collections,
        retained_artifact_uris=changes.retained_artifact_uris,
        save_id=changes.save_id,
        name_source=changes.name_source,
    )
