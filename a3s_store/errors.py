"""Every error a caller can meet, and the one place where foreign errors are given these names.

    StoreError                      every one has .op, .where and .hint
      InvalidIdError                (ValueError)    cannot be an id here
        IdCollisionError                            two ids would share one file
      CodecError                    (ValueError)    .model .path, e.g. messages[3].content[0].type
        EncodeError                                 a value that must not be written
        DecodeError                                 a text that is not what it should be
      InvalidSnapshotError          (ValueError)    parts that do not belong together
      StaleGenerationError                          somebody else saved since you looked
      SessionNotFoundError          (LookupError)   fork and rewind need one; load answers None
      StoreClosedError              (RuntimeError)
        StoreForkedError                            opened before fork(), used after it
      StoreBusyError                (TimeoutError)  locked past the timeout; nothing written
      StoreFullError                (OSError)       no space left; nothing written
      StoreUnavailableError         (OSError)       cannot open, read-only, I/O failure
        NotAStoreError                              the file is something else
      SchemaError
        SchemaTooNewError                           written by a newer release
        MigrationError
      CorruptionError                               damage; never repaired or skipped in silence

Invariants: 1. an error's text names what was tried, on which session and file, and what to do next,
and never holds message text; 2. when a method raises, nothing of it was written, except where its
docstring says otherwise; 3. errors survive pickling.
"""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator


class StoreError(Exception):
    """Base of all errors of this package.

    `op` is what was tried ("save"), `where` names the session, file or row, `hint` says what to do
    next; each may be empty.
    """

    def __init__(self, what: str, *, op: str = "", where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.op = op
        self.where = where
        self.hint = hint

    def locate(self, op: str, where: str) -> Self:
        """Fill in what was tried and where, unless an inner layer already knew better."""
        self.op = self.op or op
        self.where = self.where or where
        return self

    def __str__(self) -> str:
        head = f"{self.op}: " if self.op else ""
        where = f" ({self.where})" if self.where else ""
        hint = f". {self.hint}" if self.hint else ""
        return f"{head}{self.what}{where}{hint}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.__dict__.copy(), self.args)


def _rebuild(cls: type[StoreError], state: dict[str, Any], args: tuple[Any, ...]) -> StoreError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class InvalidIdError(StoreError, ValueError):
    """The text cannot be an id in this store."""


class IdCollisionError(InvalidIdError):
    """Two different ids would share one file; the other id's data is left as it is."""


class CodecError(StoreError, ValueError):
    """A value and its JSON do not fit each other.

    `model` is the class that was read or written, `path` the place in it, for example
    `messages[3].content[0].type`; empty means the value itself.
    """

    def __init__(self, what: str, *, model: str = "", path: str = "", **where: str) -> None:
        super().__init__(what, **where)
        self.model = model
        self.path = path

    def inside(self, model: str, place: str) -> Self:
        """The same error as seen from a value of class `model`, whose part at `place` is wrong."""
        dot = "." if place and self.path and not self.path.startswith("[") else ""
        self.path = place + dot + self.path
        self.model = model
        return self

    def __str__(self) -> str:
        place = ".".join(part for part in (self.model, self.path) if part)
        head = f"{self.op}: " if self.op else ""
        where = f" ({self.where})" if self.where else ""
        hint = f". {self.hint}" if self.hint else ""
        return f"{head}{place}: {self.what}{where}{hint}" if place else super().__str__()


class EncodeError(CodecError):
    """The value holds something that must not be written; nothing was."""


class DecodeError(CodecError):
    """The text is not JSON, or not the JSON of the type it should be."""


class InvalidSnapshotError(StoreError, ValueError):
    """The parts of a snapshot or checkpoint do not belong together; nothing was written."""


class StaleGenerationError(StoreError):
    """The session moved on since the caller looked: `expected` and `actual` are generations.

    Nothing was written. Load again, apply the change to what is there, save again.
    """

    def __init__(self, what: str, *, expected: int, actual: int, **where: str) -> None:
        super().__init__(what, **where)
        self.expected = expected
        self.actual = actual


class SessionNotFoundError(StoreError, LookupError):
    """The operation needs a saved session (or generation) and there is none."""


class StoreClosedError(StoreError, RuntimeError):
    """The store was closed; open it again."""


class StoreForkedError(StoreClosedError):
    """The store was opened before fork() and is being used in the child; open a new one there."""


class StoreBusyError(StoreError, TimeoutError):
    """The file stayed locked past the timeout. Nothing was written; trying again is safe."""


class StoreFullError(StoreError, OSError):
    """There is no space left. Nothing was written; after freeing space, trying again is safe."""


class StoreUnavailableError(StoreError, OSError):
    """The store cannot be opened, read or written: permissions, a missing folder, an I/O error."""


class NotAStoreError(StoreUnavailableError):
    """The file exists and is something else; it was left as it is."""


class SchemaError(StoreError):
    """The tables in the file are not those this release works with."""


class SchemaTooNewError(SchemaError):
    """The file was written by a newer release; it was left as it is."""


class MigrationError(SchemaError):
    """Bringing the file to this release's schema failed; the file is as it was."""


class CorruptionError(StoreError):
    """The file is damaged at the place named; nothing was repaired and nothing skipped."""


_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FORMAT}
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}


def explain(error: BaseException) -> StoreError | None:
    """Our name for a failure of sqlite3 or the operating system; None when it is neither.

    Mapped by `sqlite_errorcode` and errno, never by text.
    """
    if isinstance(error, sqlite3.Error):
        return _explain_sqlite(error)
    if isinstance(error, OSError):
        what = f"{error.strerror or error} [{errno.errorcode.get(error.errno or 0, 'OSError')}]"
        if error.errno in _NO_SPACE:
            return StoreFullError(what, hint="Free some space and save again")
        hint = "Make its folder first" if error.errno == errno.ENOENT else ""
        return StoreUnavailableError(what, where=str(error.filename or ""), hint=hint)
    return None


def _explain_sqlite(error: sqlite3.Error) -> StoreError:
    code = getattr(error, "sqlite_errorcode", None)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    what = f"{error} [{name}]"
    primary = code & 0xFF if code is not None else None
    if primary in _BUSY:
        return StoreBusyError(what, hint="Another program holds the file; try again")
    if primary == sqlite3.SQLITE_FULL:
        return StoreFullError(what, hint="Free some space and save again")
    if primary == sqlite3.SQLITE_NOTADB:
        return NotAStoreError(what, hint="Name another file, or move this one away")
    if primary in _DAMAGED:
        return CorruptionError(what, hint="Keep the file and restore a backup beside it")
    if primary == sqlite3.SQLITE_TOOBIG or (code is None and isinstance(error, sqlite3.DataError)):
        return EncodeError(what, hint="Keep such a large value outside the store")
    if primary in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}:
        return StoreUnavailableError(what, hint="The file or its folder is not writable")
    if primary == sqlite3.SQLITE_CANTOPEN:
        return StoreUnavailableError(what, hint="Check that the folder exists and may be written")
    if primary == sqlite3.SQLITE_IOERR:
        return StoreUnavailableError(what, hint="Check the disk, then open the store again")
    return StoreError(what)


@contextlib.contextmanager
def during(op: str, where: str) -> Iterator[None]:
    """Name what was tried and where in whatever our code, sqlite3 or the system raises inside."""
    try:
        yield
    except StoreError as error:
        error.locate(op, where)
        raise
    except (sqlite3.Error, OSError) as error:
        known = explain(error)
        assert known is not None, "explain() answers for every sqlite3.Error and OSError"
        raise known.locate(op, where) from error
