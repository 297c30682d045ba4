"""`backup`, `restore` and `migrate` by command: what they print, make, keep, and exit with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from a3s_store.backends.sqlite.schema import migrate
from tests.support import database, with_store
from tests.unit.cli.cli_runs import SESSION_ID, files_under, invoke, make_store, run

# The schema of this release, and steps after it.
NOW = migrate.newest()
LATER = {**migrate.steps(), NOW + 1: ("CREATE TABLE later (x TEXT) STRICT;",)}
FAILING = {**LATER, NOW + 2: ("CREATE TABLE later (x TEXT) STRICT;",)}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return make_store(tmp_path / "agent.a3s")


def test_there_and_back(store: Path, tmp_path: Path) -> None:
    copy, again = tmp_path / "copy.a3s", tmp_path / "again.a3s"
    made = run("backup", store, copy)
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith("1 session, ")
    assert str(copy) in made.stdout
    back = run("restore", copy, again)
    assert (back.returncode, back.stderr) == (0, "")
    assert str(again) in back.stdout
    assert SESSION_ID in run("list", again).stdout
    assert sorted(files_under(tmp_path)) == ["again.a3s", "agent.a3s", "copy.a3s"]


def test_json_says_all_of_it(store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.a3s"
    made = json.loads(invoke("backup", store, copy, "--json").stdout)
    assert set(made) == {"source", "target", "bytes", "pages", "sessions", "seconds"}
    assert (made["target"], made["sessions"]) == (str(copy), 1)
    back = json.loads(invoke("restore", copy, store, "--replace", "--json").stdout)
    assert back["replaced"] == [f"{store}.replaced"]
    report = json.loads(invoke("migrate", store, "--json").stdout)
    assert (report["ok"], report["before"], report["steps"]) == (True, NOW, [])


def test_a_backup_may_leave_out_the_search_indexes(store: Path, tmp_path: Path) -> None:
    with_store(store, lambda opened: opened.rebuild_search())
    for name, options, there in (("a.a3s", [], True), ("b.a3s", ["--no-search"], False)):
        assert invoke("backup", store, tmp_path / name, *options).exit_code == 0
        with database(tmp_path / name) as conn:
            found = conn.execute("SELECT 1 FROM sqlite_schema WHERE name = 'search_index'")
            assert bool(found.fetchone()) == there
    assert sorted(files_under(tmp_path)) == ["a.a3s", "agent.a3s", "b.a3s"]


def test_nothing_is_replaced_unasked(store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.a3s"
    assert invoke("backup", store, copy).exit_code == 0
    before = files_under(tmp_path)
    for command in (("backup", store, copy), ("restore", copy, store)):
        result = invoke(*command)
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: ")
    assert files_under(tmp_path) == before


def test_what_was_replaced_is_named(store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.a3s"
    invoke("backup", store, copy)
    result = invoke("restore", copy, store, "--replace")
    assert result.exit_code == 0
    assert f"{store}.replaced" in result.stderr
    assert Path(f"{store}.replaced").exists()


@pytest.mark.parametrize(
    "command",
    [("backup", "missing.a3s", "x"), ("restore", "missing.a3s", "x"), ("migrate", "missing.a3s")],
)
def test_what_is_not_there_exits_with_3_and_makes_nothing(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    name, *paths = command
    result = invoke(name, *(tmp_path / path for path in paths))
    assert result.exit_code == 3
    assert files_under(tmp_path) == {}


def test_a_damaged_backup_is_refused(store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.a3s"
    invoke("backup", store, copy)
    with database(copy) as conn:
        conn.execute("UPDATE message SET role = 'tool'")
        conn.commit()
    result = invoke("restore", copy, tmp_path / "again.a3s")
    assert result.exit_code == 4
    assert "damaged" in result.stderr
    assert not (tmp_path / "again.a3s").exists()


def test_migrating_what_is_up_to_date_says_so(store: Path) -> None:
    result = invoke("migrate", store)
    assert result.exit_code == 0
    assert "nothing to do" in result.stdout


def test_a_dry_run_changes_nothing_and_a_real_one_names_the_backup(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "steps", lambda: LATER)
    before = files_under(tmp_path)
    tried = invoke("migrate", store, "--dry-run")
    assert tried.exit_code == 0
    assert f"from schema {NOW} to {NOW + 1}" in tried.stdout
    assert files_under(tmp_path) == before
    done = invoke("migrate", store)
    assert done.exit_code == 0
    assert f"schema {NOW} to {NOW + 1}" in done.stdout
    assert f"{store}.schema-{NOW}.backup" in done.stderr


def test_a_step_that_fails_exits_with_1_on_a_copy_and_for_real(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "steps", lambda: FAILING)
    before = files_under(tmp_path)
    tried = invoke("migrate", store, "--dry-run", "--json")
    assert tried.exit_code == 1
    assert json.loads(tried.stdout)["steps"] == [NOW + 1]
    assert f"step {NOW + 2} failed" in json.loads(tried.stdout)["failure"]
    assert files_under(tmp_path) == before
    assert f"step {NOW + 2} failed" in invoke("migrate", store, "--dry-run").stderr
    done = invoke("migrate", store)
    assert done.exit_code == 1
    assert f"step {NOW + 2} failed" in done.stderr
