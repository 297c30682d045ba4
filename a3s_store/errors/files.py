"""Errors of what lies at a store's path: files that do not belong together, or were changed."""

from __future__ import annotations

from typing import Literal

from a3s_store.errors.stores import StoreError, StoreUnavailableError

WalForeignReason = Literal[
    "other_file", "older", "newer", "diverged", "relaid", "unlinked", "no_database"
]


class FileSystemWarning(UserWarning):
    """A store was opened where locks may not reach all who use the file; see `network_mount`."""


class FileStateError(StoreError):
    """The database and what lies beside it do not fit; nothing was touched.

    `path` is the database, `reason` a word of the class's own. `file_id` is the database's id (hex)
    and `file_commit` its commit, number and Unix milliseconds; `log_commits` are the numbers of the
    log's first and last commit and the milliseconds of the last. Each is None where it is not
    known. `a3s_store.resolve` and the command `a3s-store resolve` accept a state.
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
    """The log beside the database is not this database's, or is of another moment of it.

    `reason` is "other_file", "older" or "newer" (the log, by its commits), "diverged" (both go back
    to one state), "relaid" (another program wrote the database anew since), "unlinked" (nothing in
    the log says whose it is) or "no_database".
    """


class WalMissingError(FileStateError):
    """The database was open when it was copied or its log was lost; newer commits may be missing.

    `reason` is "absent" or "cut_short".
    """


class JournalFoundError(FileStateError):
    """A rollback journal lies beside the database, which SQLite would play back into it.

    A store never writes one, so it is another program's, or was put there. `reason` is "hot".
    """


class FileIncompleteError(FileStateError):
    """The file is a database without tables, and not an empty file. `reason` is "no_tables"."""


class StoreReplacedError(StoreUnavailableError):
    """The store's files were changed under it while it was open; nothing is saved any more.

    `which` is "database", "log" or "index"; `kind` is "gone", "replaced", "overwritten" or "cut".
    `rescued` says where all that was acknowledged is: "in the file" (the one that was opened, also
    where it has another name now), the path of a copy that was made, or None.
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
