"""Saves of a live session: the changes, their condition and merge, and the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import attrs

from a3s_store.core.batch import Batch
from a3s_store.core.revision import Revision, Versioned

if TYPE_CHECKING:
    from a3s_store.core.collections import Collection
    from a3s_store.core.snapshot import SessionSnapshot
    from a3s_store.models import LoopCheckpoint, Message, SessionData


@attrs.frozen(kw_only=True)
class RunCheckpoint:
    """The checkpoint of a run, with the claim of a live session on it.

    `base_length` is the number of its messages that the session had when the run began; the run
    added the others. None: not known. `claimed_by` is the token of the live session that may write
    the checkpoint; None: no live session has claimed it.
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

    `session` None leaves the session itself unchanged. `collections` has those that change; a value
    of None removes the collection. `retained_artifact_uris` None leaves them unchanged.
    `name_source` is `made` for a name that was made from the conversation, None for a person's or
    an unknown source; it is saved with the session.

    `checkpoint` is saved with the changes, if its `claimed_by` still has the claim. The stored
    checkpoint may be missing only with `begins_run`; otherwise a missing one means that another
    live session took the run over. The checkpoints of `ended_runs` are removed with the changes, if
    the tokens still have the claims.

    `save_id` is 16 random bytes that identify the save (see `ConditionalStore.landed`).
    `uncompacted` are messages that compaction removed and that are stored nowhere; a merge may need
    them.
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
        """Whether the session or a collection changes, so that the save makes a generation."""
        return bool(
            self.session is not None or self.collections or self.retained_artifact_uris is not None
        )

    def is_written_at(self, on: Revision | None, actual: Revision | None) -> bool:
        """Return whether the changes may be written to a session at `actual` that was read at `on`.

        Changes to runs alone are written after saves of others too, unless the session was deleted.
        """
        if self.changes_session or on is None or actual is None:
            return on == actual
        return on.life == actual.life


Stored: TypeAlias = "Versioned[SessionSnapshot]"
# Given our changes (redacted, if the store redacts) and the stored session, returns the changes to
# save instead, which are saved as they are. It may be called more than once, on another thread; an
# error that it raises is raised to the caller of the save, and nothing is written.
Merge: TypeAlias = Callable[[SessionChanges, Stored], SessionChanges]


@attrs.frozen(kw_only=True)
class Committed:
    """The result of a save.

    `revision` is that of the session afterwards. `changes` are the changes as written (redacted, if
    the store redacts). `theirs` is the session stored before, if it was merged, else None.
    """

    revision: Revision
    changes: SessionChanges
    theirs: Stored | None = None


def batch_of(changes: SessionChanges) -> Batch:
    """Return changes as a batch, without their runs and conditions."""
    return Batch(
        op=changes.op,
        session_id=changes.session_id,
        session=changes.session,
        collections=changes.collections,
        retained_artifact_uris=changes.retained_artifact_uris,
        save_id=changes.save_id,
        name_source=changes.name_source,
    )
