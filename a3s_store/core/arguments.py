"""Checks of the arguments that methods of stores share: each raises before anything is read."""

from __future__ import annotations

import math
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from a3s_store.errors import InvalidArgumentError
from a3s_store.printable import short_repr

# The most rows of a page.
MOST_ROWS: Final = 1000
# The bytes of the sessions that `import_many` commits at once.
BATCH_BYTES: Final = 4 << 20


def refused(op: str, argument: str, what: str) -> InvalidArgumentError:
    """Return the error for an argument; `what` follows its name."""
    return InvalidArgumentError(f"{argument} {what}", argument=argument, op=op)


def check_limit(op: str, limit: object) -> None:
    """Check the number of rows that a page may have.

    Raises:
        InvalidArgumentError: it is no integer from 1 to 1000.
    """
    if type(limit) is not int or not 1 <= limit <= MOST_ROWS:
        raise refused(op, "limit", f"is a number from 1 to {MOST_ROWS}, not {short_repr(limit)}")


def check_choice(op: str, argument: str, value: object, choices: Collection[str]) -> None:
    """Check an argument that is one of several words.

    Raises:
        InvalidArgumentError: it is none of `choices`.
    """
    if type(value) is not str or value not in choices:
        raise refused(op, argument, f"is one of {', '.join(choices)}, not {short_repr(value)}")


def check_cursor(op: str, after: object) -> None:
    """Check that the cursor of a page is a text, or None.

    Raises:
        InvalidArgumentError: it is anything else.
    """
    if after is not None and type(after) is not str:
        raise refused(op, "after", f"is a cursor, not {short_repr(after)}")


def is_text(value: object) -> bool:
    """Return whether a value is a text that could be stored: one without lone surrogates."""
    return type(value) is str and value.encode(errors="ignore").decode() == value


def texts(op: str, argument: str, value: Any, *, or_one: bool) -> tuple[str, ...] | None:
    """Return the texts of a collection, sorted, each once; None for None.

    `or_one`: a text is taken as a collection of itself.

    Raises:
        InvalidArgumentError: it is anything else. So is an iterator, which could be read once only:
            a filter is read for each page.
    """
    if value is None:
        return None
    found = (value,) if or_one and isinstance(value, str) else value
    if isinstance(found, str) or not isinstance(found, Collection) or not all(map(is_text, found)):
        wanted = "a text or a collection of texts" if or_one else "a collection of texts"
        raise refused(op, argument, f"is {wanted}, not {short_repr(value)}")
    return tuple(sorted(set(found)))


def unix_time(op: str, argument: str, moment: datetime, per_second: int = 1) -> int:
    """Return a datetime in Unix time, in units of which a second has `per_second`, rounded up.

    Raises:
        InvalidArgumentError: it has no time zone.
    """
    if moment.utcoffset() is None:
        raise refused(op, argument, "is a datetime without a time zone")
    return math.ceil(moment.timestamp() * per_second)
