"""The kinds of values that fields hold: one class for each JSON form, made from annotations.

A kind has three functions. `convert` is the leniency of the Python constructor: a list for a tuple,
a str for an enum member; a value that it cannot convert stays as it is, for the encoder to refuse.
`decode` is strict, from parsed JSON; `encode` is strict, to values that orjson takes. Both raise
NotJsonError, and each caller adds its own step to the path.

Three Python conditions are put into the generated functions. `fast` is a condition on `v` under
which decode and encode return `v` itself; `written_fast` is that of encode where the two differ.
`same` is the condition, in addition to `x == y`, under which two values of a field are the same; it
is empty where Python's == is exact.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import orjson

from a3s_store.wire.numbers import f32_text, f64_text, is_plain, to_f32
from a3s_store.wire.text import exact
from a3s_store.wire.timestamp import normalise_timestamp
from a3s_store.wire.values import (
    MAX_DEPTH,
    FrozenDict,
    NotJsonError,
    UnknownVariant,
    freeze,
    freeze_flat,
    freeze_part,
    frozen_dict,
)

# The value of a key that is missing, since None is a JSON value.
MISSING: Any = object()


def wrong(expected: str, value: Any) -> NotJsonError:
    """Return the error for a value of the wrong type; it names types, never the value."""
    if value is MISSING:
        return NotJsonError("is missing")
    names = {dict: "an object", list: "an array", type(None): "null", FrozenDict: "an object"}
    return NotJsonError(
        f"expected {expected}, found {names.get(type(value), type(value).__name__)}"
    )


class IntRange(NamedTuple):
    """The range of a machine integer, in an int annotation."""

    low: int
    high: int


class Kind:
    """A JSON form; this base class is the form of a str."""

    NEVER = "False"

    fast = "type(v) is str"
    same = ""
    name = "a string"

    @property
    def written_fast(self) -> str:
        """The condition on `v` under which `encode` returns `v` itself."""
        return self.fast

    def convert(self, value: Any) -> Any:
        """Return the value that a constructor stores for its argument."""
        return value

    def decode(self, value: Any) -> Any:
        """Return the value of parsed JSON. Raises NotJsonError."""
        if type(value) is str:
            return value
        raise wrong(self.name, value)

    def encode(self, value: Any) -> Any:
        """Return a value for orjson. Raises NotJsonError."""
        if isinstance(value, str) and not isinstance(value, enum.Enum):
            return str.__str__(value)
        raise wrong(self.name, value)


class Bool(Kind):
    """true or false."""

    fast = "v is True or v is False"
    same = "type(x) is type(y)"
    name = "true or false"

    def decode(self, value: Any) -> Any:
        if type(value) is bool:
            return value
        raise wrong(self.name, value)

    encode = decode


class Int(Kind):
    """An integer of one machine type."""

    same = "type(x) is type(y)"

    def __init__(self, limits: IntRange) -> None:
        self.limits = limits
        self.fast = f"type(v) is int and {limits.low} <= v <= {limits.high}"
        self.name = "an integer"

    def decode(self, value: Any) -> Any:
        if type(value) is not int:
            raise wrong(self.name, value)
        if not self.limits.low <= value <= self.limits.high:
            raise NotJsonError(f"an integer outside {self.limits.low} to {self.limits.high}")
        return value

    encode = decode


class Float64(Kind):
    """A finite number; an integer is read as a float."""

    fast = "type(v) is float and 1e-5 <= v < 1e16"
    same = "alike(x, y)"
    name = "a number"

    def convert(self, value: Any) -> Any:
        try:
            return float(value) if type(value) is int else value
        except OverflowError:
            return value

    def decode(self, value: Any) -> Any:
        if type(value) is float:
            if math.isfinite(value):
                return value
            raise NotJsonError("a number beyond the range of a 64-bit float")
        if type(value) is int:
            try:
                return float(value)
            except OverflowError:
                raise NotJsonError("a number beyond the range of a 64-bit float") from None
        raise wrong(self.name, value)

    def encode(self, value: Any) -> Any:
        number = self.decode(value)
        return number if is_plain(number) else orjson.Fragment(f64_text(number))


class Float32(Float64):
    """A number rounded to 32 bits."""

    fast = Kind.NEVER

    def convert(self, value: Any) -> Any:
        number = super().convert(value)
        return to_f32(number) if type(number) is float else number

    def decode(self, value: Any) -> Any:
        number = to_f32(super().decode(value))
        if not math.isfinite(number):
            raise NotJsonError("a number beyond the range of a 32-bit float")
        return number

    def encode(self, value: Any) -> Any:
        return orjson.Fragment(f32_text(self.decode(value)))


class EnumOf(Kind):
    """A member of an enum, or an unknown string that was read (`UnknownVariant`)."""

    fast = Kind.NEVER
    same = "type(x) is type(y)"

    def __init__(self, cls: type[enum.Enum]) -> None:
        self.cls = cls
        self.members: dict[Any, enum.Enum] = {member.value: member for member in cls}
        self.name = "one of " + ", ".join(self.members)

    def convert(self, value: Any) -> Any:
        return self.members.get(value, value) if type(value) in (str, UnknownVariant) else value

    def decode(self, value: Any) -> Any:
        if type(value) is not str:
            raise wrong(self.name, value)
        member = self.members.get(value)
        return UnknownVariant(value) if member is None else member

    def encode(self, value: Any) -> Any:
        if type(value) is self.cls or type(value) is UnknownVariant:
            return value.value
        if type(value) is not str:
            raise wrong(self.name, value)
        if value not in self.members:
            raise NotJsonError(f"expected {self.name}")
        return value

    def in_order(self, texts: Collection[str]) -> list[str]:
        """Return texts in the order in which the enum declares them, unknown ones last."""
        known = [text for text in self.members if text in texts]
        return known + sorted(text for text in texts if text not in self.members)


class OpaqueValue(Kind):
    """Any JSON value, frozen and otherwise unchanged."""

    fast = "type(v) is str"
    same = "alike(x, y)"
    written_fast = "type(v) is str or (type(v) is FrozenDict and v.plain)"
    name = "a JSON value"

    def convert(self, value: Any) -> Any:
        return freeze(value)

    def decode(self, value: Any) -> Any:
        frozen = freeze_flat(value)
        return freeze_part(value, MAX_DEPTH)[0] if frozen is None else frozen

    def encode(self, value: Any) -> Any:
        return exact(freeze_part(value, MAX_DEPTH)[0])


class Time(Kind):
    """An RFC 3339 time, converted to UTC."""

    fast = Kind.NEVER

    def convert(self, value: Any) -> Any:
        try:
            return normalise_timestamp(value) if type(value) is str else value
        except NotJsonError:
            return value

    def decode(self, value: Any) -> Any:
        if type(value) is not str:
            raise wrong("an RFC 3339 time", value)
        return normalise_timestamp(value)

    encode = decode


class Many(Kind):
    """A tuple of one kind; an array in JSON."""

    fast = Kind.NEVER
    name = "an array"

    def __init__(self, item: Kind) -> None:
        self.item = item
        self.same = "alike(x, y)" if item.same else ""

    def convert(self, value: Any) -> Any:
        # No other sequences, since a str is one too; the encoder refuses them.
        if type(value) is tuple:
            return value
        return tuple(map(self.item.convert, value)) if isinstance(value, list) else value

    def decode(self, value: Any) -> Any:
        if type(value) is not list:
            raise wrong(self.name, value)
        return tuple(self._each(self.item.decode, value))

    def encode(self, value: Any) -> Any:
        if type(value) is not tuple:
            raise wrong(self.name, value)
        return self._each(self.item.encode, value)

    def _each(self, step: Callable[[Any], Any], values: Any) -> list[Any]:
        done: list[Any] = []
        try:
            for value in values:
                done.append(step(value))
        except NotJsonError as error:
            raise error.at(f"[{len(done)}]") from None
        return done


class TextOrMany(Many):
    """A bare string or an array: a field with two forms, both kept as they are."""

    fast = "type(v) is str"
    name = "a string or an array"


class EnumSet(Kind):
    """A frozenset of enum members, written in the order in which the enum declares them."""

    fast = Kind.NEVER
    name = "an array"

    def __init__(self, item: EnumOf) -> None:
        self.item = item

    def convert(self, value: Any) -> Any:
        if isinstance(value, list | tuple | set | frozenset):
            return frozenset(map(self.item.convert, value))
        return value

    def decode(self, value: Any) -> Any:
        return frozenset(Many(self.item).decode(value))

    def encode(self, value: Any) -> Any:
        if type(value) is not frozenset:
            raise wrong(self.name, value)
        return self.item.in_order({self.item.encode(member) for member in value})


class EnumMap(Kind):
    """A frozen mapping keyed by enum members, written in the order the enum declares them."""

    fast = Kind.NEVER
    same = "alike(x, y)"
    name = "an object"

    def __init__(self, key: EnumOf, item: Kind) -> None:
        self.key = key
        self.item = item

    def convert(self, value: Any) -> Any:
        if type(value) is FrozenDict or not isinstance(value, Mapping):
            return value
        items = {self.key.convert(key): self.item.convert(item) for key, item in value.items()}
        return frozen_dict(items, plain=False)

    def decode(self, value: Any) -> Any:
        if type(value) is not dict:
            raise wrong(self.name, value)
        return frozen_dict(self._each(value, self.key.decode, self.item.decode), plain=False)

    def encode(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise wrong(self.name, value)
        found = self._each(value, self.key.encode, self.item.encode)
        return {name: found[name] for name in self.key.in_order(found)}

    def _each(self, value: Any, key_step: Any, item_step: Any) -> dict[Any, Any]:
        done: dict[Any, Any] = {}
        for key, item in value.items():
            try:
                done[key_step(key)] = item_step(item)
            except NotJsonError as error:
                raise error.at(str(key)) from None
        return done
