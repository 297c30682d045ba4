"""The live sessions of a manager by id, and closing them so that no unsaved change is lost.

Invariant: a session that was closed and not saved is in a rescue file or in `unsaved_sessions`.
"""

from __future__ import annotations

import asyncio
import logging
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Self

from a3s_store.errors import SessionError, UnsavedSessionsError
from a3s_store.runtime.agent_session import AgentSession
from a3s_store.runtime.management import closing
from a3s_store.runtime.management.closing import DEADLINE, Closed
from a3s_store.runtime.management.session_stores import SessionStores

_log = logging.getLogger("a3s_store.session")


class LiveSessions(SessionStores):
    """The part of `SessionRegistry` about sessions that are live: finding, saving, closing."""

    def __init__(self, rescue_dir: str | PathLike[str] | None = None) -> None:
        super().__init__()
        self._rescue_dir = None if rescue_dir is None else Path(rescue_dir)
        self._live: dict[str, AgentSession] = {}
        self._unsaved: dict[str, AgentSession] = {}

    def get_session(self, session_id: str) -> AgentSession:
        """Return the live session. Raises SessionError when there is none."""
        try:
            return self._live[session_id]
        except KeyError:
            what, where = f"Session not found: {session_id}", f"session {session_id}"
            hint = "Create it, or restore it from a store"
            raise SessionError(what, op="get", where=where, hint=hint) from None

    def list_sessions(self) -> list[str]:
        """Return the ids of the live sessions, sorted."""
        return sorted(self._live)

    def get_all_sessions(self) -> tuple[AgentSession, ...]:
        """Return the live sessions, sorted by id."""
        return tuple(self._live[session_id] for session_id in sorted(self._live))

    @property
    def session_count(self) -> int:
        """The number of live sessions."""
        return len(self._live)

    async def save_session(self, session_id: str) -> None:
        """Save a live session now; does nothing for one without a store.

        Raises SessionError when it is not live, and as `AgentSession.save`.
        """
        await self.get_session(session_id).save()

    async def close_session(self, session_id: str, *, deadline: float = DEADLINE) -> Closed:
        """Save and close a live session within `deadline` seconds; it stays stored.

        Raises:
            SessionNotSavedError: it was not saved completely, or was deleted elsewhere before. Its
                `closed` names the rescue file; without one it is in `unsaved_sessions`.
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
        self._remove(live)
        if is_lost and closed.rescue is None:
            self._unsaved[live.id] = live
        else:
            self._unsaved.pop(live.id, None)
            if is_lost:
                live.end()
        return closed, is_lost

    def _remove(self, live: AgentSession) -> None:
        # Another caller may have closed it too, and restored it since.
        if self._live.get(live.id) is live:
            del self._live[live.id]
            self._forget(live.id)

    def _forget(self, session_id: str) -> None:
        """Drop what a subclass keeps of a session that is no longer live."""

    def unsaved_sessions(self) -> tuple[AgentSession, ...]:
        """Return the sessions that were closed and not saved, sorted by id.

        They can be read, saved, saved under another id, and closed again.
        """
        return tuple(self._unsaved[session_id] for session_id in sorted(self._unsaved))

    def discard_unsaved(self, session_id: str) -> bool:
        """Give up a session that was closed and not saved; return whether there was one."""
        live = self._unsaved.pop(session_id, None)
        if live is not None:
            live.end()
        return live is not None

    async def shutdown(self, *, deadline: float = DEADLINE) -> tuple[Closed, ...]:
        """Save and close all sessions within `deadline` seconds; a second call finds none.

        Stores that `with_persistence` opened are closed too. Returns one report for each session,
        sorted by id.

        Raises:
            UnsavedSessionsError: some were not saved: see `close_session`.
        """
        until = asyncio.get_running_loop().time() + deadline
        found: dict[str, tuple[Closed, bool]] = {}
        waiting = [*self._live.values(), *self._unsaved.values()]
        while waiting:
            ended = await asyncio.gather(*(self._close(live, until) for live in waiting))
            found.update((closed.session_id, (closed, is_lost)) for closed, is_lost in ended)
            # A session may have been created meanwhile.
            waiting = list(self._live.values())
        for store in self._mine:
            await closing.close_store(store)
        self._mine.clear()
        reports = [report for _, report in sorted(found.items())]
        lost = [closed for closed, is_lost in reports if is_lost]
        if lost:
            raise UnsavedSessionsError([closed.as_error() for closed in lost])
        return tuple(closed for closed, _ in reports)

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
            # The error of the block is the one that is raised.
            for one in unsaved.exceptions:
                _log.error("%s", one)
                error.add_note(str(one))
