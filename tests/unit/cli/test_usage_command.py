"""`usage`: its table, its JSON, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.testing.samples import cost_record
from tests.support import session, with_store
from tests.unit.cli.cli_runs import files_under, invoke


@pytest.fixture
def store(tmp_path: Path) -> Path:
    calls = [
        cost_record(
            session_id=None, completion_tokens=2, timestamp=when, cost_usd=cost, model=model
        )
        for when, cost, model in (
            ("2026-05-18T08:00:00Z", 0.25, "small"),
            ("2026-05-18T23:00:00Z", 1.5, "large"),
            ("2026-05-19T08:00:00Z", None, "small"),
        )
    ]

    async def fill(opened: SqliteSessionStore) -> None:
        await opened.save(session("one", cost_records=tuple(calls)))
        await opened.fork("one", "two")

    path = tmp_path / "agent.a3s"
    with_store(path, fill)
    return path


def test_a_line_for_each_key(store: Path) -> None:
    before = files_under(store.parent)
    done = invoke("usage", store, "--by", "day, model")
    assert done.exit_code == 0, done.output
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["day", "model", "calls", "prompt", "completion", "cost", "not", "added"],
        ["2026-05-18", "large", "1", "1", "2", "$1.5000"],
        ["2026-05-18", "small", "1", "1", "2", "$0.2500"],
        ["2026-05-19", "small", "1", "1", "2", "$0.0000", "1", "unpriced"],
    ]
    assert files_under(store.parent) == before


def test_days_and_bounds_are_those_of_the_zone(store: Path) -> None:
    def days(*given: str) -> dict[str, int]:
        rows = json.loads(invoke("usage", store, *given, "--json").stdout)
        return {row["day"]: row["cost_nanousd"] for row in rows}

    assert days() == {"2026-05-18": 1_750_000_000, "2026-05-19": 0}
    assert days("--inherited") == {"2026-05-18": 3_500_000_000, "2026-05-19": 0}
    berlin = ("--tz", "Europe/Berlin")
    assert days(*berlin) == {"2026-05-18": 250_000_000, "2026-05-19": 1_500_000_000}
    assert days(*berlin, "--until", "2026-05-19") == {"2026-05-18": 250_000_000}
    assert days("--since", "2026-05-18T10:00+02:00", "--until", "2026-05-19") == {
        "2026-05-18": 1_750_000_000
    }


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (("--by", "week"), "--by"),
        (("--tz", "Mars/Olympus"), "--tz"),
        (("--since", "yesterday"), "--since"),
        (("--until", "2026-05-18T08:00"), "--until"),
    ],
)
def test_a_wrong_option_is_named(store: Path, given: tuple[str, ...], named: str) -> None:
    done = invoke("usage", store, *given)
    assert done.exit_code == 2
    assert named in done.stderr


def test_a_store_without_calls_has_no_table(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, lambda opened: opened.save(session("one")))
    done = invoke("usage", path)
    assert (done.exit_code, done.stdout) == (0, "")
    assert json.loads(invoke("usage", path, "--json").stdout) == []
