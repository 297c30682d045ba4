"""The checksum of a message's row knows its file and its branch."""

from __future__ import annotations

import asyncio
import gzip
import sqlite3
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore, restore, salvage
from a3s_store.backends.sqlite.format import row_salt
from a3s_store.errors import CorruptionError, StoreError
from a3s_store.models import Message
from tests.compat import make_file
from tests.support import database, messages, session, with_store

OLD = make_file.FILES / "schema-5-0.1.0.a3s.gz"
COLUMNS = "chain_hash, checksum, role, reasoning_content, extra, content"


def made(path: Path, tag: str, count: int = 12) -> Path:
    """A store as a program makes it; `tag` is in each message."""
    with_store(path, lambda store: store.save(session("talk", messages=messages(count, tag=tag))))
    return path


def old_file(folder: Path) -> Path:
    """A file of schema 5, all of whose rows are without salt."""
    path = folder / "old.a3s"
    path.write_bytes(gzip.decompress(OLD.read_bytes()))
    return path


def put_in(path: Path, source: Path, first: int, last: int) -> None:
    """Put rows of messages of another file in the place of those with the same keys."""
    with database(source) as conn:
        rows = conn.execute(
            f"SELECT {COLUMNS}, message_key FROM message WHERE message_key BETWEEN ? AND ?",
            (first, last),
        ).fetchall()
    assert len(rows) == last - first + 1
    with database(path) as conn:
        conn.executemany(
            f"UPDATE message SET ({COLUMNS}) = (?, ?, ?, ?, ?, ?) WHERE message_key = ?", rows
        )
        conn.commit()


def loaded(path: Path, session_id: str = "talk") -> tuple[Message, ...]:
    """The messages that a load returns."""
    found = with_store(path, lambda store: store.load(session_id))
    assert found is not None
    return found.messages


def test_a_page_of_messages_of_another_store_is_refused_by_a_load(tmp_path: Path) -> None:
    path = made(tmp_path / "a.a3s", "ours")
    put_in(path, made(tmp_path / "b.a3s", "theirs"), 4, 9)
    with pytest.raises(CorruptionError) as caught:
        loaded(path)
    assert (caught.value.part, caught.value.position) == ("messages", 3)


def test_salvage_leaves_out_messages_of_another_store_and_says_what_is_partial(
    tmp_path: Path,
) -> None:
    path = made(tmp_path / "a.a3s", "ours")
    put_in(path, made(tmp_path / "b.a3s", "theirs"), 4, 9)
    report = asyncio.run(salvage(path, tmp_path / "new.a3s"))
    assert (report.sessions, report.partial) == ((), ("talk",))
    assert {one.position for one in report.damage if one.part == "messages"} == set(range(3, 9))
    ours = messages(12, tag="ours")
    assert loaded(tmp_path / "new.a3s") == (*ours[:3], *ours[9:])


def test_a_message_of_another_branch_is_refused_at_the_same_position(tmp_path: Path) -> None:
    path = tmp_path / "a.a3s"

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("talk", messages=messages(4, tag="one")))
        await store.save(session("other", messages=messages(4, tag="two")))

    with_store(path, use)
    with database(path) as conn:
        conn.execute(
            f"UPDATE message SET ({COLUMNS}) = (SELECT {COLUMNS} FROM message "
            "WHERE branch_key = 2 AND seq = 1) WHERE branch_key = 1 AND seq = 1"
        )
        conn.commit()
    with pytest.raises(CorruptionError) as caught:
        loaded(path)
    assert (caught.value.part, caught.value.position) == ("messages", 1)


def test_messages_of_an_old_file_are_read_and_those_that_follow_are_salted(tmp_path: Path) -> None:
    path = old_file(tmp_path)
    with database(path) as conn:
        (last,) = conn.execute("SELECT max(message_key) FROM message").fetchone()
    before = loaded(path, "grew")
    longer = session("grew", messages=(*before, *messages(3, tag="later")))
    with_store(path, lambda store: store.save(longer))
    assert loaded(path, "grew") == longer.messages
    with database(path) as conn:
        salt = row_salt.read(conn)
        assert salt.first_key == last + 1
        conn.execute(
            f"UPDATE message SET ({COLUMNS}) = (SELECT {COLUMNS} FROM message "
            "WHERE branch_key = 1 AND seq = 0) WHERE message_key > ?",
            (last,),
        )
        conn.commit()
    with pytest.raises(CorruptionError):
        loaded(path, "grew")


def test_keys_of_deleted_rows_of_an_old_file_are_given_again(tmp_path: Path) -> None:
    path = old_file(tmp_path)

    async def use(store: SqliteSessionStore) -> None:
        for session_id in await store.list():
            await store.delete(session_id)
        for run_id in ("run-rich", "run-grew", "run-live"):
            await store.delete_loop_checkpoint(run_id)
        await store.save(session("talk", messages=messages(3)))

    with_store(path, use)
    with database(path) as conn:
        keys = conn.execute("SELECT message_key FROM message").fetchall()
        assert max(keys)[0] < row_salt.read(conn).first_key
    assert loaded(path) == messages(3)
    assert with_store(path, lambda store: store.verify(depth="deep")).ok


def test_a_program_of_an_older_schema_cannot_add_a_message(tmp_path: Path) -> None:
    """It may have had the file open while that was migrated; its rows would be refused later."""
    path = old_file(tmp_path)
    insert = (
        "INSERT INTO message (branch_key, seq, role, content, chain_hash, row_checksum) "
        "VALUES (1, 900, 'user', '[]', x'00', 0)"
    )
    with database(path) as conn:
        conn.execute(insert)
        conn.rollback()
        with_store(path, lambda store: store.list())
        with pytest.raises(sqlite3.OperationalError, match="row_checksum"):
            conn.execute(insert)


def test_copies_rewinds_forks_and_an_erase_keep_the_checksums(tmp_path: Path) -> None:
    path = made(tmp_path / "a.a3s", "ours")

    async def use(store: SqliteSessionStore) -> None:
        await store.fork("talk", "fork", at=None)
        await store.save(session("talk", messages=messages(14, tag="ours")))
        await store.rewind("talk", 12)
        await store.save(session("fork", messages=messages(15, tag="ours")))
        await store.save(session("gone"))
        await store.erase("gone")
        await store.backup(tmp_path / "copy.a3s")

    with_store(path, use)
    restore(tmp_path / "copy.a3s", tmp_path / "restored.a3s")
    for name in ("a", "copy", "restored"):
        assert loaded(tmp_path / f"{name}.a3s") == messages(12, tag="ours")
        assert loaded(tmp_path / f"{name}.a3s", "fork") == messages(15, tag="ours")


def test_without_the_salt_messages_are_proven_by_their_chain(tmp_path: Path) -> None:
    path = made(tmp_path / "a.a3s", "ours")
    with database(path) as conn:
        conn.execute("UPDATE meta SET value = randomblob(28) WHERE name = 'row_salt'")
        conn.commit()
    with pytest.raises(CorruptionError, match="salt of the row checksums"):
        loaded(path)

    async def use(store: SqliteSessionStore) -> None:
        with pytest.raises(StoreError, match="salt of the row checksums"):
            await store.save(session("new"))
        found = await store.load("talk", on_damage="report")
        assert found.value is not None
        assert found.value.messages == messages(12, tag="ours")
        assert [one.part for one in found.damage] == ["file"]
        assert [one.part for one in (await store.verify()).damage] == ["file"]

    with_store(path, use)
    report = asyncio.run(salvage(path, tmp_path / "new.a3s"))
    assert (report.sessions, len(report.damage)) == (("talk",), 1)
    assert loaded(tmp_path / "new.a3s") == messages(12, tag="ours")


def test_without_the_salt_a_message_that_was_changed_is_left_out(tmp_path: Path) -> None:
    path = made(tmp_path / "a.a3s", "ours")
    with database(path) as conn:
        conn.execute("DELETE FROM meta WHERE name = 'row_salt'")
        conn.execute("UPDATE message SET content = replace(content, 'ours', 'mine') WHERE seq = 5")
        conn.commit()
    asyncio.run(salvage(path, tmp_path / "new.a3s"))
    ours = messages(12, tag="ours")
    assert loaded(tmp_path / "new.a3s") == (*ours[:5], *ours[6:])


def test_a_message_whose_checksum_alone_is_damaged_is_proven_by_its_chain(tmp_path: Path) -> None:
    path = made(tmp_path / "a.a3s", "ours")
    with database(path) as conn:
        conn.execute("UPDATE message SET checksum = checksum + 1 WHERE seq = 5")
        conn.commit()
    found = with_store(path, lambda store: store.load("talk", on_damage="report"))
    assert found.value is not None
    assert found.value.messages == messages(12, tag="ours")
    assert [(one.part, one.position) for one in found.damage] == [("messages", 5)]
