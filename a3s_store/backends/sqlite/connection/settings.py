"""The options with which a store is opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import attrs

from a3s_store.backends.sqlite.format.files_beside import WAL, beside
from a3s_store.errors import InvalidArgumentError
from a3s_store.printable import short_repr
from a3s_store.wire import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from a3s_store.core.retention import RetentionPolicy

Durability = Literal["full", "normal"]

# Each number with its least value, and the bits of its greatest one. Save ids are found for a day.
_NUMBERS: Final = (
    ("busy_timeout_ms", 0, 31),
    ("cache_bytes", 0, 63),
    ("log_rows", 1, 63),
    ("log_days", 1, 31),
)


@attrs.frozen(kw_only=True)
class Settings:
    """The options of one store; `SqliteSessionStore.open` documents each for users.

    Raises:
        InvalidArgumentError: a number that SQLite or a list could not take, or `search` is no bool.
    """

    path: Path
    durability: Durability = "full"
    busy_timeout_ms: int = 10_000
    cache_bytes: int = 64 << 20
    pause_gc: bool = False
    network_mount: bool = False
    read_only: bool = False
    limits: Limits = DEFAULT_LIMITS
    auto_vacuum: bool = True
    prove_chain: bool = False
    log_rows: int = 100_000
    log_days: int = 7
    decode_all: bool = False
    retention: RetentionPolicy | None = None
    search: bool = True
    in_memory: bool = False

    @property
    def log_kept(self) -> tuple[int, int]:
        """How many entries of the commit log an idle writer keeps, and days of them."""
        if self.retention is None:
            return self.log_rows, self.log_days
        return self.retention.log_kept(self.log_rows, self.log_days)

    def __attrs_post_init__(self) -> None:
        for name, least, bits in _NUMBERS:
            setting = getattr(self, name)
            if type(setting) is not int or not least <= setting < 2**bits:
                most = 2**bits - 1
                raise InvalidArgumentError(
                    f"{name} is an integer from {least} to {most}, not {short_repr(setting)}",
                    argument=name,
                    op="open",
                    where=str(self.path),
                )
        check_search("open", self.search, str(self.path))

    @property
    def wal(self) -> Path:
        """The path of the WAL."""
        return beside(self.path, WAL)

    @property
    def busy_seconds(self) -> float:
        """`busy_timeout_ms` in seconds."""
        return self.busy_timeout_ms / 1000


def check_search(op: str, search: object, where: str) -> None:
    """Raise InvalidArgumentError for an option `search` that is neither True nor False."""
    if type(search) is not bool:
        raise InvalidArgumentError(
            f"search is True or False, not {short_repr(search)}",
            argument="search",
            op=op,
            where=where,
        )
