"""The sessions that importers find in a source, with conversations that are read as they are saved.

An importer is one module with one `Format`. It recognises files by their beginning, and yields a
`History` for each session in them. A history names its messages by keys and makes them when they
are asked for, so that a source of any size is read in bounded memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Self, TypeAlias, TypeVar

import attrs

from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.importers.source_files import FoundFile
from a3s_store.models import Message, SessionData, SubagentTaskSnapshot
from a3s_store.wire import Limits

# What identifies a message in its source: for JSON lines the places of its records.
Key: TypeAlias = Any
K = TypeVar("K")


class TimedMessage(NamedTuple):
    """A message, its time in Unix milliseconds or None, and the bytes of its source."""

    message: Message
    at_ms: int | None
    size: int


class OpaqueRecord(NamedTuple):
    """A record without a place in a session; `id` is unique in it, `size` its source bytes."""

    id: str
    kind: str
    value: Any
    size: int


@attrs.frozen
class Conversation:
    """One conversation: the first `shared` messages of the one before it, then those of `keys`.

    A source that went back, or was compacted, has several; the last one is the present one.
    """

    shared: int
    keys: Sequence[Key]


def paths(ends: Iterable[K], above: Callable[[K], K | None]) -> Iterator[tuple[int, list[K]]]:
    """Yield for each end of a tree how much of its path the one before has, and the rest.

    `above` returns the parent. Takes time in proportion to what is yielded, and ends in a circle.
    """
    at: dict[K, int] = {}
    path: list[K] = []
    for end in ends:
        new: dict[K, None] = {}
        one: K | None = end
        while one is not None and one not in at and one not in new:
            new[one] = None
            one = above(one)
        shared = at[one] + 1 if one is not None and one in at else 0
        for gone in path[shared:]:
            del at[gone]
        del path[shared:]
        rest = list(reversed(new))
        for added in rest:
            at[added] = len(path)
            path.append(added)
        yield shared, rest


class Reader:
    """Reads the messages and records of one history; entered for the time of saving it.

    `counted` are the blocks without a place of their own in the messages that were read.
    """

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close what was opened."""

    def messages(self, keys: Sequence[Key]) -> Iterator[TimedMessage]:
        """Yield the messages of these keys."""
        raise NotImplementedError

    def records(self) -> Iterator[OpaqueRecord]:
        """Yield the records that have no place in a session; some formats have none."""
        return iter(())


@attrs.frozen(kw_only=True)
class History:
    """One session of a source. `session` has everything but its messages.

    `conversations` are in the order in which they came to be. `fingerprint` is that of the source:
    with the same one nothing is new. `tasks` are the subagents of the session. `counted` are
    records and blocks without a place of their own, by kind; `lost` is what could not be kept.
    With a `snapshot` the source has exactly that, and the other fields are not used.
    """

    session: SessionData
    conversations: tuple[Conversation, ...]
    open: Callable[[], Reader]
    fingerprint: str
    tasks: tuple[SubagentTaskSnapshot, ...] = ()
    counted: Counter[str] = attrs.field(factory=Counter)
    lost: Counter[str] = attrs.field(factory=Counter)
    snapshot: SessionSnapshot | None = None


@attrs.frozen(kw_only=True)
class Format:
    """One format of histories. `name` is that of `--from`, `title` its tool, `keeps` a summary.

    `recognizes` looks at the beginning of a file; `read` yields the sessions of recognised files,
    and raises OSError, `NotThisFormatError` and `DamagedSourceError`. `accompanies` is true of a
    file that is read with the one beside it.
    """

    name: str
    title: str
    source: str
    keeps: str
    recognizes: Callable[[FoundFile], bool]
    read: Callable[[FoundFile, Limits], Iterable[History]]
    accompanies: Callable[[FoundFile], bool] = lambda _: False


class NotThisFormatError(Exception):
    """A file is not of the format that it was taken for. Used inside this package only."""


class DamagedSourceError(Exception):
    """A file is damaged, or a part of it; what was read before is kept. Used here only."""
