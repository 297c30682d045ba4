"""`erase` lists the copies that the store made beside its file, and erases there if asked."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore, restore
from a3s_store.backends.sqlite.format import file_copy, files_beside
from a3s_store.core import processes
from a3s_store.core.reports import EraseReport
from a3s_store.models import Message
from tests.support import session, with_store

SAID = "the-erased-session-said-this"


def dead_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        return process.pid


async def filled(path: Path) -> None:
    async with SqliteSessionStore.open(path) as store:
        await store.save(session("fix-login", messages=(Message.user(SAID),)))
        await store.save(session("other"))


def make_replaced(folder: Path) -> Path:
    """A store that was replaced by its own backup: both have both sessions."""
    path = folder / "agent.a3s"

    async def main() -> None:
        await filled(path)
        async with SqliteSessionStore.open(path) as store:
            await store.backup(folder / "copy")

    asyncio.run(main())
    restore(folder / "copy", path, replace=True)
    (folder / "copy").unlink()
    assert (folder / "agent.a3s.replaced").exists()
    return path


def erased(path: Path, *ids: str, copies: bool = False) -> EraseReport:
    return with_store(path, lambda store: store.erase(*ids, copies=copies))


def holding(folder: Path) -> list[str]:
    return sorted(f.name for f in folder.iterdir() if SAID.encode() in f.read_bytes())


def test_a_replaced_store_is_named_and_erased_in_when_asked(tmp_path: Path) -> None:
    path = make_replaced(tmp_path)
    replaced = tmp_path / "agent.a3s.replaced"
    report = erased(path, "fix-login")
    assert [(one.path, one.kind, one.why) for one in report.copies] == [
        (str(replaced), "replaced", None)
    ]
    assert holding(tmp_path) == ["agent.a3s.replaced"]
    report = erased(path, "fix-login", copies=True)
    assert (report.copies, report.erased_copies) == ((), (str(replaced),))
    assert holding(tmp_path) == []
    assert with_store(replaced, lambda store: store.list()) == ["other"]
    assert erased(path, "fix-login").copies == ()


def test_copies_without_the_session_are_not_named(tmp_path: Path) -> None:
    path = make_replaced(tmp_path)
    assert erased(path, "other").copies != ()
    with_store(path, lambda store: store.save(session("a-newer-one")))
    report = erased(path, "a-newer-one", copies=True)
    assert (report.copies, report.erased_copies) == ((), ())


def test_a_session_that_the_copy_had_deleted_is_found_there_as_well(tmp_path: Path) -> None:
    path = make_replaced(tmp_path)
    replaced = tmp_path / "agent.a3s.replaced"
    with_store(replaced, lambda store: store.delete("fix-login"))
    assert erased(path, "fix-login", copies=True).erased_copies == (str(replaced),)
    assert holding(tmp_path) == []


def test_what_is_no_store_is_named_with_a_reason_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    asyncio.run(filled(path))
    log = tmp_path / "agent.a3s-wal.set-aside"
    log.write_bytes(b"part of a log")
    rescue = tmp_path / "fix-login.20260101T000000Z.rescue.json"
    rescue.write_text(json.dumps({"session_id": "fix-login"}))
    (tmp_path / "fix.20260101T000000Z.rescue.json").write_text(json.dumps({"session_id": "fix"}))
    (tmp_path / "agent.a3s.notes").write_text("fix-login")
    report = erased(path, "fix-login", copies=True)
    assert {one.path: one.kind for one in report.copies} == {
        str(log): "set aside",
        str(rescue): "rescue file",
    }
    assert all(one.why and "remove it" in one.why for one in report.copies)
    assert log.exists()
    assert rescue.exists()


def test_unfinished_copies_of_dead_processes_are_removed_those_of_living_ones_kept(
    tmp_path: Path,
) -> None:
    path = tmp_path / "agent.a3s"
    asyncio.run(filled(path))
    dead = tmp_path / f"agent.a3s.{dead_process()}.0.partial"
    living = tmp_path / f"agent.a3s.schema-1.backup.{os.getppid()}.0.partial"
    never = tmp_path / f"agent.a3s.{10**20}.0.partial"
    for file in (dead, living, never, tmp_path / f"{dead.name}-journal"):
        file.write_bytes(SAID.encode())
    assert {one.kind for one in erased(path, "other").copies} == {"partial"}
    report = erased(path, "fix-login", copies=True)
    assert sorted(report.erased_copies) == sorted([str(dead), str(never)])
    ((left,)) = report.copies
    assert (left.path, left.why) == (
        str(living), f"process {os.getppid()} is still making it"
    )  # fmt: skip
    assert holding(tmp_path) == [living.name]


def test_an_unfinished_copy_is_known_by_the_token_of_its_process(tmp_path: Path) -> None:
    """A process id may be reused, and means another process in another container."""
    path = tmp_path / "agent.a3s"
    asyncio.run(filled(path))
    place, pid, start = processes.own_token().split(".")
    mine = tmp_path / f"agent.a3s.{place}.{pid}.{start}.0.partial"
    later = tmp_path / f"agent.a3s.replaced.{place}.{pid}.{start}1.0.partial"
    unknown_start = tmp_path / f"agent.a3s.{place}.{dead_process()}..0.partial"
    other = "0" * 12
    elsewhere = tmp_path / f"agent.a3s.{other}.{pid}.{start}.0.partial"
    old = tmp_path / f"agent.a3s.{other}.{pid}.{start}.1.partial"
    for file in (mine, later, unknown_start, elsewhere, old):
        file.write_bytes(SAID.encode())
    two_days = time.time() - 2 * 86_400
    os.utime(old, (two_days, two_days))
    report = erased(path, "fix-login", copies=True)
    assert sorted(report.erased_copies) == sorted(map(str, (later, unknown_start, old)))
    why = {one.path: one.why or "" for one in report.copies}
    assert why[str(mine)] == f"process {pid} is still making it"
    assert "of another machine" in why[str(elsewhere)]
    assert holding(tmp_path) == sorted((mine.name, elsewhere.name))


def test_a_copy_being_made_has_the_token_of_this_process_in_its_name(tmp_path: Path) -> None:
    for name in ("agent.a3s", "x" * 240):
        path = tmp_path / name
        with file_copy.temporary(path):
            (found,) = files_beside.find(path)
            assert (found.kind, found.writer) == ("partial", processes.own_token())
        assert files_beside.find(path) == ()


def test_a_damaged_copy_is_named_and_the_others_are_gone_on_with(tmp_path: Path) -> None:
    path = make_replaced(tmp_path)
    bad = tmp_path / "agent.a3s.rescued-1"
    bad.write_bytes(b"fix-login, and no store")
    report = erased(path, "fix-login", copies=True)
    assert [one.path for one in report.copies] == [str(bad)]
    assert report.copies[0].why
    assert report.erased_copies == (str(tmp_path / "agent.a3s.replaced"),)


def test_a_backup_before_a_migration_is_erased_in(tmp_path: Path) -> None:
    """The copy has an older schema; its migration leaves no further copy."""
    path = tmp_path / "agent.a3s"
    files = Path(__file__).parents[4] / "compat" / "files"
    path.write_bytes(gzip.decompress((files / "schema-1-0.1.0.a3s.gz").read_bytes()))
    ids = with_store(path, lambda store: store.list())
    assert ids
    (backup,) = [one for one in files_beside.find(path) if one.kind == "migration backup"]
    report = erased(path, *ids, copies=True)
    assert report.erased_copies == (str(backup.path),)
    assert with_store(backup.path, lambda store: store.list()) == []
    assert [one.path for one in files_beside.find(path)] == [backup.path]


@pytest.mark.parametrize("name", ["agent.a3s", "a b[1].db"])
def test_only_copies_of_this_store_are_found(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    of_ours = [".replaced", ".replaced.2", ".schema-3.backup", "-wal.set-aside", ".rescued-17"]
    others = [".bak", ".replaced.old", "-wal", ".schema-x.backup", "x.replaced", ".partial"]
    for end in (*of_ours, *others, ".9.1.partial"):
        (tmp_path / f"{name}{end}").touch()
    (tmp_path / f"another-{name}.replaced").touch()
    found = [one.path.name.removeprefix(name) for one in files_beside.find(path)]
    assert sorted(found) == sorted([*of_ours, ".9.1.partial"])


def test_health_names_the_copies(tmp_path: Path) -> None:
    path = make_replaced(tmp_path)
    health = with_store(path, lambda store: store.health_check())
    assert health.facts["copies"] == ["agent.a3s.replaced"]
    assert any("agent.a3s.replaced" in text for text in health.advice)


def test_sessions_below_are_erased_in_copies_too(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def fill(store: SqliteSessionStore) -> None:
        await store.save(session("top"))
        below = session("below", messages=(Message.user(SAID),), parent_id="top")
        await store.save(below)
        await store.backup(tmp_path / "copy")

    with_store(path, fill)
    restore(tmp_path / "copy", path, replace=True)
    (tmp_path / "copy").unlink()
    report = with_store(path, lambda store: store.erase("top", tree=True, copies=True))
    assert (set(report.found), report.copies) == ({"top", "below"}, ())
    assert holding(tmp_path) == []


def test_a_session_that_only_a_copy_has_is_erased_there(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def fill(store: SqliteSessionStore) -> None:
        await store.save(session("other"))
        await store.backup(tmp_path / "copy")
        await store.save(session("fix-login", messages=(Message.user(SAID),)))

    with_store(path, fill)
    restore(tmp_path / "copy", path, replace=True)
    (tmp_path / "copy").unlink()
    assert holding(tmp_path) == ["agent.a3s.replaced"]
    report = erased(path, "fix-login", copies=True)
    assert (report.found, report.copies) == ((), ())
    assert holding(tmp_path) == []
