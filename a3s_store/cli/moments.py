"""Times and durations as people write them on a command line."""

from __future__ import annotations

import datetime
import re
import time
from typing import Final

import click

# The most days that a `timedelta` holds.
MOST_DAYS: Final = datetime.timedelta.max.days
_SECONDS: Final = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def since(text: str) -> int:
    """Return the Unix seconds of a date (in local time unless it says otherwise), or of 7d ago.

    Raises:
        BadParameter: it is neither.
    """
    age = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if age is not None:
        return int(time.time()) - int(age[1]) * _SECONDS[age[2]]
    try:
        return int(datetime.datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError, OSError):
        raise click.BadParameter(
            f"{text!r} is neither a date such as 2026-11-30 nor an age such as 90m, 12h, 7d or 4w"
        ) from None


def duration(
    _: click.Context, __: click.Parameter, seconds: float | None
) -> datetime.timedelta | None:
    """Return an option in seconds as a duration of a microsecond or more; None for None.

    Raises:
        BadParameter: no duration is that short or long, or it is no number.
    """
    if seconds is None:
        return None
    try:
        found = datetime.timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        found = datetime.timedelta()
    if found <= datetime.timedelta():
        most = MOST_DAYS * 86_400
        raise click.BadParameter(f"{seconds} is not a number of seconds above 0 and below {most}")
    return found
