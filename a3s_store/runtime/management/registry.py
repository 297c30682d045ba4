"""Which sessions are live, and which store each is kept in.

Invariants: 1. an id is live at most once, and is taken while its session is being made; 2. a
failure to persist never fails what the caller asked for: it is an event of the session and a
warning; 3. every store is asked before a session is not found; 4. a new session overwrites no saved
one. Upstream: the maps of `SessionManager` (runtime 10), the registry of `agent_sessions.rs` (1.7).
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import attrs

from a3s_store.core import live_window
from a3s_store.core.clock import Clock, clamped, system_clock
from a3s_store.core.protocol import SessionStore
from a3s_store.core.tool_pairs import PairProblem
from a3s_store.errors import SessionError, StaleSessionError, StoreError, UnsavedSessionsError
from a3s_store.models import SessionConfig
from a3s_store.runtime.agent_session import AgentSession
from a3s_store.runtime.context.memory import memory_for
from a3s_store.runtime.live_session import SecurityGuard, Session
from a3s_store.runtime.management import closing
from a3s_store.runtime.management.closing import DEADLINE, Closed
from a3s_store.runtime.management.reports import LoadReport as LoadReport
from a3s_store.runtime.management.reports import StoreHealth as StoreHealth
from a3s_store.runtime.management.session_stores import SessionStores
from a3s_store.runtime.observation.hooks import Hook
from a3s_store.runtime.observation.telemetry import Telemetry
from a3s_store.runtime.options import OnConflict, OnInterrupted, OnMissingGuard, SessionOptions
from a3s_store.runtime.persistence.restore import restore_session
from a3s_store.runtime.persistence.save import SessionPersistence
from a3s_store.runtime.queue.journal import StoreJournal
from a3s_store.runtime.runs.open_rounds import broken_pairs
from a3s_store.runtime.state.ids import check_session_id
from a3s_store.runtime.state.usage import DEFAULT_PRICES, ModelPricing

_log = logging.getLogger("a3s_store.session")
_SAVED: Final = "is saved already"
_RESTORE: Final = "Restore it with restore_session_by_id, or choose another id"


class SessionRegistry(SessionStores):
    """Live sessions by id, over one or several stores by kind of storage.

    `prices` and `clock` are given to every session. `keep_queues` keeps the dead letters and the
    pending external tasks of each session's queue in its store, so that a crash does not lose them
    (upstream has nothing like it). `on_conflict`, `on_interrupted` and `require_conditions` are for
    every session as `SessionOptions` has them, and `on_missing_guard` too. `security` makes the
    guard of each session that asks for one, `hooks` are called in every session, before a session's
    own, and `telemetry` receives what is measured in every session. With `rescue_dir` a session
    that could not be saved at its end leaves a file there.

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
        super().__init__()
        self._options = SessionOptions(
            on_conflict=on_conflict,
            on_interrupted=on_interrupted,
            on_missing_guard=on_missing_guard,
            require_conditions=require_conditions,
        )
        self._security = security
        self._hooks = tuple(hooks)
        self._telemetry = telemetry
        self._rescue_dir = None if rescue_dir is None else Path(rescue_dir)
        self._unsaved: dict[str, AgentSession] = {}
        self._prices = prices
        self._keep_queues = keep_queues
        self._clock = clamped(clock)
        self._live: dict[str, AgentSession] = {}
        self._reserved: set[str] = set()

    # -- Making them live ---------------------------------------------------------------------

    async def create_session(
        self, session_id: str | None = None, config: SessionConfig | None = None, **given: Any
    ) -> AgentSession:
        """A new session, live, its queue started, and saved. `given` is for `Session`.

        `session_id` None makes an id, a UUID.

        Raises:
            InvalidIdError: the id is not fit for a session.
            SessionError: it is live already, or saved: restore it then.
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
            # Another live session was quicker; nothing of it is touched.
            self._let_go(live)
            await live.close(save=False)
            raise _taken(session_id, _SAVED, _RESTORE) from outcome.error
        return live

    def _for_all(self, given: dict[str, Any]) -> dict[str, Any]:
        """What a session is given, with what all sessions are."""
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
        """The session, live: the one that is, or made of what a store has, its queue not started.

        Raises:
            SessionError: it is in no store; those that could not be asked are warned about.
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
        """The session, live: the one that is, else the stored one, else a new one.

        `config` is for a new one. Raises as `restore_session_by_id` and `create_session`, and
        StoreError when a store cannot say whether it has the session: then none is made.
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
        """A live session of a stored one, not registered yet, its queue as new."""
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

    async def _recover_queue(self, live: AgentSession) -> None:
        try:
            await live.session.queue.recover()
        except StoreError as error:
            _log.warning("the queue of session %s is begun anew: %s", live.id, error)

    async def load_all_sessions(self) -> LoadReport:
        """Make every saved session live; a bad one is warned about, reported, and left alone."""
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
                broken = broken_pairs(session_id, live.session.messages, with_open_calls=False)
                if broken is not None:
                    pairs[session_id] = broken.problems
        return LoadReport(loaded=tuple(dict.fromkeys(loaded)), failed=failed, tool_pairs=pairs)

    # -- What is live -------------------------------------------------------------------------

    def get_session(self, session_id: str) -> AgentSession:
        """The live session. Raises SessionError when there is none."""
        try:
            return self._live[session_id]
        except KeyError:
            what, where = f"Session not found: {session_id}", f"session {session_id}"
            hint = "Create it, or restore it from a store"
            raise SessionError(what, op="get", where=where, hint=hint) from None

    def list_sessions(self) -> list[str]:
        """The ids of the live ones, sorted."""
        return sorted(self._live)

    def get_all_sessions(self) -> tuple[AgentSession, ...]:
        """The live ones, by id."""
        return tuple(map(self._live.__getitem__, self.list_sessions()))

    @property
    def session_count(self) -> int:
        """How many are live."""
        return len(self._live)

    # -- Keeping them, and letting go ----------------------------------------------------------

    async def save_session(self, session_id: str) -> None:
        """Save a live session now; nothing for one that is not kept.

        Raises SessionError when it is not live, and as `AgentSession.save`.
        """
        await self.get_session(session_id).save()

    async def close_session(self, session_id: str, *, deadline: float = DEADLINE) -> Closed:
        """Save a live session and let it go, in so many seconds; it stays stored.

        Raises:
            SessionNotSavedError: it was not saved, or not all of it, or deleted elsewhere before.
                It is in `unsaved_sessions` then, unless a rescue file has it: `closed` says.
        """
        live = self._live.get(session_id) or self._unsaved.get(session_id)
        if live is None:
            return Closed(session_id=session_id, outcome="not_live")
        until = asyncio.get_running_loop().time() + deadline
        closed, is_lost = await self._close(live, until)
        if is_lost:
            raise closed.as_error()
        return closed

    async def _close(self, live: AgentSession, until: float) -> tuple[Closed, bool]:
        closed, is_lost = await closing.close(live, until, self._rescue_dir)
        self._let_go(live)
        if is_lost and closed.rescue is None:
            self._unsaved[live.id] = live
        else:
            self._unsaved.pop(live.id, None)
            if is_lost:
                live.end()
        return closed, is_lost

    def unsaved_sessions(self) -> tuple[AgentSession, ...]:
        """Sessions that were closed and not saved, by id.

        They can be read, saved, saved under another id, and closed again.
        """
        return tuple(self._unsaved[session_id] for session_id in sorted(self._unsaved))

    def discard_unsaved(self, session_id: str) -> bool:
        """Give up a session that was closed and not saved; whether there was one."""
        live = self._unsaved.pop(session_id, None)
        if live is not None:
            live.end()
        return live is not None

    def _let_go(self, live: AgentSession) -> None:
        # Another caller may have closed it as well, and restored it since.
        if self._live.get(live.id) is live:
            del self._live[live.id]
            self._forget(live.id)

    def _forget(self, session_id: str) -> None:
        """A session of this id is not live any more; for whoever keeps more of it."""

    async def destroy_session(self, session_id: str) -> None:
        """Let a session go and delete what is stored of it; success when there is nothing.

        A store that could not delete it is warned about.
        """
        live = self._live.get(session_id)
        # Taken until it is deleted, or the deletion would take along what is made meanwhile.
        mine = session_id not in self._reserved
        self._reserved.add(session_id)
        try:
            self.discard_unsaved(session_id)
            if live is not None:
                self._let_go(live)
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

    async def shutdown(self, *, deadline: float = DEADLINE) -> tuple[Closed, ...]:
        """Close all sessions, which saves them, in so many seconds; twice is fine.

        Raises:
            UnsavedSessionsError: some were not saved: see `close_session`.
        """
        until = asyncio.get_running_loop().time() + deadline
        found: dict[str, tuple[Closed, bool]] = {}
        waiting = [*self._live.values(), *self._unsaved.values()]
        while waiting:
            ended = await asyncio.gather(*(self._close(live, until) for live in waiting))
            found.update((closed.session_id, (closed, is_lost)) for closed, is_lost in ended)
            # One may have been made meanwhile.
            waiting = list(self._live.values())
        for store in self._mine:
            await closing.close_store(store)
        self._mine.clear()
        lost = [closed for _, (closed, is_lost) in sorted(found.items()) if is_lost]
        if lost:
            raise UnsavedSessionsError([closed.as_error() for closed in lost])
        return tuple(closed for _, (closed, _) in sorted(found.items()))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self.shutdown()
        except UnsavedSessionsError as unsaved:
            if error is None:
                raise
            # What the block raised goes on.
            for one in unsaved.exceptions:
                _log.error("%s", one)
                error.add_note(str(one))


def _taken(session_id: str, why: str, hint: str) -> SessionError:
    what = f"session '{session_id}' {why}"
    return SessionError(what, op="create", where=f"session {session_id}", hint=hint)
