"""Lets one operation at a time into a session, and refuses the next at once.

Two saves, or a save and a run, on one session would each write what the other does not know of.
Waiting would hide that from the caller, so nobody waits. Upstream: `run_admission.rs` (runtime 1.7,
single flight).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from a3s_store.errors import SessionBusyError, SessionClosedError


class Admission:
    """The door of one session. `active` names what is inside, None when nothing is."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self.active: str | None = None
        self.closed = False
        # Operations that are admitted although it is closed, since something of it is not saved.
        self.still: frozenset[str] = frozenset()
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def enter(self, operation: str) -> Iterator[None]:
        """Be the one operation inside for the length of the block.

        Raises:
            SessionClosedError: the session is closed.
            SessionBusyError: something else is under way; nothing was begun.
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
        """Raise SessionClosedError if it is closed: who is inside asks before it begins a run."""
        if self.closed and operation not in self.still:
            raise SessionClosedError(
                "the session is closed",
                op=operation,
                where=f"session {self._session_id}",
                hint="Resume it from its store to go on",
            )

    def close(self) -> None:
        """Let nobody in any more; who is inside may finish."""
        self.closed = True

    async def idle(self) -> None:
        """Wait until nobody is inside."""
        await self._idle.wait()
