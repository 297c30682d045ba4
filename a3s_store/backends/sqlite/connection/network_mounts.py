"""Refuse network file systems for a store, and warn of those shared with a virtual machine.

The index of a WAL is shared memory: all processes that have the file open must run on one machine.
On a network file system that cannot be known, and locks may not work, so two machines would damage
the file without an error. Where the system does not list its mounts (macOS and Windows have no
/proc), nothing is refused.
"""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path
from typing import Final, NamedTuple

from a3s_store.errors import FileSystemWarning, StoreUnavailableError

_MOUNTINFO: Final = Path("/proc/self/mountinfo")

# Other machines may have these mounted too.
NETWORK: Final = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb2",
        "smb3",
        "smbfs",
        "ncpfs",
        "afs",
        "coda",
        "ceph",
        "glusterfs",
        "lustre",
        "beegfs",
        "gpfs",
        "gfs2",
        "ocfs2",
        "orangefs",
        "pvfs2",
        "davfs",
        "fuse.sshfs",
        "fuse.s3fs",
        "fuse.rclone",
        "fuse.gcsfuse",
        "fuse.goofys",
        "fuse.geesefs",
        "fuse.mount-s3",
        "fuse.juicefs",
        "fuse.blobfuse",
        "fuse.blobfuse2",
        "fuse.glusterfs",
        "fuse.ceph",
        "fuse.ceph-fuse",
        "fuse.cephfs",
        "fuse.moosefs",
        "fuse.mfs",
        "fuse.lizardfs",
        "fuse.davfs",
        "fuse.davfs2",
        "fuse.curlftpfs",
        "fuse.smbnetfs",
    }
)
# 9P under any of its names, as of WSL 2 (`/mnt/c`), gVisor and QEMU.
_9P: Final = ("9p", "fuse.9p")
# Shared with the host of a virtual machine (VirtualBox, VMware, Parallels, Docker Desktop, WSL 1),
# or served by a program: locks and memory may not be shared with other machines that use it.
_UNSURE: Final = frozenset(
    {
        "vboxsf",
        "virtiofs",
        "vmhgfs",
        "prl_fs",
        "fakeowner",
        "grpcfuse",
        "osxfs",
        "drvfs",
        "hostfs",
        "fuse",
        "fuseblk",
    }
)


class Mount(NamedTuple):
    """One mounted file system: its mount point and its type."""

    point: str
    kind: str

    @property
    def is_network(self) -> bool:
        """Whether other machines may have it mounted too."""
        return self.kind in NETWORK or self.kind.startswith(_9P)

    @property
    def is_unsure(self) -> bool:
        """Whether its locks and shared memory may not be what they are on a local disk."""
        return not self.is_network and (self.kind in _UNSURE or self.kind.startswith("fuse."))


def parse(mountinfo: str) -> list[Mount]:
    """Return the mounts in the text of /proc/self/mountinfo; malformed lines are skipped.

    A line is `36 35 98:0 /root /mount/point options [fields] - kind source options`.
    """
    found = []
    for line in mountinfo.splitlines():
        front, separator, behind = line.partition(" - ")
        fields, kinds = front.split(" "), behind.split(" ")
        if separator and len(fields) >= 6 and kinds[0]:
            found.append(Mount(_unescaped(fields[4]), kinds[0]))
    return found


def _unescaped(text: str) -> str:
    """Decode blanks, tabs, line ends and backslashes, written as three octal digits."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def mount_of(path: Path, mountinfo: str | None = None) -> Mount | None:
    """Return the mount of an absolute path; None when it is unknown.

    That is the longest mount point above the path; of several at one point the last, which hides
    the others. `mountinfo` None reads the system's.
    """
    text = _read() if mountinfo is None else mountinfo
    best: Mount | None = None
    for mount in parse(text):
        if path.is_relative_to(mount.point) and (
            best is None or len(mount.point) >= len(best.point)
        ):
            best = mount
    return best


def _read() -> str:
    try:
        return os.fsdecode(_MOUNTINFO.read_bytes())
    except OSError:
        return ""


def refuse(path: Path, *, permitted: bool, mountinfo: str | None = None) -> None:
    """Refuse a path on a network file system, unless that was `permitted`.

    Raises:
        StoreUnavailableError: the path is on a network file system.
    """
    mount = mount_of(path, mountinfo)
    if mount is not None and mount.is_network and not permitted:
        raise StoreUnavailableError(
            f"this is on a network file system ({mount.kind}, mounted at {mount.point}), where two "
            "machines would damage the file",
            hint="Keep the store on a local disk; where only one machine ever uses it, "
            "open(..., network_mount=True)",
        )


def warn(path: Path, *, permitted: bool) -> None:
    """Issue a FileSystemWarning where locks may not reach other machines, unless `permitted`."""
    mount = None if permitted else mount_of(path)
    if mount is not None and mount.is_unsure:
        warnings.warn(
            f"the store {str(path)!r} is on a file system ({mount.kind}, mounted at {mount.point}) "
            "that other machines, real or virtual, may use at the same time, which would damage "
            "it. Keep it on a local disk; where only one machine ever uses it, "
            "open(..., network_mount=True)",
            FileSystemWarning,
            stacklevel=2,
        )
