"""What a store has to offer to be measured: one small class.

An engine keeps its files under the folder it is given, and keeps whatever of a turn it can keep.
Everything that is only a change of form (our values into a peer's own types) happens in `prepare`,
which is never timed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Literal

from a3s_store import SessionSnapshot

Keeps = Literal["everything", "messages"]


class Engine(ABC):
    """One contender. Its life: `open`, `seed` for each session, then saves and loads, `close`."""

    # What the tables call it; the name on the command line is its key in the registry.
    label: ClassVar[str]
    # "everything" of a snapshot, or "messages" (and usage) only, as most peers do.
    keeps: ClassVar[Keeps]
    # Whether a save that returned survives a power cut.
    durable: ClassVar[bool]
    # The package a peer needs, None for our own; its version goes into the results.
    package: ClassVar[str | None] = None
    # Floors are not stores: they say what the machine can do, and only have `save`.
    floor: ClassVar[bool] = False
    # How many sessions one instance can keep: a floor or a peer may know only one.
    many_sessions: ClassVar[bool] = True
    # Whether a new instance on the same folder finds what an earlier one saved.
    persistent: ClassVar[bool] = True
    # What the workload gives: set before `open`. Only an engine that has a call for each looks.
    form: Keeps = "everything"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def open(self) -> None:  # noqa: B027 (many have nothing to do)
        """Make the store, or open the one that is there."""

    @abstractmethod
    async def seed(self, snapshot: SessionSnapshot) -> None:
        """Save a session for the first time, however long it is."""

    def prepare(self, before: SessionSnapshot | None, after: SessionSnapshot) -> Any:
        """What `save` needs for the step from `before` to `after`, in the engine's own types."""
        return after

    @abstractmethod
    async def save(self, prepared: Any) -> None:
        """Make one turn durable, as the engine's users would."""

    async def load(self, session_id: str) -> Any:
        """The whole session again, in the engine's own types; only messages if it has no more."""
        raise NotImplementedError

    async def summaries(self) -> Any:
        """The summaries of all sessions, as a list of sessions shows them."""
        raise NotImplementedError

    async def close(self) -> None:  # noqa: B027
        """Close the engine and everything it has open."""

    def size(self) -> int:
        """Bytes on disk, logs included."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
