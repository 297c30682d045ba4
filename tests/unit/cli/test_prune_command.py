"""`prune` and `compact`: their output, and how the store is then."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from tests.support import messages, session, with_store
from tests.unit.cli.cli_runs import files_under, invoke

OLD = time.time() - 100 * 86_400


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A session that was saved ten times and then rewritten, long ago."""

    async def fill(opened: SqliteSessionStore) -> None:
        for count in range(1, 11):
            await opened.save(session(count=count))
        await opened.save(session(messages=messages(2, tag="anew")))

    path = tmp_path / "agent.a3s"
    with_store(path, fill, clock=lambda: OLD)
    return path


def generations(path: Path) -> list[int]:
    found = with_store(path, lambda opened: opened.generations("fix-login"))
    return [generation.number for generation in found]


def test_prune_keeps_every_message_unless_days_are_given(store: Path) -> None:
    done = invoke("prune", store, "--keep", "1")
    assert done.exit_code == 0, done.output
    assert done.stdout == "Removed 9 generations, 0 messages and 0 blobs (0 B).\n"
    assert "Not removed: 1 generations with messages that no later one has" in done.stderr
    assert generations(store) == [10, 11]
    done = invoke("prune", store, "--keep", "1", "--days", "90")
    assert done.stdout.startswith("Removed 1 generation, 10 messages and 0 blobs (")
    assert generations(store) == [11]


def test_a_dry_run_says_the_same_and_changes_no_file(store: Path) -> None:
    before = files_under(store.parent)
    dry = json.loads(
        invoke("prune", store, "--keep", "1", "--days", "90", "--dry-run", "--json").stdout
    )
    assert files_under(store.parent) == before
    done = json.loads(invoke("prune", store, "--keep", "1", "--days", "90", "--json").stdout)
    assert (dry["generations"], dry["messages"]) == (10, 10)
    different = {"dry_run", "bytes_free_pages", "seconds"}
    assert {name for name in done if done[name] != dry[name]} <= different


def test_prune_of_nothing_and_with_numbers_that_keep_nothing_is_refused(store: Path) -> None:
    assert invoke("prune", store.with_name("missing.a3s")).exit_code == 3
    assert invoke("prune", store, "--keep", "0").exit_code == 2
    assert generations(store) == [*range(1, 12)]


@pytest.mark.parametrize("auto_vacuum", [True, False])
def test_compact_gives_back_what_it_can_and_says_what_it_cannot(
    tmp_path: Path, auto_vacuum: bool
) -> None:
    path = tmp_path / "agent.a3s"

    async def fill(opened: SqliteSessionStore) -> None:
        await opened.save(session())
        await opened.save(session("large", count=5_000))
        await opened.delete("large")

    with_store(path, fill, auto_vacuum=auto_vacuum)
    before = path.stat().st_size
    done = invoke("compact", path)
    assert done.exit_code == 0, done.output
    if not auto_vacuum:
        assert path.stat().st_size == before
        assert "--full" in done.stderr
        done = invoke("compact", path, "--full", "--json")
        assert json.loads(done.stdout)["advice"] is None
    assert path.stat().st_size < before / 2
    assert invoke("compact", path, "--target-free", "1").exit_code == 2
    assert invoke("compact", path.with_name("missing.a3s")).exit_code == 3
