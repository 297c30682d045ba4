"""Stores the reply that a model is streaming, so that it survives a crash.

A `DraftWriter` collects text and has the store overwrite one row with it. Appending never waits: a
task beside the run writes, one write at a time. The store removes the draft in the commit that
stores its message.

Invariants: 1. two writes begin at least `INTERVAL` seconds apart; 2. text is handed to the store
at most `LONGEST` seconds after it came, unless a write is under way, the last one failed, or the
text is held back; 3. while the text grows by less than a sixteenth, two writes begin `LONGEST`
apart: n characters take O(log n) writes and one every `LONGEST`; 4. nothing here fails the run; 5.
the last word, which may be incomplete, is not written (`without_last_token`).
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from typing import Any, Final, Protocol

from a3s_store.core.clean import clean_text
from a3s_store.core.clock import Clock, system_clock
from a3s_store.core.drafts import Draft
from a3s_store.core.protocol import DraftStore, SessionStore
from a3s_store.errors.context import safe_text
from a3s_store.models import Message, PersistenceFailed, TextBlock
from a3s_store.runtime.observation.events import Emit

_log = logging.getLogger("a3s_store.session")

# Seconds between the beginnings of two writes, at least, and at most while text waits.
INTERVAL: Final = 0.25
LONGEST: Final = 2.0
# A text is written again once it grew by one part in so many.
_PARTS: Final = 16
# Characters at the end of a text that may be part of a secret.
_HELD_BACK: Final = 512
# The end of a token: white space, or the punctuation of scripts that are written without it.
_ENDS_TOKEN: Final = re.compile(r"[\s\u3001\u3002\uff01\uff0c\uff1a\uff1b\uff1f]")
# The second block of a message made of a draft.
INTERRUPTED: Final = "[answer interrupted]"


class Timer(Protocol):
    """The clock by which writes are spaced: an event loop, or a test's."""

    def time(self) -> float:
        """Return the time in seconds; it never goes back."""

    def call_at(self, when: float, callback: Callable[[], object], /) -> Any:
        """Call a function at a time; the returned object has a method `cancel`."""


def due_at(began: float, written: int, length: int) -> float | None:
    """Return when a text should be written next, None while it is unchanged.

    `began` is when the last write began, or when the first text came; `written` and `length` are
    the numbers of characters then and now.
    """
    if length == written:
        return None
    grew = (length - written) * _PARTS >= written
    return began + (INTERVAL if grew else LONGEST)


def without_last_token(text: str) -> str:
    """Return the text up to the end of its last complete word, at most 512 characters less.

    Half of a secret is not recognised by the redacting function, so it is not written.
    """
    start = max(0, len(text) - _HELD_BACK)
    end = start
    for found in _ENDS_TOKEN.finditer(text, start):
        end = found.end()
    return text[:end]


def draft_message(draft: Draft) -> Message:
    """Return the message that an interrupted reply becomes.

    Its last block is a text that says so. It belongs at position `draft.position` only.
    """
    texts = (draft.text, INTERRUPTED) if draft.text else (INTERRUPTED,)
    return Message(
        role="assistant",
        content=tuple(TextBlock(text=text) for text in texts),
        reasoning_content=draft.reasoning_content,
    )


class _Text:
    """A text that is appended to in pieces, which are joined when it is read."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self.length = 0

    def append(self, piece: str) -> None:
        self._pieces.append(piece)
        self.length += len(piece)

    def so_far(self) -> str:
        """Return the text without its last token, cleaned for writing."""
        count = len(self._pieces)
        whole = "".join(self._pieces[:count])
        # Another thread may have appended a piece meanwhile.
        self._pieces[:count] = [whole]
        return without_last_token(clean_text(whole))


class DraftWriter:
    """The draft of one run. Made by `ActiveRun`; does nothing where the store keeps no drafts.

    To be used from the event loop of the run. Text that another thread appends is written together
    with the next text that the event loop appends. `claimed_by` is the token with which the run was
    claimed. While `stopped()` is true nothing is written.
    """

    def __init__(
        self,
        store: SessionStore | None,
        session_id: str,
        run_id: str,
        position: int,
        *,
        emit: Emit,
        claimed_by: str | None = None,
        stopped: Callable[[], bool] = lambda: False,
        clock: Clock = system_clock,
        timer: Timer | None = None,
    ) -> None:
        self.run_id = run_id
        self._session_id = session_id
        self._store = with_drafts(store)
        self._claimed_by = claimed_by
        self._emit = emit
        self._stopped = stopped
        self._clock = clock
        self._timer = timer
        self._closed = self._store is None
        self._told = False
        self._stored = False  # whether there may be a row
        self._removing = False
        self._task: asyncio.Task[None] | None = None
        self._wait: tuple[float, Any] | None = None
        self._began: float | None = None
        self._begin(position)

    def _begin(self, position: int) -> None:
        self._position = position
        self._text, self._reasoning = _Text(), _Text()
        self._written = 0
        self._last: Draft | None = None
        self._retry_at = 0.0

    # -- For the agent ------------------------------------------------------------------------

    def write(self, text: str) -> None:
        """Append to the reply. Never waits, never raises."""
        self._append(self._text, text)

    def write_reasoning(self, text: str) -> None:
        """Append to the reasoning that precedes the reply. Never waits, never raises."""
        self._append(self._reasoning, text)

    async def flush(self) -> None:
        """Have the store write the text so far, up to the last complete word, and wait for that.

        A failure is logged and sent as an event, not raised.
        """
        await self._idle()
        if not self._closed and (self._removing or self._length != self._written):
            self._start()
            await self._idle()

    def discard(self) -> None:
        """Drop the reply, and remove it from the store: it will not become a message."""
        self._begin(self._position)
        self._remove()

    # -- For the code that runs the agent --------------------------------------------------------

    def so_far(self) -> Draft | None:
        """Return the draft as it would be written now; None when it is empty.

        It works after `close`, too: the draft of a cancelled run becomes a message.
        """
        text, reasoning = self._text.so_far(), self._reasoning.so_far()
        if not text and not reasoning:
            return None
        return Draft(
            position=self._position,
            text=text,
            reasoning_content=reasoning or None,
            updated_at_ms=self._clock(),
        )

    def begin(self, position: int) -> None:
        """Start an empty draft at a position, unless the draft has that position already.

        The store removes the old draft with the checkpoint that has its message.
        """
        if position == self._position:
            return
        shorter = position < self._position
        self._begin(position)
        if shorter:  # no checkpoint has its message, so the store would keep it
            self._remove()

    def stop(self) -> None:
        """Begin no more writes. One under way goes on; its failure is not reported."""
        self._closed = True
        self._cancel_wait()

    async def close(self) -> None:
        """Stop, and wait for a write under way. Raises only CancelledError."""
        if self._removing:
            await self.flush()
        self.stop()
        await self._idle()

    # -- Writing ------------------------------------------------------------------------------

    @property
    def _length(self) -> int:
        return self._text.length + self._reasoning.length

    def _append(self, where: _Text, piece: str) -> None:
        if self._closed or not piece:
            return
        where.append(piece)
        self._schedule()

    def _remove(self) -> None:
        self._cancel_wait()
        if not self._closed and (self._stored or self._task is not None):
            self._removing = True
            self._schedule()

    def _schedule(self) -> None:
        """Start a write, or the timer for when it is due."""
        loop = _running_loop()
        if self._closed or self._task is not None or loop is None:
            return  # a write under way schedules the next one at its end
        timer = self._timer or loop
        now = timer.time()
        if self._began is None:
            self._began = now
        due = now if self._removing else due_at(self._began, self._written, self._length)
        if due is None:
            return
        due = max(due, self._retry_at)
        if due <= now:
            self._start()
        elif self._wait is None or due < self._wait[0]:
            self._cancel_wait()
            self._wait = due, timer.call_at(due, self._start)

    def _cancel_wait(self) -> None:
        if self._wait is not None:
            self._wait[1].cancel()
            self._wait = None

    def _start(self) -> None:
        self._cancel_wait()
        loop = _running_loop()
        if self._task is None and not self._closed and loop is not None:
            self._began = (self._timer or loop).time()
            text, length = self._text, self._length
            self._task = loop.create_task(self._write())
            # A callback, since a task cancelled before its first step runs no `finally`.
            self._task.add_done_callback(lambda task: self._ended(task, text, length))

    def _ended(self, task: asyncio.Task[None], text: _Text, length: int) -> None:
        """Note the outcome of a write, and schedule the next one."""
        self._task = None
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._tell(error)
        if error is None and not task.cancelled():
            self._retry_at = 0.0
            if text is self._text:
                self._written = length
        else:
            # Not at once: where all tasks are being cancelled no new one may be made.
            self._retry_at = (self._timer or task.get_loop()).time() + LONGEST
        if not self._stopped():
            self._schedule()

    async def _idle(self) -> None:
        """Wait until no write is under way; cancelling the wait does not cancel the write."""
        while self._task is not None:
            await asyncio.wait({self._task})

    async def _write(self) -> None:
        store = self._store
        if store is None or self._stopped():
            return
        if self._removing:
            self._removing = False
            try:
                await store.delete_draft(self.run_id, claimed_by=self._claimed_by)
            except BaseException:
                self._removing = True
                raise
            self._stored = False
        text, draft = self._text, self.so_far()
        if draft is None or (self._last is not None and _same(draft, self._last)):
            return
        self._stored = True
        await store.save_draft(self.run_id, draft, claimed_by=self._claimed_by)
        if text is self._text:
            self._last = draft

    def _tell(self, error: BaseException) -> None:
        """Log and send as an event that a write failed, the first time."""
        if self._told or self._closed:
            return
        self._told = True
        why = safe_text(error)
        _log.warning("Draft of run %s not saved, the run goes on: %s", self.run_id, why)
        self._emit(PersistenceFailed(session_id=self._session_id, operation="draft", error=why))


def with_drafts(store: SessionStore | None) -> DraftStore | None:
    """Return the store if it keeps drafts, else None."""
    if isinstance(store, DraftStore) and store.capabilities().drafts:
        return store
    return None


def _same(one: Draft, other: Draft) -> bool:
    """Whether two drafts have the same texts."""
    return (one.text, one.reasoning_content) == (other.text, other.reasoning_content)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop of this thread, None without one."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
