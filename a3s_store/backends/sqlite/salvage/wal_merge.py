"""Find the last committed image of each page in a WAL, frame by frame.

SQLite recovers a WAL up to the first frame with a wrong checksum and ignores the rest: correct
after a crash, silent loss after damage. Where `wal_file` finds damage, later frames with correct
checksums are used too.

Invariants: 1. no bytes raise an exception; 2. no page image is returned that was not committed.

Source: SQLite's WAL format, sqlite.org/fileformat2.html#the_write_ahead_log.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from a3s_store.backends.sqlite.format import wal_file

PAGE_SIZE: Final = 4096  # of every file this store made
_MAGIC: Final = 0x377F0682
_HEADER: Final = 32
_FRAME: Final = 24
# How many single flipped bits are corrected in one WAL; more are no accident.
_MOST_FLIPS: Final = 8

Sum = tuple[int, int]


@attrs.frozen
class Log:
    """The committed pages of a WAL: the offset in `data` of each page's last committed image.

    `page_size` is None for an empty WAL. `is_damaged` means that SQLite would not use all committed
    frames; `lost` counts those that are not used here either.
    """

    data: bytes = attrs.field(default=b"", repr=False)
    page_size: int | None = None
    images: dict[int, int] = attrs.field(factory=dict)
    is_damaged: bool = False
    lost: int = 0

    def image(self, page: int) -> bytes | None:
        """Return the last committed image of a page; None when the WAL has none."""
        at = self.images.get(page)
        return None if at is None else self.data[at : at + (self.page_size or 0)]


@attrs.frozen
class _Frame:
    page: int
    commits: bool
    whole: bool


def page_size_of(named: int) -> int | None:
    """Return the page size that a header encodes as this number; None for an invalid one."""
    size = 65_536 if named == 1 else named
    return size if 512 <= size <= 65_536 and size & (size - 1) == 0 else None


def read_log(data: bytes, page_size: int | None) -> Log:
    """Read a WAL; `page_size` is used where the WAL's own header is damaged.

    A frame's checksum continues the one stored in the frame before, so frames after a damaged one
    can still be verified.
    """
    found = wal_file.audit(data)
    is_damaged = found.is_damaged
    for _ in range(_MOST_FLIPS):
        repaired = wal_file.corrected(data, found)
        if repaired == data:
            break
        data = repaired
        found = wal_file.audit(data)
    if len(data) < _HEADER:
        return Log()
    magic, _, named, _ = struct.unpack_from(">4I", data)
    start: Sum = struct.unpack_from(">2I", data, 24)
    order = ">" if magic & 1 else "<"
    size = page_size_of(named)
    if magic & ~1 == _MAGIC and size and wal_file.checksum(data[:24], (0, 0), order) == start:
        log = _committed(data, size, data[16:24], [order], start, behind=found.is_damaged)
        return attrs.evolve(log, is_damaged=is_damaged)
    # The header is damaged: take the salt from one of the first frames.
    size = found.page_size or page_size or PAGE_SIZE
    best = Log()
    for index in range(3):
        at = _HEADER + index * (_FRAME + size) + 8
        log = _committed(data, size, data[at : at + 8], ["<", ">"], start, behind=True)
        if len(log.images) > len(best.images):
            best = attrs.evolve(log, is_damaged=True)
    return best


def _committed(
    data: bytes, size: int, salt: bytes, orders: Sequence[str], start: Sum, *, behind: bool
) -> Log:
    """Return the committed images, in the byte order in which most frames verify.

    With `behind`, frames after a damaged one are used too, up to the last commit.
    """
    best: list[_Frame] = []
    for order in orders:
        frames = list(_frames(data, size, salt, order, start))
        if not best or sum(f.whole for f in frames) > sum(f.whole for f in best):
            best = frames
    broken = next((i for i, frame in enumerate(best) if not frame.whole), len(best))
    commits = [i for i, f in enumerate(best) if f.commits and f.whole and (behind or i < broken)]
    end = commits[-1] + 1 if commits else 0
    used = [(i, frame.page) for i, frame in enumerate(best[:end]) if frame.whole]
    images = {page: _HEADER + i * (_FRAME + size) + _FRAME for i, page in used}
    return Log(data, size, images, lost=end - len(used))


def _frames(data: bytes, size: int, salt: bytes, order: str, before: Sum) -> Iterator[_Frame]:
    for at in range(_HEADER, len(data) - _FRAME - size + 1, _FRAME + size):
        page, pages, found, *stored = struct.unpack_from(">2I8s2I", data, at)
        whole = False
        if found == salt and 0 < page < 2**31:
            head = wal_file.checksum(data[at : at + 8], before, order)
            body = data[at + _FRAME : at + _FRAME + size]
            whole = wal_file.checksum(body, head, order) == (stored[0], stored[1])
        yield _Frame(page, pages != 0, whole)
        before = stored[0], stored[1]
