"""The commit log of the store in memory."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator

from a3s_store.core import commit_log
from a3s_store.core.commit_log import Commit, CommitKind, CommitOp, CommitPage, LogPosition
from a3s_store.core.commit_signal import CommitSignal


class CommitLog:
    """All commits of one store, in order."""

    def __init__(self) -> None:
        self.store_id = uuid.uuid4().hex
        self._commits: list[Commit] = []
        self.first_available = 1
        self.signal = CommitSignal()
        self._is_in_unit = False

    @property
    def latest(self) -> int:
        """The sequence of the newest commit, 0 without one."""
        return self.first_available - 1 + len(self._commits)

    def add(
        self,
        kind: CommitKind,
        subject: str,
        op: CommitOp,
        now_ms: int,
        *,
        generation: int | None = None,
        digest: str | None = None,
        save_id: bytes | None = None,
        instead_of: int | None = None,
    ) -> int:
        """Add a commit, or put it in place of the one with a sequence; return its sequence."""
        sequence = instead_of or self.latest + 1
        commit = Commit(
            sequence=sequence,
            kind=kind,
            subject=subject,
            op=op,
            generation=generation,
            digest=digest,
            committed_at_ms=now_ms,
            save_id=save_id,
        )
        if instead_of is None:
            self._commits.append(commit)
        else:
            self._commits[sequence - self.first_available] = commit
        if not self._is_in_unit:
            self.signal.tell(self.latest)
        return sequence

    @contextlib.contextmanager
    def unit(self) -> Iterator[None]:
        """Take back the commits of the block if it raises, and tell of them at its end."""
        before = [*self._commits]
        self._is_in_unit = True
        try:
            yield
        except BaseException:
            self._commits = before
            raise
        finally:
            self._is_in_unit = False
        self.signal.tell(self.latest)

    def page(
        self, after: int | LogPosition, limit: int, subjects: frozenset[str] | None
    ) -> CommitPage:
        """Return a page of the log; see `CommitLogStore.commits`."""
        first = self.first_available
        begin = commit_log.start(after, self.store_id, first, self.latest)
        behind = self._commits[begin.after - first + 1 :]
        found = [one for one in behind if commit_log.is_wanted(one, subjects)]
        return commit_log.page(
            found[: limit + 1],
            limit,
            begin,
            store_id=self.store_id,
            first_available=first,
            latest=self.latest,
        )

    def begins(self, keep_rows: int, keep_ms: int) -> int:
        """Return the sequence with which the log begins if all is removed that is not kept.

        The newest commits are kept, and from the first one on that is so much younger than the
        newest one, all.
        """
        if not self._commits:
            return self.first_available
        since = self._commits[-1].committed_at_ms - keep_ms
        young = next(one.sequence for one in self._commits if one.committed_at_ms >= since)
        return max(self.first_available, min(young, self.latest - keep_rows + 1))

    def trim(self, begin: int) -> int:
        """Remove the commits before a sequence; return how many."""
        gone = begin - self.first_available
        del self._commits[:gone]
        self.first_available = begin
        return gone

    def clear(self) -> None:
        """Remove every commit."""
        self._commits.clear()
        self.first_available = 1
