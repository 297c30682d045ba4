"""The methods of the commit log, which a directory of files does not have: each refuses."""

from __future__ import annotations

from collections.abc import Collection

from a3s_store.backends.jsonfiles.refusals import unsupported
from a3s_store.core.base.store import BaseStore
from a3s_store.core.commit_log import CommitPage, LogPosition
from a3s_store.core.protocol import Watch
from a3s_store.errors import UnsupportedError


class NoCommitLog(BaseStore):
    """Refuses `CommitLogStore` and `WatchableStore`, which `capabilities()` does not promise."""

    async def commits(
        self,
        *,
        after: int | LogPosition = 0,
        limit: int = 100,
        subjects: Collection[str] | None = None,
    ) -> CommitPage:
        """Raise UnsupportedError."""
        raise self._has_no_log("commits", "commit_log")

    async def latest_sequence(self) -> int:
        """Raise UnsupportedError."""
        raise self._has_no_log("latest_sequence", "commit_log")

    def watch(
        self,
        *,
        after: int | LogPosition | None = None,
        subjects: Collection[str] | None = None,
    ) -> Watch:
        """Raise UnsupportedError."""
        raise self._has_no_log("watch", "watch")

    def _has_no_log(self, op: str, capability: str) -> UnsupportedError:
        what = f"a store of the kind {self.backend_name!r} has no commit log"
        return unsupported(op, capability, what)
