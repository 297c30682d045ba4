"""Translation of errors of the system and of drivers, and adding the operation and the place."""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from a3s_store.errors.stores import (
    CorruptionError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


# The hints for errors of the system.
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
_NO_SPACE = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


def explain(error: BaseException) -> StoreError | None:
    """Return the error of this package for an OSError or a UnicodeDecodeError; None for others.

    The class depends on the errno, never on the text. Backends add the errors of their driver: see
    `Driver`.
    """
    if isinstance(error, OSError):
        what = f"{error.strerror or error} [{errno.errorcode.get(error.errno or 0, 'OSError')}]"
        where = str(error.filename or "")
        known: StoreFullError | StoreUnavailableError
        if error.errno in _NO_SPACE:
            known = StoreFullError(what, where=where, hint="Free some space and save again")
        else:
            hint = _NEXT.get(error.errno or 0, "Check the disk and the folder, then try again")
            known = StoreUnavailableError(what, where=where, hint=hint)
        known.errno = error.errno
        return known
    if isinstance(error, UnicodeDecodeError):
        # For example a damaged schema: SQLite's own message about it is not UTF-8.
        return CorruptionError("a text in the file is not UTF-8", part="file")
    return None


def repeats_no_text(error: BaseException) -> bool:
    """Return whether an error certainly repeats no stored text.

    Errors of decoding, encoding and lookup hold the value that caused them, often all of it.
    """
    ours = type(error).__module__.partition(".")[0] == __name__.partition(".")[0]
    return ours or isinstance(error, OSError | MemoryError)


def safe_text(error: BaseException) -> str:
    """Return the text of an error for logs: other errors than ours only by class (stored text)."""
    return str(error) if isinstance(error, StoreError) else type(error).__name__


class Driver(NamedTuple):
    """The functions by which `during` translates the errors of a backend's driver."""

    explain: Callable[[BaseException], StoreError | None] = explain
    repeats_no_text: Callable[[BaseException], bool] = repeats_no_text


SYSTEM: Final = Driver()


def _drop_texts(error: BaseException, driver: Driver) -> None:
    """Drop all causes and contexts of an error that may repeat stored text."""
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
    """Raise an error without the error that is being handled as its context."""
    try:
        raise error
    except StoreError:
        error.__context__ = None
        raise


@contextlib.contextmanager
def during(op: str, where: str, driver: Driver = SYSTEM) -> Iterator[None]:
    """Translate errors of the driver and the system inside the block, and add `op` and `where`.

    Errors that `driver.explain` does not know pass unchanged.

    Raises:
        StoreError: the block raised it, or an error that `driver.explain` translates to it.
    """
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
