"""Calls of orjson, made only while the process has the memory that they may need.

orjson ends the process with SIGSEGV when an allocation fails: in `dumps`, whose buffer grows to
eight times the text, and in `loads`, where it makes the values. Some failed allocations are
reported as invalid text instead. Before the call for any but a small value, this module therefore
maps as much address space as orjson may need and unmaps it untouched, which takes 5 µs. Without
that space, text is written in pieces or parsed by the standard library: slower, but both raise
MemoryError.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from a3s_store.wire.values import FrozenDict, FrozenList

# The size that a number, true, false or null counts as.
_SCALAR: Final = 8
# Values up to this size are passed to orjson unchecked: the check would cost as much as the call.
SMALL: Final = 16_384
# The most address space that orjson needs for a character. In `dumps` a character has up to 4
# bytes, for each of which the buffer has 8, rounded up to a power of two, while the buffer before
# it still exists. `loads` needs no more.
_FOR_EACH: Final = 96
# Texts are written in pieces of this many characters.
_PIECE: Final = 16_384
# The size of an empty list or object, for `in_pieces`.
EACH: Final = _SCALAR
_CONTAINERS: Final = frozenset({dict, FrozenDict, list, FrozenList, tuple})
# The bytes of small texts that were parsed since the last check.
_unchecked: Final = [0]
_PRIVATE: Final[Mapping[str, int]] = (
    {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
)


def size_of(tree: Any) -> int:
    """Return the characters of all texts and keys in a tree, plus 8 for each other value in it."""
    kind = type(tree)
    if kind is str:
        return len(tree)
    size = _SCALAR
    if kind is dict or kind is FrozenDict:
        size += sum(map(len, tree))
        tree = tree.values()
    elif kind not in _CONTAINERS:
        return size
    for item in tree:
        kind = type(item)
        if kind is str:
            size += len(item)
        else:
            size += size_of(item) if kind in _CONTAINERS else _SCALAR
    return size


def has_memory(nbytes: int) -> bool:
    """Return whether the process could map this many more bytes of memory now."""
    try:
        mmap.mmap(-1, max(nbytes, 1), **_PRIVATE).close()
    except (OSError, MemoryError, OverflowError):
        return False
    return True


def dumps(tree: Any, option: int, size: int) -> bytes:
    """Return what `orjson.dumps` returns for a tree of this size (see `size_of`).

    Raises:
        TypeError: the tree has a value that orjson does not write.
        MemoryError: there is too little memory.
    """
    if size > SMALL and not has_memory(size * _FOR_EACH):
        return in_pieces(tree, option)
    return orjson.dumps(tree, option=option)


def may_load(text: str | bytes) -> bool:
    """Return whether there is memory for `orjson.loads` of a text."""
    return len(text) <= SMALL or has_memory(len(text) * _FOR_EACH)


def require_memory() -> None:
    """Check once for many small values, which are not checked one by one, that there is memory.

    Raises:
        MemoryError: there is too little for a value of the size `SMALL`.
    """
    if not has_memory(SMALL * _FOR_EACH):
        raise MemoryError


def require_memory_for(text: bytes) -> None:
    """Check as `require_memory` does, once for small texts of `SMALL` bytes in all.

    For callers that parse one text at a time, each without knowing of the others.

    Raises:
        MemoryError: there is too little.
    """
    # Two threads may count as one: the check is for several times as many bytes.
    _unchecked[0] += len(text)
    if _unchecked[0] > SMALL:
        _unchecked[0] = 0
        require_memory()


def in_pieces(tree: Any, option: int, whole: int = _PIECE) -> bytes:
    """Return the bytes that `orjson.dumps` returns, made with little memory besides.

    orjson writes lists and objects of a size up to `whole`. With `EACH` it writes none that has
    another inside, so that the 254 levels that it can write are no limit.

    Raises:
        TypeError, MemoryError: as `dumps` does.
    """
    return b"".join(_pieces(tree, option, b"", whole))


def _pieces(tree: Any, option: int, margin: bytes, whole: int) -> Iterator[bytes]:
    kind = type(tree)
    if kind is str:
        yield b'"'
        for start in range(0, len(tree), _PIECE):
            yield _dumped(tree[start : start + _PIECE], 0)[1:-1]
        yield b'"'
    elif kind not in _CONTAINERS or size_of(tree) <= whole:
        # Each line feed is layout: inside a text it is written as an escape.
        yield _dumped(tree, option).replace(b"\n", b"\n" + margin)
    else:
        inner = margin + b"  " if option & orjson.OPT_INDENT_2 else margin
        line = b"\n" + inner if option & orjson.OPT_INDENT_2 else b""
        before, end = (b"{", b"}") if isinstance(tree, dict) else (b"[", b"]")
        for key, item in _items(tree, option):
            yield before + line + key
            yield from _pieces(item, option, inner, whole)
            before = b","
        yield line.removesuffix(b"  ") + end


def _items(tree: Any, option: int) -> Iterator[tuple[bytes, Any]]:
    """Yield each item of an object or array with the text before it (the key and the colon)."""
    if not isinstance(tree, dict):
        for item in tree:
            yield b"", item
        return
    colon = b": " if option & orjson.OPT_INDENT_2 else b":"
    # Python sorts by characters, orjson by the bytes of UTF-8: the order is the same.
    for key in sorted(tree) if option & orjson.OPT_SORT_KEYS else tree:
        yield b"".join(_pieces(key, 0, b"", _PIECE)) + colon, tree[key]


def _dumped(tree: Any, option: int) -> bytes:
    if not has_memory(_PIECE * _FOR_EACH):
        raise MemoryError
    return orjson.dumps(tree, option=option)
