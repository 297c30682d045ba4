"""The commit log: what changed in a store, in the order of commits. Values only, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import attrs

if TYPE_CHECKING:
    from a3s_store.core.batch import Batch

CommitKind = Literal["session", "memory", "stream", "bytes"]
CommitOp = Literal[
    "save",
    "append",
    "update",
    "rewind",
    "switch",
    "fork",
    "delete",
    "checkpoint",
    "trash",
    "untrash",
]
GapReason = Literal["trimmed", "other_store"]

_OPS: Final[dict[str, CommitOp]] = {
    "append": "append",
    "update": "update",
    "rewind": "rewind",
    "switch_branch": "switch",
    "fork": "fork",
}


class LogPosition(NamedTuple):
    """A place in the commit log of one store: all commits up to `sequence` were read."""

    store_id: str
    sequence: int


@attrs.frozen(kw_only=True)
class Commit:
    """One change of a session, its byte artifacts, a stream, or the agent memory of an owner.

    `sequence` counts from 1 without gaps, in the order of commits. `subject` is the id of the
    session or of the owner, or the name of the stream; after `erase` it is `erased:` and a hash.
    `op` is `save` for every way to save, and `checkpoint` for a change of the loop checkpoint of
    one of the session's runs. Of a stream it is `append` for new items, `update` where there are
    none, `delete` for removed items and streams, and `fork` for a copy; in a
    transaction as for a session, see `Transaction`. `generation` and `digest`
    are those of the session after the change; None where it has none, and for other kinds.
    `committed_at_ms` is this machine's clock in Unix milliseconds, which never goes back for one
    session or stream. `save_id` is the one that the caller gave, None without one.
    """

    sequence: int
    kind: CommitKind
    subject: str
    op: CommitOp
    generation: int | None
    digest: str | None
    committed_at_ms: int
    save_id: bytes | None = None


@attrs.frozen(kw_only=True)
class CommitPage:
    """Some commits, in order, and where to go on.

    `first_available` is the sequence of the oldest commit that is kept, `latest` that of the newest
    one, 0 while there is none. `next_after` is the `after` of the next page: all commits up to it
    were looked at. `gap` is None, or why commits after the given place are missing: they were
    `trimmed`, or the place is of `other_store`, and reading began with the oldest commit.
    """

    entries: tuple[Commit, ...]
    store_id: str
    first_available: int
    latest: int
    next_after: int
    gap: GapReason | None = None
    has_more: bool = False

    @property
    def position(self) -> LogPosition:
        """Where to go on, which another store's log will not take for a place of its own."""
        return LogPosition(self.store_id, self.next_after)


@attrs.frozen(kw_only=True)
class CommitGap:
    """Commits that a watch cannot return: from `first_missing` up to before `first_available`.

    `reason` is `trimmed`, or `other_store`: the place to begin was of another log, or of a file
    that was replaced by an older copy of it. Then all commits that this log has follow.
    """

    reason: GapReason
    first_missing: int
    first_available: int


class Start(NamedTuple):
    """Where to read the log from: the sequence before the first one, and why that is a gap."""

    after: int
    gap: GapReason | None


def start(after: int | LogPosition, store_id: str, first_available: int, latest: int) -> Start:
    """Return where to begin to read a log that has commits from `first_available` to `latest`."""
    if isinstance(after, LogPosition):
        if after.store_id != store_id:
            return Start(first_available - 1, "other_store")
        after = after.sequence
    if after > latest:
        # Of a log that went further: the file was replaced by an older copy of it.
        return Start(first_available - 1, "other_store")
    if after < first_available - 1:
        return Start(first_available - 1, "trimmed")
    return Start(after, None)


def page(
    found: Sequence[Commit],
    limit: int,
    begin: Start,
    *,
    store_id: str,
    first_available: int,
    latest: int,
) -> CommitPage:
    """Return the page of up to `limit` commits; `found` has one more where there are more."""
    entries = tuple(found[:limit])
    has_more = len(found) > limit
    return CommitPage(
        entries=entries,
        store_id=store_id,
        first_available=first_available,
        latest=latest,
        next_after=entries[-1].sequence if has_more else latest,
        gap=begin.gap,
        has_more=has_more,
    )


def is_wanted(commit: Commit, subjects: Iterable[str] | None) -> bool:
    """Return whether a commit is of one of these subjects; None: of any."""
    return subjects is None or commit.subject in subjects


def merged(first: CommitOp, then: CommitOp) -> CommitOp:
    """Return the `op` of a commit that is both: that of a save, unless they are the same."""
    return then if then in (first, "delete") else "save"


def op_of(batch: Batch) -> CommitOp:
    """Return the `op` of the commit of a batch."""
    return _OPS.get(batch.op, "save")
