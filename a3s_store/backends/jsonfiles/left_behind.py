"""Removal of the temporary files of killed writers.

All writers, including older releases, hold the directory's lock while they write, except for the
probe of a health check; so a process with the lock may remove all temporary files. Upstream's
engines do not take the lock, but their temporary files have other names and are left alone.
"""

from __future__ import annotations

from a3s_store.backends.jsonfiles.layout import HEALTH_PROBE, Layout
from a3s_store.backends.jsonfiles.lock import DirectoryLock
from a3s_store.core.collections import CHECKPOINTS, COLLECTIONS
from a3s_store.core.new_files import Temporary, sweep, temporaries
from a3s_store.errors import StoreBusyError


def sweep_at_opening(layout: Layout) -> None:
    """Remove the temporary files in the root, where they are all made, if no writer is at work.

    If the directory is locked or cannot be locked, a later opening removes them.

    Raises:
        OSError: the directory cannot be read.
    """
    if next(temporaries(layout.root), None) is None:
        return
    try:
        with DirectoryLock(layout.root, 0).exclusive():
            sweep_root(layout)
    except (StoreBusyError, OSError):
        pass


def sweep_root(layout: Layout) -> None:
    """Remove the temporary files in the root; the caller holds the exclusive lock."""
    sweep(layout.root, alone=True, fits=lambda one: not _is_probe(one), folders=True)
    sweep(layout.root, alone=False, fits=_is_probe)


def sweep_all(layout: Layout) -> None:
    """Remove the temporary files in the root, and those of older releases in the other folders.

    Those in a folder of one session's artifacts are removed with that folder.
    """
    sweep_root(layout)
    for kept in (*COLLECTIONS, *CHECKPOINTS):
        folder = layout.folder(kept)
        if not folder.is_symlink():
            sweep(folder, alone=True)


def _is_probe(one: Temporary) -> bool:
    return one.head == HEALTH_PROBE
