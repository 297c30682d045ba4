"""An agent's session: runs prompts, saves, resumes after a crash, and closes.

`session_runs` and `session_turns` have its methods for runs. Upstream: `AgentSession` (runtime
1.7).
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
from a3s_store.runtime.session_turns import SessionTurns
from a3s_store.runtime.state.compaction import Summarizer

_log = logging.getLogger("a3s_store.session")
R = TypeVar("R")

# Seconds that `close` waits for a cancelled run to settle, and for hooks at the end of a session.
_SETTLE_S: Final = 1.0
_HOOKS_S: Final = 5.0


class AgentSession(SessionTurns):
    """A live session and its persistence, to which an application sends prompts."""

    def __init__(self, session: Session, persistence: SessionPersistence) -> None:
        super().__init__(session, persistence)
        self._closing: asyncio.Task[Outcome] | None = None
        self._hooks_ended = False

    @property
    def is_dirty(self) -> bool:
        """Whether anything is not saved yet."""
        return self.persistence.is_dirty

    async def save(self, *, on_conflict: OnConflict | None = None) -> Outcome:
        """Save the changes; see `Outcome`. `on_conflict` None is the session's own.

        Raises as `SessionPersistence.save`, and SessionBusyError. In mode "fork" a save that made
        a fork raises StaleSessionError, which names the fork.
        """
        with self.admission.enter("save"):
            outcome = await self.persistence.save(on_conflict=on_conflict)
            if outcome.kind == "forked" and (on_conflict or self.persistence.on_conflict) == "fork":
                raise StaleSessionError(
                    "the session was changed elsewhere; changes made here were saved as another",
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
        """Take in changes that others saved.

        Changes made here are merged with them ("both"), dropped ("stored"), or saved as another
        session ("ours_as_fork"). Raises as `save`.
        """
        with self.admission.enter("reload"):
            return await self.persistence.reload(keep)

    async def save_as(self, new_id: str) -> None:
        """Save the live state as another session; this one stays as it is.

        Raises InvalidIdError, SessionError where the id is taken, SessionConfigError without a
        store, and as `save`.
        """
        with self.admission.enter("save_as"):
            await self.persistence.save_as(new_id)

    async def compact(self, summarizer: Summarizer | None, *, keep_pairs: bool = True) -> bool:
        """Compact as `Session.compact` does, then save if the session saves itself.

        Before that, changes that others saved are taken in and changes made here are saved: of two
        summaries made at once one is dropped, but no message. Raises as `Session.compact`,
        SessionBusyError, and StaleSessionError.
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
        """Empty the conversation; the store's older generations keep it.

        Raises SessionBusyError during a run, whose next round would bring the conversation back,
        and StaleSessionError when others changed it meanwhile: then their changes are taken in and
        nothing is cleared.
        """
        with self.admission.enter("clear"):
            await self.persistence.rewrite("clear", self.session.clear)

    async def cancel(self, *, keep_draft: bool = True) -> bool:
        """Cancel the run under way and all pending confirmations; return whether there was a run.

        The caller of `send` gets RunCancelledError. A run that is already settling is not
        cancelled. `keep_draft` keeps its unfinished reply, marked as interrupted.
        """
        self._keep_draft = keep_draft
        self.session.confirmation.cancel_all()
        return self._cancel_run()

    async def close(self, *, save: bool = True, deadline: float = 30.0) -> Outcome:
        """Stop all work of the session, and save it if it saves itself.

        A run under way is cancelled and given a second to settle. Hooks are called once, before the
        last save. `deadline` limits all of this, in seconds: what the store has not saved by then
        counts as not saved, though the store may still finish it. A second call waits for the same
        close, also after the first caller was cancelled.

        A failed save is not raised: the outcome is false, an event is sent and a warning logged.
        Then `save`, `reload`, `save_as` and `rescue` still work, and `close` tries again. After any
        other close, and after one with `save` False, nothing is saved any more.
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
        doing = self._run_task
        await self.cancel()
        live.subagents.cancel_all()
        await _within(until, live.queue.stop())
        if doing is not None:
            await asyncio.wait([doing], timeout=min(_SETTLE_S, max(0.0, until - loop.time())))
        await _within(min(until, loop.time() + _SETTLE_S), self.admission.idle())
        if not self._hooks_ended:
            self._hooks_ended = True
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
            outcome = self.persistence.report_failure("close", late)
        if not outcome or outcome.kind == "partly_saved":
            self.admission.still = frozenset({"save", "reload", "save_as"})
            return outcome
        self.persistence.stop_now()
        await _within(until, self.persistence.stop())
        self._end()
        return outcome

    def end(self) -> None:
        """Give up unsaved changes of a closed session. Nothing of it is saved any more."""
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
        """Write the live state into a new file (mode 0600, synced), as one JSON object.

        It has the snapshot, encoded by `wire.encode` and redacted as the store would redact it, and
        the generation that was last read or written. Raises OSError, EncodeError.
        """
        await asyncio.to_thread(write_new, Path(path), self.persistence.as_rescue())


async def _within(until: float, work: Coroutine[Any, Any, R]) -> R | None:
    """Return the result of a coroutine, or None if it takes too long; then it goes on by itself."""
    task = asyncio.ensure_future(work)
    # A late result or error is dropped.
    task.add_done_callback(lambda late: late.cancelled() or late.exception())
    await asyncio.wait([task], timeout=max(0.0, until - asyncio.get_running_loop().time()))
    return task.result() if task.done() else None


def _is_closed(closing: asyncio.Task[Outcome]) -> bool:
    """Whether a close ended and left nothing unsaved."""
    if closing.cancelled() or closing.exception() is not None:
        return False
    return bool(closing.result()) and closing.result().kind != "partly_saved"
