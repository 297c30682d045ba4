"""Random changes to a database file: bytes anywhere, and the fields of its format.

A change is a function of the seed and its number.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Final

PAGE: Final = 4096
_INTERESTING: Final = (0, 1, 0x7F, 0x80, 0xFF)
_NUMBERS: Final = (0, 1, 2, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

Change = Callable[[bytearray, random.Random], None]


def mutated(data: bytes, seed: int, number: int) -> bytes:
    """The file with one to a few changes of one kind."""
    chance = random.Random(f"{seed}/{number}")
    changed = bytearray(data)
    change = _CHANGES[number % len(_CHANGES)]
    for _ in range(chance.choice((1, 1, 2, 5))):
        change(changed, chance)
    return bytes(changed)


def _random_bytes(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 200)):
        data[chance.randrange(len(data))] = chance.choice((*_INTERESTING, chance.randrange(256)))


def _one_page(data: bytearray, chance: random.Random) -> None:
    at = _page(data, chance)
    for _ in range(chance.randint(1, 40)):
        data[at + chance.randrange(PAGE)] = chance.randrange(256)


def _file_header(data: bytearray, chance: random.Random) -> None:
    """Page size, versions, number of pages, the list of free pages, encoding, numbers of ours."""
    offset = chance.choice((16, 18, 19, 20, 21, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 68, 92, 96))
    if offset < 28:
        data[offset] = chance.randrange(256)
    else:
        struct.pack_into(">I", data, offset, _number(data, chance))


def _tree_header(data: bytearray, chance: random.Random) -> None:
    """The kind of a page, its free blocks, how many cells it has, where they begin, the child."""
    at = _page(data, chance)
    at += 100 if at == 0 else 0
    match chance.randrange(5):
        case 0:
            data[at] = chance.choice((2, 5, 10, 13, 0, 255))
        case 1:
            struct.pack_into(">H", data, at + 1, chance.randrange(PAGE))
        case 2:
            struct.pack_into(">H", data, at + 3, chance.choice((0, 1, 500, 0xFFFF)))
        case 3:
            struct.pack_into(">H", data, at + 5, chance.choice((0, 8, PAGE - 1, 0xFFFF)))
        case _:
            struct.pack_into(">I", data, at + 8, _number(data, chance))


def _cell_pointer(data: bytearray, chance: random.Random) -> None:
    at = _page(data, chance)
    pointer = at + (100 if at == 0 else 0) + chance.choice((8, 12)) + 2 * chance.randrange(20)
    struct.pack_into(">H", data, pointer, chance.choice((0, 8, PAGE - 1, chance.randrange(65536))))


def _record_header(data: bytearray, chance: random.Random) -> None:
    """The first bytes of a cell: its length, its key, the types of its columns."""
    at = _page(data, chance)
    (pointer,) = struct.unpack_from(">H", data, at + (108 if at == 0 else 8))
    cell = at + min(pointer, PAGE - 16)
    for _ in range(chance.randint(1, 6)):
        data[cell + chance.randrange(16)] = chance.choice((*_INTERESTING, chance.randrange(256)))


def _schema_text(data: bytearray, chance: random.Random) -> None:
    places = [at for at in range(len(data) - 6) if data[at : at + 6] == b"CREATE"]
    at = chance.choice(places) + chance.randrange(120)
    data[at : at + 1] = bytes([chance.choice(b"();,'\"xX 0\x00\xff")])


def _child_pointer(data: bytearray, chance: random.Random) -> None:
    """An inner page points at another page, perhaps at itself or one above it."""
    inner = [at for at in range(0, len(data) - PAGE + 1, PAGE) if data[at] in (2, 5)]
    if not inner:
        return
    at = chance.choice(inner)
    target = chance.choice((at // PAGE + 1, 1, chance.randrange(1, len(data) // PAGE + 1)))
    place = at + 8
    (pointer,) = struct.unpack_from(">H", data, at + 12)
    if chance.random() < 0.5 and pointer <= PAGE - 4:
        place = at + pointer
    struct.pack_into(">I", data, place, target)


_CHANGES: Final[tuple[Change, ...]] = (
    _random_bytes,
    _one_page,
    _file_header,
    _tree_header,
    _cell_pointer,
    _record_header,
    _schema_text,
    _child_pointer,
)


def _page(data: bytearray, chance: random.Random) -> int:
    return PAGE * chance.randrange(len(data) // PAGE)


def _number(data: bytearray, chance: random.Random) -> int:
    return chance.choice((*_NUMBERS, chance.randrange(len(data) // PAGE + 2)))
