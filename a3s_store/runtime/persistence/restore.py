"""Loads a stored session, validates it, and makes a live session of it.

Stored values are validated again, since a store may be the application's. A collection that was
never saved leaves the live one alone. Upstream: runtime 1.2, 1.5 and P15.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, TypeVar

from a3s_store.agent_memory import MemoryStore
from a3s_store.core.changes import Stored
from a3s_store.core.clock import Clock, system_clock
from a3s_store.core.collections import COLLECTIONS, Collection
from a3s_store.core.protocol import SessionStore, conditional
from a3s_store.core.revision import Position, Revision, Versioned
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.core.tool_pairs import repair_pairs
from a3s_store.errors import (
    InvalidSnapshotError,
    PersistenceError,
    SessionConfigError,
    SessionError,
    StoreError,
)
from a3s_store.models import SessionData, ToolDefinition
from a3s_store.runtime.context.memory import memory_for
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.observation.session_events import ToolPairsBroken
from a3s_store.runtime.options import (
    OnConflict,
    SessionOptions,
    apply_persisted_runtime_options,
    apply_to_config,
    model_config_from_name,
    persisted_model_name,
)
from a3s_store.runtime.persistence import live_collections
from a3s_store.runtime.persistence.save import SessionPersistence
from a3s_store.runtime.state.artifacts import ArtifactCollection
from a3s_store.runtime.state.invariants import validate_snapshot

_log = logging.getLogger("a3s_store.session")
T = TypeVar("T")


async def load_session_data(store: SessionStore, session_id: str) -> SessionData:
    """Load a session without its collections.

    Raises:
        SessionError: it is not stored.
        PersistenceError: the store could not load it.
    """
    try:
        data = await store.load(session_id)
    except StoreError as error:
        raise _failed(f"Failed to load session {session_id}", session_id, error) from error
    return _found(data, session_id)


async def load_checked(store: SessionStore, session_id: str) -> Stored:
    """Load a session with its collections, and validate it.

    Its revision is meaningful only for a store with `conditional_writes`.

    Raises:
        SessionError: it is not stored.
        PersistenceError: the store could not load it, or it is invalid.
    """
    try:
        loaded = await _loaded(store, session_id)
    except StoreError as error:
        if store.capabilities().atomic_session_snapshots:
            raise _failed(f"Failed to load session {session_id}", session_id, error) from error
        # Loading part by part finds the part that failed.
        loaded = _unversioned(await _load_in_steps(store, session_id))
    stored = _found(loaded, session_id)
    try:
        if stored.value.session.id != session_id:
            raise InvalidSnapshotError("the session inside has another id")
        validate_snapshot(stored.value)
    except InvalidSnapshotError as error:
        raise _failed(
            f"Refusing invalid snapshot returned for session {session_id}", session_id, error
        ) from error
    return stored


async def _loaded(store: SessionStore, session_id: str) -> Stored | None:
    comparing = conditional(store)
    if comparing is not None:
        return await comparing.load_versioned(session_id, snapshot=True)
    found = await store.load_snapshot(session_id)
    return None if found is None else _unversioned(found)


def _unversioned(snapshot: SessionSnapshot) -> Stored:
    """Return a snapshot of a store without revisions."""
    return Versioned(snapshot, Revision(0, 0), Position(0, b""))


async def _load_in_steps(store: SessionStore, session_id: str) -> SessionSnapshot:
    session = await load_session_data(store, session_id)
    collections: dict[Collection, Any] = {}
    for one in COLLECTIONS:
        try:
            collections[one] = await getattr(store, f"load_{one.name}")(session_id)
        except StoreError as error:
            what = f"Failed to load {one.name.replace('_', ' ')} for session {session_id}"
            raise _failed(what, session_id, error) from error
    return SessionSnapshot.of(session, collections)


def _found(value: T | None, session_id: str) -> T:
    if value is None:
        raise SessionError(
            f"Session not found: {session_id}",
            op="load",
            where=f"session {session_id}",
            hint="list() returns the ids of stored sessions",
        )
    return value


def _failed(what: str, session_id: str, error: StoreError) -> PersistenceError:
    return PersistenceError(f"{what}: {error}", op="load", where=f"session {session_id}")


async def restore_session(
    store: SessionStore | None,
    session_id: str,
    options: SessionOptions | None = None,
    *,
    tools: Sequence[ToolDefinition] = (),
    memory: MemoryStore | None = None,
    on_conflict: OnConflict = "merge",
    repair: bool = False,
    token: str | None = None,
    clock: Clock = system_clock,
    **given: Any,
) -> tuple[Session, SessionPersistence]:
    """Load a session and make it live; return it with its persistence.

    `options` win over stored values (see `apply_persisted_runtime_options`); `given` is passed to
    `Session`. `memory` None is the session's memory in the store. `repair` repairs calls without
    results and results without calls (`a3s_store.pairs`); otherwise they are logged. `token` names
    the live session in the runs it claims, None makes one. Limits of the live collections are
    raised to the number of stored values, since the next save would remove evicted ones.

    Raises:
        SessionConfigError: there is no store.
        SessionError: the session is not stored.
        PersistenceError: it could not be loaded, or no live session could be made of it.
    """
    if store is None:
        raise SessionConfigError(
            "resume_session requires a configured session store",
            field="session_store",
            op="resume",
            where=f"session {session_id}",
        )
    stored = await load_checked(store, session_id)
    snapshot = stored.value
    data = snapshot.session
    merged = apply_persisted_runtime_options(options or SessionOptions(), data)
    if memory is None:
        memory = await memory_for(store, data.config.workspace, session_id, clock=clock)
    try:
        session = Session(
            session_id,
            apply_to_config(merged, data.config),
            tools=tools,
            memory=memory,
            confirmation=merged.confirmation_manager,
            permission_checker=merged.permission_checker,
            artifacts=ArtifactCollection.for_saved(
                snapshot.artifacts or (),
                snapshot.retained_artifact_uris,
                max_artifacts=merged.max_artifacts,
                max_bytes=merged.max_artifact_bytes,
            ),
            clock=clock,
            **given,
        )
        session.restore_from_data(data)
        session.name_source = stored.name_source
        if options is not None and options.max_context_tokens is not None:
            session.context_usage = session.context_usage.evolve(
                max_tokens=options.max_context_tokens
            )
        live_collections.restore(session, snapshot)
    except StoreError as error:
        what = f"Refusing to restore invalid snapshot into session {session_id}"
        raise _failed(what, session_id, error) from error
    named = model_config_from_name(merged.model)
    if options is not None and options.model is not None:
        # Prices are found by this name: another model must not be charged like the stored one.
        session.llm_config = named
        session.model_name = named.model if named else options.model
    else:
        # The stored value, since the name alone could be split at another place.
        session.llm_config = data.llm_config or named
        session.model_name = persisted_model_name(data.model_name)
    persistence = SessionPersistence(
        session, store, options=merged, on_conflict=on_conflict, token=token
    )
    persistence.restored(stored)
    _check_pairs(session, repair=repair)
    return session, persistence


def _check_pairs(session: Session, *, repair: bool) -> None:
    """Tell of unpaired calls and results, and repair them if `repair`.

    Calls of the last round may be open for a run that is resumed. A repair is saved with the next
    save; the store's generation before it keeps the conversation as it was.
    """
    broken = ToolPairsBroken.found(
        session.id, session.messages, repaired=repair, with_open_calls=repair
    )
    if broken is None:
        return
    _log.warning(
        "session %s: %d calls or results without the other", session.id, len(broken.problems)
    )
    if repair:
        session.replace_messages(repair_pairs(session.messages))
    session.events.send(broken)
