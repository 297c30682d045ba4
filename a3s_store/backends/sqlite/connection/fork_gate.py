"""Units of work that call SQLite: forks wait for them (`_forks`), and broken forks are refused.

A child inherits SQLite's mutexes and its table of the process's locks, but neither the threads
that hold the mutexes nor the locks themselves. After a fork in the middle of a transaction, a store
of the child finds the file busy for ever, or hangs; after a fork beside idle connections, it takes
no lock at all, since the table says that the process has it, and the parent's close removes the WAL
that the child writes to. So a fork waits for every unit of work, and the child then closes the
connections it inherited (`kept_files`) before it opens any. Where that wait was not long enough,
the child opens nothing.

Closing in the child releases no lock of the parent, since locks belong to processes, and copies no
WAL while the parent lives, since that needs a lock the parent keeps others from having.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from a3s_store import _forks
from a3s_store.errors import StoreForkedError


def inside() -> AbstractContextManager[None]:
    """Mark a unit of work that calls SQLite, as a context manager.

    Raises:
        StoreForkedError: this process was forked while a unit of its parent was under way.
    """
    if _forks.was_forked_at_work():
        raise StoreForkedError(
            "the process was forked while SQLite was at work in its parent",
            hint="Start such processes with the methods 'spawn' or 'forkserver'",
        )
    return _forks.unit()
