"""A file's schema is compared with that of our steps before anything in it can run."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from a3s_store import SqliteSessionStore
from a3s_store.backends.sqlite.connection.connect import open_reader
from a3s_store.backends.sqlite.connection.settings import Settings
from a3s_store.backends.sqlite.schema import migrate, user_objects, verify_schema
from a3s_store.errors import CorruptionError, SchemaError, SchemaTooNewError, StoreError
from tests.support import database, session, with_store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with_store(tmp_path / "agent.a3s", lambda store: store.save(session()))
    return tmp_path / "agent.a3s"


def change(path: Path, *statements: str) -> None:
    """Changes that another program might have made to the file."""
    with database(path) as conn:
        conn.execute("PRAGMA writable_schema = ON")
        for statement in statements:
            conn.execute(statement)
        conn.commit()


NEVER_ENDING = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"

HOSTILE: dict[str, tuple[tuple[str, ...], str]] = {
    "a trigger": (
        ("CREATE TRIGGER theft AFTER UPDATE ON session BEGIN DELETE FROM message; END",),
        "trigger 'theft'",
    ),
    "a trigger on a table of theirs": (
        (
            "CREATE TABLE theirs (x)",
            "CREATE TRIGGER theft AFTER INSERT ON theirs BEGIN DELETE FROM message; END",
        ),
        "trigger 'theft'",
    ),
    "a trigger that has a table's name": (
        ("CREATE TRIGGER session AFTER UPDATE ON owner BEGIN DELETE FROM message; END",),
        "trigger 'session'",
    ),
    "a view in place of a table": (
        (
            "DROP VIEW sessions",
            "DROP VIEW conversation",
            "DROP INDEX session_by_updated",
            "ALTER TABLE session RENAME TO session_kept",
            f"CREATE VIEW session AS {NEVER_ENDING}",
        ),
        "view 'session'",
    ),
    "a view that never ends in place of ours": (
        ("DROP VIEW sessions", f"CREATE VIEW sessions AS {NEVER_ENDING}"),
        "view 'sessions'",
    ),
    "a view that never ends in place of meta": (
        ("DROP TABLE meta", f"CREATE VIEW meta AS {NEVER_ENDING}"),
        "view 'meta'",
    ),
    "a virtual table": (("CREATE VIRTUAL TABLE words USING fts5(text)",), "virtual table 'words'"),
    "an index with an expression": (
        ("CREATE INDEX slow ON message (length(role) + seq)",),
        "index 'slow'",
    ),
    "an index on one of our tables, spelt otherwise": (
        (
            "CREATE INDEX slow ON message (role)",
            "UPDATE sqlite_schema SET tbl_name = 'MESSAGE' WHERE name = 'slow'",
        ),
        "index 'slow'",
    ),
    "a foreign key of theirs to a table of ours": (
        ('CREATE TABLE app_note (o INTEGER REFERENCES\n/* theirs */ "Owner" (owner_key))',),
        "table 'app_note' is not part of a store and has a foreign key",
    ),
    "a foreign key of theirs beside the columns": (
        ("CREATE TABLE app_note (o, FOREIGN KEY (o) REFERENCES [message] DEFERRABLE)",),
        "a foreign key to a table of the store",
    ),
    "a CHECK of theirs": (
        ("CREATE TABLE theirs (x, check(length(hex(zeroblob(100000000 + x))) > 0))",),
        "a CHECK",
    ),
    "a generated column of theirs": (
        ("CREATE TABLE theirs (x, y NOT NULL AS (hex(zeroblob(100000000 + x))))",),
        "a generated column",
    ),
    "an index with an expression on a table of theirs": (
        ("CREATE TABLE theirs (x)", "CREATE INDEX slow ON theirs (hex(zeroblob(100000000 + x)))"),
        "index 'slow' is not part of a store and has an expression",
    ),
    "a partial index on a table of theirs": (
        ("CREATE TABLE theirs (x)", "CREATE INDEX slow ON theirs (x) WHERE length(x) > 3"),
        "a condition",
    ),
    "a collation that only their program has": (
        (
            "CREATE TABLE theirs (x TEXT)",
            "UPDATE sqlite_schema SET sql = 'CREATE TABLE theirs (x TEXT COLLATE german)' "
            "WHERE name = 'theirs'",
        ),
        "a collation",
    ),
    "one column more": (("ALTER TABLE session ADD COLUMN more TEXT",), "table 'session'"),
    "a column of another type": (
        (
            "UPDATE sqlite_schema SET sql = replace(sql, 'state TEXT', 'state ANY') "
            "WHERE name = 'session'",
        ),
        "table 'session'",
    ),
    "no STRICT": (
        ("UPDATE sqlite_schema SET sql = replace(sql, ') STRICT', ')') WHERE name = 'message'",),
        "table 'message'",
    ),
    "a missing table": (("DROP TABLE cost_record",), "cost_record"),
    "a missing view": (("DROP VIEW costs",), "view costs"),
    "two tables with one root": (
        (
            "CREATE TABLE theirs (x)",
            "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema "
            "WHERE name = 'message') WHERE name = 'theirs'",
        ),
        "share their pages",
    ),
    "a table whose root is the list of tables": (
        ("CREATE TABLE theirs (x)", "UPDATE sqlite_schema SET rootpage = 1 WHERE name = 'theirs'"),
        "theirs",
    ),
    "a virtual table that says it is none": (
        (
            "CREATE VIRTUAL TABLE words USING fts5(text)",
            "UPDATE sqlite_schema SET sql = replace(sql, 'CREATE VIRTUAL', 'create  virtual'), "
            "rootpage = 3 WHERE name = 'words'",
        ),
        "",
    ),
    "a number that no release has": (("PRAGMA user_version = -3",), ""),
}


def _attempts(path: Path) -> list[Callable[[], object]]:
    return [
        lambda: with_store(path, lambda store: store.load_snapshot("fix-login")),
        lambda: open_reader(Settings(path=path)).close(),
    ]


@pytest.mark.parametrize("what", HOSTILE)
def test_a_file_that_would_run_something_is_refused_at_once_and_left_as_it_is(
    path: Path, what: str
) -> None:
    statements, named = HOSTILE[what]
    change(path, *statements)
    before = path.read_bytes()
    began = time.monotonic()
    for attempt in _attempts(path):
        with pytest.raises((SchemaError, CorruptionError)) as caught:
            attempt()
        assert named in str(caught.value)
        assert str(path) in str(caught.value)
    assert time.monotonic() - began < 4, "two attempts"
    assert path.read_bytes() == before


def test_what_is_refused_says_how_to_get_rid_of_it(path: Path) -> None:
    change(path, 'CREATE TRIGGER "my ""own"" trigger" AFTER UPDATE ON session BEGIN SELECT 1; END')
    with pytest.raises(SchemaError) as caught:
        with_store(path, lambda store: store.list())
    _, _, command = caught.value.hint.partition(": ")
    assert command.startswith("DROP TRIGGER")
    change(path, command)
    assert with_store(path, lambda store: store.list()) == ["fix-login"]


def test_a_name_made_to_trick_terminals_is_not_repeated_as_it_is(path: Path) -> None:
    change(path, f'CREATE TABLE "\x1b[2J{"x" * 200}" (x)')  # a plain table: let be
    assert with_store(path, lambda store: store.list()) == ["fix-login"]
    change(path, f'CREATE TRIGGER "\x1b[2J{"y" * 200}" AFTER UPDATE ON session BEGIN SELECT 1; END')
    with pytest.raises(SchemaError) as caught:
        with_store(path, lambda store: store.list())
    assert "\x1b" not in str(caught.value)
    assert "y" * 100 not in str(caught.value)


def test_tables_and_views_of_the_users_own_are_let_be_and_never_run(path: Path) -> None:
    change(
        path,
        "CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT UNIQUE, x)",
        "CREATE INDEX notes_by_x ON notes (x COLLATE NOCASE DESC, session_id)",
        "CREATE TABLE app_page (k TEXT PRIMARY KEY, at TEXT DEFAULT (datetime('now')), "
        'note INTEGER REFERENCES notes, "check" TEXT) WITHOUT ROWID -- CHECK (1) REFERENCES owner',
        "INSERT INTO notes (session_id, x) VALUES ('fix-login', 'mine')",
        f"CREATE VIEW never_asked AS {NEVER_ENDING}",
        "ANALYZE",
    )

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session(count=9))
        assert await store.load("fix-login") == session(count=9)

    with_store(path, use)
    with database(path) as conn:
        assert conn.execute("SELECT x FROM notes").fetchall() == [("mine",)]


def _newer(path: Path, *statements: str) -> None:
    change(path, *statements, "PRAGMA user_version = 99")


def test_a_newer_file_may_have_what_a_newer_release_needs(path: Path) -> None:
    """It is opened for reading only, where no trigger runs."""
    _newer(
        path,
        "ALTER TABLE session ADD COLUMN more TEXT",
        "CREATE INDEX by_role ON message (role)",
        "CREATE VIRTUAL TABLE words USING fts5(text)",
        "CREATE TRIGGER keep AFTER INSERT ON message BEGIN SELECT 1; END",
    )

    async def use(store: SqliteSessionStore) -> None:
        assert store.read_only
        assert await store.load("fix-login") == session()
        assert [found.id for found in await store.summaries()] == ["fix-login"]

    with_store(path, use)


@pytest.mark.parametrize(
    ("what", "statements", "error"),
    [
        (
            "view in place of a table",
            (
                "DROP VIEW sessions",
                "DROP VIEW conversation",
                "ALTER TABLE session RENAME TO session_kept",
                f"CREATE VIEW session AS {NEVER_ENDING}",
            ),
            SchemaError,
        ),
        (
            "view in place of meta",
            ("DROP TABLE meta", f"CREATE VIEW meta AS {NEVER_ENDING}"),
            SchemaError,
        ),
        (
            "virtual table in place of a table",
            ("DROP TABLE cost_record", "CREATE VIRTUAL TABLE cost_record USING fts5(text)"),
            SchemaError,
        ),
        (
            "our view made never to end",
            ("DROP VIEW sessions", f"CREATE VIEW sessions AS {NEVER_ENDING}"),
            SchemaTooNewError,
        ),
        ("meta with other columns", ("ALTER TABLE meta ADD COLUMN more TEXT",), SchemaError),
    ],
)
def test_a_newer_file_whose_names_stand_for_something_else_is_refused_at_once(
    path: Path, what: str, statements: tuple[str, ...], error: type[StoreError]
) -> None:
    _newer(path, *statements)
    before = path.read_bytes()
    began = time.monotonic()
    with pytest.raises(error):
        with_store(path, lambda store: store.summaries())
    assert time.monotonic() - began < 2
    assert path.read_bytes() == before


def test_an_older_file_is_held_against_the_steps_of_its_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released, number = migrate.steps(), migrate.newest() + 1
    monkeypatch.setattr(
        migrate, "steps", lambda: {**released, number: ("CREATE TABLE later (x TEXT) STRICT;",)}
    )
    change(path, "CREATE TABLE later (y)")
    with pytest.raises(StoreError, match=f"step {number} failed"):
        with_store(path, lambda store: store.list())
    change(path, "DROP TABLE later")
    assert with_store(path, lambda store: store.list()) == ["fix-login"]
    change(path, "DROP TABLE later")
    with pytest.raises(SchemaError, match="later"):
        with_store(path, lambda store: store.list())


def test_an_endless_list_of_tables_is_refused(path: Path) -> None:
    with database(path) as conn:
        for number in range(5_001):
            conn.execute(f"CREATE VIEW v{number} AS SELECT 1")
        conn.commit()
    with pytest.raises(SchemaError):
        with_store(path, lambda store: store.list())


def test_our_own_steps_are_made_once_for_each_schema() -> None:
    steps = migrate.steps()
    conn = sqlite3.connect(":memory:")
    for number, statements in steps.items():
        for statement in statements:
            conn.execute(statement)
        verify_schema.check(conn, number, migrate.scripts(number))
        before = verify_schema.made_by.cache_info().misses
        verify_schema.check(conn, number, migrate.scripts(number))
        assert verify_schema.made_by.cache_info().misses == before
    conn.close()


def test_no_name_of_ours_begins_with_the_prefix_that_is_the_users() -> None:
    names = verify_schema.made_by(migrate.scripts(migrate.newest()))
    assert not [name for name in names if name.startswith(user_objects.PREFIX)]


def test_what_a_table_of_ours_has_is_not_in_the_way_of_one_of_theirs(path: Path) -> None:
    """Sessions beside plain tables of the user's own are deleted, erased, copied and verified."""
    change(
        path,
        "CREATE TABLE app_note (session_id TEXT, x)",
        "CREATE UNIQUE INDEX app_note_by_id ON app_note (session_id)",
        "INSERT INTO app_note VALUES ('fix-login', 'mine')",
    )

    async def use(store: SqliteSessionStore) -> None:
        await store.save(session("gone"))
        await store.erase("gone")
        for depth in ("quick", "deep"):
            report = await store.verify(depth=depth)
            assert report.ok
            assert any("no part of a store" in what for what in report.skipped)
        await store.backup(path.with_name("copy.a3s"))

    with_store(path, use)
    with database(path.with_name("copy.a3s")) as conn:
        assert conn.execute("SELECT x FROM app_note").fetchall() == [("mine",)]


def test_only_our_tables_are_checked_where_there_are_others(path: Path) -> None:
    """A row of theirs that breaks their own rule is theirs."""
    change(path, "CREATE TABLE theirs (x)", "INSERT INTO theirs VALUES (NULL)")
    change(
        path,
        "UPDATE sqlite_schema SET sql = 'CREATE TABLE theirs (x NOT NULL)' WHERE name = 'theirs'",
    )
    assert with_store(path, lambda store: store.verify(depth="deep")).ok
    change(path, "UPDATE message SET content = '[]' WHERE seq = 0")
    assert not with_store(path, lambda store: store.verify(depth="deep")).ok
