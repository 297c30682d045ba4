"""A load refuses a session in which one bit of a row of a list was flipped, and names the place."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import struct
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from a3s_store.backends.sqlite.errors import corruption_named
from a3s_store.backends.sqlite.read import decode, fetch
from a3s_store.backends.sqlite.rows.statements import Statements, statements
from a3s_store.core.batch import LoadResult
from a3s_store.core.collections import COLLECTIONS, CONFIG_ROWS, SESSION_ROWS
from a3s_store.core.columns import shape
from a3s_store.core.session_cache import NO_ENTRY
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.errors import CorruptionError
from a3s_store.testing import strategies
from tests.everything import everything
from tests.support import with_store

ID: Final = "s"
LISTS: Final = {**SESSION_ROWS.lists, **{one.name: one.rows for one in COLLECTIONS}}
# Bits flipped in one file: opening a store takes longer than these.
FLIPS: Final = 20
# What only the row checksum covers: the digest of the value is made of its other columns.
UNPROVEN_BY_DIGEST: Final = {"checksum", "digest", "digest_prefix", "blob_key"}


class Reading(sqlite3.Connection):
    """A connection on which row checksums are enough, as on those of an open store."""

    prove_chain = False
    row_salt = None


@contextlib.contextmanager
def stored(snapshot: SessionSnapshot) -> Iterator[Reading]:
    """Save a snapshot under `ID` into a new file; open that with sqlite3."""
    folder = Path(tempfile.mkdtemp())
    try:
        session = snapshot.session.evolve(id=ID, messages=snapshot.session.messages[:2])
        bound: Any = {one.name: one.bound_to(ID, one_of(snapshot, one.name)) for one in COLLECTIONS}
        whole = snapshot.evolve(session=session, **bound)
        path = folder / "agent.a3s"
        with_store(path, lambda store: store.save_snapshot(whole))
        conn = sqlite3.connect(path, factory=Reading, isolation_level=None)
        try:
            yield conn
        finally:
            conn.close()
    finally:
        shutil.rmtree(folder)


def one_of(snapshot: SessionSnapshot, name: str) -> Any:
    """Return a collection of a snapshot."""
    return getattr(snapshot, name)


def loaded(conn: Reading) -> LoadResult:
    """Load everything, as an open store does that has cached nothing."""
    with corruption_named(ID):
        rows = fetch.fetch(conn, NO_ENTRY, ID, COLLECTIONS, session=True)
        return decode.to_found(conn, rows)


Row = tuple[str, int, Statements, dict[str, Any]]


def rows_of(conn: Reading) -> list[Row]:
    """Return each row of each list: the list, the position in it, its statements, its columns.

    Rows of lists inside a value have the position of that value.
    """
    found: list[Row] = []
    ((owner,),) = conn.execute("SELECT owner_key FROM owner")
    for name, layout in LISTS.items():
        sql = statements(layout, "owner_key")
        for position, row in enumerate(_rows(conn, sql, owner)):
            found.append((name, position, sql, row))
            for part in layout.lists.values():
                inner = statements(part, sql.key)
                inside = _rows(conn, inner, row[sql.key])
                found += [(name, position, inner, one) for one in inside]
    return found


def _rows(conn: Reading, sql: Statements, parent_key: int) -> list[dict[str, Any]]:
    rows = conn.execute(sql.select, sql.key_range(parent_key)).fetchall()
    return [dict(zip(sql.selected, row, strict=True)) for row in rows]


def flipped(value: Any, bit: int) -> tuple[str, Any]:
    """Return an SQL expression and its parameter: the value with one bit changed."""
    if isinstance(value, int):
        return "?", value ^ 1 << bit % 63
    if isinstance(value, float):
        (whole,) = struct.unpack(">Q", struct.pack(">d", value))
        return "?", struct.unpack(">d", struct.pack(">Q", whole ^ 1 << bit % 64))[0]
    data = bytearray(value.encode() if isinstance(value, str) else value)
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    return ("CAST(? AS TEXT)" if isinstance(value, str) else "?"), bytes(data)


def check_flips(conn: Reading, data: st.DataObject, skipped: set[str]) -> None:
    """Flip bits one at a time: each load refuses, and names list and position."""
    before = loaded(conn)
    rows = rows_of(conn)
    if not rows:
        return
    for _ in range(FLIPS):
        name, position, sql, row = data.draw(st.sampled_from(rows))
        places = [name for name, value in row.items() if value not in (None, "", b"")]
        if "place" in skipped:
            places = [name for name in places if name not in sql.selected[: sql.first]]
        # The key of a row that is its own tells only which came first, where it has no lists.
        packed = sql.selected[0] == sql.key
        column = data.draw(
            st.sampled_from([c for c in places if c not in skipped and (packed or c != sql.key)])
        )
        how, value = flipped(row[column], data.draw(st.integers(0, 4000)))
        keys = {sql.key: row[sql.key]} if sql.key in row else {c: row[c] for c in sql.selected[:2]}
        where = " AND ".join(f"{key} = ?" for key in keys)
        conn.execute("BEGIN")
        try:
            # A NaN is stored as NULL, a key may be one that is there.
            with contextlib.suppress(sqlite3.IntegrityError):
                conn.execute(
                    f"UPDATE {sql.rows.table} SET {column} = {how} WHERE {where}",
                    (value, *keys.values()),
                )
                # A time may end with z: it is the same value, and only a checksum tells.
                is_same_time = column == "timestamp" and value.endswith(b"z")
                if is_same_time and row["checksum"] is None:
                    assert loaded(conn) == before
                    continue
                with pytest.raises(CorruptionError) as caught:
                    loaded(conn)
                assert caught.value.session_id == ID
                assert caught.value.part == name, (column, caught.value)
                if column not in sql.selected[: sql.first]:
                    assert caught.value.position == position, (column, caught.value)
        finally:
            conn.execute("ROLLBACK")
    assert loaded(conn) == before


# Shrinking takes minutes here, and the failing bit is named anyway.
_RICH = settings(
    max_examples=20, suppress_health_check=[*HealthCheck], phases=[*set(Phase) - {Phase.shrink}]
)


@given(strategies.session_snapshot(ID), st.data())
@_RICH
def test_a_flipped_bit_in_any_column_of_a_list_is_refused(
    snapshot: SessionSnapshot, data: st.DataObject
) -> None:
    with stored(snapshot) as conn:
        check_flips(conn, data, set())


@given(strategies.session_snapshot(ID), st.data())
@_RICH
def test_rows_of_an_older_release_are_proven_by_their_digests(
    snapshot: SessionSnapshot, data: st.DataObject
) -> None:
    """They have no checksum. Digests in rows are not compared, nor where a list begins."""
    with stored(snapshot) as conn:
        for layout in LISTS.values():
            for table in (layout, *layout.lists.values()):
                conn.execute(f"UPDATE {table.table} SET checksum = NULL")
        extents = {e for rows in LISTS.values() for e in statements(rows, "owner_key").extents}
        check_flips(conn, data, {"place"} | UNPROVEN_BY_DIGEST | extents)


@given(st.data())
@settings(max_examples=5)
def test_so_is_one_in_a_session_with_everything(data: st.DataObject) -> None:
    with stored(everything(ID)) as conn:
        check_flips(conn, data, set())


@given(strategies.session_snapshot(ID), st.data())
@_RICH
def test_a_flipped_bit_in_the_rows_of_the_session_is_refused_too(
    snapshot: SessionSnapshot, data: st.DataObject
) -> None:
    """They have no checksum: their digests prove them. Numbers that are rounded aside."""
    with stored(snapshot) as conn:
        for _ in range(FLIPS):
            rows = data.draw(st.sampled_from((SESSION_ROWS, CONFIG_ROWS)))
            names = [*shape(rows).names, "digest"]
            (stored_row,) = conn.execute(f"SELECT {', '.join(names)} FROM {rows.table}")
            row = dict(zip(names, stored_row, strict=True))
            column = data.draw(
                st.sampled_from([c for c in row if type(row[c]) is not float and row[c]])
            )
            how, value = flipped(row[column], data.draw(st.integers(0, 4000)))
            conn.execute("BEGIN")
            with contextlib.suppress(sqlite3.IntegrityError):
                conn.execute(f"UPDATE {rows.table} SET {column} = {how}", (value,))
                with pytest.raises(CorruptionError) as caught:
                    loaded(conn)
                assert caught.value.session_id == ID
            conn.execute("ROLLBACK")


def test_any_program_can_compute_the_checksum_of_a_row_of_a_list() -> None:
    """As docs/data-on-disk.md says, of the file alone."""
    every = {part for rows in LISTS.values() for part in (rows, *rows.lists.values())}
    with stored(everything(ID)) as conn:
        for rows in every:
            columns = conn.execute(
                "SELECT name, pk FROM pragma_table_xinfo(?) WHERE hidden = 0", (rows.table,)
            ).fetchall()
            names = [name for name, _ in columns if name != "checksum"]
            if "seq" in names:
                names = [name for name, is_key in columns if name in names and not is_key]
            found = conn.execute(f"SELECT checksum, {', '.join(names)} FROM {rows.table}")
            stored_rows = found.fetchall()
            assert stored_rows, rows.table
            for checksum, *row in stored_rows:
                plain = [item.hex() if isinstance(item, bytes) else item for item in row]
                text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
                assert checksum == zlib.crc32(text.encode()), rows.table
