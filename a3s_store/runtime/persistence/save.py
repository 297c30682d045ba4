"""Saving a live session: the content of its snapshot, and when it is saved.

`window` has how it is saved beside others.

Invariants: 1. repeated saves lose nothing that was stored before: a snapshot starts from the
restored value, and parts that this release does not know are written back; 2. the baseline changes
only after a save succeeded; 3. neither key nor address of a model is ever saved; 4. an invalid
snapshot is refused before the store is called. Upstream: `SessionPersistenceContext` (runtime 1),
where the last save wins.
"""

from __future__ import annotations

import logging

from a3s_store._deprecated import warn
from a3s_store.core.base.store import BaseStore
from a3s_store.core.changes import Stored
from a3s_store.core.protocol import SessionStore
from a3s_store.core.redaction.redactor import Redactor
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import SessionDeletedError, StoreError
from a3s_store.errors.context import safe_text
from a3s_store.models import LlmConfigData, PersistenceFailed, SessionData, Task, TokenUsage
from a3s_store.models.session import LABELS
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.options import OnConflict, SessionOptions
from a3s_store.runtime.persistence import live_collections
from a3s_store.runtime.persistence.beside import WindowBesideOthers
from a3s_store.runtime.persistence.outcome import UNCHANGED, Outcome
from a3s_store.runtime.persistence.writer import check_conditions
from a3s_store.runtime.runs.active_run import AgentResult
from a3s_store.runtime.state.usage import accumulate
from a3s_store.wire import encode, pretty

_log = logging.getLogger("a3s_store.session")


class PersistenceState:
    """State between saves: `baseline`, the value last stored, None before; usage; tasks.

    Upstream: `PersistenceState` (P10, P11).
    """

    def __init__(self) -> None:
        self.baseline: SessionData | None = None
        self.total_usage = TokenUsage()
        self.tasks: tuple[Task, ...] = ()

    def restore(self, data: SessionData) -> None:
        """Start from a loaded session."""
        self.baseline = data
        self.total_usage = data.total_usage
        self.tasks = data.tasks

    def record_usage(self, used: TokenUsage) -> None:
        """Add a run's usage, cache counters included; a total stops at 2^64-1."""
        self.total_usage = accumulate(self.total_usage, used)

    def replace_tasks(self, tasks: tuple[Task, ...]) -> None:
        """Replace the task list."""
        self.tasks = tasks

    def record_saved(self, data: SessionData) -> None:
        """Make a saved session the baseline of the next save."""
        self.baseline = data


class SessionPersistence(WindowBesideOthers):
    """Saves one live session to one store; without a store every save succeeds and does nothing.

    It reads the session's own collections, so a later change is in a later save. `options` are
    those with which the session was made.
    """

    def __init__(
        self,
        session: Session,
        store: SessionStore | None,
        *,
        options: SessionOptions | None = None,
        on_conflict: OnConflict = "merge",
        token: str | None = None,
    ) -> None:
        self.options = options if options is not None else SessionOptions()
        check_conditions(store, required=self.options.require_conditions)
        mode = self.options.on_conflict or on_conflict
        super().__init__(session, store, on_conflict=mode, token=token)
        self.auto_save = self.options.auto_save
        self.state = PersistenceState()

    @property
    def saves_itself(self) -> bool:
        """Whether changes are saved at once."""
        return self.auto_save

    def record_result(self, result: AgentResult) -> None:
        """Take over the conversation of a run and append its reports. Nothing is saved.

        Upstream: `record_result` (P1).
        """
        self.session.replace_messages(result.messages)
        if result.verification_reports:
            self.session.verification_reports += tuple(result.verification_reports)

    def record_usage(self, used: TokenUsage) -> None:
        """Count a run's usage in the live session and in the stored totals."""
        self.session.update_usage(used)
        self.state.record_usage(used)

    def snapshot(self) -> SessionSnapshot:
        """Return the snapshot that a save would store now. Upstream: P12, runtime 1.6.

        It lacks the rounds of a run under way, which are in the run's checkpoint.
        """
        live = self.session
        return SessionSnapshot.of(
            self._session_data(), live_collections.values_of(live), live.artifacts.retained_uris()
        )

    def _session_data(self) -> SessionData:
        live = self.session
        self.state.replace_tasks(live.tasks)
        data = live.to_session_data(self._llm_config(), onto=self.state.baseline)
        config = live.config.evolve(
            system_prompt=live.config.system_prompt or "",
            confirmation_policy=live.confirmation.policy,
        )
        given = {name: getattr(self.options, name) for name in LABELS}
        counted = self.state.total_usage
        # The session counts calls that are no run's; cache counters are counted only here.
        total = live.total_usage.evolve(
            cache_read_tokens=counted.cache_read_tokens,
            cache_write_tokens=counted.cache_write_tokens,
        )
        return data.evolve(
            config=config,
            total_usage=total,
            tasks=self.state.tasks,
            messages=live.messages if self.held is None else self.held.view,
            updated_at=live.clock() // 1000,
            **{name: label for name, label in given.items() if label is not None},
        )

    def _llm_config(self) -> LlmConfigData | None:
        live = self.session.llm_config
        # Neither key nor address: a stored session may be copied and shown to others.
        return None if live is None else live.evolve(base_url=None)

    def restored(self, stored: Stored) -> None:
        """Start from a loaded session, once it is live."""
        self.state.restore(stored.value.session)
        super().restored(stored)

    def _stored_is(self, session: SessionData, usage: TokenUsage | None) -> None:
        self.state.record_saved(session)
        if usage is not None:
            self.state.total_usage = usage

    async def auto_save_if_enabled(self, operation: str = "save") -> Outcome:
        """Save if the session saves itself; a failure is a warning, an event and a false outcome.

        `operation` is the reason for the save, in the event PersistenceFailed. Upstream:
        `auto_save_if_enabled` (P6).
        """
        if not self.auto_save:
            return UNCHANGED
        try:
            outcome = await self.save()
        except Exception as error:
            return self.report_failure(operation, error)
        if outcome.kind == "partly_saved":
            assert outcome.error is not None, "it says why"
            self.report_failure(operation, outcome.error, part=", ".join(outcome.parts))
        return outcome

    def as_rescue(self) -> bytes:
        """Return the live session as one JSON object for a rescue file. Raises EncodeError."""
        snapshot = self.snapshot()
        if isinstance(self.store, BaseStore):
            snapshot = self.store.redacted(snapshot)
        else:
            snapshot = snapshot.evolve(session=Redactor().value(snapshot.session))
        revision = self.revision
        return pretty(
            {
                "a3s_store_rescue": 1,
                "session_id": self.session.id,
                "generation": None if revision is None else revision.generation,
                "life": None if revision is None else revision.life,
                "snapshot": encode(snapshot),
            }
        )

    def told_failed(self, operation: str, error: Exception, *, part: str | None = None) -> Outcome:
        """Deprecated: `report_failure`."""
        warn("SessionPersistence.told_failed", "SessionPersistence.report_failure", stacklevel=2)
        return self.report_failure(operation, error, part=part)

    def report_failure(self, op: str, error: Exception, *, part: str | None = None) -> Outcome:
        """Warn and send an event that a save failed, or that `part` was not saved."""
        session_id = self.session.id
        why = safe_text(error)
        _log.warning("Auto-save failed for session %s: %s", session_id, why)
        self.session.events.send(
            PersistenceFailed(
                session_id=session_id,
                operation=op,
                error=why,
                part=part,
                outcome_unknown=True if self.is_unsure else None,
            )
        )
        known = error if isinstance(error, StoreError) else None
        if isinstance(error, SessionDeletedError):
            return Outcome(kind="deleted", error=known)
        return Outcome(kind="not_saved", error=known)
