"""The common base of the groups of methods that make up `SqliteSessionStore`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from a3s_store.backends.sqlite.engine import Engine
from a3s_store.core.base.store import BaseStore
from a3s_store.core.clock import unix_ms
from a3s_store.core.collections import CheckpointKind
from a3s_store.errors import EncodeError
from a3s_store.printable import short_repr


class SqliteStoreBase(BaseStore):
    """The attributes of an open store that its methods use."""

    _engine: Engine
    _clock: Callable[[], float]

    def _where(self, key: str, what: str = "session") -> str:
        """Name a session or run and the file, for errors."""
        return f"{what} {short_repr(key)} in {self._engine.settings.path}"

    def _now_ms(self) -> int:
        """Return the time of the store's clock, in Unix milliseconds."""
        # It sorts lists, and pruning keeps generations with future times: a wrong clock fails no
        # save.
        return unix_ms(self._clock())


def checkpoint_lane(kind: CheckpointKind, key: str) -> str:
    """Return the lane of a checkpoint and its draft: they are written in the order of calls."""
    return f"{kind.name}\0{key}"


@contextlib.contextmanager
def fault_named(name: Callable[[], None]) -> Iterator[None]:
    """After an EncodeError in the block, call `name`, which raises one with the value's path."""
    try:
        yield
    except (EncodeError, UnicodeEncodeError):
        name()
        raise
