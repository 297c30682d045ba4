"""SQLite's record format: the column values of a row or index entry as bytes.

Any bytes may be passed. Source: sqlite.org/fileformat2.html#record_format.
"""

from __future__ import annotations

import struct
from typing import Any, Final

# The bytes of a value of each serial type below 12.
_SIZES: Final = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0)


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the varint at an offset, and the offset behind it. Raises IndexError."""
    value = data[at]
    at += 1
    if value < 0x80:
        return value, at
    value &= 0x7F
    for _ in range(7):
        byte = data[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at
    return value << 8 | data[at], at + 1


def header_of(payload: bytes, size: int) -> tuple[tuple[int, ...], int] | None:
    """Return the serial types in a record's header, and the bytes of that header.

    None when they contradict `size`, the bytes of the whole record; `payload` may be its beginning
    alone. Raises IndexError when the payload ends inside a number.
    """
    header, at = varint(payload, 0)
    if header > len(payload):
        return None
    serials: list[int] = []
    while at < header:
        serial, at = varint(payload, at)
        serials.append(serial)
    if at != header or header + sum(map(size_of, serials)) != size:
        return None
    return tuple(serials), header


def size_of(serial: int) -> int:
    """Return the bytes of a value of this serial type."""
    return _SIZES[serial] if serial < 12 else (serial - 12) // 2


def value_of(serial: int, data: bytes) -> Any:
    """Return the value of a serial type in its bytes. Raises UnicodeDecodeError."""
    if serial >= 12:
        return data.decode() if serial & 1 else data
    if serial == 0:
        return None
    if serial == 7:
        return struct.unpack(">d", data)[0]
    if serial >= 8:
        return serial - 8
    return int.from_bytes(data, "big", signed=True)
