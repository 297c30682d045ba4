"""Values of foreign JSON: each function returns a default for a wrong type."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from a3s_store.wire import timestamp_of

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Numbers from here on are milliseconds: as seconds they would be after the year 5000.
_LEAST_MS: Final = 100_000_000_000
_MOST_MS: Final = 253_402_300_799_000
_MOST_TOKENS: Final = 2**53


def text_of(value: Any) -> str | None:
    """Return a text that is not empty, else None."""
    return value if isinstance(value, str) and value else None


def dict_of(value: Any) -> Mapping[str, Any]:
    """Return an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    """Return an array, else an empty one."""
    return value if isinstance(value, list) else []


def count_of(value: Any) -> int:
    """Return a number of tokens, 0 for what is none."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value <= _MOST_TOKENS else 0


def dollars_of(value: Any) -> float | None:
    """Return an amount of dollars, None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < _MOST_TOKENS else None


def millis_of(value: Any) -> int | None:
    """Return a time in Unix milliseconds: of ISO 8601 text, of seconds or of milliseconds.

    A text without a time zone is taken as UTC. None where it is no time after 1970.
    """
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        if moment.utcoffset() is None:
            moment = moment.replace(tzinfo=UTC)
        millis = (moment - _EPOCH) // timedelta(milliseconds=1)
    elif isinstance(value, int | float) and not isinstance(value, bool) and value - value == 0:
        millis = int(value if value >= _LEAST_MS else value * 1000)
    else:
        return None
    return millis if 0 < millis <= _MOST_MS else None


def rfc3339(millis: int) -> str:
    """Return a time in Unix milliseconds as the text that cost records have."""
    return timestamp_of(_EPOCH + timedelta(milliseconds=millis))
