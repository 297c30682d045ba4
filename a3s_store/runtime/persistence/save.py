"""The contract by which a live session is saved.

A save is one snapshot: the session and all its collections, in one call of a store that commits it
as a whole, else in upstream's order of fragment calls (session, artifacts, trace events, run
records, verification reports, subagent tasks), the first failure ending them.

Invariants: 1. what is saved again and again loses nothing that was stored before: a snapshot starts
from what was restored, and what this release does not know of it is written back; 2. the baseline
moves only once a save succeeded; 3. neither key nor address of a model is ever part of a save; 4. a
snapshot that breaks its own rules is refused before the store is asked. Upstream:
`SessionPersistenceContext` (runtime 1).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from a3s_store.core.protocol import SessionStore
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import (
    InvalidSnapshotError,
    PersistenceError,
    SessionClosedError,
    StoreError,
)
from a3s_store.models import LlmConfigData, PersistenceFailed, SessionData, Task, TokenUsage
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.options import SessionOptions
from a3s_store.runtime.runs.active_run import AgentResult
from a3s_store.runtime.state.invariants import validate_snapshot
from a3s_store.runtime.state.usage import accumulate

_log = logging.getLogger("a3s_store.session")
_LABELS: Final = ("tenant_id", "principal", "agent_template_id", "correlation_id")


class PersistenceState:
    """What one save must not lose of the one before: `baseline`, None before the first save.

    Upstream: `PersistenceState` (P10, P11).
    """

    def __init__(self) -> None:
        self.baseline: SessionData | None = None
        self.total_usage = TokenUsage()
        self.tasks: tuple[Task, ...] = ()

    def restore(self, data: SessionData) -> None:
        """Begin from what was loaded."""
        self.baseline = data
        self.total_usage = data.total_usage
        self.tasks = data.tasks

    def record_usage(self, used: TokenUsage) -> None:
        """Add a run's usage, cache counters too; a total stops at 2^64-1."""
        self.total_usage = accumulate(self.total_usage, used)

    def replace_tasks(self, tasks: tuple[Task, ...]) -> None:
        """Make these the task list."""
        self.tasks = tasks

    def record_saved(self, data: SessionData) -> None:
        """What was saved is what the next save begins from."""
        self.baseline = data


class SessionPersistence:
    """Saves one live session to one store; without a store every save is a successful no-op.

    The session's collections are shared with it, so what changes later is saved later. `options`
    are those the session was set up with.
    """

    def __init__(
        self,
        session: Session,
        store: SessionStore | None,
        *,
        options: SessionOptions | None = None,
    ) -> None:
        self.session = session
        self.store = store
        self.options = options if options is not None else SessionOptions()
        self.auto_save = self.options.auto_save
        self.state = PersistenceState()
        self._saving = asyncio.Lock()
        self._stopped = False
        self._last: SessionSnapshot | None = None

    def record_result(self, result: AgentResult) -> None:
        """Take over a run's conversation, and append its reports if any. Nothing is saved.

        Upstream: `record_result` (P1).
        """
        self.session.replace_messages(result.messages)
        if result.verification_reports:
            self.session.verification_reports += tuple(result.verification_reports)

    def record_usage(self, used: TokenUsage) -> None:
        """Count a run's usage, both for the store and for the live session."""
        self.session.update_usage(used)
        self.state.record_usage(used)

    def snapshot(self) -> SessionSnapshot:
        """What a save would save now. Upstream: P12, runtime 1.6."""
        live = self.session
        return SessionSnapshot(
            session=self._session_data(),
            artifacts=live.artifacts.artifacts(),
            retained_artifact_uris=live.artifacts.retained_uris(),
            trace_events=live.trace.events(),
            run_records=live.runs.records(),
            verification_reports=live.verification_reports,
            subagent_tasks=live.subagents.snapshots(),
        )

    def _session_data(self) -> SessionData:
        live = self.session
        self.state.replace_tasks(live.tasks)
        data = live.to_session_data(self._llm_config(), onto=self.state.baseline)
        config = live.config.evolve(
            system_prompt=live.config.system_prompt or "",
            confirmation_policy=live.confirmation.policy,
        )
        given = {name: getattr(self.options, name) for name in _LABELS}
        counted = self.state.total_usage
        # A call that the session itself was told of counts as well; cache counters are only here.
        total = live.total_usage.evolve(
            cache_read_tokens=counted.cache_read_tokens,
            cache_write_tokens=counted.cache_write_tokens,
        )
        return data.evolve(
            config=config,
            total_usage=total,
            tasks=self.state.tasks,
            updated_at=live.clock() // 1000,
            **{name: label for name, label in given.items() if label is not None},
        )

    def _llm_config(self) -> LlmConfigData | None:
        live = self.session.llm_config
        # Neither of the two belongs into a file that is copied and shown around.
        return None if live is None else live.evolve(base_url=None)

    async def save(self) -> None:
        """Save the session as it is now, whole where the store can; nothing without a store.

        Raises:
            PersistenceError: the snapshot breaks its own rules and was not handed over, or the
                store failed to save it as a whole; `__cause__` says why. The baseline is as before.
            StoreError: a step failed on a store that saves step by step; earlier steps stay.
            SessionClosedError: it was stopped.
        """
        if self.store is None:
            return
        async with self._saving:
            if self._stopped:
                raise SessionClosedError(
                    "the session is closed", op="save", where=f"session {self.session.id}"
                )
            snapshot = self.snapshot()
            self._refuse_invalid(snapshot)
            # Artifacts that are pinned have no step: a store that cannot keep that has to say so.
            whole = self.store.capabilities().atomic_session_snapshots
            if whole or snapshot.retained_artifact_uris:
                await self._save_whole(self.store, snapshot)
            else:
                await self._save_in_steps(self.store, snapshot)
            self.state.record_saved(snapshot.session)
            self._last = snapshot
        _log.debug("Session %s saved", self.session.id)

    async def stop(self) -> None:
        """Save nothing any more; when this returns, no save is under way.

        What comes late would be saved over the session that was restored since.
        """
        self._stopped = True
        async with self._saving:
            pass

    def _refuse_invalid(self, snapshot: SessionSnapshot) -> None:
        try:
            # Events that were looked at before are not looked at again.
            validate_snapshot(snapshot, before=self._last)
        except InvalidSnapshotError as error:
            raise PersistenceError(
                f"Refusing to save invalid session snapshot {self.session.id}: {error}",
                op="save",
                where=f"session {self.session.id}",
                hint="Nothing was written",
            ) from error

    async def _save_whole(self, store: SessionStore, snapshot: SessionSnapshot) -> None:
        try:
            await store.save_snapshot(snapshot)
        except StoreError as error:
            raise PersistenceError(
                f"Failed to save session {self.session.id}: {error}",
                op="save",
                where=f"session {self.session.id}",
                hint="What is stored is as it was",
            ) from error

    async def _save_in_steps(self, store: SessionStore, snapshot: SessionSnapshot) -> None:
        session_id = self.session.id
        await store.save(snapshot.session)
        await store.save_artifacts(session_id, snapshot.artifacts or ())
        await store.save_trace_events(session_id, snapshot.trace_events or ())
        # Read now: what a run recorded during the steps before belongs to this save.
        await store.save_run_records(session_id, self.session.runs.records())
        await store.save_verification_reports(session_id, snapshot.verification_reports or ())
        await store.save_subagent_tasks(session_id, self.session.subagents.snapshots())

    async def auto_save_if_enabled(self, operation: str = "save") -> bool:
        """Save if the session saves itself; a failure is never raised: False, warning and event.

        `operation` is what the event PersistenceFailed calls the occasion. Upstream:
        `auto_save_if_enabled` (P6).
        """
        if not self.auto_save:
            return True
        try:
            await self.save()
        except Exception as error:
            session_id = self.session.id
            # What is no error of ours may repeat a text in its own.
            why = str(error) if isinstance(error, StoreError) else type(error).__name__
            _log.warning("Auto-save failed for session %s: %s", session_id, why)
            self.session.events.send(
                PersistenceFailed(session_id=session_id, operation=operation, error=why)
            )
            return False
        return True
