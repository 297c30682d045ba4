"""Making sessions live: new ones, and those that a store has.

Invariants: 1. an id is live at most once, and is reserved while its session is being made; 2. a
failed save never fails the call that caused it: it is an event of the session and a warning; 3. a
session counts as not found only after every store was asked; 4. a new session never overwrites a
stored one. Upstream: the maps of `SessionManager` (runtime 10), the registry of
`agent_sessions.rs` (1.7).
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from typing import Any, Final

import attrs

from a3s_store.core import live_window
from a3s_store.core.clock import Clock, clamped, system_clock
from a3s_store.core.protocol import SessionStore
from a3s_store.core.tool_pairs import PairProblem
from a3s_store.errors import SessionConfigError, SessionError, StaleSessionError, StoreError
from a3s_store.models import SessionConfig
from a3s_store.printable import Printable
from a3s_store.runtime.agent_session import AgentSession
from a3s_store.runtime.context.memory import memory_for
from a3s_store.runtime.live_session import SecurityGuard, Session
from a3s_store.runtime.management.live_sessions import LiveSessions
from a3s_store.runtime.observation.hooks import Hook
from a3s_store.runtime.observation.session_events import ToolPairsBroken
from a3s_store.runtime.observation.telemetry import Telemetry
from a3s_store.runtime.options import OnConflict, OnInterrupted, OnMissingGuard, SessionOptions
from a3s_store.runtime.persistence.restore import restore_session
from a3s_store.runtime.persistence.save import SessionPersistence
from a3s_store.runtime.queue.journal import StoreJournal
from a3s_store.runtime.state.limits import check_session_id
from a3s_store.runtime.state.usage import DEFAULT_PRICES, ModelPricing

_log = logging.getLogger("a3s_store.session")
_SAVED: Final = "is saved already"
_RESTORE: Final = "Restore it with restore_session_by_id, or choose another id"


@attrs.frozen(kw_only=True)
class LoadReport(Printable):
    """The result of `load_all_sessions`: ids that are live now, and errors of the others by id.

    `tool_pairs` has, by id, calls without results and results without calls in the conversations
    that have any, except those of a last round, which may be resumed.
    """

    loaded: tuple[str, ...]
    failed: Mapping[str, StoreError]
    tool_pairs: Mapping[str, tuple[PairProblem, ...]] = attrs.field(factory=dict)


class SessionRegistry(LiveSessions):
    """Live sessions by id, over one or several stores, one for each storage type.

    `prices`, `clock`, `security`, `telemetry`, and `hooks` (before a session's own) are given to
    every session; `on_conflict`, `on_interrupted`, `require_conditions` and `on_missing_guard` are
    every session's `SessionOptions`. `keep_queues` stores the dead letters and the pending external
    tasks of each queue, so that a crash does not lose them (upstream has no equivalent). A session
    that could not be saved when it was closed is written to a file in `rescue_dir`; None writes
    none.

    Use it as an async context manager, or call `shutdown`, which saves everything.
    """

    def __init__(
        self,
        *,
        prices: Mapping[str, ModelPricing] = DEFAULT_PRICES,
        keep_queues: bool = False,
        on_conflict: OnConflict = "merge",
        on_interrupted: OnInterrupted = "keep",
        require_conditions: bool = False,
        security: Callable[[SessionConfig], SecurityGuard] | None = None,
        on_missing_guard: OnMissingGuard = "refuse",
        hooks: Sequence[Hook] = (),
        telemetry: Telemetry | None = None,
        rescue_dir: str | PathLike[str] | None = None,
        clock: Clock = system_clock,
    ) -> None:
        super().__init__(rescue_dir)
        self._options = SessionOptions(
            on_conflict=on_conflict,
            on_interrupted=on_interrupted,
            on_missing_guard=on_missing_guard,
            require_conditions=require_conditions,
        )
        self._security = security
        self._hooks = tuple(hooks)
        self._telemetry = telemetry
        self._prices = prices
        self._keep_queues = keep_queues
        self._clock = clamped(clock)
        self._reserved: set[str] = set()

    async def create_session(
        self, session_id: str | None = None, config: SessionConfig | None = None, **given: Any
    ) -> AgentSession:
        """Create a session, start its queue, save it, and return it. `given` is for `Session`.

        `session_id` None makes a UUID.

        Raises:
            InvalidIdError: a live session may not have this id.
            SessionError: the id is live already, or stored: restore it then.
        """
        if session_id is None:
            session_id = str(uuid.uuid4())
        return await self._create(session_id, config or SessionConfig(), "create", **given)

    async def _create(
        self,
        session_id: str,
        config: SessionConfig,
        operation: str,
        *,
        before_saving: Callable[[AgentSession], None] | None = None,
        **given: Any,
    ) -> AgentSession:
        with self._reserve(session_id):
            store = self._store_of(session_id, config.storage_type)
            await self._refuse_saved(store, session_id)
            memory = given.pop("memory", None)
            if memory is None:
                memory = await memory_for(store, config.workspace, session_id, clock=self._clock)
            token = live_window.open_window()
            session = Session(
                session_id,
                config,
                memory=memory,
                prices=self._prices,
                queue_journal=self._journal(store, session_id, token),
                clock=self._clock,
                **self._for_all(given),
            )
            if config.max_context_length:
                session.context_usage = session.context_usage.evolve(
                    max_tokens=config.max_context_length
                )
            options = attrs.evolve(
                self._options, session_id=session_id, auto_save=store is not None
            )
            persistence = SessionPersistence(session, store, options=options, token=token)
            live = AgentSession(session, persistence)
            if before_saving is not None:
                before_saving(live)
            session.queue.start()
            self._live[session_id] = live
        outcome = await live.persistence.auto_save_if_enabled(operation)
        if isinstance(outcome.error, StaleSessionError):
            # Another live session was saved under this id first; that one stays as it is.
            self._remove(live)
            await live.close(save=False)
            raise _taken(session_id, _SAVED, _RESTORE) from outcome.error
        return live

    def _for_all(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of one session, with those of all sessions."""
        hooks = (*self._hooks, *given.get("hooks", ()))
        shared = {"security": self._security, "telemetry": self._telemetry}
        return {**shared, **given, "hooks": hooks}

    def _journal(
        self, store: SessionStore | None, session_id: str, token: str | None = None
    ) -> StoreJournal | None:
        if store is None or not self._keep_queues:
            return None
        return StoreJournal(store, session_id, clock=self._clock, token=token)

    @contextmanager
    def _reserve(self, session_id: str) -> Iterator[None]:
        check_session_id(session_id)
        if session_id in self._unsaved:
            hint = "Save it (unsaved_sessions), or give it up with discard_unsaved"
            raise _taken(session_id, "was closed and is not saved", hint)
        if session_id in self._live or session_id in self._reserved:
            hint = "Use the live one, or close it first"
            raise _taken(session_id, "is already live or being built", hint)
        self._reserved.add(session_id)
        try:
            yield
        finally:
            self._reserved.discard(session_id)

    async def _refuse_saved(self, store: SessionStore | None, session_id: str) -> None:
        try:
            taken = store is not None and await store.exists(session_id)
        except StoreError as error:
            _log.warning("whether session %s is saved cannot be told: %s", session_id, error)
            return
        if taken:
            raise _taken(session_id, _SAVED, _RESTORE)

    async def restore_session_by_id(self, session_id: str, **given: Any) -> AgentSession:
        """Return the live session of this id, or restore it from a store, its queue not started.

        Raises:
            SessionError: it is in no store; a warning names each store that could not be asked.
        """
        if session_id in self._live:
            return self._live[session_id]
        with self._reserve(session_id):
            cause: StoreError | None = None
            for store in self._stores.values():
                try:
                    if await store.exists(session_id):
                        return await self._restore(store, session_id, **given)
                except StoreError as error:
                    cause = error
                    _log.warning("session %s not restored: %s", session_id, error)
        what = f"Session {session_id} not found in any store"
        hint = "A store that could not be read is named in the log" if cause else ""
        where = f"session {session_id}"
        raise SessionError(what, op="restore", where=where, hint=hint) from cause

    async def open_session(
        self, session_id: str, config: SessionConfig | None = None, **given: Any
    ) -> AgentSession:
        """Return the live session of this id, else restore the stored one, else create one.

        `config` is that of a new session. Raises as `restore_session_by_id` and `create_session`,
        and StoreError when a store cannot say whether it has the session: then none is made.
        """
        for store in self._stores.values():
            if session_id not in self._live and await store.exists(session_id):
                return await self.restore_session_by_id(session_id, **given)
        if session_id in self._live:
            return self._live[session_id]
        return await self.create_session(session_id, config, **given)

    async def _restore(self, store: SessionStore, session_id: str, **given: Any) -> AgentSession:
        live = await self._restored(store, session_id, self._options, given)
        await self._recover_queue(live)
        self._live[session_id] = live
        return live

    async def _restored(
        self, store: SessionStore, session_id: str, options: SessionOptions, given: dict[str, Any]
    ) -> AgentSession:
        """Return a live session of a stored one, not registered yet, its queue empty."""
        token = live_window.open_window()
        session, persistence = await restore_session(
            store,
            session_id,
            attrs.evolve(options, auto_save=True),
            token=token,
            prices=self._prices,
            queue_journal=self._journal(store, session_id, token),
            clock=self._clock,
            **self._for_all(given),
        )
        return AgentSession(session, persistence)

    async def replace_session(
        self, session_id: str, options: SessionOptions | None = None, **given: Any
    ) -> AgentSession:
        """Replace a live session by a new one made of its stored state, and close the old one.

        This is how a session gets other options, tools, hooks or memory (`given` is for `Session`)
        under its id. The old one is saved first, and stays live where anything fails. `options`
        None are the manager's. The session's agent stays; the queue is started if it was. Waiting
        commands and external tasks fail with the old session, and stored dead letters are taken
        over. Upstream: `replace_session` (runtime 1.7).

        Raises:
            SessionError: it is not live.
            SessionConfigError: it has no store.
            SessionBusyError: an operation is under way in it.
            StoreError: it was not saved, or not restored.
        """
        old = self.get_session(session_id)
        if old.store is None:
            raise SessionConfigError(
                "the session has no store, so no other can be made of it",
                field="session_store",
                op="replace_session",
                where=f"session {session_id}",
            )
        with old.admission.enter("replace_session"):
            await old.persistence.save()
            new = await self._restored(old.store, session_id, options or self._options, given)
            self._live[session_id] = new
        await old.close()
        if old.session.queue.is_started:
            new.session.queue.start()
        await self._recover_queue(new)
        return new

    async def _recover_queue(self, live: AgentSession) -> None:
        try:
            await live.session.queue.recover()
        except StoreError as error:
            _log.warning("the queue of session %s begins empty: %s", live.id, error)

    async def load_all_sessions(self) -> LoadReport:
        """Make every stored session live; one that fails is logged, reported, and left as it is."""
        loaded: list[str] = []
        failed: dict[str, StoreError] = {}
        pairs: dict[str, tuple[PairProblem, ...]] = {}
        for store in self._stores.values():
            try:
                listed = await store.list()
            except StoreError as error:
                _log.warning("sessions of store %s not listed: %s", store.backend_name, error)
                continue
            for session_id in listed:
                try:
                    live = await self.restore_session_by_id(session_id)
                except StoreError as error:
                    failed[session_id] = error
                    _log.warning("session %s not loaded: %s", session_id, error)
                    continue
                loaded.append(session_id)
                broken = ToolPairsBroken.found(
                    session_id, live.session.messages, with_open_calls=False
                )
                if broken is not None:
                    pairs[session_id] = broken.problems
        return LoadReport(loaded=tuple(dict.fromkeys(loaded)), failed=failed, tool_pairs=pairs)

    async def destroy_session(self, session_id: str) -> None:
        """Close a session without saving it, and delete it from all stores; success if unknown.

        A store that could not delete it is logged.
        """
        live = self._live.get(session_id)
        # Reserved until it is deleted, or the deletion would remove a session made meanwhile.
        mine = session_id not in self._reserved
        self._reserved.add(session_id)
        try:
            self.discard_unsaved(session_id)
            if live is not None:
                self._remove(live)
                await live.close(save=False)
            for store in self._stores.values():
                try:
                    await store.delete(session_id)
                    if (journal := self._journal(store, session_id)) is not None:
                        await journal.clear()
                except StoreError as error:
                    _log.warning("session %s not deleted: %s", session_id, error)
        finally:
            if mine:
                self._reserved.discard(session_id)


def _taken(session_id: str, why: str, hint: str) -> SessionError:
    what = f"session '{session_id}' {why}"
    return SessionError(what, op="create", where=f"session {session_id}", hint=hint)
