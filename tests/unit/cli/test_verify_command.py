"""`verify`: what it says of a whole store and of a damaged one, and what it exits with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from a3s_store.backends.sqlite.rows import message_log
from a3s_store.core.segments import segment_at
from tests.everything import fill
from tests.support import database, with_store
from tests.unit.cli.cli_runs import invoke, run


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "agent.a3s"
    with_store(path, fill)
    return path


def damage(store: Path) -> None:
    with database(store) as conn:
        (head,) = conn.execute("SELECT head_branch FROM session LIMIT 1").fetchone()
        part = segment_at(message_log.segments_of(conn, head, None), 2)
        assert part is not None
        conn.execute(
            "UPDATE message SET content = replace(content, 'e', 'f') "
            "WHERE branch_key = ? AND seq = ?",
            (part.source, part.seq(1)),
        )
        conn.commit()


@pytest.mark.parametrize("depth", [(), ("--deep",)])
def test_a_whole_store_is_said_to_be_whole(store: Path, depth: tuple[str, ...]) -> None:
    done = run("verify", store, *depth)
    assert (done.returncode, done.stderr) == (0, "")
    assert "intact" in done.stdout
    assert "3 sessions" in done.stdout


def test_a_damaged_store_exits_with_4_and_says_where(store: Path) -> None:
    damage(store)
    done = run("verify", store, "--deep")
    assert done.returncode == 4
    assert "DAMAGED" in done.stdout
    assert "messages[1] of 'fix-login'" in done.stdout
    assert "salvage" in done.stderr


def test_json_has_the_whole_report(store: Path) -> None:
    damage(store)
    done = invoke("verify", store, "--deep", "--json")
    report = json.loads(done.stdout)
    assert done.exit_code == 4
    assert (report["ok"], report["depth"]) == (False, "deep")
    places = [(d["family"], d["position"], d["session_id"]) for d in report["damage"]]
    assert ("messages", 1, "fix-login") in places


def test_a_file_that_does_not_even_open_is_damaged_too(store: Path) -> None:
    data = bytearray(store.read_bytes())
    data[100:4096] = bytes(len(data[100:4096]))
    store.write_bytes(data)
    done = invoke("verify", store, "--json")
    assert done.exit_code == 4
    assert json.loads(done.stdout)["damage"]


def test_a_load_of_a_damaged_session_exits_with_4_too(store: Path) -> None:
    damage(store)
    done = run("show", store, "fix-login")
    assert done.returncode == 4
    assert "messages[1]" in done.stderr


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert run("verify", tmp_path / "none.a3s").returncode == 3
    assert list(tmp_path.iterdir()) == []
