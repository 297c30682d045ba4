"""No command lets SQLite play back a rollback journal, which may replace the whole store."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.support import session, with_store
from tests.unit.cli.cli_runs import invoke

MAGIC = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"

Command = Callable[[Path], Result]
COMMANDS: dict[str, Command] = {
    "list": lambda path: invoke("list", path),
    "show": lambda path: invoke("show", path, "fix-login"),
    "info": lambda path: invoke("info", path),
    "export": lambda path: invoke("export", path, path.parent / "out"),
    "verify": lambda path: invoke("verify", path),
    "verify --deep": lambda path: invoke("verify", path, "--deep"),
    "doctor": lambda path: invoke("doctor", path),
    "doctor --fix": lambda path: invoke("doctor", path, "--fix"),
    "backup": lambda path: invoke("backup", path, path.parent / "copy"),
    "restore": lambda path: invoke("restore", path, path.parent / "copy"),
    "migrate": lambda path: invoke("migrate", path),
    "migrate --dry-run": lambda path: invoke("migrate", path, "--dry-run"),
    "erase": lambda path: invoke("erase", path, "fix-login", "--yes"),
    "import": lambda path: invoke("import", path, path.parent),
}


def journal_of(database: bytes, victim: Path) -> bytes:
    """A journal that empties the database, and names a super-journal that SQLite would remove."""
    name = str(victim).encode()
    header = MAGIC + struct.pack(">5I", 0, 0, 0, 512, 4096)
    pages_of_locks = (0x40000000 // 4096) + 1
    tail = struct.pack(">I", pages_of_locks) + name
    tail += struct.pack(">2I", len(name), sum(name)) + MAGIC
    return header.ljust(512, b"\0") + tail


@pytest.mark.parametrize("command", COMMANDS)
def test_a_planted_journal_is_refused_and_nothing_is_touched(tmp_path: Path, command: str) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    path, victim = folder / "s.db", tmp_path / "victim"
    with_store(path, lambda store: store.save(session()))
    victim.write_bytes(b"precious")
    journal = folder / "s.db-journal"
    journal.write_bytes(journal_of(path.read_bytes(), victim))
    before = {each.name: each.read_bytes() for each in folder.iterdir()}
    done = COMMANDS[command](path)
    assert done.exit_code == 4
    assert "s.db-journal" in done.output
    assert "--set-aside-journal" in done.output
    assert victim.read_bytes() == b"precious"
    assert {each.name: each.read_bytes() for each in folder.iterdir()} == before


def test_a_journal_is_set_aside_and_the_store_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with_store(path, lambda store: store.save(session()))
    journal = tmp_path / "s.db-journal"
    journal.write_bytes(journal_of(path.read_bytes(), tmp_path / "victim"))
    content = journal.read_bytes()
    assert invoke("resolve", path, "--set-aside-journal").exit_code == 0
    assert (tmp_path / "s.db-journal.set-aside").read_bytes() == content
    assert with_store(path, lambda store: store.load("fix-login")) == session()
    assert invoke("verify", path).exit_code == 0
