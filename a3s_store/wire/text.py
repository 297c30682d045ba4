"""JSON text: parsed as strictly as serde_json does it, written byte for byte as serde_json does.

There are two parsers. `parse` is for text from outside: it refuses duplicate keys, keeps integers
of any size and reports the position of an error. `parse_own` is for text that this package wrote
into a database: it uses orjson, and `parse` for the few numbers that orjson cannot hold.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import orjson

from a3s_store.errors import DecodeError, EncodeError
from a3s_store.wire import limits, orjson_memory
from a3s_store.wire.limits import Limits
from a3s_store.wire.numbers import f64_text, is_plain
from a3s_store.wire.values import (
    I64_MIN,
    U64_MAX,
    FrozenDict,
    FrozenList,
    NotJsonError,
    check_surrogates,
    step_of,
)

# The levels that upstream's parser allows, counting the outermost container as one.
MAX_NESTING = 127

_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_MINUS_ZERO = re.compile(r"(?<![0-9.eE+\-])-0(?![0-9.eE])")
_BEYOND_F64 = "a number beyond the range of a 64-bit float"


class _Refused:
    """A refused value in the parsed tree; it marks the place for the error."""

    def __init__(self, what: str) -> None:
        self.what = what


def parse(text: bytes | str, *, model: str = "") -> Any:
    """Return the plain dicts, lists and scalars of a JSON text from outside.

    `model` is the name that errors give to the value.

    Raises:
        DecodeError: empty or partial text, bad UTF-8, a byte order mark, NaN, a lone surrogate, a
            number beyond f64, a repeated key, or more than 127 levels. `path` is the place in the
            value; for text that is not JSON the message has the line and column.
    """
    source = _decoded(text, model)
    # A str may hold a surrogate itself; bytes that were UTF-8 can only hold its escape.
    suspect = source is text and _has_surrogate(source)
    if source.startswith("\ufeff"):
        raise DecodeError("the JSON begins with a byte order mark", model=model)
    refused: list[_Refused] = []
    value = _load(source, model, refused)
    # Before the other checks, because they walk the tree by recursion.
    _check_nesting(source, model)
    if refused:
        # The last one is enclosed by none: an object is reported after the objects inside it.
        place = _find(value, lambda part: part is refused[-1]) or ""
        raise DecodeError(refused[-1].what, model=model, path=place)
    if suspect or _SURROGATE_ESCAPE.search(source):
        _check_texts(value, model)
    return value


def _decoded(text: bytes | str, model: str) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        start = error.start
    # Out here, since that error holds the whole text.
    raise DecodeError(f"byte {start} is not UTF-8", model=model)


def _load(source: str, model: str, refused: list[_Refused], *, each_integer: bool = False) -> Any:
    def refuse(what: str) -> _Refused:
        refused.append(_Refused(what))
        return refused[-1]

    def pairs(items: list[tuple[str, Any]]) -> Any:
        found = dict(items)
        if len(found) == len(items):
            return found
        # One pass: counting each key took two minutes for 0.6 MB, the repeated key last.
        counts = Counter(key for key, _ in items)
        key = next(key for key, count in counts.items() if count > 1)
        return refuse(f"the key {step_of(key)!r} is repeated")

    def constant(name: str) -> Any:
        raise DecodeError(f"{name} is not a JSON number", model=model)

    def finite(digits: str) -> Any:
        number = float(digits)
        return refuse(_BEYOND_F64) if math.isinf(number) else number

    def integer(digits: str) -> Any:
        if digits == "-0":
            return -0.0  # as serde reads it; Python would read the integer 0
        try:
            return int(digits)
        except ValueError:
            return refuse(f"an integer of {len(digits)} digits, too long for Python")

    options: dict[str, Any] = {
        "object_pairs_hook": pairs,
        "parse_constant": constant,
        "parse_float": finite,
    }
    # The hook is slow, so it is used only for a text that has such a number.
    if each_integer or _MINUS_ZERO.search(source):
        options["parse_int"] = integer
    try:
        return json.loads(source, **options)
    except json.JSONDecodeError as error:
        what = f"not JSON: {error.msg} at line {error.lineno} column {error.colno}"
    except RecursionError:
        what = f"nested more than {MAX_NESTING} levels deep"
    except ValueError as error:
        if isinstance(error, DecodeError):
            raise
        what = ""  # an integer is too long
    if not what:
        refused.clear()
        return _load(source, model, refused, each_integer=True)
    # Out here, since json's own error holds the whole text.
    raise DecodeError(what if source.strip() else "the text is empty", model=model)


# Possessive: with backtracking a string of 16 MB took five seconds and two gigabytes.
_STRINGS = re.compile(r'"(?:[^"\\]++|\\.)*+"')
_NO_BRACKETS = re.compile(r"[^\[\]{}]+")


def _check_nesting(source: str, model: str) -> None:
    """Count levels in the text, since the parsed tree may be too deep for recursion."""
    if source.count("[") + source.count("{") <= MAX_NESTING:
        return
    level = 0
    for bracket in _NO_BRACKETS.sub("", _STRINGS.sub("", source)):
        level += 1 if bracket in "[{" else -1
        if level > MAX_NESTING:
            raise DecodeError(f"nested more than {MAX_NESTING} levels deep", model=model)


def _check_texts(value: Any, model: str) -> None:
    if (place := _find(value, _unwritable)) is not None:
        raise DecodeError("a lone surrogate is not Unicode text", model=model, path=place)


def _find(value: Any, wanted: Any, place: str = "") -> str | None:
    """Return the path of the first part or key for which `wanted` is true; None without one."""
    if wanted(value):
        return place
    if isinstance(value, dict):
        for key, item in value.items():
            if wanted(key):
                return place
            found = _find(item, wanted, f"{place}.{step_of(key)}" if place else step_of(key))
            if found is not None:
                return found
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            found = _find(item, wanted, f"{place}[{index}]")
            if found is not None:
                return found
    return None


def own_text(tree: Any) -> str:
    """Return the text of a JSON tree for a row, which `parse_own` parses back exactly.

    Raises:
        EncodeError: as `compact` does.
    """
    text = compact(tree).decode()
    # A leading blank marks text that orjson would not read exactly: integers beyond 64 bits become
    # floats. Searching for them when reading costs a third of the time of parsing.
    return " " + text if _has_fragment((tree,)) else text


def small_text(tree: Any) -> str | None:
    """Return what `own_text` does for a small tree; None where it would have a blank."""
    return None if _has_fragment((tree,)) else orjson.dumps(tree).decode()


def parse_own(text: str | bytes) -> Any:
    """Return the value of a text that `own_text` wrote.

    Raises:
        ValueError: the text is damaged.
    """
    if text[:1] in (" ", b" ") or not orjson_memory.may_load(text):
        return parse(text)
    try:
        return orjson.loads(text)
    except ValueError:
        return parse(text)  # orjson gives the same error for damaged text and for lack of memory


def parse_each(texts: Iterable[bytes]) -> list[Any]:
    """Return the values of many texts, as `parse_own` does for one.

    Raises:
        ValueError: one of the texts is damaged.
    """
    listed = list(texts)
    loads, small = orjson.loads, orjson_memory.SMALL
    try:
        return [
            loads(text) if len(text) <= small and text[:1] != b" " else parse_own(text)
            for text in listed
        ]
    except ValueError:
        return [parse_own(text) for text in listed]  # for the error of the damaged one


def _has_fragment(parts: Iterable[Any]) -> bool:
    """Return whether a number in these parts is a fragment, which orjson copies as it is."""
    for part in parts:
        kind = type(part)
        if kind is str or kind is FrozenDict or kind is FrozenList:
            continue  # a frozen value in an encoded tree is plain: see `exact`
        if kind is dict:
            if _has_fragment(part.values()):
                return True
        elif kind is list:
            if _has_fragment(part):
                return True
        elif kind is orjson.Fragment:
            return True
    return False


def compact(tree: Any) -> bytes:
    """Return a tree as one line without spaces, keys in the order given.

    Raises:
        EncodeError: a lone surrogate, a value larger than the limits in force, or nested too deep.
    """
    return _dump(tree, 0, limits.current())


def row_text(columns: tuple[Any, ...]) -> bytes:
    """Return the columns of a row as a JSON array in one line without spaces, bytes as hex.

    Raises:
        UnicodeEncodeError: a text holds a lone surrogate.
    """
    size = 0
    for item in columns:
        if type(item) is str:
            size += len(item)
    try:
        if size <= orjson_memory.SMALL:
            return orjson.dumps(columns, default=bytes.hex)
        row = [item.hex() if type(item) is bytes else item for item in columns]
        return orjson_memory.dumps(row, 0, orjson_memory.size_of(row))
    except TypeError:
        for item in columns:
            if type(item) is str:
                item.encode()
        raise MemoryError from None  # orjson had none for the UTF-8 of a text


def pretty(tree: Any) -> bytes:
    """Return a tree as upstream writes its files: two spaces, one item a line, no final newline.

    A file has many values, so the limit for one value does not apply.

    Raises:
        EncodeError: as `compact` does.
    """
    return _dump(tree, orjson.OPT_INDENT_2, None)


def canonical(tree: Any) -> bytes:
    """Return a tree as one line with keys sorted at every depth: equal values give equal bytes.

    Raises:
        EncodeError: as `compact` does.
    """
    return _dump(tree, orjson.OPT_SORT_KEYS, limits.current())


def check_size(tree: Any, permitted: Limits) -> None:
    """Refuse a tree that is larger than the limits permit, without encoding it.

    Raises:
        EncodeError: it is larger. `path` is that of a text that is too long by itself, if any.
    """
    _check_size(tree, orjson_memory.size_of(tree), permitted)


def check_opaque(value: Any, permitted: Limits, path: str) -> None:
    """Refuse a frozen opaque value that is too large or has integers of too many digits.

    Raises:
        EncodeError: the limits do not permit it. `path` begins with the given path.
    """
    try:
        check_size(value, permitted)
        with limits.in_force(permitted):
            exact(value)
    except NotJsonError as error:
        raise EncodeError(error.what, path=error.place).inside("", path) from None
    except EncodeError as error:
        raise error.inside("", path) from None


def _check_size(tree: Any, size: int, permitted: Limits) -> None:
    try:
        limits.check_size(size, permitted)
    except EncodeError as error:
        whole = permitted.value_size
        error.path = _find(tree, lambda part: type(part) is str and len(part) > whole) or ""
        raise


def _dump(tree: Any, option: int, permitted: Limits | None) -> bytes:
    try:
        size = orjson_memory.size_of(tree)
        if permitted is not None and size > permitted.value_size:
            _check_size(tree, size, permitted)
        if size <= orjson_memory.SMALL:
            return orjson.dumps(tree, option=option)
        return orjson_memory.dumps(tree, option, size)
    except RecursionError:
        raise EncodeError("nested too deep to encode") from None
    except TypeError as error:
        place = _find(tree, _unwritable)
        what = "a lone surrogate is not Unicode text" if place is not None else str(error)
        if place is None and "surrogates" in what:
            # orjson reports surrogates when it had no memory for the UTF-8 of a text.
            return orjson_memory.in_pieces(tree, option)
        raise EncodeError(what, path=place or "") from None


def _unwritable(part: Any) -> bool:
    return isinstance(part, str) and not part.isascii() and _has_surrogate(part)


def _has_surrogate(text: str) -> bool:
    try:
        check_surrogates(text)
    except NotJsonError:
        return True
    return False


def exact(value: Any) -> Any:
    """Return a frozen opaque value in the form in which orjson writes its numbers as upstream does.

    Raises:
        NotJsonError: an integer has more digits than the limits permit.
    """
    kind = type(value)
    if kind is FrozenDict:
        return value if value.plain else {k: _exact_at(k, item) for k, item in value.items()}
    if kind is FrozenList:
        return value if value.plain else [_exact_at(f"[{n}]", x) for n, x in enumerate(value)]
    if kind is float and not is_plain(value):
        return orjson.Fragment(f64_text(value))
    if kind is int and not I64_MIN <= value <= U64_MAX:
        return orjson.Fragment(_digits(value))
    return value


def _exact_at(step: str, value: Any) -> Any:
    try:
        return exact(value)
    except NotJsonError as error:
        raise error.at(step) from None


def _digits(value: int) -> str:
    try:
        text = str(value)
    except ValueError:
        raise NotJsonError("an integer of more digits than this process converts") from None
    permitted = limits.current()
    if permitted is not None and len(text.lstrip("-")) > permitted.integer_digits:
        raise NotJsonError(f"an integer of more than {permitted.integer_digits} digits")
    return text


def float_fragment(x: float) -> Any:
    """Return a finite f64 in the form in which orjson writes it as upstream does."""
    return x if is_plain(x) else orjson.Fragment(f64_text(x))
