"""Drafts in a file: claims, damage, salvage, backup, erasing, and the cost of a rewrite."""

from __future__ import annotations

import asyncio
from pathlib import Path

import attrs
import pytest

from a3s_store import SqliteSessionStore, salvage
from a3s_store.core.drafts import Draft
from a3s_store.core.reports import SalvageReport
from a3s_store.errors import CorruptionError, EncodeError, RunClaimedError, StoreClosedError
from tests.support import checkpoint, database, messages, session, with_store

DRAFT = Draft(position=3, text="the reply so far", reasoning_content="a thought", updated_at_ms=5)


async def fill(store: SqliteSessionStore) -> None:
    """Save a session, a run of it with three messages, and a draft of the fourth."""
    await store.save(session())
    await store.save_loop_checkpoint("run-1", checkpoint(messages(3)))
    await store.save_draft("run-1", DRAFT)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed store with a draft."""
    made = tmp_path / "agent.a3s"
    with_store(made, fill)
    return made


def change(path: Path, sql: str, *values: object) -> None:
    with database(path) as conn:
        conn.execute(sql, values)
        conn.commit()


def salvaged(path: Path) -> SalvageReport:
    return asyncio.run(salvage(path, path.with_name("new.a3s")))


def draft_in(path: Path) -> Draft | None:
    return with_store(path, lambda store: store.load_draft("run-1"))


# -- Claims -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mine", [None, "mine"])
def test_a_run_that_another_has_claimed_takes_no_draft(path: Path, mine: str | None) -> None:
    change(path, "UPDATE loop_checkpoint SET claimed_by = 'theirs'")

    async def use(store: SqliteSessionStore) -> None:
        with pytest.raises(RunClaimedError) as caught:
            await store.save_draft("run-1", attrs.evolve(DRAFT, text="other"), claimed_by=mine)
        assert caught.value.run_id == "run-1"
        if mine is not None:
            with pytest.raises(RunClaimedError):
                await store.delete_draft("run-1", claimed_by=mine)
        assert await store.load_draft("run-1") == DRAFT
        later = attrs.evolve(DRAFT, text="later")
        await store.save_draft("run-1", later, claimed_by="theirs")
        assert await store.load_draft("run-1") == later
        await store.delete_draft("run-1", claimed_by="theirs")
        assert await store.load_draft("run-1") is None

    with_store(path, use)


def test_a_run_that_no_one_has_claimed_takes_a_draft_with_any_token(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        later = attrs.evolve(DRAFT, text="later")
        await store.save_draft("run-1", later, claimed_by="mine")
        assert await store.load_draft("run-1") == later

    with_store(path, use)


# -- Redaction --------------------------------------------------------------------------------


def test_both_texts_of_a_draft_are_redacted(path: Path) -> None:
    async def use(store: SqliteSessionStore) -> None:
        await store.save_draft("run-1", DRAFT)
        found = await store.load_draft("run-1")
        assert found == attrs.evolve(
            DRAFT, text="*** reply so far", reasoning_content="*** thought"
        )

    with_store(path, use, redact=lambda text: text.replace("the", "***").replace("a t", "*** t"))


def test_a_redaction_that_fails_names_the_text_and_writes_nothing(path: Path) -> None:
    def refuse(text: str) -> str:
        if text == DRAFT.reasoning_content:
            raise RuntimeError("secret")
        return text

    async def use(store: SqliteSessionStore) -> None:
        with pytest.raises(EncodeError) as caught:
            await store.save_draft("run-1", attrs.evolve(DRAFT, text="other"))
        assert caught.value.path == "reasoning_content"
        assert "secret" not in str(caught.value)
        assert await store.load_draft("run-1") == DRAFT

    with_store(path, use, redact=refuse)


# -- Damage -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "column", ["position = 4", "text = 'another'", "reasoning_content = NULL", "row_checksum = 1"]
)
def test_a_damaged_draft_is_named_and_its_checkpoint_is_whole(path: Path, column: str) -> None:
    change(path, f"UPDATE draft SET {column}")

    async def use(store: SqliteSessionStore) -> None:
        with pytest.raises(CorruptionError) as caught:
            await store.load_draft("run-1")
        assert caught.value.part == "draft"
        assert "run-1" in str(caught.value)
        assert await store.load_loop_checkpoint("run-1") == checkpoint(messages(3))
        for depth in ("quick", "deep"):
            report = await store.verify(depth=depth)
            assert [damage.part for damage in report.damage] == ["draft"]
        # Overwriting does not read the damaged row.
        await store.save_draft("run-1", DRAFT)
        assert await store.load_draft("run-1") == DRAFT

    with_store(path, use)


def test_no_reasoning_and_an_empty_one_are_told_apart(path: Path) -> None:
    with_store(path, lambda store: store.save_draft("run-1", Draft(position=3, text="a")))
    change(path, "UPDATE draft SET reasoning_content = ''")
    with pytest.raises(CorruptionError):
        draft_in(path)


def test_a_draft_beside_the_checkpoint_of_another_run_is_damaged(path: Path) -> None:
    async def more(store: SqliteSessionStore) -> None:
        await store.save_loop_checkpoint("run-2", checkpoint(messages(3), "run-2"))

    with_store(path, more)
    change(
        path,
        "UPDATE draft SET loop_checkpoint_key = "
        "(SELECT loop_checkpoint_key FROM loop_checkpoint WHERE run_id = 'run-2')",
    )
    with pytest.raises(CorruptionError):
        with_store(path, lambda store: store.load_draft("run-2"))
    assert draft_in(path) is None


def test_salvage_brings_a_whole_draft_over(path: Path) -> None:
    report = salvaged(path)
    assert (report.damage, report.checkpoints) == ((), 1)
    assert draft_in(path.with_name("new.a3s")) == DRAFT


def test_salvage_leaves_a_damaged_draft_out_and_names_it(path: Path) -> None:
    change(path, "UPDATE draft SET text = 'another'")
    report = salvaged(path)
    assert [(one.part, one.key) for one in report.damage] == [("draft", "run-1")]
    assert report.checkpoints == 1
    assert draft_in(path.with_name("new.a3s")) is None


def test_salvage_names_a_draft_whose_checkpoint_is_lost(path: Path) -> None:
    change(path, "DELETE FROM loop_checkpoint")  # without foreign keys, as damage does it
    report = salvaged(path)
    assert [one.part for one in report.damage] == ["draft"]
    assert report.checkpoints == 0


def test_a_backup_has_the_draft_and_a_fork_has_none(path: Path) -> None:
    copy = path.with_name("copy.a3s")

    async def use(store: SqliteSessionStore) -> None:
        await store.backup(copy)
        await store.fork("fix-login", "fork")
        await store.delete("fork")
        assert await store.load_draft("run-1") == DRAFT

    with_store(path, use)
    assert draft_in(copy) == DRAFT


# -- Erasing, and what a rewrite costs --------------------------------------------------------


def test_after_erase_no_byte_of_any_draft_is_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    words = [f"word{number:05}xyz" for number in range(1_500)]

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session())
        await store.save_loop_checkpoint("run-1", checkpoint(messages(3)))
        for count in range(1, len(words), 50):
            text = " ".join(words[:count])
            await store.save_draft("run-1", Draft(position=3, text=text, reasoning_content=text))
        await store.erase("fix-login")
        data = path.read_bytes() + path.with_name("agent.a3s-wal").read_bytes()
        assert [word for word in words if word.encode()[4:] in data] == []

    with_store(path, use)
    assert b"xyz" not in path.read_bytes()


def test_a_draft_that_grows_is_one_row_and_no_generation_or_branch(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session())
        await store.save_loop_checkpoint("run-1", checkpoint(messages(3)))
        for count in range(200):
            await store.save_draft("run-1", Draft(position=3, text="word " * count))
        assert await store.generation("fix-login") == 1

    with_store(path, use)
    with database(path) as conn:
        counts = [
            conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("draft", "branch", "message")
        ]
    assert counts == [1, 1, 4]


def test_a_closed_store_takes_and_gives_no_draft(path: Path) -> None:
    async def use() -> None:
        store = await SqliteSessionStore.open(path)
        await store.close()
        for call in (
            store.save_draft("run-1", DRAFT),
            store.load_draft("run-1"),
            store.delete_draft("run-1"),
        ):
            with pytest.raises(StoreClosedError):
                await call

    asyncio.run(use())
