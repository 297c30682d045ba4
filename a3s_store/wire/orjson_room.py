"""orjson, asked only where there is memory for what it does.

orjson ends the process with SIGSEGV when an allocation fails: in `dumps`, whose buffer grows to
eight times a text, and in `loads`, where it makes the values. Where a failure did not kill it, it
calls the text invalid. So the size is known before, and for all but small values the address space
is asked for first, which takes 5 µs: mapped, not touched, given back. Where it is not there, the
text is written in pieces or read by the standard library: slower, but they raise MemoryError.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from a3s_store.wire.values import FrozenDict, FrozenList

# What a number, true, false or null counts as.
_SCALAR: Final = 8
# Values up to this size are dumped without a look at the memory: a look costs as much as they do.
SMALL: Final = 16_384
# The most address space that orjson needs for a character: it has up to 4 bytes, for each of which
# the buffer of `dumps` grows by 8, to the next power of two, beside the one before. What `loads`
# makes of it is no larger.
_FOR_EACH: Final = 96
# Texts are written in pieces of so many characters.
_PIECE: Final = 16_384
_CONTAINERS: Final = frozenset({dict, FrozenDict, list, FrozenList, tuple})
_PRIVATE: Final[Mapping[str, int]] = (
    {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
)


def size_of(tree: Any) -> int:
    """The characters of all texts and keys in a tree, and 8 for each other thing in it."""
    kind = type(tree)
    if kind is str:
        return len(tree)
    size = _SCALAR
    if kind is dict or kind is FrozenDict:
        for key, item in tree.items():
            size += len(key)
            size += len(item) if type(item) is str else size_of(item)
    elif kind is list or kind is FrozenList or kind is tuple:
        for item in tree:
            size += len(item) if type(item) is str else size_of(item)
    return size


def has_room(nbytes: int) -> bool:
    """Whether the process could have so many more bytes of memory now."""
    try:
        mmap.mmap(-1, max(nbytes, 1), **_PRIVATE).close()
    except (OSError, MemoryError, OverflowError):
        return False
    return True


def dumps(tree: Any, option: int, size: int) -> bytes:
    """As `orjson.dumps`, of a tree of this size. Raises TypeError, MemoryError."""
    if size > SMALL and not has_room(size * _FOR_EACH):
        return in_pieces(tree, option)
    return orjson.dumps(tree, option=option)


def may_load(text: str | bytes) -> bool:
    """Whether orjson has the memory to load a text."""
    return len(text) <= SMALL or has_room(len(text) * _FOR_EACH)


def require_room() -> None:
    """Raise MemoryError where orjson may not have the memory for a small value.

    What reads and writes many of them asks once.
    """
    if not has_room(SMALL * _FOR_EACH):
        raise MemoryError


def in_pieces(tree: Any, option: int) -> bytes:
    """The bytes that orjson would write, with little memory beside them.

    Raises TypeError for what orjson does not write, and MemoryError.
    """
    return b"".join(_pieces(tree, option, b""))


def _pieces(tree: Any, option: int, margin: bytes) -> Iterator[bytes]:
    kind = type(tree)
    if kind is str:
        yield b'"'
        for start in range(0, len(tree), _PIECE):
            yield _dumped(tree[start : start + _PIECE], 0)[1:-1]
        yield b'"'
    elif kind not in _CONTAINERS or size_of(tree) <= _PIECE:
        # A line feed in JSON is layout: in a text it is written as an escape.
        yield _dumped(tree, option).replace(b"\n", b"\n" + margin)
    else:
        inner = margin + b"  " if option & orjson.OPT_INDENT_2 else margin
        line = b"\n" + inner if option & orjson.OPT_INDENT_2 else b""
        before, end = (b"{", b"}") if isinstance(tree, dict) else (b"[", b"]")
        for key, item in _items(tree, option):
            yield before + line + key
            yield from _pieces(item, option, inner)
            before = b","
        yield line.removesuffix(b"  ") + end


def _items(tree: Any, option: int) -> Iterator[tuple[bytes, Any]]:
    """Each item of an object or array, after what is written before it."""
    if not isinstance(tree, dict):
        for item in tree:
            yield b"", item
        return
    colon = b": " if option & orjson.OPT_INDENT_2 else b":"
    # Texts are in the order of their characters, which is that of their bytes in UTF-8.
    for key in sorted(tree) if option & orjson.OPT_SORT_KEYS else tree:
        yield b"".join(_pieces(key, 0, b"")) + colon, tree[key]


def _dumped(tree: Any, option: int) -> bytes:
    if not has_room(_PIECE * _FOR_EACH):
        raise MemoryError
    return orjson.dumps(tree, option=option)
