"""Agent memory in a SQLite store: with all promises of the store, and apart from its sessions."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import random
import shutil
import string
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a3s_store.agent_memory import InMemoryMemoryStore, MemoryItem
from a3s_store.backends.sqlite import SqliteSessionStore
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.maintenance import backup, restore
from a3s_store.backends.sqlite.rows import agent_memory
from a3s_store.backends.sqlite.salvage import salvage
from a3s_store.backends.sqlite.schema import migrate, renames
from a3s_store.core.columns import SQL_TYPES, shape
from a3s_store.errors import (
    CorruptionError,
    EncodeError,
    InvalidIdError,
    SchemaTooNewError,
    StoreClosedError,
    StoreError,
)
from tests.compat import make_file
from tests.everything import fill, memory
from tests.support import all_rows, changes, database, session, with_store
from tests.unit.backends.sqlite.damaged_stores import PAGE, Layout, flipped, zeroed

THREE = tuple(memory(number) for number in range(1, 4))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed store in which "fix-login" and "an agent" have memories, and "fix-login" more."""
    (tmp_path / "store").mkdir()
    with_store(tmp_path / "store" / "agent.a3s", fill)
    return tmp_path / "store" / "agent.a3s"


def items(path: Path, owner: str = "fix-login") -> tuple[MemoryItem, ...]:
    """All memories of an owner."""
    found: tuple[MemoryItem, ...] = with_store(path, lambda store: store.memories(owner).items())
    return found


def changed(path: Path, sql: str, *parameters: object) -> None:
    """Run a statement as another program would."""
    with database(path) as conn:
        assert conn.execute(sql, parameters).rowcount > 0
        conn.commit()


# -- Whose they are -------------------------------------------------------------------------------


def test_owners_know_nothing_of_each_other(path: Path) -> None:
    """Section 8, store trait."""

    async def use(store: SqliteSessionStore) -> None:
        assert await store.memory_owners() == ("an agent", "fix-login")
        other = store.memories("another")
        assert await other.items() == ()
        await other.store(THREE[0].evolve(content="mine"))
        await store.memories("fix-login").clear()
        assert await other.count() == 1
        assert await store.memories("an agent").count() == 2
        assert await store.memory_owners() == ("an agent", "another")
        await other.delete(THREE[0].id)
        assert await store.memory_owners() == ("an agent",)

    with_store(path, use)


def test_an_owner_is_any_text_that_may_be_an_id(tmp_path: Path) -> None:
    """Section 8, store trait."""

    async def use(store: SqliteSessionStore) -> None:
        names = ["../../etc", "名前 🙂", "a%_", "x" * 1024]
        for name in names:
            await store.memories(name).store(THREE[0])
        assert await store.memory_owners() == tuple(sorted(names))
        for bad in ("", "a\0b", "\ud800", 7, "x" * 1025):
            with pytest.raises(InvalidIdError):
                store.memories(bad)  # type: ignore[arg-type]

    with_store(tmp_path / "agent.a3s", use)


def test_memories_make_no_session_and_need_none(tmp_path: Path) -> None:
    """Section 8: a store of its own."""

    async def use(store: SqliteSessionStore) -> None:
        await store.memories("fix-login").store(THREE[0])
        assert await store.list() == []
        inventory = await store.inventory()
        assert (inventory.sessions, inventory.collections_only) == ((), ())
        assert await store.generation("fix-login") == 0
        assert not await store.exists("fix-login")
        assert (await store.verify(depth="deep")).ok

    with_store(tmp_path / "agent.a3s", use)


def test_deleting_a_session_takes_its_memories_along_and_forking_leaves_them(path: Path) -> None:
    """T3, for memories."""

    async def use(store: SqliteSessionStore) -> None:
        assert await store.memories("again").count() == 0, "it is a fork"
        await store.fork("fix-login", "another fork")
        assert await store.memories("another fork").count() == 0
        await store.rewind("fix-login", 1)
        assert await store.memories("fix-login").items() == THREE
        await store.delete("fix-login")
        assert await store.memories("fix-login").count() == 0
        assert await store.memory_owners() == ("an agent",)
        await store.delete("an agent")  # never a session
        assert await store.memory_owners() == ()

    with_store(path, use)
    with database(path) as conn:
        for table in ("agent_memory", "agent_memory_total"):
            assert conn.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


# -- Writing --------------------------------------------------------------------------------------


def test_a_memory_is_one_row_and_one_row_on_record(path: Path) -> None:
    """No other table is written but the commit log."""

    def done(use: Callable[[Any], Any]) -> dict[str, tuple[int, int, int]]:
        before = all_rows(path)
        with_store(path, lambda store: use(store.memories("fix-login")))
        return changes(before, all_rows(path))

    one = (0, 1, 0)
    assert done(lambda memories: memories.store(memory(9))) == {
        "agent_memory": (1, 0, 0),
        "agent_memory_total": one,
        "commit_log": (1, 0, 0),
    }
    replaced = memory(9).evolve(content="other")
    assert done(lambda memories: memories.store(replaced)) == {
        "agent_memory": one,
        "agent_memory_total": one,
        "commit_log": (1, 0, 0),
    }
    assert done(lambda memories: memories.store(replaced)) == {}
    assert done(lambda memories: memories.delete(replaced.id)) == {
        "agent_memory": (0, 0, 1),
        "agent_memory_total": one,
        "commit_log": (1, 0, 0),
    }
    assert done(lambda memories: memories.delete(replaced.id)) == {}


def test_many_are_kept_together_or_not_at_all(path: Path) -> None:
    """Group commit, for memories."""

    async def use(store: SqliteSessionStore) -> None:
        memories = store.memories("new")
        bad = memory(2).evolve(metadata={"n": 1})
        with pytest.raises(EncodeError) as caught:
            await memories.store_all([memory(1), bad, memory(3)])
        assert str(store.path) in str(caught.value)
        assert await memories.count() == 0
        await memories.store_all([memory(1), memory(2), memory(1).evolve(content="again")])
        assert [item.content for item in await memories.items()] == ["again", "2: use tabs"]
        await memories.store_all([])

    with_store(path, use)


def test_many_savers_at_once_lose_nothing(path: Path) -> None:
    """Group commit of memories and sessions: each caller gets its own result."""

    async def use(store: SqliteSessionStore) -> None:
        memories = [store.memories(f"agent-{number % 3}") for number in range(30)]
        saves = [one.store(memory(number)) for number, one in enumerate(memories)]
        sessions = [store.save(session(f"s{number}")) for number in range(5)]
        bad = store.memories("agent-0").store(memory(1).evolve(metadata={"n": 1}))
        told = await asyncio.gather(*saves, bad, *sessions, return_exceptions=True)
        assert [type(one) for one in told if one is not None] == [EncodeError]
        assert [await one.count() for one in memories[:3]] == [10, 10, 10]
        assert (await store.verify(depth="deep")).ok

    with_store(path, use)


def test_what_two_processes_store_is_all_there(path: Path) -> None:
    """Two stores on one file: the digests of the rows are read inside each transaction."""

    async def main() -> None:
        async with SqliteSessionStore.open(path) as one, SqliteSessionStore.open(path) as two:
            await asyncio.gather(
                *(
                    store.memories("both").store(memory(number))
                    for number in range(10, 30)
                    for store in (one, two)[number % 2 :][:1]
                )
            )
            for store in (one, two):
                assert await store.memories("both").count() == 20
                assert len(await store.memories("both").search_ranked("tabs", 99)) == 20
            assert (await one.verify(depth="deep")).ok

    asyncio.run(main())


def test_what_is_redacted_is_never_written(tmp_path: Path) -> None:
    """The hook gets every text of an item except its ids, type and times."""
    path = tmp_path / "agent.a3s"
    item = memory(1, "the secret is here").evolve(
        tags=("secret tag",), metadata={"prompt": "tell the secret"}, extra={"later": ["secret"]}
    )

    async def use(store: SqliteSessionStore) -> None:
        await store.memories("fix-login").store(item)
        (found,) = await store.memories("fix-login").items()
        assert found == item.evolve(
            content="1: the ***** is here",
            tags=("***** tag",),
            metadata={"prompt": "tell the *****"},
            extra={"later": ["*****"]},
        )

    with_store(path, use, redact=lambda text: text.replace("secret", "*****"))
    assert b"secret" not in path.read_bytes()


def test_a_closed_store_has_no_memories_to_give(tmp_path: Path) -> None:
    """Section 8, store trait."""

    async def main() -> None:
        async with SqliteSessionStore.open(tmp_path / "agent.a3s") as store:
            memories = store.memories("fix-login")
            await memories.store(THREE[0])
        calls = [
            memories.store(THREE[0]),
            memories.store_all([]),
            memories.retrieve("a"),
            memories.search("a", 1),
            memories.search_ranked("a", 1),
            memories.search_by_tags(["a"], 1),
            memories.get_recent(1),
            memories.get_important(0, 1),
            memories.delete("a"),
            memories.clear(),
            memories.count(),
            memories.items(),
            store.memory_owners(),
        ]
        for call in calls:
            with pytest.raises(StoreClosedError):
                await call

    asyncio.run(main())


def test_a_newer_releases_memories_are_read_and_never_written(path: Path) -> None:
    """As its sessions are."""
    changed(path, "UPDATE meta SET value = 1 WHERE name = 'min_reader'")
    with database(path) as conn:
        conn.execute("PRAGMA user_version = 99")

    async def use(store: SqliteSessionStore) -> None:
        memories = store.memories("fix-login")
        assert await memories.items() == THREE
        assert len(await memories.search_ranked("tabs", 9)) == 3
        with pytest.raises(SchemaTooNewError):
            await memories.store(memory(9))

    with_store(path, use)


# -- The tables -----------------------------------------------------------------------------------


def test_every_attribute_has_its_column_and_every_column_its_attribute(path: Path) -> None:
    """As for the collections."""
    with database(path) as conn:
        columns = {
            row[1]: row for row in conn.execute("PRAGMA table_info(agent_memory)").fetchall()
        }
    for column in shape(agent_memory.ROWS).columns:
        found = columns.pop(column.name)
        assert found[2] == SQL_TYPES[column.kind]
        assert bool(found[3]) != column.may_be_null, column.name
    assert set(columns) == {"memory_key", "owner", "digest_prefix"}


def test_a_store_of_the_first_schema_gains_empty_tables_and_keeps_a_backup(tmp_path: Path) -> None:
    """Nothing else of it changes."""
    path = tmp_path / "agent.a3s"
    released = make_file.FILES / "schema-1-0.1.0.a3s.gz"
    path.write_bytes(gzip.decompress(released.read_bytes()))
    before = all_rows(path)

    async def use(store: SqliteSessionStore) -> None:
        assert await store.memory_owners() == ()
        await store.memories("rich").store(THREE[0])

    with_store(path, use)
    after = {renames.first_name(table): rows for table, rows in all_rows(path).items()}
    assert {"memory", "memory_shelf"} <= after.keys() - before.keys()
    needed = migrate.min_reader(migrate.newest())
    for table, rows in before.items():
        for key, row in rows.items():
            # Later steps may add columns at the end.
            expected = ("min_reader", needed) if key == ("min_reader",) else row
            assert after[table][key][: len(row)] == expected
    assert all_rows(path.with_name("agent.a3s.schema-1.backup")) == before


# -- Damage ---------------------------------------------------------------------------------------

COLUMNS = {
    "owner": "'another agent'",
    "id": "'another'",
    "timestamp": "'2025-01-01T00:00:00Z'",
    "importance": "importance + 0.5",
    "tags": "'[]'",
    "memory_type": "'semantic'",
    "metadata": "'{}'",
    "access_count": "access_count + 1",
    "last_accessed": "NULL",
    "extra": "NULL",
    "digest_prefix": "digest_prefix + 1",
    "content": "replace(content, 'tabs', 'tags')",
    "memory_key": "memory_key + 100",
}


@pytest.mark.parametrize("column", COLUMNS)
def test_what_is_not_what_was_written_is_not_given_out(path: Path, column: str) -> None:
    """By every search, whether or not the item would be found."""
    changed(
        path,
        f"UPDATE agent_memory SET {column} = {COLUMNS[column]} "
        "WHERE owner = 'fix-login' AND id = ?",
        THREE[1].id,
    )

    async def use(store: SqliteSessionStore) -> None:
        memories = store.memories("fix-login")
        for call in (
            memories.search("1: use", 9),
            memories.search_by_tags(["tag-1"], 9),
            memories.get_recent(1),
            memories.get_important(2, 1),
            memories.retrieve(THREE[1].id),
            memories.search_ranked("tabs", 9),
            memories.items(),
        ):
            with pytest.raises(CorruptionError) as caught:
                await call
            assert caught.value.session_id == "fix-login"
            assert "use tabs" not in str(caught.value)
        report = await store.verify(depth="deep")
        assert {damage.part for damage in report.damage} == {"memories"}

    with_store(path, use)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM agent_memory WHERE memory_key = 2",
        "DELETE FROM agent_memory_total WHERE owner = 'fix-login'",
        "UPDATE agent_memory_total SET count = 4 WHERE owner = 'fix-login'",
        "UPDATE agent_memory_total SET owner = 'x' WHERE owner = 'fix-login'",
    ],
)
def test_what_is_lost_is_missed(path: Path, statement: str) -> None:
    """A lost row does not count as deleted."""
    changed(path, statement)

    async def use(store: SqliteSessionStore) -> None:
        memories = store.memories("fix-login")
        for call in (
            memories.count(),
            memories.items(),
            memories.search("x", 1),
            memories.search_ranked("x", 1),
            memories.retrieve("never stored"),
        ):
            with pytest.raises(CorruptionError) as caught:
                await call
            assert caught.value.part == "memories"
        assert not (await store.verify(depth="quick")).ok
        assert not (await store.verify(depth="deep")).ok
        await memories.clear()
        if "SET owner" not in statement:
            assert (await store.verify(depth="deep")).ok
        await memories.store(memory(9))
        assert await memories.items() == (memory(9),)

    with_store(path, use)


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[bytes, list[int], tuple[MemoryItem, ...]]:
    """A file with memories on many pages, those pages, and the memories."""
    path = tmp_path_factory.mktemp("whole") / "agent.a3s"
    every = tuple(memory(n, "use tabs " * (n * n)) for n in range(1, 25))
    with_store(path, lambda store: store.memories("fix-login").store_all(every))
    layout = Layout(path)
    names = ("agent_memory", "agent_memory_total", "sqlite_autoindex_agent_memory_1")
    return path.read_bytes(), [page for name in names for page in layout.pages(name)], every


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_bit_is_an_error_or_makes_no_difference(
    whole: tuple[bytes, list[int], tuple[MemoryItem, ...]], tmp_path: Path, data: st.DataObject
) -> None:
    """In rows, in their index, in their stored totals: never another result."""
    content, pages, every = whole
    path = tmp_path / "agent.a3s"
    page = data.draw(st.sampled_from(pages))
    at = (page - 1) * PAGE + data.draw(st.integers(0, PAGE - 1))
    path.write_bytes(flipped(content, at, data.draw(st.integers(0, 7))))
    last = data.draw(st.sampled_from(every))
    expected = InMemoryMemoryStore(every, clock=lambda: 1_000)
    asked: list[Callable[[Any], Any]] = [
        lambda memories: memories.retrieve(last.id),
        lambda memories: memories.retrieve("never stored"),
        lambda memories: memories.search("use tabs use tabs", 5),
        lambda memories: memories.search_by_tags([f"tag-{last.access_count}"], 5),
        lambda memories: memories.get_recent(3),
        lambda memories: memories.get_important(1.5, 99),
        lambda memories: memories.count(),
    ]

    async def use(store: SqliteSessionStore) -> None:
        memories = store.memories("fix-login")
        for ask in asked:
            with contextlib.suppress(StoreError):
                assert await ask(memories) == await ask(expected)
        with contextlib.suppress(StoreError):
            assert len(await memories.search_ranked("tabs", 99)) == len(every)

    with contextlib.suppress(StoreError):
        with_store(path, use, clock=lambda: 1.0)


def test_nothing_is_stored_beside_what_is_not_on_record(path: Path) -> None:
    """It would give damaged rows a valid total."""
    changed(path, "DELETE FROM agent_memory_total WHERE owner = 'fix-login'")
    before = all_rows(path)

    async def use(store: SqliteSessionStore) -> None:
        memories = store.memories("fix-login")
        for call in (memories.store(memory(9)), memories.delete(THREE[0].id)):
            with pytest.raises(CorruptionError):
                await call

    with_store(path, use)
    assert all_rows(path) == before


# -- Looking after the file -----------------------------------------------------------------------


def test_memories_are_in_a_backup_and_come_back_with_it(path: Path, tmp_path: Path) -> None:
    """As everything in the file."""
    copy = tmp_path / "copy.a3s"
    backup.take(Settings(path=path), copy)
    with_store(path, lambda store: store.memories("fix-login").clear())
    restore.restore(copy, path, replace=True)
    assert items(path) == THREE


def test_a_backup_of_damaged_memories_is_refused(path: Path, tmp_path: Path) -> None:
    """As from any damaged store."""
    changed(path, "UPDATE agent_memory SET content = 'other' WHERE memory_key = 1")
    with pytest.raises(CorruptionError):
        backup.take(Settings(path=path), tmp_path / "copy.a3s")


def test_no_piece_of_an_erased_memory_is_left_in_any_file(tmp_path: Path) -> None:
    """Of those erased, replaced or deleted before; what others remember is all there.

    The store has searched in them before, so an index of them was made.
    """
    path = tmp_path / "agent.a3s"
    rng = random.Random(7)

    def said(size: int) -> str:
        return "".join(rng.choices(string.ascii_letters, k=size))

    def one(number: int) -> MemoryItem:
        texts = [said(rng.choice([20, 200, 3_000, 12_000])) for _ in range(4)]
        return memory(number).evolve(
            content=" ".join(texts),
            tags=(said(30),),
            metadata={"prompt": said(40)},
            extra={"later": said(50)},
        )

    def texts(item: MemoryItem) -> list[str]:
        return [*item.content.split(), *item.tags, item.metadata["prompt"], item.extra["later"]]

    def pieces(data: bytes, wanted: set[bytes]) -> int:
        return sum(data[at : at + 8] in wanted for at in range(len(data)))

    async def use(store: SqliteSessionStore) -> set[bytes]:
        gone, kept = store.memories("gone"), store.memories("kept")
        every = [one(number) for number in range(40)]
        for number, item in enumerate(every):
            await gone.store(item)
            await kept.store(one(number))
            await gone.search_ranked(item.content[:20], 3)
            if number % 3 == 0:
                every.append(one(number))
                await gone.store(every[-1])
            if number % 5 == 0:
                await gone.delete(item.id)
        before = await kept.items()
        wanted = {
            data[at : at + 8]
            for item in every
            for data in map(str.encode, texts(item))
            for at in range(len(data) - 7)
        }
        assert len(wanted) > 10_000
        files = [path, path.with_name(f"{path.name}-wal")]
        assert sum(pieces(file.read_bytes(), wanted) for file in _copies(files, tmp_path)) > 10_000
        report = await store.erase("gone")
        assert report.found == ("gone",)
        assert [pieces(file.read_bytes(), wanted) for file in _copies(files, tmp_path)] == [0, 0]
        assert await gone.count() == 0
        assert await kept.items() == before
        assert (await store.verify(depth="deep")).ok
        return wanted

    wanted = with_store(path, use)
    assert pieces(path.read_bytes(), wanted) == 0
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["agent.a3s"]


def _copies(files: list[Path], folder: Path) -> list[Path]:
    """Copies made by another process: opening and closing the files here would drop locks."""
    (folder / "copies").mkdir(exist_ok=True)
    for file in files:
        subprocess.run(["cp", file, folder / "copies" / file.name], check=True)
    return [folder / "copies" / file.name for file in files]


def salvaged(source: Path) -> tuple[Any, Path]:
    """The report, and the new store."""
    target = source.with_name("new.a3s")
    target.unlink(missing_ok=True)
    return asyncio.run(salvage(source, target)), target


def test_memories_are_salvaged(path: Path) -> None:
    """Of a whole file: in their order, under their owners."""
    report, target = salvaged(path)
    assert (report.ok, report.memories) == (True, 5)
    assert items(target) == THREE
    assert items(target, "an agent") == THREE[:2]


def test_salvage_leaves_out_what_is_damaged_and_names_whose_it_was(path: Path) -> None:
    """Intact items come back."""
    changed(
        path, "UPDATE agent_memory SET content = 'x' WHERE owner = 'fix-login' AND memory_key = 2"
    )
    report, target = salvaged(path)
    assert {(damage.part, damage.session_id) for damage in report.damage} == {
        ("memories", "fix-login")
    }
    assert items(target) == (THREE[0], THREE[2])
    assert items(target, "an agent") == THREE[:2]


def test_salvage_needs_no_record_of_whose_memories_there_are(path: Path) -> None:
    """The digest prefix of a row covers its owner."""
    changed(path, "DELETE FROM agent_memory_total")
    report, target = salvaged(path)
    assert {damage.session_id for damage in report.damage} == {"fix-login", "an agent"}
    assert items(target) == THREE


def test_pages_of_memories_that_nothing_leads_to_are_found(tmp_path: Path) -> None:
    """The tree of the table is lost, its leaves are not."""
    source = tmp_path / "agent.a3s"
    many = tuple(memory(number, "x" * 700) for number in range(100, 160))
    with_store(source, lambda store: store.memories("fix-login").store_all(many))
    with database(source) as conn:
        (root,) = conn.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'agent_memory'"
        ).fetchone()
    source.write_bytes(zeroed(source.read_bytes(), root))
    report, target = salvaged(source)
    assert items(target) == many
    assert [damage.part for damage in report.damage] == ["file"]


@pytest.mark.parametrize("lost", ["the header", "the list of free pages", "the root"])
def test_deleted_memories_are_not_salvaged(tmp_path: Path, lost: str) -> None:
    """Where the other rows match the stored total, a stray row was deleted."""
    source = tmp_path / "agent.a3s"
    stay = tuple(memory(number, "stays " * 100) for number in range(100, 110))
    go = tuple(memory(number, "goes " * 100) for number in range(200, 400))

    async def use(store: SqliteSessionStore) -> None:
        memories = store.memories("fix-login")
        await memories.store_all([*stay, *go])
        for item in go:
            await memories.delete(item.id)

    with_store(source, use)
    data = source.read_bytes()
    assert b"goes goes" in data
    trunk = int.from_bytes(data[32:36], "big")
    with database(source) as conn:
        (root,) = conn.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'agent_memory'"
        ).fetchone()
    pages = {"the header": 1, "the list of free pages": trunk, "the root": root}
    source.write_bytes(zeroed(data, pages[lost]))
    _, target = salvaged(source)
    assert items(target) == stay
    assert b"goes" not in target.read_bytes()


def test_a_file_of_the_first_schema_is_salvaged_as_whole(tmp_path: Path) -> None:
    """It has no memories, and lacks none."""
    source = tmp_path / "agent.a3s"
    released = make_file.FILES / "schema-1-0.1.0.a3s.gz"
    source.write_bytes(gzip.decompress(released.read_bytes()))
    report, _ = salvaged(source)
    assert (report.damage, report.memories) == ((), 0)
    assert migrate.newest() > 1


def test_what_the_file_holds_of_memories_is_rows_and_nothing_else(path: Path) -> None:
    """Searching by words leaves no index behind."""
    before = all_rows(path)

    async def use(store: SqliteSessionStore) -> None:
        assert len(await store.memories("fix-login").search_ranked("tabs", 9)) == 3

    with_store(path, use)
    assert all_rows(path) == before
    with database(path) as conn:
        found = conn.execute("SELECT name FROM sqlite_schema WHERE sql LIKE '%VIRTUAL%'")
        assert found.fetchall() == []


def test_a_copied_file_is_as_good(path: Path, tmp_path: Path) -> None:
    """Everything is in one file."""
    copy = Path(shutil.copy(path, tmp_path / "copy.a3s"))
    assert items(copy) == THREE
