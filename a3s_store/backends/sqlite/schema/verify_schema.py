"""Verify that a file has exactly the tables, indexes, triggers and views that our steps create.

A database contains code: triggers, views, expressions in indexes. A file from elsewhere may have
foreign code, so before any statement that could run it, the list of objects is read (which runs
nothing) and compared. Our objects must be equal letter by letter, except for the quotes around
plain names that SQLite adds to renamed tables. Further plain tables and plain views belong to the
user: no statement of ours names them, and nothing in them runs with ours (`user_objects`). A
trigger, a virtual table or an index on one of our tables would run with ours, and is refused.

A file of a newer release is opened for reading only, and there no trigger ever runs; further
objects of any kind are left alone, since that release may need them. The objects that this release
reads must be of the kind it expects: our tables must be tables, each with pages of its own (they
may have gained columns), and our views must be those we know. So a release that changes a view
gives it a new name or no longer permits older ones to read.
"""

from __future__ import annotations

import functools
import re
import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

from a3s_store.backends.sqlite.schema import search_table, user_objects
from a3s_store.backends.sqlite.schema.search_table import IndexTable
from a3s_store.errors import MigrationError, SchemaError, SchemaTooNewError

_MOST_OBJECTS: Final = 5_000
_QUOTED: Final = re.compile(r'"([A-Za-z_]\w*)"', re.ASCII)


class _Object(NamedTuple):
    kind: str
    name: str
    table: str
    page: int
    sql: str | None


# The statements of one or more scripts, which make a schema in an empty database.
Scripts: TypeAlias = tuple[tuple[str, ...], ...]


def check(conn: sqlite3.Connection, version: int, scripts: Scripts) -> None:
    """Refuse a file of schema `version` whose objects are not those that our scripts make.

    To be called inside a read transaction. Raises SchemaError, which names the object.
    """
    ours = made_by(scripts)
    indexes = [one for one in search_table.ALL if one.state in ours]
    found = _objects(conn)
    _refuse_shared_pages(found)
    missing = dict(ours)
    for thing in found:
        if thing.name in ours:
            kind, sql = missing.pop(thing.name, ("", None))
            if (thing.kind, unquoted(thing.sql)) != (kind, unquoted(sql)):
                raise SchemaError(
                    f"{thing.kind} {_shown(thing.name)} is not the {kind or 'one'} "
                    f"that schema {version} has under this name",
                    hint="Restore a backup, or import the sessions into a new store",
                )
    for thing in found:
        if thing.name not in ours and not _is_one_of(indexes, thing):
            _refuse_what_runs(thing, ours)
    for name, (kind, _) in missing.items():
        raise SchemaError(
            f"the {kind} {name} of schema {version} is missing",
            hint="Restore a backup, or salvage the file",
        )


def check_names_free(
    conn: sqlite3.Connection, number: int, before: Scripts, after: Scripts
) -> None:
    """Refuse a file in which an object of the user's has a name that step `number` gives to ours.

    Raises MigrationError.
    """
    ours = made_by(before).keys()
    taken = {name.lower() for name in made_by(after).keys() - ours}
    for thing in _objects(conn):
        if thing.name.lower() in taken and thing.name not in ours:
            article = "an" if thing.kind == "index" else "a"
            raise MigrationError(
                f"step {number} failed: the file has {article} {thing.kind} {_shown(thing.name)} "
                "of yours, whose name it needs",
                hint="Rename or drop yours with the sqlite3 program, then open the store again",
            )


def check_meta(conn: sqlite3.Connection, scripts: Scripts) -> None:
    """Refuse a newer release's file whose table meta cannot be asked what that release permits.

    To be called inside a read transaction. Raises SchemaError.
    """
    kind, sql = made_by(scripts)["meta"]
    found = _objects(conn)
    _refuse_shared_pages(found)
    meta = next((thing for thing in found if thing.name == "meta"), None)
    if meta is None or not _is_plain_table(meta) or (meta.kind, meta.sql) != (kind, sql):
        raise SchemaError("the file has no table meta as ours", hint="Restore a backup")


def check_newer(conn: sqlite3.Connection, scripts: Scripts) -> None:
    """Refuse a newer release's file in which an object this release reads is of another kind.

    To be called inside a read transaction. Raises SchemaError, or SchemaTooNewError for a view.
    """
    ours = made_by(scripts)
    found = _objects(conn)
    _refuse_shared_pages(found)
    kinds = {thing.name: thing for thing in found}
    for name, (kind, sql) in ours.items():
        thing = kinds.get(name)
        if kind == "table" and (thing is None or not _is_plain_table(thing)):
            raise SchemaError(f"the file has no table {name}", hint="Restore a backup")
        if kind == "view" and (
            thing is None or (thing.kind, unquoted(thing.sql)) != (kind, unquoted(sql))
        ):
            raise SchemaTooNewError(
                f"the view {name} is not the one this release knows",
                hint="Install the release that wrote the file",
            )


def _objects(conn: sqlite3.Connection) -> list[_Object]:
    # Reads one table; runs none of the objects listed in it.
    rows = conn.execute(
        "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema LIMIT ?",
        (_MOST_OBJECTS + 1,),
    ).fetchall()
    if len(rows) > _MOST_OBJECTS:
        raise SchemaError(f"the file has more than {_MOST_OBJECTS} tables, indexes and views")
    for row in rows:
        texts = all(isinstance(value, str) for value in row[:3])
        if not (texts and isinstance(row[3], int) and isinstance(row[4], str | None)):
            raise SchemaError("the list of tables is malformed", hint="Restore a backup")
    return [_Object(*row) for row in rows]


def _refuse_shared_pages(found: Iterable[_Object]) -> None:
    """Refuse two objects with one root page, as in a crafted file: a write to one changes both."""
    pages: dict[int, str] = {1: "sqlite_schema"}
    for thing in found:
        if thing.page and (other := pages.setdefault(thing.page, thing.name)) != thing.name:
            raise SchemaError(
                f"{_shown(thing.name)} and {_shown(other)} share their pages",
                hint="The file was tampered with; restore a backup",
            )


def _refuse_what_runs(thing: _Object, ours: dict[str, tuple[str, str | None]]) -> None:
    if thing.kind == "view" and (thing.sql or "").startswith("CREATE VIEW "):
        return
    if _is_plain_table(thing):
        _refuse_part(thing, user_objects.in_table(thing.sql or "", ours))
        return
    # SQLite does not tell SESSION from session.
    if thing.kind == "index" and thing.table.lower() not in ours:
        if thing.sql is not None:  # of a table of theirs, and not one that its keys make
            _refuse_part(thing, user_objects.in_index(thing.sql))
        return
    kind = thing.kind
    if kind == "table":
        kind = "virtual table"
    article = "an" if kind == "index" else "a"
    raise SchemaError(
        f"the file has {article} {kind} {_shown(thing.name)}, which is not part of a store "
        "and would run whenever it is used",
        hint=_how_to_drop(thing),
    )


def _refuse_part(thing: _Object, part: str | None) -> None:
    """Raise SchemaError for a table or an index of the user's own that has this in it."""
    if part is None:
        return
    hint = _how_to_drop(thing)
    if thing.kind == "table":
        hint = f"If it is yours, make it again without {part}, or keep it in a file of its own"
    raise SchemaError(
        f"the {thing.kind} {_shown(thing.name)} is not part of a store and has {part}, which would "
        "run, or keep sessions from being deleted, when the store is used",
        hint=hint,
    )


def _is_one_of(indexes: Iterable[IndexTable], thing: _Object) -> bool:
    """Return whether this is a full-text index: derived data, kept in plain tables."""
    return any(
        (thing.kind, thing.name, thing.sql) == ("table", index.name, index.sql) for index in indexes
    )


def _is_plain_table(thing: _Object) -> bool:
    # SQLite itself writes these words so; a virtual table has no pages of its own.
    return (
        thing.kind == "table"
        and thing.page > 0
        and thing.sql is not None
        and thing.sql.startswith("CREATE TABLE ")
    )


def _how_to_drop(thing: _Object) -> str:
    if thing.kind not in {"trigger", "index", "table"}:
        return "The file was tampered with; restore a backup"
    if len(thing.name) > 80 or not thing.name.isprintable():
        return f"If it is yours, drop this {thing.kind} with the sqlite3 program"
    name = thing.name.replace('"', '""')
    return f'If it is yours, run in the sqlite3 program: DROP {thing.kind.upper()} "{name}"'


def unquoted(sql: str | None) -> str | None:
    """Return the text of a statement without quotes around plain names.

    SQLite writes some there when it renames a table. A name means the same with them, unless it is
    a keyword; none of ours is.
    """
    return None if sql is None else _QUOTED.sub(r"\1", sql)


def _shown(name: str) -> str:
    return ascii(name if len(name) <= 80 else name[:79] + "~")


@functools.lru_cache(maxsize=8)
def made_by(scripts: Scripts) -> dict[str, tuple[str, str | None]]:
    """Return (kind, SQL) by name of all objects that these scripts create."""
    conn = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for statements in scripts:
            for statement in statements:
                conn.execute(statement).close()
        rows = conn.execute("SELECT name, type, sql FROM sqlite_schema").fetchall()
    finally:
        conn.close()
    return {name: (kind, sql) for name, kind, sql in rows}
