"""How large what is saved and what is read may be."""

from __future__ import annotations

import contextlib
import contextvars
import sys
from collections.abc import Iterator
from typing import Any, Final

import attrs

from a3s_store.errors import EncodeError, InvalidArgumentError
from a3s_store.printable import short_repr

# The longest integers that Python by default converts from and to text. A process may permit itself
# longer ones, but another process could not read what it wrote.
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
            hint="Python converts no longer integers",
        )


@attrs.frozen(kw_only=True)
class Limits:
    """The largest value that a store saves, and the largest file of JSON that is read.

    `value_size` is for each message, artifact, event, checkpoint, memory and other value by itself:
    the characters of all its texts and keys, and 8 for each number, true, false and null. It is
    looked at before the value is encoded. SQLite has a limit of its own, of 10^9 bytes for a value.
    `file_bytes` is for a file that is imported, and for one of a `FileSessionStore`; its size is
    looked at before it is read. `integer_digits` is for integers beyond 64 bits; Python converts no
    longer ones than 4,300 digits.

    Values saved under higher limits are loaded all the same.

    Raises:
        InvalidArgumentError: one of them is below 1, or no integer, or more than 4,300 digits are
            wanted.
    """

    value_size: int = attrs.field(default=256 * 1024 * 1024, validator=_positive)
    file_bytes: int = attrs.field(default=1024 * 1024 * 1024, validator=_positive)
    integer_digits: int = attrs.field(default=MAX_DIGITS, validator=[_positive, _as_digits])


DEFAULT_LIMITS: Final = Limits()
# For copies of values that a store took already.
NO_LIMITS: Final = Limits(value_size=sys.maxsize, file_bytes=sys.maxsize)
_in_force: contextvars.ContextVar[Limits | None] = contextvars.ContextVar("limits", default=None)


@contextlib.contextmanager
def in_force(limits: Limits | None) -> Iterator[None]:
    """Refuse what these limits do not permit, in this thread and inside the block; None: nothing.

    Stores set it while they save; digests of what is stored already are made without.
    """
    token = _in_force.set(limits)
    try:
        yield
    finally:
        _in_force.reset(token)


def current() -> Limits | None:
    """Return the limits in force, None outside of a save."""
    return _in_force.get()


def check_size(size: int, limits: Limits) -> None:
    """Raise EncodeError for a value of this size that is larger than the limits permit."""
    if size > limits.value_size:
        raise EncodeError(
            f"a value of {size} characters, and {limits.value_size} is the limit",
            hint="Keep it outside the store, or open the store with higher `limits`",
        )
