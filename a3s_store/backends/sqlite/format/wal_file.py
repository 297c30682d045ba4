"""Detect commits in a WAL that SQLite's recovery would drop silently.

SQLite recovers a WAL up to the first frame whose checksum is wrong and ignores the rest: right
after a crash, silent loss after damage. The two can be told apart:

- A frame's checksum continues the one stored in the frame before it, so frames behind a bad one are
  still recognised. With synchronous=FULL every commit was synced before the next began: a crash
  leaves at most one commit after a break, in one unbroken chain. Two such commits mean damage.
- The checksum is linear, so it shows whether a wrong frame differs from a right one in a single
  bit. A crash leaves such a frame only if a page was not written, and the frame still has an older
  version of the page: `broken` lets the caller compare the page (see `connection.file_look`).
- A header is synced before any frame that follows it, so frames behind a wrong one are damage.

Invariants: 1. `audit` returns for any bytes; 2. a WAL that SQLite left at a crash, with
synchronous=FULL, is never called damaged. With synchronous=NORMAL it may be: there, a power cut may
keep later pages and lose earlier ones.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

# Bytes of the header of a WAL, and of the header of each frame.
HEADER: Final = 32
FRAME: Final = 24
_MAGIC: Final = 0x377F0682  # the lowest bit says that checksums are of big-endian words
_MASK: Final = 0xFFFFFFFF
_PAGE_SIZES: Final = tuple(512 << shift for shift in range(8))
_WORDS: Final = {order: struct.Struct(f"{order}8I").iter_unpack for order in "<>"}
_PAIRS: Final = {order: struct.Struct(f"{order}2I").iter_unpack for order in "<>"}
_FRAME_HEAD: Final = struct.Struct(">2I8s2I").unpack_from
# Commits a crash may leave behind a break.
_LEGAL: Final = 1
# More pages than any database of ours has: 2 TiB of the smallest pages.
_PAGES: Final = 1 << 28

Sum = tuple[int, int]
Place = tuple[int, int]


class WalAudit(NamedTuple):
    """The frames and commits of a WAL. An empty WAL, or a file that is not a WAL, has 0 frames.

    `header` "damaged": recovery ignores the whole WAL. `suspects`: positions (byte, bit), one of
    which was flipped, with no other damage up to the next break. The highest bits of words have
    the same effect on the checksum, so there may be several.
    """

    header: Literal["none", "whole", "damaged"]
    page_size: int = 0
    frames: int = 0  # of any age: after a reset, old frames follow the new ones
    good_frames: int = 0  # which recovery will use, up to the last commit among them
    commits: int = 0  # in these
    commits_behind: int = 0  # valid ones that recovery will drop
    chained_behind: int = 0  # the most of those that follow each other
    broken: int | None = None  # offset of the first wrong frame, if the header is whole
    suspects: tuple[Place, ...] = ()

    @property
    def is_damaged(self) -> bool:
        """Whether recovery would drop commits, and no crash explains it."""
        if self.suspects or self.header == "damaged":
            return self.commits_behind > 0
        return self.chained_behind > _LEGAL


def audit(data: bytes) -> WalAudit:
    """Return the audit of the bytes of a WAL file; never raises, whatever they are."""
    if len(data) < HEADER:
        return WalAudit(header="none")
    head = data[:HEADER]
    if _is_header(head):
        return _Walk(data, head).result()
    # Several bits may make the header valid; the flipped one is one that the frames agree with.
    turned = {place: _turned(head, *place) for place in map(_place, range(8 * HEADER))}
    walked = {
        place: _Walk(data, right, header_is_whole=False).result()
        for place, right in turned.items()
        if _is_header(right)
    }
    suspects = [place for place, found in walked.items() if found.commits_behind]
    if suspects:
        return walked[suspects[0]]._replace(suspects=tuple(suspects))
    for page_size in _PAGE_SIZES:
        for order in "<>":
            if _looks_like_frames(data, page_size, order):
                made = _header_for(data, page_size, order)
                return _Walk(data, made, header_is_whole=False).result()
    return WalAudit(header="none")


def page_of(data: bytes, found: WalAudit) -> tuple[int, bytes]:
    """Return the number and the content of the page in the first wrong frame."""
    assert found.broken is not None, "the WAL has a wrong frame after a whole header"
    (number,) = struct.unpack_from(">I", data, found.broken)
    begin = found.broken + FRAME
    return number, data[begin : begin + found.page_size]


def corrected(data: bytes, found: WalAudit) -> bytes:
    """Return the WAL with its flipped bit corrected if only one is suspect; else unchanged."""
    return _turned(data, *found.suspects[0]) if len(found.suspects) == 1 else data


class _Walk:
    """One pass over the frames: those that recovery uses, then valid ones after them."""

    def __init__(self, data: bytes, head: bytes, *, header_is_whole: bool = True) -> None:
        magic, _, self.page_size, _ = struct.unpack_from(">4I", head)
        self.data = data
        self.order = ">" if magic & 1 else "<"
        self.salts = head[16:24]
        self.header_is_whole = header_is_whole
        self.frames = (len(data) - HEADER) // (FRAME + self.page_size)
        self.good_frames = self.commits = self.behind = self.chained = 0
        self.suspects: tuple[Place, ...] = ()
        start: Sum = struct.unpack_from(">2I", head, 24)
        broken = 0
        if header_is_whole:
            broken, start = self._walk_good(start)
        self.broken = None
        if broken < self.frames:
            if header_is_whole:
                self.broken = HEADER + broken * (FRAME + self.page_size)
            self._walk_behind(broken, start)

    def result(self) -> WalAudit:
        return WalAudit(
            header="whole" if self.header_is_whole else "damaged",
            page_size=self.page_size,
            frames=self.frames,
            good_frames=self.good_frames,
            commits=self.commits,
            commits_behind=self.behind,
            chained_behind=self.chained,
            broken=self.broken,
            suspects=self.suspects,
        )

    def _walk_good(self, start: Sum) -> tuple[int, Sum]:
        """Return the number of the first wrong frame, and the sum it should continue."""
        for number, at in enumerate(self._places(0)):
            page, size, salts, own = self._frame(at)
            if salts != self.salts or page == 0 or self._sum(at, start) != own:
                return number, start
            start = own
            if size:
                self.commits += 1
                self.good_frames = number + 1
        return self.frames, start

    def _walk_behind(self, broken: int, start: Sum) -> None:
        """Count the commits from the first wrong frame on, in chains of frames that fit."""
        chain = 0
        # What the next frame may continue: its checksum is right for one of these.
        before = {start}
        for number, at in enumerate(self._places(broken)):
            page, size, salts, own = self._frame(at)
            sums = {self._sum(at, sum_before) for sum_before in before}
            fits = salts == self.salts and page != 0 and own in sums
            if number == 0 and self.header_is_whole:
                self.suspects = tuple(self._suspects(at, start))
            if number == 0 and len(self.suspects) == 1:
                _, size, _, _ = self._frame(at, self.suspects[0])
            if fits or (number == 0 and self.suspects):
                chain += size != 0
                self.behind += size != 0
                self.chained = max(self.chained, chain)
            else:
                chain = 0
            # Either the frame is wrong and its stored sum is right, or the sum is wrong.
            before = {own} if fits or salts != self.salts else {own, *sums}

    def _suspects(self, at: int, start: Sum) -> Iterator[Place]:
        """Yield each bit of a wrong frame that, flipped back, would make it right."""
        _, _, salts, own = self._frame(at)
        computed = self._sum(at, start)
        in_salts = _different(salts, self.salts)
        in_sums = _different(struct.pack(">2I", *own), struct.pack(">2I", *computed))
        if len(in_salts) + len(in_sums) == 1:
            yield from ((at + 8 + byte, bit) for byte, bit in in_salts)
            yield from ((at + 16 + byte, bit) for byte, bit in in_sums)
        if in_salts:
            return
        for index, bit, rises in _one_bit_changes(computed, own, self.page_size // 4 + 2):
            # The first two words are of the frame's header, the others of the page.
            word = at + 4 * index + (0 if index < 2 else FRAME - 8)
            place = word + (bit // 8 if self.order == "<" else 3 - bit // 8), bit % 8
            if bool(self.data[place[0]] >> place[1] & 1) == rises:
                continue
            page, size, *_ = self._frame(at, place)
            if 0 < page < _PAGES and size < _PAGES:
                yield place

    def _frame(self, at: int, turned: Place | None = None) -> tuple[int, int, bytes, Sum]:
        """Return of a frame: page number, database size if it commits, salts and sum.

        One of its bits may be turned for that.
        """
        if turned is None or turned[0] >= at + FRAME:
            page, size, salts, s0, s1 = _FRAME_HEAD(self.data, at)
        else:
            head = _turned(self.data[at : at + FRAME], turned[0] - at, turned[1])
            page, size, salts, s0, s1 = _FRAME_HEAD(head, 0)
        return page, size, salts, (s0, s1)

    def _places(self, first: int) -> range:
        step = FRAME + self.page_size
        return range(HEADER + first * step, HEADER + self.frames * step, step)

    def _sum(self, at: int, start: Sum) -> Sum:
        head = checksum(self.data[at : at + 8], start, self.order)
        return checksum(self.data[at + FRAME : at + FRAME + self.page_size], head, self.order)


def checksum(data: bytes, start: Sum, order: str) -> Sum:
    """SQLite's checksum of a WAL, continued from `start`, over words of this byte order."""
    # Eight words a turn, masked once: the sums stay small enough, and 4 MiB take 70 ms.
    s0, s1 = start
    whole = len(data) & ~31
    for a, b, c, d, e, f, g, h in _WORDS[order](data if whole == len(data) else data[:whole]):
        s0 += a + s1
        s1 += b + s0
        s0 += c + s1
        s1 += d + s0
        s0 += e + s1
        s1 += f + s0
        s0 += g + s1
        s1 += h + s0
        s0 &= _MASK
        s1 &= _MASK
    for a, b in _PAIRS[order](data[whole:]):
        s0 = (s0 + a + s1) & _MASK
        s1 = (s1 + b + s0) & _MASK
    return s0, s1


def _one_bit_changes(computed: Sum, stored: Sum, words: int) -> Iterator[tuple[int, int, bool]]:
    """Yield each one-bit change that leads from one sum to the other: (word, bit, must be set).

    A word that changes by d changes the sums by d times two neighbours in Fibonacci's series.
    """
    change = (stored[0] - computed[0]) & _MASK, (stored[1] - computed[1]) & _MASK
    series = _fibonacci(words)
    for index in range(words):
        weights = series[words - 1 - index], series[words - index]
        odd = 0 if weights[0] & 1 else 1  # of two neighbours one is odd, and can be divided by
        by = change[odd] * pow(weights[odd], -1, 1 << 32) & _MASK
        if by * weights[1 - odd] & _MASK != change[1 - odd]:
            continue
        for distance, rises in ((by, True), (-by & _MASK, False)):
            if distance and distance & (distance - 1) == 0:
                yield index, distance.bit_length() - 1, rises


@functools.lru_cache(2)
def _fibonacci(count: int) -> list[int]:
    series = [0, 1]
    while len(series) <= count:
        series.append((series[-1] + series[-2]) & _MASK)
    return series


def _is_header(head: bytes) -> bool:
    magic, _, page_size, *_, s0, s1 = struct.unpack(">8I", head)
    if magic & ~1 != _MAGIC or page_size not in _PAGE_SIZES:
        return False
    return checksum(head[:24], (0, 0), ">" if magic & 1 else "<") == (s0, s1)


def _looks_like_frames(data: bytes, page_size: int, order: str) -> bool:
    """Return whether one of the first frames continues the one before it."""
    step = FRAME + page_size
    for at in (HEADER + step, HEADER + 2 * step):
        if at + step > len(data):
            return False
        before = struct.unpack_from(">2I", data, at - step + 16)
        page, _, salts, *stored = _FRAME_HEAD(data, at)
        if page == 0 or salts != data[at - step + 8 : at - step + 16]:
            continue
        head = checksum(data[at : at + 8], (before[0], before[1]), order)
        if checksum(data[at + FRAME : at + step], head, order) == (stored[0], stored[1]):
            return True
    return False


def _header_for(data: bytes, page_size: int, order: str) -> bytes:
    """Return a header that fits the frames of a WAL with a lost header."""
    magic = _MAGIC | (order == ">")
    salts = data[HEADER + FRAME + page_size + 8 :][:8]
    return struct.pack(">4I8s2I", magic, 0, page_size, 0, salts, 0, 0)


def _different(one: bytes, other: bytes) -> list[tuple[int, int]]:
    """Return the bits in which two texts of the same length differ, byte and bit."""
    return [
        (index, bit)
        for index, (a, b) in enumerate(zip(one, other, strict=True))
        for bit in range(8)
        if (a ^ b) >> bit & 1
    ]


def _place(bit: int) -> Place:
    return bit // 8, bit % 8


def _turned(data: bytes, byte: int, bit: int) -> bytes:
    turned = bytearray(data)
    turned[byte] ^= 1 << bit
    return bytes(turned)
