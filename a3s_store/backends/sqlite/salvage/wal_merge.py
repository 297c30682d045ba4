"""The frames of a write-ahead log, checked one by one: which images of pages were committed.

SQLite recovers a log up to the first frame whose checksum is wrong and ignores what follows: right
after a crash, silent loss after damage. Where `logtail` says that it was damage, what follows is
used too, frame by frame. The format is SQLite's own and public (sqlite.org/fileformat2.html).

Invariants: 1. any bytes are answered; 2. what was never committed has no image here.
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
# So many single bits are turned back in one log; more wrong ones are no accident of a bit.
_MOST_FLIPS: Final = 8

Sum = tuple[int, int]


@attrs.frozen
class Log:
    """What a write-ahead log has of pages: where in `data` each one's last committed image begins.

    `page_size` is None where there is none. `is_damaged` says that SQLite would not have used all
    of it, and `lost` how many committed frames even this did not.
    """

    data: bytes = attrs.field(default=b"", repr=False)
    page_size: int | None = None
    images: dict[int, int] = attrs.field(factory=dict)
    is_damaged: bool = False
    lost: int = 0

    def image(self, page: int) -> bytes | None:
        """The last committed image of a page; None when the log has none."""
        at = self.images.get(page)
        return None if at is None else self.data[at : at + (self.page_size or 0)]


@attrs.frozen
class _Frame:
    page: int
    commits: bool
    whole: bool


def page_size_of(named: int) -> int | None:
    """The page size a header means by a number; None when it means none."""
    size = 65_536 if named == 1 else named
    return size if 512 <= size <= 65_536 and size & (size - 1) == 0 else None


def read_log(data: bytes, page_size: int | None) -> Log:
    """What a log has to say; `page_size` is for one whose own header is damaged.

    Each frame's checksum continues the one stored in the frame before it, so frames behind a broken
    one can be told from rubbish.
    """
    found = wal_file.audit(data)
    is_damaged = found.is_damaged
    for _ in range(_MOST_FLIPS):
        mended = wal_file.corrected(data, found)
        if mended == data:
            break
        data = mended
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
    # The header is damaged: the frames themselves tell what salt they have.
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
    """The images that were committed, in the byte order in which most frames make sense.

    `behind` takes those behind a broken frame as well: all before a commit were committed.
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
