"""Let forks wait until no thread is inside SQLite, so that the child inherits no held lock.

A child inherits SQLite's mutexes and its table of the process's locks, but neither the threads
that hold the mutexes nor the locks themselves. After a fork in the middle of a transaction, a store
of the child finds the file busy for ever, or hangs; after a fork beside idle connections, it takes
no lock at all, since the table says that the process has it, and the parent's close removes the WAL
that the child writes to. So a fork waits, for at most `FORK_WAIT`, until every unit of work has
ended; the child then closes the connections it inherited (`kept_files`) before it opens any. Where
that time was not enough, the child opens nothing.

Closing in the child releases no lock of the parent, since locks belong to processes, and copies no
WAL while the parent lives, since that needs a lock the parent keeps others from having.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Final

from a3s_store.errors import StoreForkedError

# Seconds that a fork waits for units of work that have begun.
FORK_WAIT: Final = 0.5


class _Own(threading.local):
    """State of one thread: depth of its units, and whether its last fork found no unit."""

    depth = 0
    quiet = True


_OWN: Final = _Own()
_CHANGED = threading.Condition()
_units = 0
_forks = 0
_forked_at_work = False


@contextlib.contextmanager
def inside() -> Iterator[None]:
    """Mark a unit of work that calls SQLite. It begins only while no fork is under way.

    Also a decorator of a function that is one unit. A unit within a unit of the same thread is part
    of that one.

    Raises:
        StoreForkedError: this process was forked while a unit of its parent was under way.
    """
    if _forked_at_work:
        raise StoreForkedError(
            "the process was forked while SQLite was at work in its parent",
            hint="Start such processes with the methods 'spawn' or 'forkserver'",
        )
    _enter()
    try:
        yield
    finally:
        _leave()


def was_quiet() -> bool:
    """Return, in the child and on the thread that forked, whether no unit was under way."""
    return _OWN.quiet


def _enter() -> None:
    global _units
    if _OWN.depth == 0:
        with _CHANGED:
            while _forks:
                _CHANGED.wait()
            _units += 1
    _OWN.depth += 1


def _leave() -> None:
    global _units
    _OWN.depth -= 1
    if _OWN.depth == 0:
        with _CHANGED:
            _units -= 1
            _CHANGED.notify_all()


def _before_fork() -> None:
    global _forks
    with _CHANGED:
        _forks += 1
        # A thread that forks inside a unit of its own would wait for itself.
        _OWN.quiet = _OWN.depth == 0 and _CHANGED.wait_for(lambda: not _units, FORK_WAIT)


def _after_fork_in_parent() -> None:
    global _forks
    with _CHANGED:
        _forks -= 1
        _CHANGED.notify_all()


def _after_fork_in_child() -> None:
    global _CHANGED, _units, _forks, _forked_at_work
    _CHANGED = threading.Condition()  # another thread may have held it
    _forks = 0
    _units = int(_OWN.depth > 0)
    _forked_at_work = _forked_at_work or not _OWN.quiet


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
