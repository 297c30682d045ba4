"""`import` and `export`: there and back to the byte, and an exit code that tells of refusals."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from a3s_store.cli.output import stderr
from tests.unit.cli.cli_runs import ROOT, SESSION_ID, files_under, invoke, make_store, run

UPSTREAM = ROOT / "tests" / "data" / "upstream" / "3.1.0"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    shutil.copytree(UPSTREAM, tmp_path / "sessions")
    return tmp_path / "sessions"


def test_in_and_out_again_to_the_byte(directory: Path, tmp_path: Path) -> None:
    store, out = tmp_path / "agent.a3s", tmp_path / "out"
    result = invoke("import", store, directory)
    assert result.exit_code == 0
    assert "read" in result.stdout
    assert "20" in result.stdout
    assert invoke("export", store, out).exit_code == 0
    assert files_under(out) == files_under(UPSTREAM)
    again = json.loads(invoke("export", store, out, "--json").stdout)
    assert again["counts"] == {"skipped": 20}


def test_a_refusal_exits_with_1_after_the_report(directory: Path, tmp_path: Path) -> None:
    (directory / "x.json").write_text("{broken")
    (directory / "notes.txt").write_text("mine")
    store = tmp_path / "agent.a3s"
    done = run("import", store, directory)
    assert done.returncode == 1
    assert "not a file of a session store" in done.stdout
    assert "x.json: " in done.stdout
    assert "Refused sessions were not written at all" in done.stderr
    found = json.loads(run("import", tmp_path / "b.a3s", directory, "--json").stdout)
    assert found["ok"] is False
    assert found["counts"] == {"read": 15, "refused": 5, "skipped": 1}
    assert {e["path"] for e in found["entries"] if e["outcome"] == "skipped"} == {"notes.txt"}


def test_conflicts_are_decided_by_the_option(directory: Path, tmp_path: Path) -> None:
    store = make_store(tmp_path / "agent.a3s")  # has a fix-login of its own

    def counts(mode: str) -> tuple[int, dict[str, int]]:
        result = invoke("import", store, directory, "--on-conflict", mode, "--json")
        return result.exit_code, json.loads(result.stdout)["counts"]

    assert counts("refuse") == (1, {"read": 15, "refused": 5})
    assert counts("skip") == (0, {"skipped": 20})
    assert counts("replace") == (0, {"read": 5, "skipped": 15})


def test_single_sessions_can_be_exported(directory: Path, tmp_path: Path) -> None:
    store, out = tmp_path / "agent.a3s", tmp_path / "out"
    invoke("import", store, directory)
    assert invoke("export", store, out, "--session", "x", "--session", "nope").exit_code == 3
    assert not out.exists()
    done = invoke("export", store, out, "--session", "x", "--session", SESSION_ID, "--json")
    assert done.exit_code == 0
    written = {e["session_id"] for e in json.loads(done.stdout)["entries"]}
    assert written == {"x", SESSION_ID}


def test_an_empty_directory_has_nothing_to_import(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = invoke("import", tmp_path / "agent.a3s", tmp_path / "empty")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no session was found" in result.stderr


def test_a_file_is_no_directory(directory: Path, tmp_path: Path) -> None:
    store, file = tmp_path / "agent.a3s", tmp_path / "file"
    file.write_text("x")
    result = invoke("import", store, file)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "is not a file of a known format" in result.stderr
    assert not store.exists()
    assert "is not a directory" in invoke("import", store, file, "--from", "a3s-code").stderr
    assert not store.exists()
    invoke("import", store, directory)
    assert invoke("export", store, file).exit_code == 1
    assert file.read_text() == "x"


def test_the_bar_is_on_stderr_and_only_on_a_terminal(directory: Path, tmp_path: Path) -> None:
    quiet = run("import", tmp_path / "a.a3s", directory)
    assert quiet.stderr == ""
    forced = {"FORCE_COLOR": "1", "TERM": "xterm"}
    assert "Importing" in run("import", tmp_path / "b.a3s", directory, env=forced).stderr
    with_json = run("import", tmp_path / "c.a3s", directory, "--json", env=forced)
    assert with_json.stderr == ""
    assert json.loads(with_json.stdout)["ok"] is True


def test_messages_have_a_console_of_their_own() -> None:
    assert stderr().stderr is True


def test_a_history_of_another_tool_is_imported_and_what_has_no_place_is_counted(
    tmp_path: Path,
) -> None:
    histories = ROOT / "tests" / "data" / "histories"
    result = invoke("import", tmp_path / "agent.a3s", histories)
    assert result.exit_code == 0
    assert "Kept as it was, without a place in a session: " in result.stderr
    assert "toolUseResult 1" in result.stderr
    again = json.loads(invoke("import", tmp_path / "agent.a3s", histories, "--json").stdout)
    assert again["counts"]["skipped"] >= 7
    assert "read" not in again["counts"]
    forced = invoke("import", tmp_path / "b.a3s", histories / "codex", "--from", "claude-code")
    assert forced.exit_code == 1
