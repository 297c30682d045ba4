"""A session that works: it is sent to, saved, resumed after a crash, and closed.

What it does with runs is `session_runs`'. Upstream: `AgentSession` (runtime 1.7).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Final, Literal

from a3s_store.errors import (
    StaleSessionError,
)
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.options import OnConflict
from a3s_store.runtime.persistence.outcome import Outcome
from a3s_store.runtime.persistence.save import SessionPersistence
from a3s_store.runtime.session_runs import SessionRuns
from a3s_store.runtime.state.compaction import Summarizer

_log = logging.getLogger("a3s_store.session")

# How long `close` waits for a cancelled run to settle, in seconds.
_PATIENCE: Final = 1.0


class AgentSession(SessionRuns):
    """One live session with what saves it, for an application that sends it prompts."""

    def __init__(self, session: Session, persistence: SessionPersistence) -> None:
        super().__init__(session, persistence)
        self._closing: asyncio.Task[bool] | None = None

    @property
    def is_dirty(self) -> bool:
        """Whether there is something to be saved."""
        return self.persistence.is_dirty

    async def save(self, *, on_conflict: OnConflict | None = None) -> Outcome:
        """Save what changed; see `Outcome`. `on_conflict` None is the session's own.

        Raises as `SessionPersistence.save`, and SessionBusyError. In mode "fork" a save that made
        a fork raises StaleSessionError, which names it.
        """
        with self.admission.enter("save"):
            outcome = await self.persistence.save(on_conflict=on_conflict)
            if outcome.kind == "forked" and (on_conflict or self.persistence.on_conflict) == "fork":
                raise StaleSessionError(
                    "the session was changed elsewhere; what was new here is a session of its own",
                    session_id=self.id,
                    reason="asked",
                    forked_as=outcome.forked_as,
                    expected=0,
                    actual=outcome.generation or 0,
                    op="save",
                    where=f"session {self.id}",
                    hint=f"Restore {outcome.forked_as!r} to go on with it",
                )
            return outcome

    async def reload(self, keep: Literal["both", "stored", "ours_as_fork"] = "both") -> Outcome:
        """Take in what others saved.

        What is new here comes beside it ("both"), is dropped ("stored"), or becomes a session of
        its own ("ours_as_fork"). Raises as `save`.
        """
        with self.admission.enter("reload"):
            return await self.persistence.reload(keep)

    async def save_as(self, new_id: str) -> None:
        """Save what is live here as another session; this one goes on as it is.

        Raises InvalidIdError, SessionError for an id that is taken or without a store, and as
        `save`.
        """
        with self.admission.enter("save_as"):
            await self.persistence.save_as(new_id)

    async def compact(self, summarizer: Summarizer | None, *, keep_pairs: bool = True) -> bool:
        """As `Session.compact`, then save if the session saves itself. Raises as that does.

        What others saved is taken in first, and what is new here saved: of two summaries made at
        once one is dropped, and no message.
        """
        with self.admission.enter("compact"):
            await self._refresh("compact")
            await self.persistence.auto_save_if_enabled("compact")
            changed = await self.session.compact(summarizer, keep_pairs=keep_pairs)
            if changed:
                await self.persistence.auto_save_if_enabled("compact")
            return changed

    async def clear(self) -> None:
        """Forget the conversation; the store's older generations keep it.

        Raises SessionBusyError during a run, whose next round would bring it back, and
        StaleSessionError when others changed the conversation meanwhile: it is taken in then, and
        not forgotten.
        """
        with self.admission.enter("clear"):
            await self.persistence.rewrite("clear", self.session.clear)

    async def cancel(self) -> bool:
        """Cancel the run under way and every question asked of a human; whether there was a run.

        Who waits for the run gets RunCancelledError. A run that is being settled is not cancelled.
        """
        self.session.confirmation.cancel_all()
        return self._cancel_doing()

    async def close(self, *, save: bool = True) -> bool:
        """End everything the session is doing, and save it if it saves itself; False: it was not.

        A run under way is cancelled and given a moment to settle. That it could not be saved is
        also an event and a warning. Who closes again, or was cancelled meanwhile, waits for the
        same. Afterwards nothing of it is saved any more, nor at all when `save` is False.
        """
        if self._closing is None:
            self.admission.close()
            self._closing = asyncio.create_task(self._close(save))
        return await asyncio.shield(self._closing)

    async def _close(self, save: bool) -> bool:
        live = self.session
        if not save:
            self.persistence.auto_save = False
            await self.persistence.stop()
        doing = self._doing
        await self.cancel()
        live.subagents.cancel_all()
        await live.queue.stop()
        if doing is not None:
            await asyncio.wait([doing], timeout=_PATIENCE)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.admission.idle(), _PATIENCE)
        saved = await self.persistence.auto_save_if_enabled("close")
        await self.persistence.stop()
        if live.security is not None:
            try:
                live.security.teardown()
            except Exception as error:
                _log.warning("guard of session %s: %s", self.id, type(error).__name__)
        live.events.close()
        return bool(saved)
