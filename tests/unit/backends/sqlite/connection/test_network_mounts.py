"""Where a store may lie, told from the kernel's list of mounts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.backends.sqlite.connection import network_mounts
from a3s_store.backends.sqlite.connection.network_mounts import Mount, mount_of
from a3s_store.backends.sqlite.maintenance.health import recommendations
from a3s_store.errors import StoreUnavailableError
from tests.support import session, with_store

LOCAL = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:21 / /proc rw,nosuid shared:2 master:1 - proc proc rw
24 22 0:22 / /home rw - btrfs /dev/vdb rw
"""
NFS = "40 24 0:50 / /home/ada/My\\040Files\\134x rw - nfs4 server:/export rw,vers=4.2\n"


def test_the_longest_mount_point_that_leads_there_counts() -> None:
    assert mount_of(Path("/home/ada/s.db"), LOCAL + NFS) == Mount("/home", "btrfs")
    assert mount_of(Path("/homes/s.db"), LOCAL) == Mount("/", "ext4")
    assert mount_of(Path("/home"), LOCAL) == Mount("/home", "btrfs")
    deep = Path("/home/ada/My Files\\x/deep/s.db")
    assert mount_of(deep, LOCAL + NFS) == Mount("/home/ada/My Files\\x", "nfs4")
    assert mount_of(deep, NFS + LOCAL) == mount_of(deep, LOCAL + NFS)


def test_what_was_mounted_last_at_a_place_hides_the_rest() -> None:
    over = "50 24 0:60 / /home rw - cifs //server/share rw\n"
    assert mount_of(Path("/home/s.db"), LOCAL + over) == Mount("/home", "cifs")
    assert mount_of(Path("/home/s.db"), over + LOCAL) == Mount("/home", "btrfs")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "garbage",
        "1 2 3:4 / /x rw ext4 /dev/x rw",
        "1 2 3:4 / - ext4 x rw",
        "1 2 3:4 / /x rw - ",
        "\x00\udc80",
    ],
)
def test_lines_that_say_something_else_are_passed_over(line: str) -> None:
    assert mount_of(Path("/x/s.db"), line + "\n" + LOCAL) == Mount("/", "ext4")


def test_without_a_list_of_mounts_nothing_is_known_and_nothing_refused() -> None:
    assert mount_of(Path("/x/s.db"), "") is None
    network_mounts.refuse(Path("/x/s.db"), permitted=False, mountinfo="")


NETWORK = [
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre",
    "fuse.sshfs", "fuse.s3fs", "fuse.rclone",
]  # fmt: skip


@pytest.mark.parametrize("kind", NETWORK)
def test_a_network_file_system_is_refused_unless_permitted(kind: str) -> None:
    text = f"{LOCAL}60 24 0:70 / /mnt/far rw - {kind} far:/ rw\n"
    path = Path("/mnt/far/s.db")
    with pytest.raises(StoreUnavailableError, match="network_mount=True") as caught:
        network_mounts.refuse(path, permitted=False, mountinfo=text)
    assert kind in str(caught.value)
    assert "/mnt/far" in str(caught.value)
    network_mounts.refuse(path, permitted=True, mountinfo=text)
    network_mounts.refuse(Path("/mnt/s.db"), permitted=False, mountinfo=text)
    (said,) = recommendations({"file_system": kind, "last_verify": {"at": 0, "damage": 0}}, 0)
    assert said.attention


@pytest.mark.parametrize("kind", ["vboxsf", "virtiofs", "fuse.something", "fuseblk"])
def test_what_may_be_shared_is_advised_of_only(kind: str) -> None:
    text = f"{LOCAL}60 24 0:70 / /mnt rw - {kind} x rw\n"
    network_mounts.refuse(Path("/mnt/s.db"), permitted=False, mountinfo=text)
    (said,) = recommendations({"file_system": kind, "last_verify": {"at": 0, "damage": 0}}, 0)
    assert not said.attention
    assert kind in said.text


@pytest.mark.parametrize("kind", ["ext4", "btrfs", "xfs", "tmpfs", "overlay", "zfs"])
def test_a_local_file_system_needs_no_word(kind: str) -> None:
    assert (
        list(recommendations({"file_system": kind, "last_verify": {"at": 0, "damage": 0}}, 0)) == []
    )


@pytest.mark.skipif(sys.platform != "linux", reason="only there is the list of mounts")
def test_the_systems_own_list_is_read() -> None:
    mount = mount_of(Path("/proc/self/status"))
    assert mount is not None
    assert mount.kind == "proc"


@pytest.mark.skipif(sys.platform != "linux", reason="only there is the list of mounts")
def test_open_looks_where_the_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And neither makes nor touches a file there, before it is permitted."""
    path = tmp_path / "s.db"
    listed = tmp_path / "mountinfo"
    listed.write_text(f"{LOCAL}60 24 0:70 / {tmp_path} rw - nfs4 far:/ rw\n")
    monkeypatch.setattr(network_mounts, "_MOUNTINFO", listed)

    async def save(store: SqliteSessionStore) -> tuple[str, ...]:
        await store.save(session())
        return (await store.health_check()).advice

    with pytest.raises(StoreUnavailableError, match=r"nfs4.*network_mount") as caught:
        with_store(path, save)
    assert str(path) in str(caught.value)
    assert not path.exists()
    assert any("nfs4" in said for said in with_store(path, save, network_mount=True))
