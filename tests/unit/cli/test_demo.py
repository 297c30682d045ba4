"""`demo`: true, quick, and leaving nothing behind."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from a3s_store.errors import StoreError
from examples.demo import crash, session, steps
from tests.support import database, with_store
from tests.unit.cli.cli_runs import NOW, environment, files_under, invoke, run


def test_demo_is_quick_and_leaves_nothing_behind(tmp_path: Path) -> None:
    began = time.monotonic()
    done = run("demo", env={"TMPDIR": str(tmp_path), "TEMP": str(tmp_path)}, cwd=tmp_path)
    assert time.monotonic() - began < 10
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []
    for part in ("1. A whole agent session", "6 rows written", "Integrity check: ok", "Try next"):
        assert part in done.stdout
    assert "a3s-store demo --keep demo.a3s" in done.stdout


def test_demo_keeps_a_store_that_works(tmp_path: Path) -> None:
    kept = tmp_path / "it's kept.a3s"
    done = run("demo", "--keep", kept, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["kept"] == str(kept)
    assert found["saved"]["loaded_equal"] is True
    assert found["two_more"]["inserted"] == {"generation": 1, "message": 2, "commit_log": 1}
    assert found["two_more"]["rows_written"] == 6
    assert "message" not in found["fork"]["inserted"]
    assert found["crash"]["integrity"] == "ok"
    assert found["crash"]["state"] in {"before", "after"}
    assert found["crash"]["digest"] == found["crash"][found["crash"]["state"]]
    if sys.platform != "win32":
        assert found["crash"]["exit_code"] == -9
    assert list(files_under(tmp_path)) == [kept.name]
    listed = json.loads(invoke("list", kept, "--json").stdout)
    assert listed == found["sessions"]
    with database(kept) as conn:
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = conn.execute(
            "SELECT role, content FROM conversation WHERE session_id = 'fix-login'"
        ).fetchall()
    assert len(rows) == 12
    again = run("demo", "--keep", kept)
    assert again.returncode == 1
    assert "exists already" in again.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="quoted for a POSIX shell")
def test_the_commands_to_try_next_work(tmp_path: Path) -> None:
    kept = tmp_path / "it's kept.a3s"
    done = run("demo", "--keep", kept)
    lines = done.stdout.split("Try next\n")[1].splitlines()
    assert len(lines) == 4
    for line in lines:
        words = line.strip()
        if words.startswith("a3s-store "):
            words = f"{sys.executable} -m a3s_store {words.removeprefix('a3s-store ')}"
            tried = subprocess.run(
                words, shell=True, env=environment(), cwd=tmp_path, capture_output=True, check=False
            )
            assert (tried.returncode, tried.stderr) == (0, b"")
    assert lines[3].strip().startswith("sqlite3 ")


def test_the_session_has_a_value_of_every_collection() -> None:
    snapshot = session.snapshot(NOW)
    assert all(snapshot.collections().values())
    assert snapshot.session.cost_records
    assert snapshot.session.tasks


def test_a_child_that_cannot_save_is_an_error_and_no_success(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="could not save"):
        crash.crash(tmp_path / "missing" / "agent.a3s")


def test_a_store_that_is_not_as_it_should_be_fails_the_demo(tmp_path: Path) -> None:
    """The check after the kill can fail: it is given digests of another save."""
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: store.save_snapshot(session.snapshot(NOW)))
    crashed = crash.crash(path)
    wrong = crash.Crash(
        acknowledged=crashed.acknowledged,
        before="sha256:" + "0" * 64,
        after="sha256:" + "1" * 64,
        exit_code=-9,
    )
    with pytest.raises(StoreError, match="not as it should be"):
        asyncio.run(steps.verify_after_crash(path, wrong))
    assert asyncio.run(steps.verify_after_crash(path, crashed))["integrity"] == "ok"


def test_a_line_cut_off_by_the_kill_is_not_believed() -> None:
    heard = crash._Heard()
    heard.line("next 1 sha256:aa\n")
    heard.line("kept 1 sha2")
    assert heard.in_a_save
    heard.line("kept 1 sha256:aa\n")
    assert not heard.in_a_save
