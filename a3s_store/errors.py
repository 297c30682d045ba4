"""Every error a caller can meet, and how errors of the system and of drivers become these.

    StoreError                      every one has .op, .where and .hint
      InvalidIdError                (ValueError)    cannot be an id here
        IdCollisionError                            two ids would share one file
      CodecError                    (ValueError)    .model .path, e.g. messages[3].content[0].type
        EncodeError                                 a value that must not be written
        DecodeError                                 a text that is not what it should be
      InvalidSnapshotError          (ValueError)    parts that do not belong together
      StaleGenerationError                          somebody else saved since you looked
      RunClaimedError                               another live session has the run; .run_id
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
      SharedMessagesError                           other sessions have them too; nothing erased
      ErasureIncompleteError                        deleted, but pieces may be left; erase again
      CorruptionError                               damage; never repaired or skipped in silence
      SessionError                                  what a live session cannot do, or could not
        SessionClosedError          (RuntimeError)  it was closed
        SessionBusyError            (RuntimeError)  something else is under way in it; .session_id
        SessionPausedError          (RuntimeError)  resume it first
        SessionConfigError          (ValueError)    .field: an option that cannot be, or is missing
        PersistenceError                            a save or load of it failed; the cause says why
          SessionNotSavedError                      it was closed and not saved; .closed
        StaleSessionError   (StaleGenerationError)  somebody else changed it; .reason .forked_as
          SessionDeletedError                       it was deleted elsewhere; .recreated
        InterruptedRunError                         runs wait to be resumed or given up; .run_ids
        CompactionError                             no summary was made; the messages are as before
        RunCancelledError                           the host cancelled the run
        QueueClosedError            (RuntimeError)  its queue takes no more commands
        CommandTimeoutError         (TimeoutError)  a command of its queue took too long
        ExternalTaskError                           a handler outside reported failure

Invariants: 1. an error's text names what was tried, on which session and file, and what to do next,
and never holds message text; 2. when a method raises, nothing of it was written, except where its
docstring says otherwise; 3. errors survive pickling.
"""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, Self

from a3s_store._deprecated import renamed, today, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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
    error.__dict__.update(today(state))
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
    `expected_revision` and `actual_revision` are given where the condition was a `Revision`; the
    actual one is None when there is no session any more, and `actual` then 0.
    """

    def __init__(
        self,
        what: str,
        *,
        expected: int,
        actual: int,
        expected_revision: tuple[int, int] | None = None,
        actual_revision: tuple[int, int] | None = None,
        **where: str,
    ) -> None:
        super().__init__(what, **where)
        self.expected = expected
        self.actual = actual
        self.expected_revision = expected_revision
        self.actual_revision = actual_revision


class RunClaimedError(StoreError):
    """Another live session has taken over the run `run_id`, or ended it; nothing was written.

    What the run finished is that one's to keep.
    """

    def __init__(self, what: str, *, run_id: str, **where: str) -> None:
        super().__init__(what, **where)
        self.run_id = run_id


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
    """The file is damaged at the place named; nothing was repaired and nothing skipped.

    `session_id` says whose; `part` is the name of a collection, "messages", "file", "wal" or
    "header"; `position` is the index in it, from 0. Each is None where it is not known or does not
    apply.
    """

    @renamed(family="part")
    def __init__(
        self,
        what: str,
        *,
        session_id: str | None = None,
        part: str | None = None,
        position: int | None = None,
        **where: str,
    ) -> None:
        super().__init__(what, **where)
        self.session_id = session_id
        self.part = part
        self.position = position

    @property
    def family(self) -> str | None:
        """Deprecated: `part`."""
        warn("CorruptionError.family", "CorruptionError.part", stacklevel=2)
        return self.part


class SharedMessagesError(StoreError):
    """Some messages of what is to be erased are other sessions' too: `session_ids`, sorted.

    Nothing was written. A fork shares the beginning of its conversation with what it was made of.
    """

    def __init__(self, what: str, *, session_ids: tuple[str, ...] = (), **where: str) -> None:
        super().__init__(what, **where)
        self.session_ids = session_ids


class ErasureIncompleteError(StoreError):
    """The sessions are deleted, but pieces of their texts may be left in the file or its log.

    Erasing them again finishes; it makes no difference that nothing is found under their ids.
    """


class SessionError(StoreError):
    """A live session cannot do what was asked, or failed in it; what is saved is as it was."""


class SessionClosedError(SessionError, RuntimeError):
    """The session was closed; restore it from the store to go on."""


class SessionBusyError(SessionError, RuntimeError):
    """Another operation of the session `session_id` is under way; nothing was begun."""

    def __init__(self, what: str, *, session_id: str = "", **where: str) -> None:
        super().__init__(what, **where)
        self.session_id = session_id


class SessionPausedError(SessionError, RuntimeError):
    """The session is paused; resume it first."""


class SessionConfigError(SessionError, ValueError):
    """An option, named by `field`, has a value that cannot be, or is needed and missing."""

    def __init__(self, what: str, *, field: str = "", **where: str) -> None:
        super().__init__(what, **where)
        self.field = field


class PersistenceError(SessionError):
    """A live session could not be saved, loaded or restored; `__cause__` is the store's error."""


class SessionNotSavedError(PersistenceError):
    """A session was closed and not saved, or not all of it: `closed` says what came of it."""

    def __init__(self, what: str, *, closed: Any = None, **where: str) -> None:
        super().__init__(what, **where)
        self.closed = closed


class StaleSessionError(SessionError, StaleGenerationError):
    """Somebody else changed the session, and what this one has cannot be saved beside it.

    What is new here stays live. `reason` says why, `forked_as` names the session it became, if any.
    """

    def __init__(
        self,
        what: str,
        *,
        session_id: str,
        reason: str = "",
        forked_as: str | None = None,
        **given: Any,
    ) -> None:
        super().__init__(what, **given)
        self.session_id = session_id
        self.reason = reason
        self.forked_as = forked_as


class SessionDeletedError(StaleSessionError):
    """The session was deleted elsewhere; `recreated` says that there is another of its id now.

    Nothing was written, and nothing is from now on. `save_as` keeps what is here under another id.
    """

    def __init__(self, what: str, *, recreated: bool = False, **given: Any) -> None:
        super().__init__(what, **given)
        self.recreated = recreated


class InterruptedRunError(SessionError):
    """Runs of the session, `run_ids`, were interrupted: resume or abandon them first."""

    def __init__(self, what: str, *, run_ids: tuple[str, ...] = (), **where: str) -> None:
        super().__init__(what, **where)
        self.run_ids = run_ids


class CompactionError(SessionError):
    """No summary was made of the conversation; the messages are as they were."""


class RunCancelledError(SessionError):
    """The host cancelled the run; what its finished rounds added to the conversation is kept."""


class QueueClosedError(SessionError, RuntimeError):
    """The session's queue was stopped and takes no more commands."""


class CommandTimeoutError(SessionError, TimeoutError):
    """A command of the session's queue took longer than it may."""


class ExternalTaskError(SessionError):
    """A handler outside the process reported that a task failed, or never answered."""


# What to do next about an error of the system.
_NEXT = {
    errno.ENOENT: "Make its folder first",
    errno.ENOTDIR: "Name a file in a folder that exists",
    errno.EISDIR: "Name a file, not a folder",
    errno.ENAMETOOLONG: "Choose a shorter path",
    errno.ELOOP: "Name the file itself, not a link",
    errno.EACCES: "The file or its folder is not readable and writable for you",
    errno.EPERM: "The file or its folder is not readable and writable for you",
    errno.EROFS: "The file system is read-only; use another folder",
    errno.EMFILE: "Close some files, or raise the limit on open ones",
    errno.ENFILE: "Close some files, or raise the limit on open ones",
    errno.ENOMEM: "Free some memory and try again",
}
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}


def explain(error: BaseException) -> StoreError | None:
    """The error of this package for a failure of the operating system or a text that is not UTF-8.

    None for any other. Mapped by errno, never by text. Backends add the errors of their driver:
    see `Driver`.
    """
    if isinstance(error, OSError):
        what = f"{error.strerror or error} [{errno.errorcode.get(error.errno or 0, 'OSError')}]"
        where = str(error.filename or "")
        if error.errno in _NO_SPACE:
            return StoreFullError(what, where=where, hint="Free some space and save again")
        hint = _NEXT.get(error.errno or 0, "Check the disk and the folder, then try again")
        return StoreUnavailableError(what, where=where, hint=hint)
    if isinstance(error, UnicodeDecodeError):
        # For one, a damaged schema: even SQLite's own message about it is not UTF-8.
        return CorruptionError("a text in the file is not UTF-8", part="file")
    return None


def repeats_no_text(error: BaseException) -> bool:
    """Whether an error surely repeats no stored text.

    Errors of decoding, encoding and looking up hold what they stumbled over, often all of it.
    """
    ours = type(error).__module__.partition(".")[0] == __name__.partition(".")[0]
    return ours or isinstance(error, OSError | MemoryError)


class Driver(NamedTuple):
    """What `during` has to know of the errors that a backend's driver raises."""

    explain: Callable[[BaseException], StoreError | None] = explain
    repeats_no_text: Callable[[BaseException], bool] = repeats_no_text


SYSTEM: Final = Driver()


def _drop_texts(error: BaseException, driver: Driver) -> None:
    """Drop from the causes and contexts of an error whatever may repeat stored text."""
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        one = waiting.pop()
        seen.add(id(one))
        for name in ("__cause__", "__context__"):
            before = getattr(one, name)
            if before is None or id(before) in seen:
                continue
            if driver.repeats_no_text(before):
                waiting.append(before)
            else:
                setattr(one, name, None)


def _raise_alone(error: StoreError) -> NoReturn:
    """Raise an error without what is being handled just now."""
    try:
        raise error
    except StoreError:
        error.__context__ = None
        raise


@contextlib.contextmanager
def during(op: str, where: str, driver: Driver = SYSTEM) -> Iterator[None]:
    """Name what was tried and where in whatever this package, the driver or the system raises."""
    try:
        yield
    except StoreError as error:
        error.locate(op, where)
        _drop_texts(error, driver)
        raise
    except Exception as error:
        known = driver.explain(error)
        if known is None:
            raise
        known.locate(op, where)
        _drop_texts(error, driver)
        if not driver.repeats_no_text(error):
            _raise_alone(known)
        raise known from error
