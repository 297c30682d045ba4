"""`health_check` measures the store, and recommends actions."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.backends.sqlite.connection import wal_checkpoint
from a3s_store.backends.sqlite.maintenance import health as condition
from a3s_store.core.protocol import Health
from tests.support import database, session, trace, with_store

NOW = 1_779_100_000.0
DAY = 86_400


def clock() -> float:
    return NOW


async def health(store: SqliteSessionStore) -> Health:
    return await store.health_check()


def healthy(**facts: Any) -> dict[str, Any]:
    """Measurements for which nothing is recommended."""
    given = {
        "last_verify": {"at": NOW, "depth": "deep", "damage": 0},
        "permissions": "0600",
        "permissions_before": None,
        "folder_permissions": "0755",
        "hard_links": 1,
        "log_bytes": 4_000_000,
        "freelist_count": 10,
        "page_count": 5_000,
        "file_system": "ext4",
        "wal_reset_bug": "fixed",
        "checkpoint_error": None,
    }
    return given | facts


def said(now: float = NOW, **facts: Any) -> list[condition.Recommendation]:
    return list(condition.recommendations(healthy(**facts), now))


def test_the_facts_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "s.db"

    async def use(store: SqliteSessionStore) -> tuple[Health, Health]:
        before = await store.health_check()
        await store.save(session(count=50))
        await store.save_trace_events("fix-login", [trace(n) for n in range(500)])
        await store.verify(depth="quick")
        await store.delete("fix-login")
        await store.erase("fix-login")
        return before, await store.health_check()

    before, after = with_store(path, use, clock=clock)
    assert before.facts["last_verify"] is None
    assert before.facts["last_erase"] is None
    facts = after.facts
    assert facts["last_verify"] == {"at": int(NOW), "depth": "quick", "damage": 0}
    assert facts["last_erase"] == {"at": int(NOW)}
    assert facts["sqlite"] == sqlite3.sqlite_version
    assert facts["journal_mode"] == "wal"
    assert facts["durability"] == "full"
    assert facts["freelist_count"] == 0
    assert facts["checkpoint_error"] is None
    assert facts["wal_reset_bug"] == ("affected" if wal_checkpoint.has_reset_bug() else "fixed")
    if os.name == "posix":
        assert (facts["permissions"], facts["hard_links"]) == ("0600", 1)
        assert facts["owner"]
    with database(path) as conn:
        (pages,) = conn.execute("PRAGMA page_count").fetchone()
    assert facts["page_count"] == pages


def test_a_store_in_order_needs_no_word() -> None:
    assert said() == []


@pytest.mark.parametrize(
    ("facts", "word", "attention"),
    [
        ({"last_verify": None}, "never verified", False),
        ({"last_verify": {"at": NOW - 40 * DAY, "damage": 0}}, "40 days ago", False),
        ({"last_verify": {"at": NOW, "damage": 3}}, "found 3 damaged", True),
        ({"checkpoint_error": "disk I/O error"}, "disk I/O error", True),
        ({"permissions": "0644"}, "0644", True),
        ({"permissions": "0620"}, "0620", True),
        ({"permissions_before": "0664"}, "0664", True),
        ({"hard_links": 2}, "2 names", True),
        ({"folder_permissions": "0777"}, "0777", True),
        ({"folder_permissions": "0770"}, "0770", True),
        ({"folder_permissions": "1777"}, "1777", False),
        ({"log_bytes": 200 * 2**20}, "200 MiB", True),
        ({"freelist_count": 4_000}, "4000 of 5000", False),
        ({"freelist_count": 4_000}, "`compact --full` gives", False),
        ({"freelist_count": 4_000, "auto_vacuum": 2}, "`compact` gives", False),
        ({"wal_reset_bug": "affected"}, "WAL-reset", False),
    ],
)
def test_what_could_be_better_is_one_sentence(
    facts: dict[str, Any], word: str, attention: bool
) -> None:
    (one,) = said(**facts)
    assert word in one.text
    assert one.attention == attention
    assert one.text.endswith(".")


def test_little_that_is_free_or_long_ago_is_not_worth_a_word() -> None:
    assert said(freelist_count=900, page_count=1_000) == []
    assert said(freelist_count=4_000, page_count=9_000) == []
    assert said(last_verify={"at": NOW - 20 * DAY, "damage": 0}) == []


@pytest.mark.parametrize("value", ["", "{", "[]", "5", '{"at": "x"}', "{}", 7, b"x", None, 1.5])
def test_a_note_that_cannot_be_read_counts_as_none(tmp_path: Path, value: Any) -> None:
    """Another release may write it differently."""
    path = tmp_path / "s.db"
    with_store(path, health)
    with database(path) as conn:
        conn.execute("INSERT INTO meta (name, value) VALUES ('last_verify', ?)", (value,))
        conn.commit()
    found = with_store(path, health)
    assert found.facts["last_verify"] is None
    assert any("never verified" in text for text in found.advice)


def test_damage_that_was_found_is_said_until_it_is_verified_again(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with_store(path, health)
    note = '{"at": 1779100000, "depth": "deep", "damage": 2}'
    with database(path) as conn:
        conn.execute("INSERT INTO meta (name, value) VALUES ('last_verify', ?)", (note,))
        conn.commit()

    async def use(store: SqliteSessionStore) -> tuple[str, ...]:
        before = await store.health_check()
        assert "found 2 damaged" in before.advice[0]
        await store.verify()
        return (await store.health_check()).advice

    assert not any("damaged" in text for text in with_store(path, use, clock=clock))
