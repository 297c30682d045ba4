"""A small disk to be filled and emptied: a tmpfs that no other process sees.

It is mounted in a mount namespace of this process and its children, and is gone when they have
ended. That needs root, or a system that allows users a namespace.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_CLONE_NEWNS: Final = 0x0002_0000
_CLONE_NEWUSER: Final = 0x1000_0000
_MS_PRIVATE: Final = 0x4_0000 | 0x4000  # and all below it
_MNT_DETACH: Final = 2


class NoDiskError(OSError):
    """The system does not allow this process to mount anything."""


@contextlib.contextmanager
def mounted(folder: Path, nbytes: int) -> Iterator[Path]:
    """A disk of so many bytes, in this folder. This process keeps its namespace.

    Raises:
        NoDiskError: not on this system, or not for this user.
    """
    place = folder / "disk"
    place.mkdir()
    libc = _own_namespace()
    options = f"size={nbytes},mode=700".encode()
    if libc.mount(b"tmpfs", os.fsencode(place), b"tmpfs", 0, options) != 0:
        raise NoDiskError(ctypes.get_errno(), "tmpfs cannot be mounted")
    try:
        yield place
    finally:
        libc.umount2(os.fsencode(place), _MNT_DETACH)


def _own_namespace() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "unshare"):
        raise NoDiskError("there are no namespaces here")
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(_CLONE_NEWNS) != 0:
        if libc.unshare(_CLONE_NEWNS | _CLONE_NEWUSER) != 0:
            raise NoDiskError(ctypes.get_errno(), "no namespace is allowed")
        own = Path("/proc/self")
        (own / "setgroups").write_text("deny")
        (own / "uid_map").write_text(f"{user} {user} 1")
        (own / "gid_map").write_text(f"{group} {group} 1")
    if libc.mount(b"none", b"/", None, _MS_PRIVATE, None) != 0:
        raise NoDiskError(ctypes.get_errno(), "the mounts cannot be made private")
    return libc


def free(place: Path) -> int:
    """Bytes that are free."""
    info = os.statvfs(place)
    return info.f_bavail * info.f_frsize


def fill(place: Path, leave: int) -> None:
    """Have no more than so many bytes free, until `empty`."""
    with (place / "filler").open("ab") as filler:
        wanted = max(0, free(place) - leave)
        # The write ends where the space does.
        with contextlib.suppress(OSError):
            filler.write(bytes(wanted))


def leave_free(place: Path, leave: int) -> None:
    """Shorten the filler so that so many bytes are free, and at no moment more."""
    filler = place / "filler"
    with filler.open("r+b") as file:
        file.truncate(max(0, filler.stat().st_size - max(0, leave - free(place))))


def empty(place: Path) -> None:
    """Remove the filler."""
    (place / "filler").unlink(missing_ok=True)
