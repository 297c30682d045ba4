"""Limits on the size of values that are saved and of files that are read."""

from __future__ import annotations

import contextvars
import sys
from typing import Any, Final

import attrs

from a3s_store.errors import EncodeError, InvalidArgumentError
from a3s_store.printable import short_repr

# The longest integers that Python converts from and to text by default. A process may allow itself
# longer ones, but another process could not read them.
MAX_DIGITS: Final = 4_300


def _positive(_: object, attribute: attrs.Attribute[int], value: Any) -> None:
    if type(value) is not int or value < 1:
        raise InvalidArgumentError(
            f"{attribute.name} is an integer of 1 or more, not {short_repr(value)}",
            argument=attribute.name,
            op="Limits",
        )


def _as_digits(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    if value > MAX_DIGITS:
        raise InvalidArgumentError(
            f"{attribute.name} is at most {MAX_DIGITS}, not {short_repr(value)}",
            argument=attribute.name,
            op="Limits",
            hint="Python does not convert longer integers",
        )


@attrs.frozen(kw_only=True)
class Limits:
    """The largest value that a store saves, and the largest file of JSON that is read.

    `value_size` applies to each message, artifact, event, checkpoint, memory and other value by
    itself: the characters of all its texts and keys, plus 8 for each number, true, false and null.
    It is checked before the value is encoded. SQLite has a limit of its own: 10^9 bytes per value.
    `file_bytes` applies to each imported file and to each file of a `FileSessionStore`; it is
    checked before the file is read. `integer_digits` applies to integers beyond 64 bits and is at
    most 4,300, the most that Python converts.

    Loading ignores `value_size` and `integer_digits`: values saved under higher limits are loaded.

    Raises:
        InvalidArgumentError: a limit is no integer or below 1, or `integer_digits` is too high.
    """

    value_size: int = attrs.field(default=256 * 1024 * 1024, validator=_positive)
    file_bytes: int = attrs.field(default=1024 * 1024 * 1024, validator=_positive)
    integer_digits: int = attrs.field(default=MAX_DIGITS, validator=[_positive, _as_digits])


DEFAULT_LIMITS: Final = Limits()
# For copies of values that a store has accepted before.
NO_LIMITS: Final = Limits(value_size=sys.maxsize, file_bytes=sys.maxsize)
_in_force: contextvars.ContextVar[Limits | None] = contextvars.ContextVar("limits", default=None)


class in_force:  # noqa: N801 - used as a function; each save enters one
    """Apply limits to all encoding of this thread inside the block; None applies no limit.

    Stores use it while they save; digests of stored values are computed without limits.
    """

    __slots__ = ("_limits", "_token")

    def __init__(self, limits: Limits | None) -> None:
        self._limits = limits

    def __enter__(self) -> None:
        self._token = _in_force.set(self._limits)

    def __exit__(self, *_: object) -> None:
        _in_force.reset(self._token)


# Returns the limits in force; None means no limit. Each encoded value asks.
current: Final = _in_force.get


def check_size(size: int, limits: Limits) -> None:
    """Refuse a value of this size (see `Limits.value_size`).

    Raises:
        EncodeError: it is larger than the limits permit.
    """
    if size > limits.value_size:
        raise EncodeError(
            f"a value of {size} characters, and {limits.value_size} is the limit",
            hint="Keep it outside the store, or open the store with higher `limits`",
        )
