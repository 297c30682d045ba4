"""A session that works: it is sent to, saved, resumed after a crash, and closed.

What it does with runs is `session_runs`'. Upstream: `AgentSession` (runtime 1.7).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from a3s_store.core.new_files import write_new
from a3s_store.errors import (
    PersistenceError,
    StaleSessionError,
    StoreError,
)
from a3s_store.runtime.live_session import Session
from a3s_store.runtime.options import OnConflict
from a3s_store.runtime.persistence.outcome import Outcome
from a3s_store.runtime.persistence.save import SessionPersistence
from a3s_store.runtime.session_runs import SessionRuns
from a3s_store.runtime.state.compaction import Summarizer

_log = logging.getLogger("a3s_store.session")
R = TypeVar("R")

# How long `close` waits for a cancelled run to settle, in seconds.
_SETTLE_S: Final = 1.0
# How long it waits for hooks that are told of the end.
_HOOKS_S: Final = 5.0


class AgentSession(SessionRuns):
    """One live session with what saves it, for an application that sends it prompts."""

    def __init__(self, session: Session, persistence: SessionPersistence) -> None:
        super().__init__(session, persistence)
        self._closing: asyncio.Task[Outcome] | None = None
        self._told_end = False

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

        Changes here come beside it ("both"), are dropped ("stored"), or become a session of
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
            if self.persistence.saves_itself:
                try:
                    await self.persistence.save()
                except StaleSessionError:
                    raise
                except StoreError:
                    _log.debug("session %s not saved before it is compacted", self.id)
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

    async def cancel(self, *, keep_draft: bool = True) -> bool:
        """Cancel the run under way and every question asked of a human; whether there was a run.

        Who waits for the run gets RunCancelledError. A run that is being settled is not cancelled.
        With `keep_draft` its unfinished reply is kept, marked as interrupted.
        """
        self._keep_draft = keep_draft
        self.session.confirmation.cancel_all()
        return self._cancel_doing()

    async def close(self, *, save: bool = True, deadline: float = 30.0) -> Outcome:
        """End everything the session is doing, and save it if it saves itself.

        A run under way is cancelled and given a moment to settle. Hooks are told of the end, once,
        before the last save. `deadline` is how many seconds
        all of it may take: what is not saved by then counts as not saved, though the store may
        still finish it. A second call, or one after a cancelled one, waits for the same.

        Nothing is raised when it could not be saved: the outcome is false, and an event and a
        warning tell. Then `save`, `reload`, `save_as` and `rescue` still work, and `close` tries
        again. Otherwise nothing of it is saved any more, nor at all when `save` is False.
        """
        closing = self._closing
        if closing is None or (closing.done() and not _is_closed(closing)):
            self.admission.close()
            self._closing = closing = asyncio.create_task(self._close(save, deadline))
        return await asyncio.shield(closing)

    async def _close(self, save: bool, deadline: float) -> Outcome:
        live = self.session
        loop = asyncio.get_running_loop()
        until = loop.time() + deadline
        if not save:
            self.persistence.auto_save = False
            self.persistence.stop_now()
            await _within(until, self.persistence.stop())
        doing = self._doing
        await self.cancel()
        live.subagents.cancel_all()
        await _within(until, live.queue.stop())
        if doing is not None:
            await asyncio.wait([doing], timeout=min(_SETTLE_S, max(0.0, until - loop.time())))
        await _within(min(until, loop.time() + _SETTLE_S), self.admission.idle())
        if not self._told_end:
            self._told_end = True
            await _within(min(until, loop.time() + _HOOKS_S), live.hook_runner.session_end())
        outcome = await _within(until, self.persistence.auto_save_if_enabled("close"))
        if outcome is None:
            late = PersistenceError(
                f"the store did not finish within {deadline:g} s",
                op="close",
                where=f"session {self.id}",
                hint="It may have saved it all the same; close it again to find out",
            )
            late.__cause__ = TimeoutError()
            outcome = self.persistence.told_failed("close", late)
        if not outcome or outcome.kind == "partly_saved":
            self.admission.still = frozenset({"save", "reload", "save_as"})
            return outcome
        self.persistence.stop_now()
        await _within(until, self.persistence.stop())
        self._end()
        return outcome

    def end(self) -> None:
        """Give up what is not saved of a closed session. Nothing of it is saved any more."""
        self.admission.still = frozenset()
        self.persistence.stop_now()
        self._end()

    def _end(self) -> None:
        if self.session.security is not None:
            try:
                self.session.security.teardown()
            except Exception as error:
                _log.warning("guard of session %s: %s", self.id, type(error).__name__)
        self.session.events.close()

    async def rescue(self, path: str | PathLike[str]) -> None:
        """Write what is live here into a new file (0600, synced), as one JSON object.

        It has the session's snapshot, as `wire.encode` makes it and redacted as the store would,
        and where the stored session was. Raises OSError, EncodeError.
        """
        await asyncio.to_thread(write_new, Path(path), self.persistence.as_rescue())


async def _within(until: float, work: Coroutine[Any, Any, R]) -> R | None:
    """The result of some work, None when it is not there in time: then it goes on alone."""
    task = asyncio.ensure_future(work)
    # No one asks for its result when it comes late.
    task.add_done_callback(lambda late: late.cancelled() or late.exception())
    await asyncio.wait([task], timeout=max(0.0, until - asyncio.get_running_loop().time()))
    return task.result() if task.done() else None


def _is_closed(closing: asyncio.Task[Outcome]) -> bool:
    """Whether a closing that ended left nothing unsaved."""
    if closing.cancelled() or closing.exception() is not None:
        return False
    return bool(closing.result()) and closing.result().kind != "partly_saved"
