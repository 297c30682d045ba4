"""RFC 3339 times as upstream's DateTime<Utc> reads and writes them: strings, to the nanosecond.

Python's datetime stops at microseconds, so the text itself is the value, brought to UTC.
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
    """`text` in UTC with `Z` and the fewest of 0, 3, 6 or 9 fraction digits that lose nothing.

    Raises NotJsonError when it is no RFC 3339 time or falls outside the years 1 to 9999.
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
    """Return an aware datetime as the text kept in the store.

    Raises:
        InvalidArgumentError: it is naive.
    """
    if moment.utcoffset() is None:
        raise InvalidArgumentError(
            "a naive datetime has no place in time",
            argument="moment",
            op="timestamp_of",
            hint="Give it a tzinfo",
        )
    # By way of UTC, because an offset of a datetime may have seconds and RFC 3339 has none.
    return normalise_timestamp(moment.astimezone(datetime.UTC).isoformat())
