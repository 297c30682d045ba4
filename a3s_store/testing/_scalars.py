"""Strategies for texts, numbers, times and opaque JSON.

Each strategy draws from a list of edge cases half of the time: Hypothesis alone seldom finds 2**63
or the smallest 32-bit float.
"""

from __future__ import annotations

import datetime
from typing import Any, Final

from hypothesis import strategies as st

from a3s_store.wire.numbers import to_f32

ODD_TEXTS: Final = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "\x1f",
    "\x7f",
    "\u2028\u2029",
    "\ufeff",
    "\uffff",
    "\ud7ff\ue000",
    "\U0001f600",
    "\U0010ffff",
    "\u00e9",
    "e\u0301",
    '"',
    "\\",
    "\\ud800",
    "/",
    "\r\n\t\b\f",
    "null",
    "1",
    "-0",
    "NaN",
    '{"a":1}',
    "' OR 1=1 --",
    "شمس 太陽 שמש",
)

ODD_KEYS: Final = (
    "",
    " ",
    "a",
    "b",
    "A",
    "a.b",
    "[0]",
    "$ref",
    "type",
    "extra",
    "__class__",
    "\x00",
    '"',
    "\u00e9",
    "e\u0301",
    "\uffff",
    "\U0001f600",
)

ODD_INTEGERS: Final = tuple(
    sign * (2**power + step)
    for power in (0, 1, 7, 8, 15, 16, 31, 32, 53, 63, 64, 130)
    for step in (-1, 0, 1)
    for sign in (1, -1)
)

ODD_FLOATS: Final = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.1 + 0.2,
    1e-5,
    1e-6,
    1e15,
    9999999999999998.0,
    1e16,
    -1e16,
    2.0**53,
    2.0**63,
    2.0**64,
    1e300,
    1.7976931348623157e308,
    2.2250738585072014e-308,
    5e-324,
)

ODD_FLOATS_32: Final = tuple(
    to_f32(number)
    for number in (
        *(0.0, -0.0, 0.8, 0.72, -1.0, 1e-6, 1e-7, 16777216.0, 1e12, 1e13),
        *(2.0**-96, 2.0**87, 2.0**90, 3.4028235e38, -3.4028235e38, 1.1754944e-38, 1e-45),
    )
)

ODD_TIMES: Final = (
    "2026-05-18T08:00:00Z",
    "2026-05-18T08:00:00.123456789Z",
    "2026-05-18T08:00:00.000000001Z",
    "2026-05-18T08:00:00.100Z",
    "2026-05-18T10:00:00+02:00",
    "2026-05-18 08:00:00-00:00",
    "2016-12-31T23:59:60Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999Z",
)


def texts(max_size: int = 12) -> st.SearchStrategy[str]:
    """Return texts of up to `max_size` characters, without lone surrogates."""
    return st.sampled_from(ODD_TEXTS) | st.text(max_size=max_size)


def keys() -> st.SearchStrategy[str]:
    """Return keys of JSON objects; they are few, so two objects often share one."""
    return st.sampled_from(ODD_KEYS) | st.text(max_size=4)


def integers(low: int, high: int) -> st.SearchStrategy[int]:
    """Return integers from `low` to `high`, both included and both likely."""
    odd = sorted({low, high, *(number for number in ODD_INTEGERS if low <= number <= high)})
    return st.sampled_from(odd) | st.integers(low, high)


def floats() -> st.SearchStrategy[float]:
    """Return finite 64-bit floats."""
    return st.sampled_from(ODD_FLOATS) | st.floats(allow_nan=False, allow_infinity=False)


def floats_32() -> st.SearchStrategy[float]:
    """Return finite 32-bit floats, subnormal ones too."""
    some = st.floats(allow_nan=False, allow_infinity=False, width=32)
    return st.sampled_from(ODD_FLOATS_32) | some


def timestamps() -> st.SearchStrategy[str]:
    """Return RFC 3339 times with any offset and 0 to 9 digits of a second."""
    # Two days of margin: an offset must not lead beyond the years 1 and 9999.
    first, last = datetime.datetime(1, 1, 3), datetime.datetime(9999, 12, 29)
    fractions = st.just("") | st.integers(0, 10**9 - 1).map(lambda nanos: f".{nanos:09d}")
    offsets = st.sampled_from(("Z", "z", "+00:00", "-23:59", "+05:30"))
    return st.sampled_from(ODD_TIMES) | st.builds(
        lambda moment, fraction, offset: f"{moment:%H:%M:%S}".join(
            (f"{moment.date().isoformat()}T", fraction + offset)
        ),
        st.datetimes(min_value=first, max_value=last),
        fractions,
        offsets,
    )


def json_scalars() -> st.SearchStrategy[Any]:
    """Return JSON values that are neither arrays nor objects; True, 1 and 1.0 are all likely."""
    numbers = st.sampled_from((True, 1, 1.0, False, 0, 0.0, -0.0, *ODD_INTEGERS))
    return st.none() | numbers | floats() | texts()


def json_values(max_leaves: int = 5) -> st.SearchStrategy[Any]:
    """Return opaque JSON: dicts, lists and scalars, sometimes nested 20 levels deep."""
    shallow = st.recursive(
        json_scalars(),
        lambda inner: st.lists(inner, max_size=3) | json_objects(inner),
        max_leaves=max_leaves,
    )
    step = st.none() | keys()
    levels = st.lists(step, max_size=20) | st.lists(step, min_size=20, max_size=20)
    empty: st.SearchStrategy[Any] = st.sampled_from(([], {}, [[]], {"": {}}))
    return st.one_of(shallow, shallow, shallow, empty, st.builds(_nested, json_scalars(), levels))


def json_objects(
    values: st.SearchStrategy[Any], *, without: frozenset[str] = frozenset()
) -> st.SearchStrategy[Any]:
    """Return JSON objects of up to three keys, none of them in `without`."""
    named = keys().filter(lambda key: key not in without) if without else keys()
    return st.dictionaries(named, values, max_size=3)


def _nested(value: Any, levels: list[str | None]) -> Any:
    """Return `value` inside one array (level None) or object (its key) for each level."""
    for key in levels:
        value = [value] if key is None else {key: value}
    return value
