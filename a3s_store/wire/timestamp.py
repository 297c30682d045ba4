"""RFC 3339 times as upstream's DateTime<Utc> reads and writes them: strings, to the nanosecond.

Python's datetime has microseconds only, so the value is the text itself, converted to UTC.
"""

from __future__ import annotations

import datetime
import re

from a3s_store.errors import InvalidArgumentError
from a3s_store.wire.values import NotJsonError

_FORM = re.compile(
    # The hour is spelled out because Python from 3.14 on reads 24:00 as midnight of the next day.
    r"(\d{4}-\d\d-\d\d)[Tt ]((?:[01]\d|2[0-3]):\d\d:)(\d\d)"
    r"(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))",
    re.ASCII,
)


def normalise_timestamp(text: str) -> str:
    """Return a time in UTC, with `Z` and the fewest of 0, 3, 6 or 9 fraction digits.

    Nothing is rounded down to nanoseconds and no further.

    Raises:
        NotJsonError: it is no RFC 3339 time, or outside the years 1 to 9999.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise NotJsonError("not an RFC 3339 time with an offset")
    date, minutes, seconds, fraction, _, sign, hours, rest = found.groups()
    leap = seconds == "60"
    try:
        moment = datetime.datetime.fromisoformat(f"{date}T{minutes}{'59' if leap else seconds}")
        if sign:
            offset = datetime.timedelta(hours=int(hours), minutes=int(rest))
            if int(rest) > 59 or offset >= datetime.timedelta(hours=24):
                raise ValueError(text)
            moment += -offset if sign == "+" else offset
    except (ValueError, OverflowError):
        raise NotJsonError("not a time between the years 1 and 9999") from None
    base = moment.isoformat()
    return (base[:-2] + "60" if leap else base) + _fraction(fraction) + "Z"


def _fraction(digits: str | None) -> str:
    nanos = (digits or "")[:9].ljust(9, "0")
    if nanos == "000000000":
        return ""
    while nanos.endswith("000"):
        nanos = nanos[:-3]
    return "." + nanos


def timestamp_of(moment: datetime.datetime) -> str:
    """Return an aware datetime as the text of a `Timestamp` field.

    Raises:
        InvalidArgumentError: the datetime has no time zone.
    """
    if moment.utcoffset() is None:
        raise InvalidArgumentError(
            "the datetime has no time zone",
            argument="moment",
            op="timestamp_of",
            hint="Pass a datetime with tzinfo, such as datetime.now(datetime.UTC)",
        )
    # UTC first: the offset of a datetime may have seconds, and in RFC 3339 it has none.
    return normalise_timestamp(moment.astimezone(datetime.UTC).isoformat())
