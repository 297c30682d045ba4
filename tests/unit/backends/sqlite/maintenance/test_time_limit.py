"""A check ends at its time limit, and its report says that it was not finished."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.maintenance import backup, verify
from a3s_store.backends.sqlite.maintenance.time_limit import OutOfTimeError, TimeLimit
from a3s_store.core.reports import VerifyReport
from a3s_store.errors import StoreUnavailableError
from tests.support import database, session, with_store

ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: store.save(session()))
    return path


def test_a_statement_without_end_is_interrupted_when_the_time_is_over() -> None:
    conn = sqlite3.connect(":memory:")
    with pytest.raises(OutOfTimeError), TimeLimit(0.05).over(conn):
        conn.execute(ENDLESS).fetchall()
    assert conn.execute("SELECT 1").fetchone() == (1,)
    conn.close()


def test_a_verification_that_was_not_finished_says_so_and_is_not_ok(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        report = await store.verify(depth="deep", time_limit=0)
        assert (report.finished, report.ok, report.damage) == (False, False, ())
        assert any("not finished" in what for what in report.skipped)
        assert (await store.health_check()).facts.get("last_verify") is None
        whole = await store.verify(depth="deep", time_limit=60)
        assert (whole.finished, whole.ok) == (True, True)

    with_store(path, use)


@pytest.mark.parametrize("limit", [-1, float("nan"), True, "1"])
def test_a_time_limit_that_is_none_is_refused(path: Path, limit: object) -> None:
    with pytest.raises(ValueError, match="time_limit"):
        with_store(path, lambda store: store.verify(time_limit=limit))  # type: ignore[arg-type]


def test_a_backup_whose_check_was_not_finished_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "seconds_for", lambda conn: 0.0)
    with pytest.raises(StoreUnavailableError, match="not finished"):
        backup.check(path)


def test_damage_whose_second_check_was_not_finished_is_told_and_no_failing_disk(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damage is verified a second time before it is reported, which may take longer."""
    seconds = iter((60.0, 0.0))

    intact = verify.verify

    def slower(conn: sqlite3.Connection, **options: Any) -> VerifyReport:
        return intact(conn, **{**options, "seconds": next(seconds)})

    async def use(store: SqliteSessionStore) -> None:
        monkeypatch.setattr(verify, "verify", slower)
        report = await store.verify(depth="deep")
        assert [damage.part for damage in report.damage] == ["messages"]
        await store.save(session("another"))

    with database(path) as conn:
        conn.execute("UPDATE message SET role = 'tool' WHERE seq = 1")
        conn.commit()
    with_store(path, use)


def test_damage_that_was_found_before_the_end_is_told(path: Path) -> None:
    with database(path) as conn:
        conn.execute("DELETE FROM file_link")
        conn.commit()
        looks = iter(range(100))
        report = verify.verify(conn, location="", depth="deep", stop=lambda: next(looks) > 4)
    assert not report.finished
    assert [one.part for one in report.damage] == ["file"]
