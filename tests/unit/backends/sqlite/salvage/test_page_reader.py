"""Pages read without SQLite: the same rows from an intact file, and an end for any bytes."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a3s_store.backends.sqlite.salvage import row_recovery
from a3s_store.backends.sqlite.salvage.page_reader import Image
from a3s_store.backends.sqlite.salvage.stored_tables import all_tables
from a3s_store.backends.sqlite.salvage.wal_merge import read_log
from a3s_store.errors import StoreBusyError
from tests.unit.backends.sqlite.damaged_stores import PAGE, Layout, flipped, make, zeroed


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("whole") / "agent.a3s")


def walk_everything(path: Path) -> int:
    """Read all of a file in every way; return the number of values."""
    values = 0
    with Image(path) as image:
        image.free_pages()
        for number in range(image.count + 2):
            node = image.node(number)
            for cell in image.cells(node) if node is not None else ():
                if cell is not None:
                    values += len(image.values(cell) or ())
            if node is not None:
                assert all(0 <= child <= image.count for child in image.children(node))
    return values


@contextlib.contextmanager
def carved(path: Path) -> Iterator[tuple[sqlite3.Connection, row_recovery.RecoveredRows]]:
    with contextlib.closing(row_recovery.scratch()) as conn, Image(path) as image:
        yield conn, row_recovery.recover_rows(image, conn, lambda: None)


# -- A file that is well --------------------------------------------------------------------------


def test_every_row_is_read_as_sqlite_reads_it(whole: Path) -> None:
    with (
        carved(whole) as (conn, found),
        contextlib.closing(sqlite3.connect(f"{whole.as_uri()}?mode=ro", uri=True)) as own,
    ):
        assert (found.lost_pages, found.lost_rows.total(), found.loose) == ({}, 0, set())
        for table in all_tables():
            ours, theirs = (one.execute(f"SELECT * FROM {table}").fetchall() for one in (conn, own))
            assert sorted(map(repr, ours)) == sorted(map(repr, theirs)), table


@pytest.mark.parametrize("page_size", [512, 1024, 65_536])
def test_a_page_may_have_any_size(tmp_path: Path, page_size: int) -> None:
    """Another program's VACUUM may choose any page size."""
    path = make(tmp_path / "agent.a3s")
    with contextlib.closing(sqlite3.connect(path)) as own:
        own.execute("PRAGMA journal_mode = DELETE")
        own.execute(f"PRAGMA page_size = {page_size}")
        own.execute("VACUUM")
        messages = own.execute("SELECT * FROM message ORDER BY 1").fetchall()
        blobs = own.execute("SELECT * FROM blob ORDER BY 1").fetchall()
    with carved(path) as (conn, found):
        assert found.lost_pages == {}
        assert conn.execute("SELECT * FROM message ORDER BY 1").fetchall() == messages
        assert conn.execute("SELECT * FROM blob ORDER BY 1").fetchall() == blobs


def test_no_row_fits_into_two_tables() -> None:
    """So a stray page belongs to one table; two pairs of keys follow from other rows."""
    tables = list(all_tables().values())
    for index, one in enumerate(tables):
        for other in tables[index + 1 :]:
            alike = one.leaf == other.leaf and len(one.accepted) == len(other.accepted)
            if alike and all(a & b for a, b in zip(one.accepted, other.accepted, strict=True)):
                assert {one.name, other.name} == {"branch_owner", "message_blob"}


def test_a_file_that_changes_meanwhile_is_noticed(tmp_path: Path, whole: Path) -> None:
    path = tmp_path / "agent.a3s"
    path.write_bytes(whole.read_bytes())
    with Image(path) as image:
        image.check_unchanged()
        path.with_name("agent.a3s-wal").write_bytes(b"")
        with pytest.raises(StoreBusyError, match="was changed while"):
            image.check_unchanged()


# -- A file that is not ---------------------------------------------------------------------------


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_come_to_an_end(tmp_path: Path, whole: Path, data: st.DataObject) -> None:
    content = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(1, 20))):
        at = data.draw(st.integers(0, len(content) - 1))
        # The headers of pages are hit more often than other bytes.
        at -= at % PAGE - at % 16 if data.draw(st.booleans()) else 0
        piece = data.draw(st.binary(min_size=1, max_size=8))
        content[at : at + len(piece)] = piece
    path = tmp_path / "agent.a3s"
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    walk_everything(path)
    with carved(path):
        pass


@given(content=st.binary(max_size=3 * 512))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rubbish_comes_to_an_end(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "agent.a3s"
    header = b"SQLite format 3\0" + struct.pack(">H", 512) + bytes(82)
    for text in (content, header + content, random.Random(content).randbytes(20 * PAGE)):
        path.write_bytes(text)
        path.with_name("agent.a3s-wal").write_bytes(content)
        walk_everything(path)


def test_a_tree_that_leads_back_to_itself_comes_to_an_end(tmp_path: Path, whole: Path) -> None:
    content = whole.read_bytes()
    path = tmp_path / "agent.a3s"
    with Image(whole) as image:
        nodes = [image.node(number) for number in range(2, image.count + 1)]
        inner = [node for node in nodes if node is not None and node.kind == 0x05]
    assert inner
    for node in inner:
        at = (node.number - 1) * PAGE
        for place in (at + 8, at + node.cells[0]):  # the last child, and the first
            circle = content[:place] + struct.pack(">I", node.number) + content[place + 4 :]
            path.write_bytes(circle)
            with carved(path) as (_, found):
                assert node.number in next(iter(found.lost_pages.values()))


def test_overflow_pages_in_a_circle_come_to_an_end(tmp_path: Path, whole: Path) -> None:
    content = whole.read_bytes()
    with Image(whole) as image, carved(whole) as (conn, _):
        (blobs,) = conn.execute("SELECT count(*) FROM blob").fetchone()
        chains = [
            cell.overflow
            for number in range(2, image.count + 1)
            if (node := image.node(number)) is not None
            for cell in image.cells(node)
            if cell is not None and cell.overflow
        ]
    path = tmp_path / "agent.a3s"
    for first in chains:
        at = (first - 1) * PAGE
        path.write_bytes(content[:at] + struct.pack(">I", first) + content[at + 4 :])
        with carved(path) as (conn, found):
            assert found.lost_rows.total() == 1
            assert conn.execute("SELECT count(*) FROM blob").fetchone()[0] >= blobs - 1


def test_a_reserved_space_that_is_none_cuts_nothing_off(tmp_path: Path, whole: Path) -> None:
    """Some builds of SQLite reserve bytes at the end of each page; a flipped bit may claim it."""
    path = tmp_path / "agent.a3s"
    for bit in range(8):
        path.write_bytes(flipped(whole.read_bytes(), 20, bit))
        with carved(path) as (_, found):
            assert (found.lost_pages, found.lost_rows.total()) == ({}, 0)


def test_a_text_that_is_not_utf8_is_no_row(tmp_path: Path, whole: Path) -> None:
    content = whole.read_bytes()
    at = content.index(b"compacted 7")
    path = tmp_path / "agent.a3s"
    path.write_bytes(content[:at] + b"\xff" + content[at + 1 :])
    with carved(path) as (_, found):
        assert found.lost_rows == {"message": 1}


def test_a_table_that_is_whole_is_not_added_to(tmp_path: Path, whole: Path) -> None:
    """Its stray rows are of no use, and may be deleted ones."""
    content = whole.read_bytes()
    layout = Layout(whole)
    leaves = [page for page in layout.pages("message") if page not in layout.inner]
    path = tmp_path / "agent.a3s"
    stray = content[(leaves[0] - 1) * PAGE : leaves[0] * PAGE].replace(b"long", b"gone")
    for other in layout.pages("trace_event"):
        path.write_bytes(zeroed(content + stray, other))
        with carved(path) as (_, found):
            assert found.lost_pages
            assert found.loose == set()
    path.write_bytes(zeroed(content + stray, leaves[-1]))
    with carved(path) as (conn, found):
        assert found.loose
        kept = conn.execute("SELECT count(*) FROM message WHERE instr(content, 'gone')").fetchone()
        assert kept == (0,), "the row that the tree leads to is kept"


# -- The log --------------------------------------------------------------------------------------


def log_of(turns: int, size: int = 512, order: str = "<") -> bytes:
    """A WAL with page 2 in each of some commits, and page 3 in the second frame."""

    def checksum(data: bytes, before: tuple[int, int]) -> tuple[int, int]:
        first, second = before
        for one, two in struct.iter_unpack(f"{order}II", data):
            first = (first + one + second) % 2**32
            second = (second + two + first) % 2**32
        return first, second

    magic = 0x377F0682 | (order == ">")
    header = struct.pack(">6I", magic, 3_007_000, size, 0, 11, 22)
    sums = checksum(header, (0, 0))
    log = header + struct.pack(">2I", *sums)
    for turn in range(turns):
        for page, pages in ((3, 0), (2, 3)) if turn == 1 else ((2, 3),):
            head = struct.pack(">2I", page, pages)
            body = bytes([turn]) * size
            sums = checksum(body, checksum(head, sums))
            log += head + header[16:24] + struct.pack(">2I", *sums) + body
    return log


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_last_image_of_a_page_counts(order: str) -> None:
    found = read_log(log_of(4, order=order), None)
    assert (found.page_size, found.is_damaged, found.lost) == (512, False, 0)
    assert found.image(2) == bytes([3]) * 512
    assert found.image(3) == bytes([1]) * 512
    assert found.image(4) is None


def test_what_was_not_committed_does_not_count() -> None:
    """A crash may cut a WAL off anywhere: the last complete commit counts."""
    whole = log_of(3)
    step = 512 + 24
    for length in range(32, len(whole) + 1, 8):
        found = read_log(whole[:length], None)
        frames = (length - 32) // step
        last = {0: None, 1: 0, 2: 0, 3: 1, 4: 2}[frames]
        assert found.image(2) == (None if last is None else bytes([last]) * 512)
        assert (found.image(3) is not None) == (frames >= 3)
        assert not found.is_damaged


@pytest.mark.parametrize("frame", [0, 1, 2, 3])
def test_frames_behind_a_broken_one_count(frame: int) -> None:
    whole = log_of(6)
    at = 32 + frame * (512 + 24) + 24
    found = read_log(whole[:at] + random.Random(1).randbytes(512) + whole[at + 512 :], None)
    assert (found.is_damaged, found.lost) == (True, 1)
    assert found.image(2) == bytes([5]) * 512
    assert (found.image(3) is None) == (frame == 1)


def test_a_log_without_its_header_is_read_by_its_frames() -> None:
    for order in "<>":
        whole = log_of(6, order=order)
        found = read_log(random.Random(2).randbytes(32) + whole[32:], 512)
        assert found.is_damaged
        assert found.image(2) == bytes([5]) * 512
