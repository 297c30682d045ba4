"""Checks and encoding of what callers pass to streams; each raises before anything is read."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import orjson

from a3s_store.core.arguments import is_text, refused
from a3s_store.core.host_data import LONGEST_KEY, LONGEST_VALUE, MOST_LABELS
from a3s_store.core.streams.requests import Body, EncodedItem, Labels
from a3s_store.core.streams.values import NewItem
from a3s_store.errors import EncodeError
from a3s_store.printable import short_repr
from a3s_store.wire import freeze, orjson_memory, own_text
from a3s_store.wire.text import exact

if TYPE_CHECKING:
    from a3s_store.core.redaction.redactor import Redactor
    from a3s_store.wire import Limits

# The most bytes of UTF-8 in the name of a stream and in the id of an item.
MOST_BYTES: Final = 1024
# Numbers in rows have 63 bits.
_BEYOND: Final = 2**63
_STRICT: Final = (
    orjson.OPT_PASSTHROUGH_SUBCLASS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
)


def name(op: str, argument: str, text: Any) -> str:
    """Return the name of a stream or the id of an item, if it can be one.

    Raises:
        InvalidArgumentError: it is no text of 1 to 1024 bytes without NUL.
    """
    if not is_text(text) or "\0" in text or not 1 <= len(text.encode()) <= MOST_BYTES:
        what = f"is a text of 1 to {MOST_BYTES} bytes without NUL, not {short_repr(text)}"
        raise refused(op, argument, what)
    found: str = text
    return found


def line(op: str, argument: str, text: Any, longest: int) -> str:
    """Return a text that is one line of printable ASCII. Raises InvalidArgumentError."""
    if not (is_text(text) and 1 <= len(text) <= longest and text.isascii() and text.isprintable()):
        what = f"is one line of 1 to {longest} printable ASCII characters, not {short_repr(text)}"
        raise refused(op, argument, what)
    found: str = text
    return found


def prefix(op: str, argument: str, text: Any) -> str:
    """Return the beginning of names or ids. Raises InvalidArgumentError."""
    if not is_text(text):
        raise refused(op, argument, f"is a text, not {short_repr(text)}")
    found: str = text
    return found


def number(op: str, argument: str, value: Any, least: int = 0) -> int:
    """Return an integer of at least so much. Raises InvalidArgumentError."""
    if type(value) is not int or not least <= value < _BEYOND:
        raise refused(op, argument, f"is an integer from {least}, not {short_repr(value)}")
    return value


def labels(op: str, found: Any) -> Labels:
    """Return labels, sorted by their keys.

    Raises:
        InvalidArgumentError: they are no mapping of texts to texts within the limits.
    """
    if not isinstance(found, Mapping) or len(found) > MOST_LABELS:
        what = f"maps up to {MOST_LABELS} keys to texts, and is not {short_repr(found)}"
        raise refused(op, "labels", what)
    for key, text in found.items():
        for one, least, longest in ((key, 1, LONGEST_KEY), (text, 0, LONGEST_VALUE)):
            if not is_text(one) or "\0" in one or not least <= len(one) <= longest:
                what = f"has texts of {least} to {longest} characters without NUL, not"
                raise refused(op, "labels", f"{what} {short_repr(one)}")
    return tuple(sorted(found.items()))


def milliseconds(op: str, ttl: Any) -> int | None:
    """Return how long an item is kept; None: without end. Raises InvalidArgumentError."""
    if ttl is None:
        return None
    if not isinstance(ttl, timedelta) or ttl <= timedelta():
        raise refused(op, "ttl", f"is a timedelta above 0, not {short_repr(ttl)}")
    return max(1, ttl // timedelta(milliseconds=1))


def json_text(value: Any, limits: Limits, path: str) -> bytes:
    """Return the JSON text of a value, which `parse_own` reads back exactly.

    Tuples become arrays, enumerations their values.

    Raises:
        EncodeError: it is no JSON, or is larger than the limits permit.
    """
    try:
        size = orjson_memory.size_of(value)
    except (TypeError, RecursionError):
        return _careful(value, path)  # it names the place
    if size > limits.value_size:
        what = f"a value of {size} characters, and {limits.value_size} is the limit"
        hint = "Keep it outside the store, or open the store with higher `limits`"
        raise EncodeError(what, path=path, hint=hint)
    try:
        text = orjson_memory.dumps(value, _STRICT, size)
    except (TypeError, RecursionError):  # integers beyond 64 bits, and values that are no JSON
        return _careful(value, path)
    # orjson writes NaN and infinity as null.
    return _careful(value, path) if b"null" in text else text


def _careful(value: Any, path: str) -> bytes:
    try:
        return own_text(exact(freeze(value))).encode()
    except EncodeError as error:
        raise error.inside("", path) from None


class Encoder:
    """Makes items to store of the values that callers pass: redacted, checked and encoded."""

    def __init__(self, redactor: Redactor, limits: Limits) -> None:
        self._redactor = redactor
        self._limits = limits

    @functools.cached_property
    def _has_hook(self) -> bool:
        return self._redactor.has_hook

    def check_name(self, op: str, argument: str, text: Any) -> str:
        """Return a name or id to write. Raises InvalidArgumentError, InvalidIdError."""
        found = name(op, argument, text)
        self._redactor.check_id(found, f"{argument} of a stream")
        return found

    def line(self, op: str, argument: str, text: Any, longest: int) -> str:
        """Return a line of printable ASCII, redacted. Raises InvalidArgumentError, EncodeError."""
        found = line(op, argument, text, longest)
        if self._has_hook:
            (hidden,) = self._redactor.value(freeze([found]), argument)
            return line(op, argument, hidden, longest)
        return found

    def json(self, value: Any, path: str) -> str | None:
        """Return a value as JSON text, redacted; None for None. Raises EncodeError."""
        if value is None:
            return None
        if self._has_hook:
            value = self._redactor.value(freeze(value), path)
        return json_text(value, self._limits, path).decode()

    def item(self, op: str, found: Any) -> EncodedItem:
        """Return an item, given as a NewItem or as its value alone.

        Raises:
            InvalidArgumentError: id, labels or ttl is refused.
            EncodeError: the value or metadata cannot be stored, or the hook failed.
            InvalidIdError: the hook would change the id.
        """
        item = found if type(found) is NewItem else NewItem(found)
        return EncodedItem(
            id=None if item.id is None else self.check_name(op, "id", item.id),
            body=self._body(item.value),
            labels=self._labels(op, item.labels),
            metadata=self.json(item.metadata, "metadata"),
            ttl_ms=milliseconds(op, item.ttl),
        )

    def _body(self, value: Any) -> Body:
        if isinstance(value, bytes | bytearray | memoryview):
            data = bytes(value)
            if len(data) > self._limits.value_size:
                what = f"{len(data)} bytes, and {self._limits.value_size} is the limit"
                raise EncodeError(what, path="value", hint="Use put_bytes, or higher `limits`")
            return Body(data, False)
        if self._has_hook:
            value = self._redactor.value(freeze(value), "value")
        return Body(json_text(value, self._limits, "value"), True)

    def _labels(self, op: str, found: Any) -> Labels:
        checked = labels(op, found)
        if checked and self._has_hook:
            return labels(op, dict(self._redactor.value(freeze(dict(checked)), "labels")))
        return checked
