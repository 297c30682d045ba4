"""The parts of `SqliteSessionStore` over which each group of its methods is written."""

from __future__ import annotations

from collections.abc import Callable

from a3s_store.backends.sqlite.engine import Engine
from a3s_store.core.base.store import BaseStore
from a3s_store.core.clock import unix_ms
from a3s_store.core.collections import CheckpointKind
from a3s_store.printable import short_repr


class SqliteStoreBase(BaseStore):
    """The parts of an open store that its methods are written over."""

    _engine: Engine
    _clock: Callable[[], float]

    def _where(self, key: str, what: str = "session") -> str:
        """A session or run and the file, for errors."""
        return f"{what} {short_repr(key)} in {self._engine.settings.path}"

    def _now_ms(self) -> int:
        """The store's clock, in Unix milliseconds."""
        # Lists are sorted by it, and pruning keeps times to come: no clock fails a save.
        return unix_ms(self._clock())


def checkpoint_lane(kind: CheckpointKind, key: str) -> str:
    """The lane of a checkpoint and of what belongs to it: written in the order of their calls."""
    return f"{kind.name}\0{key}"
