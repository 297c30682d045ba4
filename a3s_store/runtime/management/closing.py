"""Closing a session within a deadline, and the report that says whether all of it was saved."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Final, Literal, TypeAlias

import attrs

from a3s_store.core.new_files import longest_name, shortened
from a3s_store.core.protocol import SessionStore
from a3s_store.errors import SessionNotSavedError, StoreBusyError, StoreError
from a3s_store.printable import Printable
from a3s_store.runtime.agent_session import AgentSession
from a3s_store.runtime.persistence.outcome import Outcome, OutcomeKind

_log = logging.getLogger("a3s_store.session")

# Seconds that closing sessions may take by default, and stores after that.
DEADLINE: Final = 30.0
_STORE_S: Final = 5.0
ClosedKind: TypeAlias = OutcomeKind | Literal["not_live"]


@attrs.frozen(kw_only=True)
class Closed(Printable):
    """The result of closing a session; false only when the session was not live.

    `outcome` is that of its last save (see `Outcome`), or `not_live`. `rescue` is the file with
    the unsaved state, None when none was written.
    """

    session_id: str
    outcome: ClosedKind
    generation: int | None = None
    forked_as: str | None = None
    rescue: Path | None = None
    error: StoreError | None = None

    def __bool__(self) -> bool:
        return self.outcome != "not_live"

    def as_error(self) -> SessionNotSavedError:
        """Return the error that reports this result."""
        kept = "It stays in unsaved_sessions(): save it, or save it under another id"
        if self.rescue is not None:
            kept = f"The unsaved state is in {self.rescue}"
        found = SessionNotSavedError(
            f"session '{self.session_id}' was closed and is {_SAID.get(self.outcome, 'not saved')}",
            closed=self,
            op="close",
            where=f"session {self.session_id}",
            hint=kept,
        )
        found.__cause__ = self.error
        return found


_SAID: Final = {"partly_saved": "saved in part", "deleted": "deleted elsewhere"}


async def close(live: AgentSession, until: float, rescue_dir: Path | None) -> tuple[Closed, bool]:
    """Close one session; return the report, and whether part of the session is not saved.

    `until` is a time of the event loop. An unsaved session is written to a file in `rescue_dir`,
    unless that is None or fails, which is logged.
    """
    left = until - asyncio.get_running_loop().time()
    outcome = await live.close(deadline=max(0.0, left))
    is_lost = _is_lost(live, outcome)
    rescue: Path | None = None
    if is_lost and rescue_dir is not None:
        tail = f".{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.rescue.json"
        path = rescue_dir / (shortened(live.id, longest_name(rescue_dir) - len(tail)) + tail)
        try:
            await live.rescue(path)
        except (OSError, StoreError) as error:
            _log.error("session %s: no rescue file: %s", live.id, type(error).__name__)
        else:
            rescue = path
    closed = Closed(
        session_id=live.id,
        outcome=outcome.kind,
        generation=outcome.generation,
        forked_as=outcome.forked_as,
        rescue=rescue,
        error=outcome.error,
    )
    return closed, is_lost


def _is_lost(live: AgentSession, outcome: Outcome) -> bool:
    if outcome.kind == "deleted":
        return live.is_dirty
    return outcome.kind in ("not_saved", "partly_saved")


async def close_store(store: SessionStore) -> None:
    """Close a store that the manager opened.

    Raises StoreBusyError when it has not closed within 5 seconds.
    """
    work = asyncio.ensure_future(store.close())
    done, _ = await asyncio.wait([work], timeout=_STORE_S)
    if not done:
        raise StoreBusyError(
            f"the store did not close within {_STORE_S:g} s",
            op="close",
            where=store.backend_name,
            hint="Some of its work never ended",
        )
    await work
