"""`stats` and `prune` of whole sessions, and the progress that long commands show on stderr."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from tests.support import policy, session, with_store
from tests.unit.cli.cli_runs import files_under, invoke, run

OLD = time.time() - 100 * 86_400


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Three sessions of long ago: one in the trash, one archived."""

    async def fill(opened: SqliteSessionStore) -> None:
        for name in ("kept", "trashed", "archived"):
            await opened.save(session(name, count=40))
        await opened.trash("trashed")
        await opened.update("archived", archived=True)

    path = tmp_path / "agent.a3s"
    with_store(path, fill, clock=lambda: OLD, retention=policy())
    return path


def ids(path: Path) -> tuple[str, ...]:
    return with_store(path, lambda opened: opened.inventory()).sessions


def test_prune_deletes_trash_and_archived_sessions_when_it_is_asked(store: Path) -> None:
    assert "session" not in invoke("prune", store).stdout
    assert ids(store) == ("archived", "kept", "trashed")
    of_one = invoke("prune", store, "--session", "kept", "--trash-days", "1")
    assert of_one.exit_code == 0, of_one.output
    dry = invoke("prune", store, "--trash-days", "10", "--dry-run")
    assert dry.stdout.startswith("Would remove 1 session: trashed.\n")
    done = json.loads(invoke("prune", store, "--trash-days", "10", "--json").stdout)
    assert (done["deleted"], done["messages"]) == (["trashed"], 40)
    done = json.loads(invoke("prune", store, "--max-bytes", "1", "--json").stdout)
    assert done["deleted"] == ["archived"]
    assert "no archived session has them" in done["skipped"][0]
    assert ids(store) == ("kept",)


def test_prune_refuses_wrong_numbers_and_unknown_sessions(store: Path) -> None:
    assert invoke("prune", store, "--trash-days", "-1").exit_code == 2
    assert invoke("prune", store, "--max-bytes", "0").exit_code == 2
    missing = invoke("prune", store, "--session", "missing")
    assert missing.exit_code == 3
    assert "nothing is stored under this id" in missing.stderr


def test_stats_tell_what_takes_the_space_and_write_nothing(store: Path) -> None:
    before = files_under(store.parent)
    text = invoke("stats", store)
    assert text.exit_code == 0, text.output
    for word in ("messages", "indexes", "free pages", "commit log", "kept"):
        assert word in text.stdout
    tree = json.loads(invoke("stats", store, "--json").stdout)
    assert (tree["sessions"], tree["messages"]) == (3, 120)
    assert sum(tree["bytes_by"].values()) + tree["bytes_free_pages"] == tree["bytes_database"]
    assert {one["session_id"] for one in tree["largest"]} == {"kept", "trashed", "archived"}
    assert files_under(store.parent) == before
    assert invoke("stats", store.with_name("missing.a3s")).exit_code == 3


def test_the_help_of_prune_says_which_options_delete_sessions() -> None:
    said = " ".join(invoke("prune", "--help").output.split())
    assert "--trash-days and --max-bytes delete whole sessions" in said


LARGE = "9" * 30


@pytest.mark.parametrize(
    "given",
    [
        ("prune", "--days", LARGE),
        ("prune", "--max-bytes", LARGE),
        ("compact", "--target-free", "nan"),
        ("trash", "--empty", "--days", LARGE),
    ],
)
def test_numbers_that_are_refused_are_errors_of_usage(store: Path, given: tuple[str, ...]) -> None:
    before = files_under(store.parent)
    done = invoke(given[0], store, *given[1:])
    assert done.exit_code == 2, done.output
    assert files_under(store.parent) == before


LONG = {
    "verify": ("Verifying", ("--deep",)),
    "prune": ("Pruning", ()),
    "compact": ("Compacting", ()),
    "stats": ("Measuring", ()),
    "backup": ("Copying", ("copy.a3s",)),
    "export": ("Exporting", ("exported",)),
    "import": ("Importing", ("exported",)),
}


@pytest.mark.parametrize("command", LONG)
def test_progress_is_shown_on_a_terminal_only_and_never_beside_json(
    store: Path, tmp_path: Path, command: str
) -> None:
    title, more = LONG[command]
    terminal = {"FORCE_COLOR": "1"}
    if command == "import":
        assert run("export", store, str(tmp_path / "exported")).returncode == 0
    for number, (options, env, is_shown) in enumerate(
        (((), terminal, True), ((), {}, False), (("--json",), terminal, False))
    ):
        target = [
            str(tmp_path / (f"{number}{one}" if command != "import" else one))
            if not one.startswith("--")
            else one
            for one in more
        ]
        done = run(command, store, *target, *options, env=env)
        assert done.returncode == 0, done.stderr
        assert (title in done.stderr) is is_shown
        assert title not in done.stdout
        if is_shown:
            assert "left" in done.stderr
