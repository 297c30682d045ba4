"""Admits one operation at a time to a session, and refuses a second one at once.

Two saves, or a save and a run, would each write without the changes of the other. Waiting would
hide that from the caller, so an operation never waits. Upstream: `run_admission.rs` (runtime 1.7,
single flight).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from a3s_store.errors import SessionBusyError, SessionClosedError


class Admission:
    """The lock of one session. `active` names the operation that has it; None when it is free."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self.active: str | None = None
        self.closed = False
        # Operations that are admitted after the close, since part of the session is not saved.
        self.still: frozenset[str] = frozenset()
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def enter(self, operation: str) -> Iterator[None]:
        """Hold the lock for the length of the block.

        Raises:
            SessionClosedError: the session is closed.
            SessionBusyError: another operation is under way; nothing was begun.
        """
        self.check_open(operation)
        if self.active is not None:
            raise SessionBusyError(
                f"{self.active} is under way in this session",
                session_id=self._session_id,
                op=operation,
                where=f"session {self._session_id}",
                hint="Wait for it or cancel it, then try again",
            )
        self.active = operation
        self._idle.clear()
        try:
            yield
        finally:
            self.active = None
            self._idle.set()

    def check_open(self, operation: str) -> None:
        """Raise SessionClosedError if the session is closed and does not admit the operation."""
        if self.closed and operation not in self.still:
            raise SessionClosedError(
                "the session is closed",
                op=operation,
                where=f"session {self._session_id}",
                hint="Resume it from its store to go on",
            )

    def close(self) -> None:
        """Admit nothing from now on; an operation under way may finish."""
        self.closed = True

    async def idle(self) -> None:
        """Wait until no operation is under way."""
        await self._idle.wait()
