"""Makes changes from the stored session live, and keeps changes made here meanwhile.

The collection objects stay the same, since the application has references to them; their limits are
raised to the number of new values, as by a restore. Nothing here awaits, so the session is always
consistent.
"""

from __future__ import annotations

from typing import Any

from a3s_store.core.merging.history import History
from a3s_store.core.merging.sessions import Merged, Sides, merge_policy, merge_snapshots
from a3s_store.models import (
    LlmConfigData,
    PermissionPolicy,
    SessionConfig,
    TaskUpdated,
)
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.persistence import live_collections
from a3s_store.runtime.session_fields import STORED


def take_over(session: Session, before: Sides, now: Sides, stored: Sides) -> Merged:
    """Make the stored session live, merged with changes made here since `before`.

    `before` is the live session from which `stored` was made, `now` the present one. Messages are
    not merged here (`take_messages`).
    """
    merged = merge_snapshots(before, now, stored)
    data = merged.snapshot.session
    session.config = data.config
    has_other_tasks = data.tasks != session.tasks
    for name in STORED:
        setattr(session, name, getattr(data, name))
    if data.llm_config != now.session.llm_config:
        session.llm_config = _with_address(data.llm_config, session.llm_config)
    session.name_source = merged.name_source
    _take_policies(session, before.session.config, data.config)
    if has_other_tasks:
        session.events.send(TaskUpdated(session_id=session.id, tasks=session.tasks))
    live_collections.take_over(session, now.snapshot, merged.snapshot)
    return merged


def _with_address(stored: LlmConfigData | None, live: LlmConfigData | None) -> LlmConfigData | None:
    """Return the stored model with the live address, which is never stored, of that provider."""
    if stored is None or live is None or stored.base_url or stored.provider != live.provider:
        return stored
    return stored.evolve(base_url=live.base_url)


def take_messages(session: Session, before: History, view: tuple[Any, ...]) -> None:
    """Replace the conversation by `view`, with messages added since `before` behind it."""
    said = before.now(session.messages)
    messages = view
    if said != before:
        now = session.messages
        known = before.view
        messages = view + now[len(known) :] if now[: len(known)] == known else now
    session.rebase(History(view).now(messages))


def _take_policies(session: Session, before: SessionConfig, stored: SessionConfig) -> None:
    if stored.permission_policy != before.permission_policy:
        session.permission_policy = (
            merge_policy(
                before.permission_policy or PermissionPolicy(),
                session.permission_policy,
                stored.permission_policy or PermissionPolicy(),
                [],
            )
            or PermissionPolicy()
        )
    policy = stored.confirmation_policy
    if policy is not None and policy != before.confirmation_policy:
        session.set_confirmation_policy(policy)
