"""`salvage`: what came back is printed, what did not is named, and the exit code tells which."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import session
from tests.unit.cli.cli_runs import SESSION_ID, invoke, make_store, run

PAGE = 4096


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return make_store(tmp_path / "agent.a3s", session("other", 4))


def test_a_store_that_is_well_comes_back_whole(store: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.a3s"
    done = run("salvage", store, new)
    assert (done.returncode, done.stderr) == (0, "Nothing was damaged.\n")
    assert "2 sessions" in done.stdout
    shown = [invoke("show", path, SESSION_ID, "--json").stdout for path in (store, new)]
    assert shown[0] == shown[1] != ""


def test_what_is_damaged_is_named_and_exits_with_4(store: Path, tmp_path: Path) -> None:
    data = bytearray(store.read_bytes())
    at = data.index(b"m 2: ")
    data[at] ^= 1
    store.write_bytes(data)
    done = run("salvage", store, tmp_path / "new.a3s")
    assert done.returncode == 4
    assert "messages[2] of 'other'" in done.stdout
    assert "1 session" in done.stdout
    assert "m 2" not in done.stdout + done.stderr, "texts of messages are never printed"
    assert "Keep " in done.stderr
    report = json.loads(run("salvage", store, tmp_path / "again.a3s", "--json").stdout)
    assert (report["ok"], report["sessions"], report["partial"]) == (False, [SESSION_ID], ["other"])
    assert [one["position"] for one in report["damage"]] == [2]
    assert invoke("show", tmp_path / "new.a3s", "other").exit_code == 0


def test_what_cannot_be_salvaged_fails(store: Path, tmp_path: Path) -> None:
    (tmp_path / "rubbish").write_bytes(b"rubbish" * 1000)
    before = store.read_bytes()
    for arguments, code in (
        (("missing.a3s", "new.a3s"), 3),
        (("rubbish", "new.a3s"), 1),
        (("agent.a3s", "rubbish"), 1),
    ):
        done = run("salvage", *(tmp_path / name for name in arguments))
        assert (done.returncode, done.stdout) == (code, "")
        assert len(done.stderr.splitlines()) == 1
        assert not (tmp_path / "new.a3s").exists()
    assert store.read_bytes() == before


@pytest.mark.parametrize("command", ["list", "verify", "doctor", "info", "backup", "migrate"])
def test_a_first_page_of_zeros_is_damage_and_salvage_is_named(
    store: Path, tmp_path: Path, command: str
) -> None:
    store.write_bytes(bytes(PAGE) + store.read_bytes()[PAGE:])
    before = store.read_bytes()
    done = run(command, store, *([tmp_path / "new"] if command == "backup" else []))
    assert done.returncode == 4
    said = " ".join((done.stdout + done.stderr).split())
    assert "the first page is damaged" in said
    assert said.count("salvage") == 1
    assert "not a database" not in said
    assert "move" not in said
    assert store.read_bytes() == before


def test_a_store_without_its_first_page_comes_back_whole(store: Path, tmp_path: Path) -> None:
    whole = invoke("show", store, SESSION_ID, "--json").stdout
    store.write_bytes(bytes(PAGE) + store.read_bytes()[PAGE:])
    new = tmp_path / "new.a3s"
    assert run("salvage", store, new).returncode == 4
    assert invoke("show", new, SESSION_ID, "--json").stdout == whole


@pytest.mark.parametrize("content", [bytes(40 * PAGE), b"rubbish" * 10_000], ids=["zeros", "text"])
def test_what_has_no_pages_of_a_database_is_no_store(tmp_path: Path, content: bytes) -> None:
    other = tmp_path / "other"
    other.write_bytes(content)
    done = run("list", other)
    assert done.returncode == 1
    assert "salvage" not in done.stderr


def test_what_came_back_is_told_by_session_and_kept_in_the_new_file(
    store: Path, tmp_path: Path
) -> None:
    data = bytearray(store.read_bytes())
    data[data.index(b"m 2: ")] ^= 1
    store.write_bytes(bytes(PAGE) + data[PAGE:])
    new = tmp_path / "new.a3s"
    done = run("salvage", store, new)
    assert done.stdout.index("messages[2] of 'other'") < done.stdout.index("file")
    kept = json.loads(invoke("info", new, "--json").stdout)["facts"]["salvaged"]
    assert (kept["whole"], kept["partial"], kept["lost"]) == (1, ["other"], [])
    assert any("messages[2] of 'other'" in line for line in kept["damage"])
    shown = " ".join(invoke("doctor", new).stdout.split())
    assert "1 complete, 1 partial, 0 lost" in shown
    assert invoke("erase", new, "other", "--yes").exit_code == 0
    assert b"of 'other'" not in new.read_bytes()
