"""Gives errors of the system and of drivers their name here, and says what was tried and where."""

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
_NO_SPACE = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


def explain(error: BaseException) -> StoreError | None:
    """The error of this package for a failure of the operating system or a text that is not UTF-8.

    None for any other. Mapped by errno, never by text. Backends add the errors of their driver:
    see `Driver`.
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
        # For one, a damaged schema: even SQLite's own message about it is not UTF-8.
        return CorruptionError("a text in the file is not UTF-8", part="file")
    return None


def repeats_no_text(error: BaseException) -> bool:
    """Whether an error surely repeats no stored text.

    Errors of decoding, encoding and looking up hold what they stumbled over, often all of it.
    """
    ours = type(error).__module__.partition(".")[0] == __name__.partition(".")[0]
    return ours or isinstance(error, OSError | MemoryError)


def safe_text(error: BaseException) -> str:
    """The text of an error as it may be logged and told: what is not ours may repeat a text."""
    return str(error) if isinstance(error, StoreError) else type(error).__name__


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
