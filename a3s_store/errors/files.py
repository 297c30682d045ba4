"""Errors of the files at a store's path: they do not belong together, or were changed."""

from __future__ import annotations

from typing import Literal

from a3s_store.errors.stores import StoreError, StoreUnavailableError

WalForeignReason = Literal[
    "other_file", "older", "newer", "diverged", "relaid", "unlinked", "no_database"
]


class FileSystemWarning(UserWarning):
    """A store was opened on a file system with unreliable locks; see `network_mount`."""


class FileStateError(StoreError):
    """The database and the files beside it do not belong together; nothing was changed.

    `path` is the database; each class lists its values of `reason`. `file_id` is the database's id
    (hex) and `file_commit` its last commit, as number and Unix milliseconds. `log_commits` are the
    numbers of the WAL's first and last commit and the Unix milliseconds of the last. Each is None
    where it is not known. `a3s_store.resolve` and the command `a3s-store resolve` accept a state.
    """

    def __init__(
        self,
        what: str,
        *,
        path: str,
        reason: str,
        file_id: str | None = None,
        file_commit: tuple[int, int] | None = None,
        log_commits: tuple[int, int, int] | None = None,
        **where: str,
    ) -> None:
        super().__init__(what, **where)
        self.path = path
        self.reason = reason
        self.file_id = file_id
        self.file_commit = file_commit
        self.log_commits = log_commits


class WalForeignError(FileStateError):
    """The WAL belongs to another database, or to another moment of this one.

    `reason` is "other_file", "older" or "newer" (the WAL, by its commits), "diverged" (both have
    one earlier state in common), "relaid" (another program rewrote the database since), "unlinked"
    (the WAL does not identify its database) or "no_database".
    """


class WalMissingError(FileStateError):
    """The database was open when it was copied or its WAL was lost; newer commits may be missing.

    `reason` is "absent" or "cut_short".
    """


class JournalFoundError(FileStateError):
    """There is a rollback journal, which SQLite would play back into the database.

    A store never writes one, so another program wrote it. `reason` is "hot".
    """


class FileIncompleteError(FileStateError):
    """The file is a database without tables, and not an empty file. `reason` is "no_tables"."""


class StoreReplacedError(StoreUnavailableError):
    """Another program changed the store's files while it was open; it refuses further saves.

    `which` is "database", "log" (the WAL) or "index"; `kind` is "gone", "replaced", "overwritten"
    or "cut". `rescued` is the place of all acknowledged saves: "in the file" (the one that was
    opened, even if it was renamed since), the path of a copy that was made, or None.
    """

    def __init__(
        self,
        what: str,
        *,
        which: Literal["database", "log", "index"],
        kind: Literal["gone", "replaced", "overwritten", "cut"],
        rescued: str | None = None,
        **where: str,
    ) -> None:
        super().__init__(what, **where)
        self.which = which
        self.kind = kind
        self.rescued = rescued
