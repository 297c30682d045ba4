"""A store is accessible to its owner alone, and a file planted in its place is refused.

Modes are made in processes of their own: the umask belongs to all threads of one.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.errors import NotAStoreError, StoreError, StoreUnavailableError
from tests.support import session, with_store

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes and owners are POSIX's")

# What makes files, by name: code that runs inside an event loop, in the folder it may write to.
MAKERS = {
    "a new store and its log": """
        async with SqliteSessionStore.open("s.db") as store:
            await store.save(session())
            look()
    """,
    "an empty file that was there": """
        os.close(os.open("s.db", os.O_CREAT | os.O_WRONLY, 0o666))
        async with SqliteSessionStore.open("s.db") as store:
            await store.save(session())
            look()
    """,
    "a store in whose log others could read": """
        async with SqliteSessionStore.open("s.db") as store:
            await store.save(session())
            for name in os.listdir():
                os.chmod(name, 0o666)
            async with SqliteSessionStore.open("s.db") as other:
                await other.save(session("other"))
                look()
    """,
    "a store that was read first": """
        async with SqliteSessionStore.open("s.db") as store:
            await store.save(session())
        async with SqliteSessionStore.open("s.db") as store:
            await store.load("fix-login")
            look()
    """,
    "an erasure": """
        async with SqliteSessionStore.open("s.db") as store:
            await store.save(session())
            await store.erase("fix-login")
            look()
    """,
    "a backup and what is restored from it": """
        async with SqliteSessionStore.open("s.db") as store:
            await store.save(session())
            await store.backup("copy.db")
            look()
        from a3s_store.backends.sqlite.maintenance.restore import restore
        await asyncio.to_thread(restore, "copy.db", "again.db")
        async with SqliteSessionStore.open("again.db") as store:
            await store.save(session())
            look()
    """,
    "what is salvaged": """
        async with SqliteSessionStore.open("s.db") as store:
            await store.save(session())
        from a3s_store.backends.sqlite.salvage.run import salvage
        await salvage("s.db", "saved.db")
    """,
    "a directory of files": """
        async with FileSessionStore.open("deep/er/files") as store:
            await store.save(session("a/b"))
            await store.save_artifacts("a/b", [artifact(1)])
            await store.save_trace_events("a/b", [trace(1)])
            await store.save_run_records("alone/x", [run(1, 1)])
            await store.save_loop_checkpoint("run-1", checkpoint(messages(2)))
            await store.health_check()
            look()
    """,
    "an export": """
        async with SqliteSessionStore.open("s.db") as store:
            await store.save(session("a/b"))
            await store.save_artifacts("a/b", [artifact(1)])
            await store.save_loop_checkpoint("run-1", checkpoint(messages(2)))
            await export_directory(store, "exported")
            look()
    """,
    "a demo that is kept": """
        from a3s_store.cli import demo
        args = ["--keep", "demo.db"]
        await asyncio.to_thread(demo.demo_command.main, args, standalone_mode=False)
    """,
}

PROGRAM = """
import asyncio, os, stat, sys
sys.path.insert(0, {root!r})
from a3s_store import FileSessionStore, SqliteSessionStore
from a3s_store.interop import export_directory
from tests.support import artifact, checkpoint, messages, run, session, trace

def look():
    for folder, folders, files in os.walk("."):
        for name in folders + files:
            path = os.path.join(folder, name)
            mode = os.lstat(path).st_mode
            if mode & 0o077 and not stat.S_ISLNK(mode):
                print("open to others:", path, oct(mode))
            print("made:", path)

async def main():
{code}

os.umask(0)
asyncio.run(main())
look()
"""


@pytest.mark.parametrize("what", MAKERS)
def test_all_that_is_made_is_its_owners_alone(tmp_path: Path, what: str) -> None:
    """With the umask that takes no right away; any other one can only take away more."""
    code = textwrap.indent(textwrap.dedent(MAKERS[what]), "    ")
    root = str(Path(__file__).parents[5])
    folder = tmp_path / "f"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(root=root, code=code)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if "open to others" in line] == []
    assert "made:" in done.stdout


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


async def nothing(_: SqliteSessionStore) -> None:
    """Open and close."""


async def advice(store: SqliteSessionStore) -> str:
    return " ".join((await store.health_check()).advice)


def test_a_store_others_could_open_is_narrowed_and_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with_store(path, nothing)
    path.chmod(0o664)
    said = with_store(path, advice)
    assert mode_of(path) == 0o600
    assert "0664" in said
    path.chmod(0o440)
    with_store(path, nothing)
    assert mode_of(path) == 0o400


def test_a_link_to_a_store_is_followed_once(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "real" / "s.db")

    async def save(store: SqliteSessionStore) -> Path:
        await store.save(session())
        return store.path

    assert with_store(link, save) == tmp_path / "real" / "s.db"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.db", "real"]
    assert mode_of(tmp_path / "real" / "s.db") == 0o600


def test_a_link_that_takes_the_files_place_is_refused(tmp_path: Path) -> None:
    """The path was resolved; what is a link there now was put there afterwards."""
    path = tmp_path / "s.db"
    with_store(path, nothing)
    (tmp_path / "other").mkdir()
    path.rename(tmp_path / "other" / "s.db")

    async def main() -> None:
        opening = SqliteSessionStore.open(path)
        # Between resolving and opening: as early as a test can be.
        from a3s_store.backends.sqlite.connection import connect
        from a3s_store.backends.sqlite.connection.settings import Settings

        settings = Settings(path=path)
        path.symlink_to(tmp_path / "other" / "s.db")
        with pytest.raises(NotAStoreError, match="not a regular file"):
            connect.open_writer(settings)
        async with opening as store:
            assert store.path == tmp_path / "other" / "s.db"

    asyncio.run(main())


@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
@pytest.mark.parametrize("kind", ["symlink", "dangling", "hard link", "folder"])
def test_what_was_planted_for_the_log_is_refused_and_not_touched(
    tmp_path: Path, end: str, kind: str
) -> None:
    path = tmp_path / "s.db"
    with_store(path, nothing)
    letter = tmp_path / "letter.txt"
    letter.write_text("dear ada")
    beside = path.with_name(path.name + end)
    if kind == "folder":
        beside.mkdir()
    elif kind == "hard link":
        os.link(letter, beside)
    else:
        beside.symlink_to(letter if kind == "symlink" else tmp_path / "nowhere")
    refusal = f"{beside.name} beside it is not a regular file"
    with pytest.raises(StoreUnavailableError, match=refusal):
        with_store(path, nothing)
    assert letter.read_text() == "dear ada"
    assert not (tmp_path / "nowhere").exists()


def test_a_file_with_two_names_is_refused_under_both(tmp_path: Path) -> None:
    path, other = tmp_path / "s.db", tmp_path / "t.db"
    with_store(path, nothing)
    os.link(path, other)
    for name in (path, other):
        with pytest.raises(StoreUnavailableError, match="2 names"):
            with_store(name, nothing)
    other.unlink()
    with_store(path, nothing)


# A user without privileges; the id needs no name.
UNPRIVILEGED = 65_534


def as_nobody(path: Path, *, save: bool = False) -> subprocess.CompletedProcess[str]:
    """Open a store as another user than the one who made it, and list what is in it."""
    program = (
        "import asyncio, os, sys, tempfile, time\n"
        "from a3s_store.models import SessionData\n"
        "from a3s_store.backends.sqlite import SqliteSessionStore\n"
        "async def ids(path):\n"
        "    async with SqliteSessionStore.open(path) as store:\n"
        "        if len(sys.argv) > 2:\n"
        "            now = time.time_ns()\n"
        "            await store.save(SessionData(id='x', created_at=1, updated_at=now))\n"
        "        return await store.list()\n"
        # Whatever has to be imported is, as long as the libraries can be read.
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    asyncio.run(ids(folder + '/warm.db'))\n"
        f"os.setgroups([]); os.setgid({UNPRIVILEGED}); os.setuid({UNPRIVILEGED})\n"
        "print(asyncio.run(ids(sys.argv[1])))\n"
    )
    root = str(Path(__file__).parents[5])
    return subprocess.run(
        [sys.executable, "-c", program, str(path), *["save"] * save],
        env=dict(os.environ, PYTHONPATH=root),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


needs_root = pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0, reason="only root can become another user"
)


@pytest.fixture
def public_folder() -> object:
    """A folder everybody may write to, and may enter."""
    folder = Path("/tmp") / f"a3s-store-test-{os.getpid()}"
    folder.mkdir()
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@needs_root
def test_another_users_file_is_refused(public_folder: Path) -> None:
    """Even where everybody may write to it: who owns it reads along."""
    path = public_folder / "s.db"
    with_store(path, nothing)
    path.chmod(0o666)
    done = as_nobody(path)
    assert "StoreUnavailableError" in done.stderr
    assert "belongs to root" in done.stderr
    assert mode_of(path) == 0o666
    os.chown(path, UNPRIVILEGED, UNPRIVILEGED)
    assert as_nobody(path).stdout == "[]\n"


@needs_root
def test_root_may_open_a_users_store_and_leaves_it_theirs(public_folder: Path) -> None:
    path = public_folder / "s.db"
    assert as_nobody(path).stdout == "[]\n"

    async def look(store: SqliteSessionStore) -> set[int]:
        await store.save(session())
        return {file.stat().st_uid for file in public_folder.iterdir()}

    assert with_store(path, look) == {UNPRIVILEGED}
    assert as_nobody(path).stdout == "['fix-login']\n"


@needs_root
def test_another_users_log_beside_our_file_is_refused(public_folder: Path) -> None:
    path = public_folder / "s.db"
    with_store(path, nothing)
    log = path.with_name("s.db-wal")
    log.write_bytes(b"x" * 5_000)
    os.chown(log, UNPRIVILEGED, UNPRIVILEGED)
    with pytest.raises(StoreUnavailableError, match="same owner"):
        with_store(path, nothing)
    assert log.read_bytes() == b"x" * 5_000


@needs_root
def test_a_file_or_folder_that_may_not_be_written_is_said_with_its_name(
    public_folder: Path,
) -> None:
    """Out of such a file sessions can be read; in such a folder there can be no log."""
    path = public_folder / "s.db"
    assert as_nobody(path, save=True).stdout == "['x']\n"
    path.chmod(0o400)
    assert as_nobody(path).stdout == "['x']\n"
    done = as_nobody(path, save=True)
    assert "StoreUnavailableError: save: " in done.stderr
    assert str(path) in done.stderr
    path.chmod(0o600)
    assert as_nobody(path, save=True).stdout == "['x']\n", "the log it left can be written again"
    public_folder.chmod(0o555)
    done = as_nobody(path)
    assert "StoreUnavailableError: open: " in done.stderr
    assert str(path) in done.stderr


@pytest.mark.parametrize("text", ["", "file:x?mode=rwc", "/dev/null", "/proc/self/mem", "a\0b"])
def test_what_is_no_file_of_ours_makes_no_store(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`file:...` is a name like any other, not an address."""
    monkeypatch.chdir(tmp_path)
    if text.startswith("file:"):
        with_store(Path(text), nothing)
        assert [p.name for p in tmp_path.iterdir()] == [text]
        return
    with pytest.raises(StoreError):
        asyncio.run(_open(text))
    assert list(tmp_path.iterdir()) == []


async def _open(text: str) -> None:
    async with SqliteSessionStore.open(text):
        raise AssertionError("it opened")


@pytest.mark.parametrize("content", [b"hi", b"x" * 8_192, b"SQLite format 3\0" + b"\0" * 84])
def test_another_file_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "letter"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(StoreError):
        with_store(path, nothing)
    assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["letter"]
