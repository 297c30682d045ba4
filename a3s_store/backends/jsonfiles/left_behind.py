"""Temporary files in a directory whose writers were killed, and when they are removed.

All writers, those of older releases too, work under the directory's lock: while one process has it,
no other is at work. Only the probe of a health check is written without it. Upstream's engines do
not take it either, and their temporary names are not ours: theirs are left alone.
"""

from __future__ import annotations

from a3s_store.backends.jsonfiles.layout import HEALTH_PROBE, Layout
from a3s_store.backends.jsonfiles.lock import DirectoryLock
from a3s_store.core.collections import CHECKPOINTS, COLLECTIONS
from a3s_store.core.new_files import Temporary, sweep, temporaries
from a3s_store.errors import StoreBusyError


def sweep_at_opening(layout: Layout) -> None:
    """Remove what is left in the root, where all temporary files are made, unless a writer works.

    Then the next opening removes it, and so where it cannot be locked. Raises OSError when the
    directory cannot be read.
    """
    if next(temporaries(layout.root), None) is None:
        return
    try:
        with DirectoryLock(layout.root, 0).exclusive():
            sweep_root(layout)
    except (StoreBusyError, OSError):
        pass


def sweep_root(layout: Layout) -> None:
    """Remove what is left in the root; for a caller that has the lock alone."""
    sweep(layout.root, alone=True, fits=lambda one: not _is_probe(one), folders=True)
    sweep(layout.root, alone=False, fits=_is_probe)


def sweep_all(layout: Layout) -> None:
    """As `sweep_root`, with what older releases left in the folders of files.

    What they left in a folder of one session's artifacts goes away with that folder.
    """
    sweep_root(layout)
    for kept in (*COLLECTIONS, *CHECKPOINTS):
        folder = layout.folder(kept)
        if not folder.is_symlink():
            sweep(folder, alone=True)


def _is_probe(one: Temporary) -> bool:
    return one.head == HEALTH_PROBE
