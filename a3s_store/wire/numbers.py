"""Floating-point numbers: their text in serde_json, and rounding to 32 bits.

Floats are the only values for which Python's JSON text differs from upstream's (wire-format 1.4).
"""

from __future__ import annotations

import functools
import math
import struct

_F32 = struct.Struct("<f")


def to_f32(x: float) -> float:
    """Return the 32-bit float nearest to `x`; infinity when `x` is out of range."""
    try:
        nearest: float = _F32.unpack(_F32.pack(x))[0]
    except OverflowError:
        return math.copysign(math.inf, x)
    return nearest


def is_plain(x: float) -> bool:
    """Return whether every JSON encoder writes `x` alike: in fixed notation, no exponent."""
    return 1e-5 <= x < 1e16 or -1e16 < x <= -1e-5 or x == 0.0


def f64_text(x: float) -> str:
    """Return a finite number as serde_json writes an f64."""
    digits, power = _digits(repr(abs(x)))
    return _layout(math.copysign(1.0, x) < 0, digits, power, 16, -5)


def f32_text(x: float) -> str:
    """Return a number, already rounded to 32 bits, as serde_json writes an f32."""
    # Zero and negative zero are one key of a cache.
    return f64_text(x) if x == 0.0 else _f32_text(x)


# A configuration has few different numbers, and each takes 50 microseconds.
@functools.lru_cache(256)
def _f32_text(x: float) -> str:
    size = abs(x)
    # The shortest text. Most numbers need seven digits; numbers written by people need few.
    precision = 6
    found = _near(size, precision)
    while not found:
        precision += 1  # nine digits identify every 32-bit float
        found = _near(size, precision)
    while precision > 1 and (fewer := _near(size, precision - 1)):
        precision, found = precision - 1, fewer
    number, power = min(found, key=lambda n: abs(float(f"{n[0]}e{n[1]}") - size))
    digits = str(number).rstrip("0")
    return _layout(x < 0, digits, power + len(str(number)) - len(digits), 13, -6)


def _near(size: float, precision: int) -> list[tuple[int, int]]:
    """Return the (digits, power of ten) of this length that round to the given 32-bit float."""
    mantissa, _, exponent = f"{size:.{precision - 1}e}".partition("e")
    middle = int(mantissa.replace(".", ""))
    power = int(exponent) - (precision - 1)
    # Neighbours too, for the few powers of two where the gap below is half the gap above.
    near = (middle, middle - 1, middle + 1)
    return [(n, power) for n in near if to_f32(float(f"{n}e{power}")) == size]


def _digits(text: str) -> tuple[str, int]:
    """Return Python's shortest digits of a non-negative float, and the last one's power of ten."""
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    power = int(exponent or 0) - len(fraction)
    stripped = digits.rstrip("0")
    return stripped or "0", power + len(digits) - len(stripped) if stripped else 0


def _layout(negative: bool, digits: str, power: int, high: int, low: int) -> str:
    """Return digits x 10^power, with an exponent if the point is not inside (low, high]."""
    point = len(digits) + power
    if power >= 0 and point <= high:
        text = digits + "0" * power + ".0"
    elif 0 < point <= high:
        text = digits[:point] + "." + digits[point:]
    elif low < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        text = digits[0] + ("." + digits[1:] if len(digits) > 1 else "") + f"e{point - 1}"
    return "-" + text if negative else text
