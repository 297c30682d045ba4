"""Where a store may lie, told from the kernel's list of mounts."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest

from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.backends.sqlite.connection import network_mounts
from a3s_store.backends.sqlite.connection.network_mounts import Mount, mount_of
from a3s_store.backends.sqlite.maintenance.health import recommendations
from a3s_store.errors import FileSystemWarning, StoreUnavailableError
from tests.support import session, with_store
from tests.unit.cli.cli_runs import invoke, make_store

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


UNSURE = ["vboxsf", "virtiofs", "fuse.something", "fuseblk", "fakeowner", "drvfs", "prl_fs"]


@pytest.mark.parametrize("kind", UNSURE)
def test_what_may_be_shared_is_advised_of_and_not_refused(kind: str) -> None:
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


# How programs list the folder that they share, and whether it is refused ("network") or warned of.
SHARED = [
    ("WSL 2", "9p C:\\134 rw,dirsync,aname=drvfs;path=C:\\;uid=1000;access=client", "network"),
    ("QEMU and Lima", "9p mount0 rw,sync,dirsync,access=client,trans=virtio", "network"),
    ("a 9P version", "9p2000.L share rw,trans=virtio", "network"),
    ("9P in a program", "fuse.9pfs 10.0.2.2 rw,user_id=0", "network"),
    ("Lima with sshfs", "fuse.sshfs :/Users/ada rw,user_id=1000", "network"),
    ("Docker Desktop, macOS", "fakeowner /run/host_mark/Users rw,fakeowner", "unsure"),
    ("Docker Desktop, gRPC FUSE", "fuse.grpcfuse grpcfuse rw,user_id=0,allow_other", "unsure"),
    ("Docker Desktop, older", "fuse.osxfs osxfs rw,user_id=0,allow_other", "unsure"),
    ("OrbStack and Colima", "virtiofs mount0 rw", "unsure"),
    ("Kata containers", "virtiofs kataShared rw", "unsure"),
    ("WSL 1", "drvfs C:\\134 rw,noatime,uid=1000", "unsure"),
    ("VirtualBox", "vboxsf vagrant rw,nodev,relatime", "unsure"),
    ("Parallels", "prl_fs Home rw,nosuid,nodev,sync,share", "unsure"),
    ("VMware", "fuse.vmhgfs-fuse vmhgfs-fuse rw,allow_other", "unsure"),
    ("unraid", "fuse.shfs shfs rw,user_id=0", "unsure"),
    ("a container's root", "overlay overlay rw,lowerdir=/a:/b,upperdir=/c,workdir=/d", "local"),
    ("memory", "tmpfs tmpfs rw,size=65536k", "local"),
    ("a disk", "ext4 /dev/vda1 rw,discard", "local"),
]


@pytest.mark.parametrize(("of", "line", "judgement"), SHARED, ids=[row[0] for row in SHARED])
def test_each_line_of_the_list_of_mounts_is_judged(of: str, line: str, judgement: str) -> None:
    text = f"{LOCAL}812 24 0:70 /src /data rw,relatime shared:7 master:2 - {line}\n"
    found = mount_of(Path("/data/s.a3s"), text)
    assert found is not None
    judged = "network" if found.is_network else "unsure" if found.is_unsure else "local"
    assert (found.point, judged) == ("/data", judgement)


@pytest.mark.skipif(sys.platform != "linux", reason="only there is the list of mounts")
def test_opening_where_others_may_share_the_file_system_warns_unless_permitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.a3s"
    listed = tmp_path / "mountinfo"
    listed.write_text(f"{LOCAL}60 24 0:70 / {tmp_path} rw - virtiofs mac rw\n")
    monkeypatch.setattr(network_mounts, "_MOUNTINFO", listed)

    async def save(store: SqliteSessionStore) -> None:
        await store.save(session())

    with pytest.warns(
        FileSystemWarning, match=r"virtiofs, mounted at .*network_mount=True"
    ) as said:
        with_store(path, save)
    assert len(said) == 1
    with_store(path, save, network_mount=True)  # warnings are errors here
    with_store(path, lambda store: store.list(), read_only=True)
    with pytest.raises(FileSystemWarning):
        with_store(path, save)


@pytest.mark.skipif(sys.platform != "linux", reason="only there is the list of mounts")
def test_a_command_says_the_warning_as_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_store(tmp_path / "s.a3s")
    listed = tmp_path / "mountinfo"
    listed.write_text(f"{LOCAL}60 24 0:70 / {tmp_path} rw - fakeowner x rw\n")
    monkeypatch.setattr(network_mounts, "_MOUNTINFO", listed)
    monkeypatch.setattr(warnings, "filters", [])
    assert invoke("list", path).stderr == ""
    done = invoke("erase", path, "fix-login", "--yes")
    assert done.stderr.startswith("Warning: the store '")
    assert "fakeowner" in done.stderr
    assert ".py" not in done.stderr


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
