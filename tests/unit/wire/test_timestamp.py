"""RFC 3339 times (wire-format 1.5)."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given

from a3s_store.testing._scalars import timestamps
from a3s_store.wire import timestamp_of
from a3s_store.wire.timestamp import normalise_timestamp
from a3s_store.wire.values import NotJsonError

READ = [
    ("2026-05-18T10:00:00+02:00", "2026-05-18T08:00:00Z"),
    ("2026-05-18T08:00:00Z", "2026-05-18T08:00:00Z"),
    ("2026-05-18 08:00:00z", "2026-05-18T08:00:00Z"),
    ("2026-05-18t08:00:00Z", "2026-05-18T08:00:00Z"),
    ("2026-05-18T08:00:00-00:00", "2026-05-18T08:00:00Z"),
    ("2026-01-01T00:30:00+05:30", "2025-12-31T19:00:00Z"),
    ("2024-02-28T23:30:00-01:00", "2024-02-29T00:30:00Z"),
    ("2016-12-31T23:59:60Z", "2016-12-31T23:59:60Z"),
    ("2017-01-01T00:59:60+01:00", "2016-12-31T23:59:60Z"),
    ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999999Z"),
]

FRACTIONS = [
    ("0", ""),
    ("000000000", ""),
    ("5", "500"),
    ("12", "120"),
    ("123", "123"),
    ("123000", "123"),
    ("1234", "123400"),
    ("123456", "123456"),
    ("123456000", "123456"),
    ("1234567", "123456700"),
    ("000000001", "000000001"),
    ("123456789", "123456789"),
    ("1234567899", "123456789"),
]

REFUSED = [
    "",
    "2026-05-18",
    "2026-05-18T08:00:00",
    "2026-05-18T08:00Z",
    "2026-05-18T08:00:00.Z",
    "2026-05-18T08:00:00 Z",
    " 2026-05-18T08:00:00Z",
    "2026-05-18T08:00:00Z\n",
    "2026-02-30T08:00:00Z",
    "2026-13-01T08:00:00Z",
    "2026-05-18T24:00:00Z",
    "2026-05-18T08:60:00Z",
    "2026-05-18T08:00:61Z",
    "2026-05-18T08:00:00+24:00",
    "2026-05-18T08:00:00+01:60",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-00:01",
    "+12026-05-18T08:00:00Z",
    "٢٠٢٦-05-18T08:00:00Z",
    "1779100000",
    "Mon, 18 May 2026 08:00:00 GMT",
]


@pytest.mark.parametrize(("given_text", "kept"), READ)
def test_a_time_is_brought_to_utc(given_text: str, kept: str) -> None:
    assert normalise_timestamp(given_text) == kept


@pytest.mark.parametrize(("digits", "kept"), FRACTIONS)
def test_a_fraction_has_the_fewest_of_0_3_6_or_9_digits(digits: str, kept: str) -> None:
    found = normalise_timestamp(f"2026-05-18T08:00:00.{digits}Z")
    assert found == "2026-05-18T08:00:00" + ("." + kept if kept else "") + "Z"


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_time_with_an_offset_is_refused(text: str) -> None:
    with pytest.raises(NotJsonError, match=r"RFC 3339|years 1 and 9999"):
        normalise_timestamp(text)


@given(timestamps())
def test_a_normal_time_stays_as_it_is(text: str) -> None:
    normal = normalise_timestamp(text)
    assert normal.endswith("Z")
    assert normalise_timestamp(normal) == normal


def test_an_aware_datetime_becomes_a_time_in_utc() -> None:
    zone = datetime.timezone(datetime.timedelta(hours=2))
    moment = datetime.datetime(2026, 5, 18, 10, 0, 0, 1500, zone)
    assert timestamp_of(moment) == "2026-05-18T08:00:00.001500Z"


def test_an_offset_with_seconds_has_a_place_in_utc_too() -> None:
    zone = datetime.timezone(datetime.timedelta(seconds=30))
    assert timestamp_of(datetime.datetime(2026, 1, 1, tzinfo=zone)) == "2025-12-31T23:59:30Z"


def test_a_naive_datetime_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        timestamp_of(datetime.datetime(2026, 1, 1))
