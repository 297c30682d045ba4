"""Floats as upstream lays them out (wire-format 1.4 and 18)."""

from __future__ import annotations

import math
import random
import struct

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.wire.numbers import f32_text, f64_text, is_plain, to_f32

F64_TEXTS = [
    (0.0, "0.0"),
    (-0.0, "-0.0"),
    (1.0, "1.0"),
    (0.1 + 0.2, "0.30000000000000004"),
    (1e15, "1000000000000000.0"),
    (1e16, "1e16"),
    (123456789012345680.0, "1.2345678901234568e17"),
    (1e-5, "0.00001"),
    (1e-6, "1e-6"),
    (1.5e300, "1.5e300"),
    (5e-324, "5e-324"),
    (9999999999999998.0, "9999999999999998.0"),
    (1234567890123456.0, "1234567890123456.0"),
    (1.5e15, "1500000000000000.0"),
    (9.99e-6, "9.99e-6"),
    (1.2345e-5, "0.000012345"),
    (0.001, "0.001"),
    (1e22, "1e22"),
    (1.7976931348623157e308, "1.7976931348623157e308"),
    (2.2250738585072014e-308, "2.2250738585072014e-308"),
    (-1.5, "-1.5"),
    (-1e-7, "-1e-7"),
    (-1e100, "-1e100"),
]

F32_TEXTS = [
    (0.8, "0.8"),
    (0.72, "0.72"),
    (16777216.0, "16777216.0"),
    (1e12, "1000000000000.0"),
    (1e13, "1e13"),
    (1e-6, "0.000001"),
    (1e-7, "1e-7"),
    (3.4028235e38, "3.4028235e38"),
    (2.0**-96, "1.2621775e-29"),
    (2.0**87, "1.5474251e26"),
    (2.0**90, "1.2379401e27"),
    (0.0, "0.0"),
    (-0.0, "-0.0"),
    (-0.8, "-0.8"),
    (1.0, "1.0"),
    (0.123456789, "0.12345679"),
    (2.0**-149, "1e-45"),
    (1.1754944e-38, "1.1754944e-38"),
    (1.25e-6, "0.00000125"),
    (1234567.0, "1234567.0"),
]


@pytest.mark.parametrize(("number", "text"), F64_TEXTS)
def test_a_64_bit_float_is_laid_out_as_serde_does(number: float, text: str) -> None:
    assert f64_text(number) == text


@pytest.mark.parametrize(("number", "text"), F32_TEXTS)
def test_a_32_bit_float_is_written_in_its_own_digits(number: float, text: str) -> None:
    assert f32_text(to_f32(number)) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_f64_text_reads_back_to_the_same_bits(number: float) -> None:
    text = f64_text(number)
    assert struct.pack("<d", float(text)) == struct.pack("<d", number)
    assert struct.pack("<d", orjson.loads(text)) == struct.pack("<d", number)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_f64_text_has_as_few_digits_as_python_needs(number: float) -> None:
    def digits(text: str) -> str:
        return text.partition("e")[0].replace(".", "").strip("-0")

    assert digits(f64_text(number)) == digits(repr(number))


@given(
    st.floats(min_value=1e-5, max_value=1e16, exclude_max=True)
    | st.floats(min_value=-1e16, max_value=-1e-5, exclude_min=True)
    | st.sampled_from([0.0, -0.0])
)
def test_where_a_float_is_plain_orjson_writes_the_same_text(number: float) -> None:
    """The encoder passes such floats to orjson unchanged."""
    assert is_plain(number)
    assert orjson.dumps(number).decode() == f64_text(number)


@pytest.mark.parametrize("number", [1e16, -1e16, 9.999999999999999e-06, 5e-324, 1e300])
def test_beyond_the_plain_range_a_float_is_not_left_to_orjson(number: float) -> None:
    assert not is_plain(number)
    assert "e" in f64_text(number)


def shortest_length(number: float) -> int:
    """Return the number of digits that a 32-bit float needs, by trying every precision."""
    return next(n for n in range(1, 10) if to_f32(float(f"{number:.{n - 1}e}")) == number)


def random_floats_32(count: int) -> list[float]:
    """Return finite positive floats, uniform over their bits; the same in every run."""
    bits = random.Random(20260518)
    drawn = [bits.randrange(1, 0x7F800000) for _ in range(count)]
    return [struct.unpack("<f", struct.pack("<I", one))[0] for one in drawn]


def test_random_32_bit_floats_read_back_to_the_same_bits_in_the_fewest_digits() -> None:
    for number in random_floats_32(5000):
        text = f32_text(number)
        assert struct.pack("<f", float(text)) == struct.pack("<f", number)
        digits = text.partition("e")[0].replace(".", "").strip("0")
        assert len(digits) <= shortest_length(number)
        assert f32_text(-number) == "-" + text


@pytest.mark.parametrize("exponent", range(-149, 128))
def test_every_power_of_two_is_written_in_digits_that_read_back(exponent: int) -> None:
    number = 2.0**exponent
    assert to_f32(float(f32_text(number))) == number


def test_a_32_bit_float_changes_to_an_exponent_at_13_digits_and_below_a_millionth() -> None:
    assert f32_text(to_f32(9999999e6)) == "9999999000000.0"
    assert f32_text(to_f32(1.5e13)) == "1.5e13"
    assert f32_text(to_f32(1e-6)) == "0.000001"
    assert f32_text(to_f32(9.5e-7)) == "9.5e-7"


def test_rounding_to_32_bits_goes_to_the_nearest_and_overflows_to_infinity() -> None:
    assert to_f32(0.8) == 0.800000011920929
    assert to_f32(3.4028235e38) == 3.4028234663852886e38
    assert to_f32(1e39) == math.inf
    assert to_f32(-1e39) == -math.inf
    assert math.copysign(1.0, to_f32(-1e-60)) == -1.0
