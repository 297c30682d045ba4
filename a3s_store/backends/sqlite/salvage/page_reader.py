"""Read a database file and its WAL as pages, cells and records, however damaged they are.

This is for files that SQLite refuses or would read only in part: no byte is trusted. Tables and
their lost pages are the subject of `row_recovery`; values are verified later still.

Invariants: 1. bytes that make no sense give None or nothing: no exception, no endless walk, no more
memory than the file has bytes; 2. files are opened for reading, and neither locked nor changed;
3. of the WAL only committed frames count.

Source: SQLite's file format, sqlite.org/fileformat2.html.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import attrs

from a3s_store.backends.sqlite.format import pointer_map
from a3s_store.backends.sqlite.format.files_beside import WAL, beside
from a3s_store.backends.sqlite.salvage.records import header_of, size_of, value_of, varint
from a3s_store.backends.sqlite.salvage.wal_merge import PAGE_SIZE, page_size_of, read_log
from a3s_store.errors import StoreBusyError

MAGIC: Final = b"SQLite format 3\0"
HEADER_BYTES: Final = 100
TABLE_LEAF, TABLE_INTERIOR, INDEX_LEAF, INDEX_INTERIOR = 0x0D, 0x05, 0x0A, 0x02
LEAVES: Final = frozenset({TABLE_LEAF, INDEX_LEAF})
_TREE_PAGES: Final = {bytes([kind]) for kind in (*LEAVES, TABLE_INTERIOR, INDEX_INTERIOR)}

# The offset of the bytes that SQLite locks; no b-tree uses the page with them.
_LOCK_BYTE: Final = 2**30
# How many pages are read to decide between two page layouts.
_SAMPLE: Final = 64


@attrs.frozen
class Node:
    """A page of a b-tree: its number, kind and bytes, offsets of its cells, rightmost child.

    `right` is 0 on a leaf.
    """

    number: int
    kind: int
    data: bytes
    cells: tuple[int, ...]
    right: int


@attrs.frozen
class Cell:
    """An entry of a b-tree, with the serial types of its columns.

    `rowid` is None in an index, `child` on a leaf. `body` has the bytes of the columns that lie in
    the page, `size` is the number of bytes of all columns, and `overflow` the page with the next
    ones; 0 when there is none.
    """

    rowid: int | None
    child: int | None
    serials: tuple[int, ...] = ()
    body: bytes = b""
    size: int = 0
    overflow: int = 0


class Image:
    """The pages of a database as of its last commit, each read when it is needed.

    A context manager; call `check_unchanged` at the end to be sure that all pages are of one
    moment. `count` is the number of pages, `page_size` their bytes, `usable` those bytes without
    the ones reserved at the end of each page, and `log` the pages in the WAL.
    """

    def __init__(self, path: Path) -> None:
        """Open the file and read its WAL. Raises OSError."""
        self._files = (path, beside(path, WAL))
        self._before = self._state()
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)
        self._handle: int | None = os.open(path, flags)
        try:
            log = self._files[1].read_bytes() if self._before[1] is not None else b""
            self.named_size = _size_in(self._read(HEADER_BYTES, 0))
            self.log = read_log(log, self.named_size)
            self._measure()
        except BaseException:
            self.close()
            raise

    def _measure(self) -> None:
        self.page_size = self.log.page_size or self.named_size or PAGE_SIZE
        in_file = (self._before[0] or (0, 0, 0))[1] // self.page_size
        # A database grows page by page: a frame of a page far beyond the end is damaged.
        most = in_file + len(self.log.images)
        self.count = max([in_file, *(number for number in self.log.images if number <= most)])
        self._lock_page = _LOCK_BYTE // self.page_size + 1
        # Intact records share no overflow pages, so all together read no more than the file has.
        self._walks_left = 2 * self.count + 64
        self.usable = self.page_size
        self.auto_vacuum = False
        self.usable -= self._reserved()
        self.auto_vacuum = self._has_pointer_maps()

    def _has_pointer_maps(self) -> bool:
        first, second = (self.page(number) or b"" for number in (1, 2))
        if pointer_map.begins_all(second):
            return True
        return self.has_header() and pointer_map.is_on(first) and second[:1] not in _TREE_PAGES

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; twice is fine."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    def check_unchanged(self) -> None:
        """Raise StoreBusyError when the files were written to since they were opened."""
        if self._state() != self._before:
            raise StoreBusyError(
                "the file was changed while it was read",
                hint="Close the programs that use it, and try again",
            )

    def _state(self) -> tuple[tuple[int, int, int] | None, ...]:
        found: list[tuple[int, int, int] | None] = []
        for path in self._files:
            try:
                info = path.stat()
            except FileNotFoundError:
                found.append(None)
            else:
                state = info.st_ino, info.st_size, info.st_mtime_ns
                found.append(state if stat.S_ISREG(info.st_mode) else None)
        return tuple(found)

    def _read(self, size: int, offset: int) -> bytes:
        assert self._handle is not None, "it was closed"
        os.lseek(self._handle, offset, os.SEEK_SET)
        return os.read(self._handle, size)

    def _reserved(self) -> int:
        """Return how many bytes at the end of each page are reserved: 0 with most SQLite builds."""
        named = (self.page(1) or bytes(HEADER_BYTES))[20] if self.has_header() else 0
        if not 0 < named <= self.page_size - 480:
            return 0
        # A flipped bit in this byte would cut the last entry off every page: the reading with fewer
        # unreadable cells wins.
        without = self._misfits()
        self.usable = self.page_size - named
        within = self._misfits()
        self.usable = self.page_size
        return named if within <= without else 0

    def _misfits(self) -> int:
        nodes = [self.node(number) for number in range(1, min(self.count, _SAMPLE) + 1)]
        return sum(cell is None for node in nodes if node for cell in self.cells(node))

    def has_header(self) -> bool:
        """Return whether the first page begins with the header of a database."""
        first = self.page(1)
        return first is not None and first[:16] == MAGIC

    def page(self, number: int) -> bytes | None:
        """Return the bytes of a page, counted from 1; None for a missing or incomplete page."""
        if not 1 <= number <= self.count:
            return None
        data = self.log.image(number)
        if data is None:
            data = self._read(self.page_size, (number - 1) * self.page_size)
        return data if len(data) == self.page_size else None

    # -- B-trees ------------------------------------------------------------------------------

    def node(self, number: int) -> Node | None:
        """Return a page as a page of a b-tree; None when it is not one."""
        data = self.page(number)
        if data is None or number == self._lock_page:
            return None
        if self.auto_vacuum and pointer_map.is_one(number, self.page_size, self.usable):
            return None
        start = HEADER_BYTES if number == 1 and self._first_has_header(data) else 0
        kind = data[start]
        if kind not in (TABLE_LEAF, TABLE_INTERIOR, INDEX_LEAF, INDEX_INTERIOR):
            return None
        count = int.from_bytes(data[start + 3 : start + 5], "big")
        pointers = start + (8 if kind in LEAVES else 12)
        content = pointers + 2 * count
        if content > self.usable:
            return None
        right = 0 if kind in LEAVES else int.from_bytes(data[start + 8 : start + 12], "big")
        return Node(number, kind, data, struct.unpack_from(f">{count}H", data, pointers), right)

    def _first_has_header(self, data: bytes) -> bool:
        # Where another page was written in place of the first, its tree begins at offset 0.
        return data[:16] == MAGIC or data[0] not in (
            TABLE_LEAF,
            TABLE_INTERIOR,
            INDEX_LEAF,
            INDEX_INTERIOR,
        )

    def children(self, node: Node) -> list[int]:
        """Return the child pages of a page; 0 for a number that no page can have."""
        if node.kind in LEAVES:
            return []
        found = [
            int.from_bytes(node.data[at : at + 4], "big") if at + 4 <= self.usable else 0
            for at in node.cells
        ]
        return [number if 2 <= number <= self.count else 0 for number in [*found, node.right]]

    def cells(self, node: Node) -> Iterator[Cell | None]:
        """Yield the cells with records of a page, in order; None for one that cannot be read."""
        if node.kind == TABLE_INTERIOR:
            return
        for at in node.cells:
            try:
                yield self._cell(node, at)
            except IndexError:
                yield None

    def _cell(self, node: Node, at: int) -> Cell | None:
        """Return the cell at an offset. Raises IndexError when it does not end inside the page."""
        data, rowid, child = node.data, None, None
        if at < 8:
            return None
        if node.kind == INDEX_INTERIOR:
            child = int.from_bytes(data[at : at + 4], "big")
            at += 4
        size, at = varint(data, at)
        if node.kind == TABLE_LEAF:
            unsigned, at = varint(data, at)
            rowid = unsigned - 2**64 if unsigned >= 2**63 else unsigned
        local = self._local(size, node.kind)
        if size > self.count * self.page_size or at + local > self.usable:
            return None
        overflow = 0
        if local < size:
            if at + local + 4 > self.usable:
                return None
            overflow = int.from_bytes(data[at + local : at + local + 4], "big")
        payload = data[at : at + local]
        record = header_of(payload, size)
        if record is None:
            return None
        serials, header = record
        return Cell(rowid, child, serials, payload[header:], size - header, overflow)

    def _local(self, size: int, kind: int) -> int:
        """Return how many bytes of a record of this size lie in the page itself."""
        usable = self.usable
        most = usable - 35 if kind == TABLE_LEAF else (usable - 12) * 64 // 255 - 23
        if size <= most:
            return size
        least = (usable - 12) * 32 // 255 - 23
        kept = least + (size - least) % (usable - 4)
        return kept if kept <= most else least

    def values(self, cell: Cell) -> tuple[Any, ...] | None:
        """Return the column values of a record; None for lost overflow pages or invalid UTF-8."""
        body = cell.body
        if len(body) < cell.size:
            rest = self._overflow(cell.overflow, cell.size - len(body))
            if rest is None:
                return None
            body += rest
        found: list[Any] = []
        at = 0
        try:
            for serial in cell.serials:
                end = at + size_of(serial)
                found.append(value_of(serial, body[at:end]))
                at = end
        except UnicodeDecodeError:
            return None
        return tuple(found)

    def _overflow(self, number: int, size: int) -> bytes | None:
        parts: list[bytes] = []
        been: set[int] = set()
        most = self.usable - 4
        while size > 0:
            page = self.page(number) if number >= 2 and number not in been else None
            self._walks_left -= 1
            if page is None or self._walks_left < 0:
                return None
            been.add(number)
            parts.append(page[4 : 4 + min(size, most)])
            size -= most
            number = int.from_bytes(page[:4], "big")
        # The overflow chain of an intact record ends with the record.
        return b"".join(parts) if number == 0 else None

    # -- Free pages ---------------------------------------------------------------------------

    def free_pages(self) -> set[int]:
        """Return the free pages, which may still have the bytes of deleted rows.

        Where the list of free pages cannot be walked to its end, every page that looks like a part
        of the list counts as free too: deleted rows must not come back.
        """
        first = self.page(1) if self.has_header() else None
        number, expected = (0, -1) if first is None else struct.unpack_from(">II", first, 32)
        found: set[int] = set()
        while number and number not in found:
            listed = self._trunk(number)
            if listed is None:
                break
            found.add(number)
            number = listed[0]
            found.update(listed[1:])
        if len(found) != expected:
            for number in range(2, self.count + 1):
                listed = self._trunk(number)
                if listed is not None and (listed[0] or len(listed) > 1):
                    found.add(number)
                    found.update(listed[1:])
        return found

    def _trunk(self, number: int) -> list[int] | None:
        """Return the next trunk page of the free list, then the free pages this trunk lists.

        None when the page cannot be a trunk page.
        """
        page = self.page(number)
        if page is None:
            return None
        following, count = struct.unpack_from(">II", page)
        if following > self.count or count > self.usable // 4 - 2:
            return None
        pages = struct.unpack_from(f">{count}I", page, 8)
        if len(set(pages)) != count or not all(2 <= free <= self.count for free in pages):
            return None
        return [following, *pages]


def _size_in(header: bytes) -> int | None:
    """Return the page size in a database header; None where that is no page size."""
    if len(header) < HEADER_BYTES or header[:16] != MAGIC:
        return None
    return page_size_of(int.from_bytes(header[16:18], "big"))
