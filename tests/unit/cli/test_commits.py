"""`log` and `tail`: the commits that a store has, and those that come."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from tests.support import session, with_store
from tests.unit.cli.cli_runs import environment, invoke


@pytest.fixture
def store(tmp_path: Path) -> Path:
    async def fill(opened: SqliteSessionStore) -> None:
        for count in (1, 2):
            for name in ("fix-login", "docs"):
                await opened.save(session(name, count=count))
        await opened.delete("docs")

    path = tmp_path / "agent.a3s"
    with_store(path, fill)
    return path


def _found(output: str) -> list[list[str]]:
    """Number, what was done, generation and session of each line."""
    lines = [line.split() for line in output.splitlines()]
    return [[one[0], *one[3:]] for one in lines]


def test_log_lists_commits_in_pages(store: Path) -> None:
    done = invoke("log", store, "--limit", "2")
    assert _found(done.stdout) == [["1", "save", "1", "fix-login"], ["2", "save", "1", "docs"]]
    assert done.stderr == "There are more: --after 2\n"
    done = invoke("log", store, "--after", "2", "--session", "docs")
    assert _found(done.stdout) == [["4", "save", "2", "docs"], ["5", "delete", "3", "docs"]]
    assert done.stderr == ""


def test_log_as_json_says_where_to_go_on(store: Path) -> None:
    page = json.loads(invoke("log", store, "--limit", "2", "--json").stdout)
    assert [one["sequence"] for one in page.pop("commits")] == [1, 2]
    assert page == {
        "first_available": 1,
        "latest": 5,
        "next_after": 2,
        "gap": None,
        "has_more": True,
    }


def test_log_says_when_there_is_nothing_and_when_a_number_is_of_another_store(store: Path) -> None:
    done = invoke("log", store, "--session", "unknown")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == f"There are no such commits in {store}.\n"
    done = invoke("log", store, "--after", "9")
    assert len(_found(done.stdout)) == 5
    assert done.stderr == "The newest commit is 5, so all are listed.\n"
    assert invoke("log", store.with_name("none.a3s")).exit_code == 3
    assert invoke("log", store, "--after", "-1").exit_code == 2


def test_tail_shows_the_newest_commits(store: Path) -> None:
    assert [one[0] for one in _found(invoke("tail", store, "-n", "2").stdout)] == ["4", "5"]
    assert len(_found(invoke("tail", store).stdout)) == 5
    assert invoke("tail", store, "-n", "0").stdout == ""
    lines = invoke("tail", store, "-n", "3", "--session", "docs", "--json").stdout.splitlines()
    assert [json.loads(line)["sequence"] for line in lines] == [4, 5]


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be sent Ctrl-C alone there")
def test_tail_follows_until_ctrl_c(store: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "a3s_store", "tail", str(store), "--follow", "-n", "1"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    lines = [process.stdout.readline()]  # from now on it follows
    with_store(store, lambda opened: opened.save(session("new", count=1)))
    lines.append(process.stdout.readline())
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert _found("".join(lines) + out) == [["5", "delete", "3", "docs"], ["6", "save", "1", "new"]]
    assert (process.returncode, err) == (130, "Interrupted.\n")
