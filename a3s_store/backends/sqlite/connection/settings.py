"""The options with which a store is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import attrs

from a3s_store.backends.sqlite.format.files_beside import WAL, beside
from a3s_store.errors import InvalidArgumentError
from a3s_store.printable import short_repr
from a3s_store.wire import DEFAULT_LIMITS, Limits

Durability = Literal["full", "normal"]


@attrs.frozen(kw_only=True)
class Settings:
    """The options of one store; `SqliteSessionStore.open` documents each for users.

    Raises:
        InvalidArgumentError: a number that SQLite or a list could not take.
    """

    path: Path
    durability: Durability = "full"
    busy_timeout_ms: int = 10_000
    cache_max_sessions: int = 32
    cache_max_items: int = 100_000
    pause_gc: bool = False
    network_mount: bool = False
    read_only: bool = False
    limits: Limits = DEFAULT_LIMITS
    auto_vacuum: bool = True
    prove_chain: bool = False

    def __attrs_post_init__(self) -> None:
        for name in ("busy_timeout_ms", "cache_max_sessions", "cache_max_items"):
            setting = getattr(self, name)
            if type(setting) is not int or not 0 <= setting < 2**31:
                raise InvalidArgumentError(
                    f"{name} is an integer from 0 to {2**31 - 1}, not {short_repr(setting)}",
                    argument=name,
                    op="open",
                    where=str(self.path),
                )

    @property
    def wal(self) -> Path:
        """The path of the WAL."""
        return beside(self.path, WAL)

    @property
    def busy_seconds(self) -> float:
        """`busy_timeout_ms` in seconds."""
        return self.busy_timeout_ms / 1000
