"""Schema files, what they make, and which files are touched, read or refused."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.rows.statements import Statements
from a3s_store.backends.sqlite.schema import migrate, verify_schema
from a3s_store.core.collections import (
    CHECKPOINTS,
    COLLECTIONS,
    CONFIG_ROWS,
    MESSAGE_ROWS,
    SESSION_ROWS,
    Collection,
    TableLayout,
)
from a3s_store.core.columns import SQL_TYPES, shape
from a3s_store.errors import (
    NotAStoreError,
    SchemaTooNewError,
    StoreError,
    StoreUnavailableError,
    WalForeignError,
)
from tests.support import database, session, with_store
from tests.unit.backends.sqlite.schema.schema_structure import structure
from tools import collection_sql, generate


def _structure(*scripts: str) -> dict[str, Any]:
    conn = sqlite3.connect(":memory:")
    for script in scripts:
        conn.executescript(script)
    found = structure(conn)
    conn.close()
    return found


def _numbered() -> list[str]:
    numbered = sorted(generate.SCHEMA.glob("0*.sql"))
    return [path.read_text(encoding="utf-8") for path in numbered]


def _current() -> str:
    return (generate.SCHEMA / "current.sql").read_text(encoding="utf-8")


def test_the_numbered_files_make_what_current_sql_describes() -> None:
    assert _structure(*_numbered()) == _structure(_current())


def test_a_column_that_a_numbered_file_adds_is_described_by_a_line_of_current_sql() -> None:
    """How a column is added: one ALTER TABLE in a numbered file, one commented line here."""
    described = re.sub(
        r"(CREATE TABLE session \(.*?[^,\n ])(  --[^\n]*\n)\) STRICT;",
        r"\1,\2    project_id TEXT  -- project the session belongs to\n) STRICT;",
        _current(),
        count=1,
        flags=re.DOTALL,
    )
    step = "ALTER TABLE session ADD COLUMN project_id TEXT;"
    assert described != _current()
    assert _structure(*_numbered(), step) == _structure(described)
    assert _structure(*_numbered()) != _structure(described)


@pytest.mark.parametrize(
    "changed",
    [
        ("state TEXT NOT NULL", "state TEXT"),
        ("state TEXT NOT NULL", "state ANY NOT NULL"),
        (
            "message_key INTEGER NOT NULL REFERENCES message ON DELETE CASCADE",
            "message_key INTEGER",
        ),
        ("AS (run_event_key >> 32)", "AS (run_event_key >> 31)"),
        ("UNIQUE (branch_key, seq)", "UNIQUE (seq, branch_key)"),
        (") STRICT;", ");"),
        ("WHERE blob_key IS NOT NULL;", ";"),
        ("m.branch_key = p.source_branch", "m.branch_key = p.branch_key"),
        ("AFTER DELETE ON run BEGIN", "BEFORE DELETE ON run BEGIN"),
    ],
    ids=lambda change: change[1],
)
def test_another_structure_is_told_apart(changed: tuple[str, str]) -> None:
    assert changed[0] in _current()
    assert _structure(_current()) != _structure(_current().replace(*changed))


def test_current_sql_has_a_comment_on_every_table_and_column() -> None:
    for found in re.finditer(r"^(.*)\nCREATE TABLE (\w+) \((.*?)^\)", _current(), re.M | re.S):
        before, table, body = found.groups()
        assert before.startswith("-- "), table
        for line in body.strip().splitlines():
            if not line.strip().startswith(("UNIQUE (", "PRIMARY KEY (")):
                assert "  -- " in line, f"{table}: {line.strip()}"


@pytest.mark.parametrize("collection", COLLECTIONS, ids=lambda one: one.name)
def test_the_tables_of_a_collection_are_those_that_its_row_in_the_registry_makes(
    collection: Collection,
) -> None:
    """Deletion included: packed rows by a trigger, others by their foreign key.

    In any order: a column that was added later is the last one.
    """
    before = "CREATE TABLE owner (owner_key INTEGER PRIMARY KEY) STRICT;"
    made = _structure(before, collection_sql.create_sql(collection))
    numbered = _structure(*_numbered())
    assert made.keys() <= numbered.keys()
    for name in made.keys() - {"owner"}:
        assert _in_any_order(numbered[name]) == _in_any_order(made[name]), name


def _in_any_order(found: Any) -> Any:
    """The structure of a table without the places of its columns; of anything else, as it is."""
    if not isinstance(found, dict):
        return found
    indexes = {
        name: (*told, [(place, *column) for place, _, *column in columns])
        for name, (*told, columns) in found["indexes"].items()
    }
    return {
        **found,
        "columns": sorted((row[1:] for row in found["columns"]), key=repr),
        "indexes": indexes,
    }


def _tables(rows: TableLayout) -> list[TableLayout]:
    return [rows, *(table for part in rows.lists.values() for table in _tables(part))]


ALL_ROWS = [
    table
    for rows in (
        SESSION_ROWS,
        CONFIG_ROWS,
        MESSAGE_ROWS,
        *(collection.rows for collection in COLLECTIONS),
        *(kind.rows for kind in CHECKPOINTS),
    )
    for table in _tables(rows)
]


@pytest.mark.parametrize("rows", ALL_ROWS, ids=lambda rows: rows.table)
def test_every_attribute_has_its_column_and_every_column_its_attribute(rows: TableLayout) -> None:
    conn = sqlite3.connect(":memory:")
    for statements in migrate.steps().values():
        for statement in statements:
            conn.execute(statement)
    columns = {c[1]: c for c in conn.execute(f"PRAGMA table_info({rows.table})").fetchall()}
    strict = conn.execute("PRAGMA table_list").fetchall()
    conn.close()
    assert all(entry[5] == 1 for entry in strict if entry[1] == rows.table)
    for column in shape(rows).columns:
        found = columns.pop(column.name)
        assert found[2] == SQL_TYPES[column.kind]
        assert bool(found[3]) != column.may_be_null, column.name
    keeping = {f"{name}_{what}" for name in rows.lists for what in ("count", "digest")}
    own = {
        "seq",
        "chain_hash",
        "checksum",
        "row_checksum",
        "digest_prefix",
        "digest",
        "blob_key",
        "head_branch",
        "head_length",
        "branch_key",
        # Ours beside a model: no part of the value.
        "base_length",
        "claimed_by",
        "name_source",
        "first_prompt",
        "search_text",
        "commit_sequence",
        "changed_at_ms",
        "last_message_at_ms",
        "added_at_ms",
    }
    left = {name for name in columns if not name.endswith("_key")} - keeping - own
    assert left == set()


# Values that are in no list: their rows have no row checksum.
_ALONE = (SESSION_ROWS, CONFIG_ROWS, MESSAGE_ROWS, *(kind.rows for kind in CHECKPOINTS))


@pytest.mark.parametrize(
    "rows", [rows for rows in ALL_ROWS if rows not in _ALONE], ids=lambda rows: rows.table
)
def test_row_checksums_are_made_of_the_columns_in_the_order_of_the_table(rows: TableLayout) -> None:
    """So any program that reads the file can compute them."""
    conn = sqlite3.connect(":memory:")
    for statements in migrate.steps().values():
        for statement in statements:
            conn.execute(statement)
    stored = conn.execute(
        "SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0", (rows.table,)
    ).fetchall()
    conn.close()
    sql = Statements(rows, "owner_key")
    places = {f"{rows.table}_key", "owner_key", "seq", "checksum"}
    assert sql.columns == [name for (name,) in stored if name not in places]


def test_a_file_of_this_release_carries_its_numbers(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: store.save(session()))
    with database(path) as conn:
        assert migrate.numbers(conn)[:2] == (migrate.APPLICATION_ID, migrate.newest())


def _opened(path: Path) -> Any:
    return with_store(path, lambda store: store.list())


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def _foreign_database(path: Path) -> None:
    with database(path) as conn:
        conn.execute("CREATE TABLE theirs (x)")


def _newer_store(path: Path) -> None:
    with_store(path, lambda store: store.save(session()))
    with database(path) as conn:
        conn.execute("UPDATE meta SET value = 99 WHERE name = 'min_reader'")
        conn.execute("PRAGMA user_version = 99")
        conn.commit()


def _a_folder(path: Path) -> None:
    path.mkdir()


def _empty_beside_a_log(path: Path) -> None:
    path.write_bytes(b"")
    path.with_name(path.name + "-wal").write_bytes(b"x" * 100)


REFUSED: list[tuple[str, Any, type[StoreError]]] = [
    ("a text file", lambda path: path.write_text("dear diary\n" * 400), NotAStoreError),
    ("two bytes", lambda path: path.write_bytes(b"hi"), NotAStoreError),
    ("another program's database", _foreign_database, NotAStoreError),
    ("a store of a newer release", _newer_store, SchemaTooNewError),
    ("a folder", _a_folder, NotAStoreError),
    ("an empty database beside a log", _empty_beside_a_log, WalForeignError),
]


@pytest.mark.parametrize(("what", "make", "error"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_is_no_store_is_refused_and_left_as_it_is(
    tmp_path: Path, what: str, make: Any, error: type[StoreError]
) -> None:
    path = tmp_path / "agent.a3s"
    make(path)
    before = _bytes(tmp_path)
    with pytest.raises(error) as caught:
        _opened(path)
    assert caught.value.op == "open"
    assert str(path) in str(caught.value)
    assert _bytes(tmp_path) == before


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_a_text_that_names_no_file_is_refused(path: str) -> None:
    with pytest.raises(StoreUnavailableError):
        _opened(path)  # type: ignore[arg-type]


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError):
        _opened(tmp_path / "missing" / "agent.a3s")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["file:x?mode=memory", "a b%20c?d#e.a3s", "ünï 次 🙂.a3s", "-rf", "x" * 200]
)
def test_a_path_is_a_path_and_nothing_else(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with_store(path, lambda store: store.save(session()))
    assert [found.name for found in tmp_path.iterdir()] == [name]
    assert _opened(path) == ["fix-login"]


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    """A crash between making the file and making its tables leaves one; it must not be for ever."""
    path = tmp_path / "agent.a3s"
    path.touch(mode=0o600)
    with_store(path, lambda store: store.save(session()))
    assert _opened(path) == ["fix-login"]


def test_a_newer_store_that_permits_it_is_read_and_never_written(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: store.save(session()))
    with database(path) as conn:
        conn.execute("PRAGMA user_version = 99")

    async def use(store: SqliteSessionStore) -> None:
        assert store.read_only
        assert await store.load("fix-login") == session()
        assert (await store.health_check()).facts["schema"] == 99
        for change in (
            store.save(session("other")),
            store.delete("fix-login"),
            store.rewind("fix-login", 0),
        ):
            with pytest.raises(SchemaTooNewError):
                await change

    with_store(path, use)
    assert path.stat().st_size > 0
    with database(path) as conn:
        assert migrate.numbers(conn)[1] == 99


def test_many_first_openings_at_once_make_one_store(tmp_path: Path) -> None:
    path = tmp_path / "agent.a3s"

    async def main() -> None:
        async def one(number: int) -> None:
            async with SqliteSessionStore.open(path) as store:
                await store.save(session(f"s{number}"))

        await asyncio.gather(*(one(number) for number in range(8)))

    asyncio.run(main())
    assert _opened(path) == [f"s{number}" for number in range(8)]


def test_statements_are_split_without_losing_the_ones_with_semicolons_in_them() -> None:
    script = "CREATE TABLE a (x);\n-- a; comment\nINSERT INTO a\nVALUES (';');\n"
    assert list(migrate.split(script)) == [
        "CREATE TABLE a (x);",
        "-- a; comment\nINSERT INTO a\nVALUES (';');",
    ]


def test_the_script_of_the_whole_schema_is_what_the_steps_make() -> None:
    """New files are made of it. `python -m tools.generate` writes it anew."""
    path, text = generate.whole_schema()
    assert path.read_text(encoding="utf-8") == text
    assert [found.name for found in path.parent.glob("whole_*")] == [path.name]
    (statements,) = migrate.scripts(migrate.newest())
    whole = verify_schema.made_by((statements,))
    stepped = verify_schema.made_by(tuple(migrate.steps().values()))
    assert whole.keys() == stepped.keys()
    for name, (kind, sql) in stepped.items():
        assert whole[name] == (kind, verify_schema.unquoted(sql)), name


def test_a_new_file_and_a_migrated_one_have_the_same_schema(tmp_path: Path) -> None:
    _opened(tmp_path / "new.a3s")
    with database(tmp_path / "stepped.a3s") as conn:
        for number in migrate.steps():
            for statement in migrate.steps()[number]:
                conn.execute(statement)
        stepped = structure(conn)
    with database(tmp_path / "new.a3s") as conn:
        assert structure(conn) == stepped
