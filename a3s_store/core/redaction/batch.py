"""Removing secrets from a batch and from changes of a live session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from a3s_store.core.changes import SessionChanges, batch_of
from a3s_store.core.collections import LOOP_CHECKPOINTS
from a3s_store.errors import during

if TYPE_CHECKING:
    from a3s_store.core.batch import Batch
    from a3s_store.core.redaction.redactor import Redactor


def redacted_batch(redactor: Redactor, batch: Batch) -> Batch:
    """Return the batch without secrets; the batch itself if it has none.

    Raises:
        EncodeError, InvalidIdError: see `Redactor.value` and `Redactor.check_id`.
    """
    if not redactor.has_hook:
        session = redactor.value(batch.session)
        return batch if session is batch.session else attrs.evolve(batch, session=session)
    with during(batch.op, ""):
        redactor.check_id(batch.session_id)
    with during(batch.op, f"session {batch.session_id!r}"):
        return attrs.evolve(
            batch,
            session=redactor.value(batch.session),
            collections={f: redactor.value(v, f.name) for f, v in batch.collections.items()},
            retained_artifact_uris=redactor.value(
                batch.retained_artifact_uris, "retained_artifact_uris"
            ),
        )


def redacted_changes(redactor: Redactor, changes: SessionChanges) -> SessionChanges:
    """Return the changes without secrets; raises as `redacted_batch` does."""
    if not redactor.has_hook:
        session = redactor.value(changes.session)
        return changes if session is changes.session else attrs.evolve(changes, session=session)
    batch = redacted_batch(redactor, batch_of(changes))
    checkpoint = changes.checkpoint
    if checkpoint is not None:
        with during(changes.op, ""):
            redactor.check_id(checkpoint.run_id, LOOP_CHECKPOINTS.key)
        with during(changes.op, f"run id {checkpoint.run_id!r}"):
            redacted = redactor.value(checkpoint.checkpoint)
        checkpoint = attrs.evolve(checkpoint, checkpoint=redacted)
    return attrs.evolve(
        changes,
        session=batch.session,
        collections=batch.collections,
        retained_artifact_uris=batch.retained_artifact_uris,
        uncompacted=redactor.value(changes.uncompacted, "messages"),
        checkpoint=checkpoint,
    )
