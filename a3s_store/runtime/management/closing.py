"""What came of closing a session: nothing that was said is lost without a word."""

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

# How long closing may take, in seconds, unless it is said.
DEADLINE: Final = 30.0
# How long the stores of a manager may take to close after that.
_STORE_S: Final = 5.0
ClosedKind: TypeAlias = OutcomeKind | Literal["not_live"]


@attrs.frozen(kw_only=True)
class Closed(Printable):
    """What came of closing a session; false only when it was not live.

    `outcome` is that of its last save (see `Outcome`), or `not_live`. `rescue` is the file that
    keeps what was not saved, None when there is none.
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
        """The error that says so."""
        kept = "It stays in unsaved_sessions(): save it, or save it under another id"
        if self.rescue is not None:
            kept = f"What was not saved is in {self.rescue}"
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
    """Close one session, and say what came of it and whether something of it is not saved.

    `until` is a time of the event loop. What is not saved goes into a file in `rescue_dir`, if that
    is not None and can be written.
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
    """Close a store of the manager's own, which gets a few seconds more.

    Raises StoreBusyError when it does not end.
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
