"""Rows of lists made of loaded sessions: the reference for stores that read columns."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from a3s_store.core import live_window
from a3s_store.core.changes import RunCheckpoint
from a3s_store.core.host_data import NO_HOST_DATA, HostData
from a3s_store.core.listing.conditions import Listed
from a3s_store.core.listing.texts import listed_prompt, search_text
from a3s_store.core.listing.values import SessionSummary
from a3s_store.core.snapshot import ENDED
from a3s_store.models import RunRecord, SessionData

# A column of SQLite holds no more tokens.
_MOST_TOKENS = 2**63


def listed(
    session: SessionData,
    run_records: Iterable[RunRecord],
    checkpoints: Iterable[RunCheckpoint],
    *,
    drafts: Collection[str] = (),
    host: HostData = NO_HOST_DATA,
    generation: int = 0,
    last_message_at_ms: int | None = None,
    changed_at_ms: int | None = None,
    sequence: int | None = None,
) -> Listed:
    """Return a session as a list has it.

    `checkpoints` are those of its runs, `drafts` the ids of runs with a draft; the others are
    fields of `SessionSummary`.
    """
    ended = {run.snapshot.id for run in run_records if run.snapshot.status in ENDED}
    runs = [one for one in checkpoints if one.run_id not in ended]
    interrupted = [one for one in runs if not live_window.is_open(one.claimed_by)]
    tokens = session.total_usage.total_tokens
    summary = SessionSummary(
        id=session.id,
        name=session.config.name,
        state=session.state.value,
        workspace=session.config.workspace,
        model_name=session.model_name,
        messages=len(session.messages),
        total_tokens=tokens if tokens < _MOST_TOKENS else None,
        total_cost=session.total_cost,
        created_at=session.created_at,
        updated_at=session.updated_at,
        generation=generation,
        interrupted=len(interrupted),
        running=len(runs) - len(interrupted),
        unsaved_messages=_unsaved(session, interrupted),
        draft=any(one.run_id in drafts for one in runs),
        parent_id=session.parent_id,
        tenant_id=session.tenant_id,
        first_prompt=listed_prompt(session.messages),
        labels=host.labels,
        pinned=host.pinned,
        archived=host.archived,
        trashed_at_ms=host.trashed_at_ms,
        last_message_at_ms=last_message_at_ms,
        changed_at_ms=changed_at_ms,
        sequence=sequence,
    )
    return Listed(
        summary=summary,
        principal=session.principal,
        search_text=search_text(summary.name, summary.first_prompt),
    )


def _unsaved(session: SessionData, interrupted: Sequence[RunCheckpoint]) -> int:
    """Count the messages of interrupted runs that the session does not have."""
    stored = len(session.messages)
    bases = (stored if one.base_length is None else one.base_length for one in interrupted)
    return sum(
        max(0, len(one.checkpoint.messages) - base)
        for one, base in zip(interrupted, bases, strict=True)
    )
