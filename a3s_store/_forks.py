"""Let forks wait until no other thread is at work: a unit of SQLite, or an import at first use.

A child inherits what the other threads of its parent hold, but not these threads. A mutex of
SQLite, or the lock of a module that is being imported, would never be released in it. So a fork
waits, for at most `FORK_WAIT`, until every unit of work has ended. Modules of this package that are
imported when they are first used are imported in such units.
"""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable, Collection
from types import ModuleType
from typing import Final

# Seconds that a fork waits for units of work that have begun.
FORK_WAIT: Final = 0.5


class _Own(threading.local):
    """State of one thread: depth of its units, and whether its last fork found no unit."""

    depth = 0
    quiet = True


_OWN: Final = _Own()
# The lock of the condition. Entered by itself it takes no call of Python.
_LOCK = threading.RLock()
_CHANGED = threading.Condition(_LOCK)
_units = 0
_forks = 0
_forked_at_work = False


class _Unit:
    """The context manager of all units; a thread's own depth is in `_OWN`."""

    __slots__ = ()

    def __enter__(self) -> None:
        global _units
        if _OWN.depth == 0:
            with _LOCK:
                while _forks:
                    _CHANGED.wait()
                _units += 1
        _OWN.depth += 1

    def __exit__(self, *_: object) -> None:
        global _units
        _OWN.depth -= 1
        if _OWN.depth == 0:
            with _LOCK:
                _units -= 1
                if _forks:
                    _CHANGED.notify_all()


_UNIT: Final = _Unit()


def unit() -> _Unit:
    """Mark a unit of work, for which forks wait. It begins only while no fork is under way.

    A unit within a unit of the same thread is part of that one.
    """
    return _UNIT


def load(name: str) -> ModuleType:
    """Import a module, for which forks wait."""
    with unit():
        return importlib.import_module(name)


def submodules(package: str, names: Collection[str]) -> Callable[[str], ModuleType]:
    """Return a `__getattr__` for a package that imports a module of these names (PEP 562).

    The import sets the attribute, so that it is called once for each name. Type checkers see an
    import of the same modules, behind TYPE_CHECKING.
    """

    def find(name: str) -> ModuleType:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return load(f"{package}.{name}")

    return find


def was_quiet() -> bool:
    """Return, in the child and on the thread that forked, whether no unit was under way."""
    return _OWN.quiet


def was_forked_at_work() -> bool:
    """Return whether this process was forked while a unit of its parent was under way."""
    return _forked_at_work


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
    global _LOCK, _CHANGED, _units, _forks, _forked_at_work
    _LOCK = threading.RLock()  # another thread may have held it
    _CHANGED = threading.Condition(_LOCK)
    _forks = 0
    _units = int(_OWN.depth > 0)
    _forked_at_work = _forked_at_work or not _OWN.quiet


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
