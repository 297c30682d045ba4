"""Invalid values: good ones with one part, at any depth, replaced by an odd value.

Some replacements happen to be valid; the store decides. A model may refuse the part when it is
constructed, with one of `REFUSALS`.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import random
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from a3s_store.errors import StoreError
from a3s_store.models import Message, TextBlock
from a3s_store.wire import freeze

# The errors by which a store, and the constructor of a model, may refuse a value.
REFUSALS: Final = (StoreError, TypeError, ValueError)


class HostileError(Exception):
    """Raised by hostile objects; no store may let it through."""


class Hostile:
    """An object with methods that all raise."""

    def _refuse(self, *_: object) -> Any:
        raise HostileError

    __eq__ = __hash__ = __iter__ = __len__ = __bool__ = __str__ = __repr__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __getitem__ = __index__ = __float__ = _refuse


class HostileText(str):
    """A str by inheritance, with methods that all raise."""

    def _refuse(self, *_: object) -> Any:
        raise HostileError

    __eq__ = __hash__ = __iter__ = __len__ = __str__ = __repr__ = _refuse
    encode = _refuse  # type: ignore[assignment]
    __contains__ = _refuse


class OwnText(str):
    """A subclass of str without changes."""


class Colour(enum.StrEnum):
    """An enumeration of texts that no model uses."""

    RED = "red"


class Count(enum.IntEnum):
    """An enumeration of numbers."""

    ONE = 1


def _deep(levels: int) -> Any:
    value: Any = 0
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


def _circle() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


def _numbers() -> Iterator[int]:
    yield from (1, 2)


# Each function makes a new value: some can be used up.
ODD: Final[tuple[Callable[[], Any], ...]] = (
    *(
        # Numbers that do not fit, and values that look like numbers.
        lambda: 2**64,
        lambda: 2**64 - 1,
        lambda: 2**63,
        lambda: -1,
        lambda: -(2**63) - 1,
        lambda: 10**5000,
        lambda: -(10**5000),
        lambda: float("nan"),
        lambda: float("inf"),
        lambda: float("-inf"),
        lambda: 1e39,
        lambda: -0.0,
        lambda: 1.0,
        lambda: 0,
        lambda: True,
        lambda: Count.ONE,
        lambda: decimal.Decimal("1.5"),
        lambda: 1j,
    ),
    *(
        # Texts.
        lambda: "\ud800",
        lambda: "\udfff and more",
        lambda: "\0",
        lambda: "",
        lambda: "a" * 100_000,
        lambda: "1",
        lambda: "' OR 1=1 --",
        lambda: "NaN",
        lambda: b"bytes",
        lambda: bytearray(b"bytes"),
        lambda: memoryview(b"bytes"),
        lambda: OwnText("own"),
        lambda: HostileText("hostile"),
        lambda: Colour.RED,
    ),
    *(
        # Values that JSON does not have.
        lambda: None,
        object,
        Hostile,
        lambda: Hostile,
        lambda: TextBlock(text="of another model"),
        lambda: Message.user("of another model"),
        lambda: TextBlock,
        lambda: set[Any](),
        lambda: {1, 2},
        lambda: _numbers(),
        lambda: range(3),
        lambda: datetime.datetime(2026, 5, 18, tzinfo=datetime.UTC),
        lambda: len,
    ),
    *(
        # Containers.
        tuple,
        list,
        dict,
        lambda: [None],
        lambda: (1, "a", None),
        lambda: [0] * 20_000,
        lambda: {"a": float("nan")},
        lambda: {"\ud800": 1},
        lambda: {1: 1, "1": 2},
        lambda: {None: 1},
        lambda: {OwnText("a"): 1},
        lambda: {"type": "text"},
        lambda: {"type": 7, "text": "\0"},
        lambda: [Hostile()],
        lambda: {"a": Hostile()},
        lambda: freeze({"a": 1}),
        lambda: _deep(100),
        lambda: _deep(127),
        lambda: _deep(128),
        lambda: _deep(1_000),
        lambda: _deep(50_000),
        _circle,
    ),
)


def broken(good: Any, chance: random.Random) -> Any:
    """The value with one part replaced; now and then all of it.

    Raises one of `REFUSALS` when a model refuses the part.
    """
    return _broken(good, chance, 0.03)


# Values that a place of each type must not hold, in addition to `ODD`.
_WORST: Final[dict[type, tuple[Any, ...]]] = {
    float: (float("nan"), float("inf"), float("-inf"), "1.5", None, True),
    int: (2**64, -(2**64), 10**5000, 1.0, True, "1", None),
    bool: (0, 1, "true", None),
    str: ("\ud800", b"text", 7, None, Colour.RED),
    type(None): (object(), "\ud800", float("nan"), 2**64, b""),
}


def broken_leaf(good: Any, chance: random.Random) -> Any:
    """The value with a number, a text or a None replaced by the worst for its type.

    Types are chosen before places, so that the few floats there are have their turn. Raises one of
    `REFUSALS` as `broken` does.
    """
    places = list(_leaves(good, ()))
    kinds = sorted({type(leaf) for _, leaf in places} & _WORST.keys(), key=str)
    if not kinds:
        return chance.choice(ODD)()
    kind = chance.choice([*kinds, *[float] * (2 * (float in kinds))])
    path = chance.choice([path for path, leaf in places if type(leaf) is kind])
    return _with(good, path, chance.choice(_WORST[kind]))


def _leaves(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            yield from _leaves(getattr(value, field.name), (*path, field.name))
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from _leaves(item, (*path, number))
    else:
        yield path, value


def _with(value: Any, path: tuple[Any, ...], leaf: Any) -> Any:
    if not path:
        return leaf
    first, *rest = path
    if isinstance(value, tuple):
        inner = _with(value[first], tuple(rest), leaf)
        return (*value[:first], inner, *value[first + 1 :])
    return value.evolve(**{first: _with(getattr(value, first), tuple(rest), leaf)})


def _broken(value: Any, chance: random.Random, here: float) -> Any:
    if chance.random() < here:
        return chance.choice(ODD)()
    if attrs.has(type(value)):
        name = chance.choice(attrs.fields(type(value))).name
        return value.evolve(**{name: _broken(getattr(value, name), chance, 0.3)})
    if isinstance(value, tuple | list) and value:
        return _of_list(list(value), chance)
    if isinstance(value, dict) and value:
        changed = dict(value)
        key = chance.choice(list(changed))
        changed[key] = _broken(changed[key], chance, 0.3)
        return changed
    return chance.choice(ODD)()


def _of_list(values: list[Any], chance: random.Random) -> Any:
    at = chance.randrange(len(values))
    match chance.randrange(8):
        case 0:
            values.insert(at, chance.choice(ODD)())
        case 1:
            return values  # a list where a tuple is due
        case 2:
            return iter(values)
        case 3:
            return tuple(values * 200)
        case 4:
            return dict(enumerate(values))
        case _:
            values[at] = _broken(values[at], chance, 0.3)
    return tuple(values)


# Ids, each with whether it is valid.
IDS: Final[tuple[tuple[Callable[[], Any], bool], ...]] = (
    (lambda: "", False),
    (lambda: "x" * 1024, True),
    (lambda: "x" * 1025, False),
    (lambda: "x" * 2**20, False),
    (lambda: "\u00e9" * 512, True),
    (lambda: "\u00e9" * 513, False),
    (lambda: "caf\u00e9", True),
    (lambda: "cafe\u0301", True),
    (lambda: "\u202eexe.sj", True),
    (lambda: "../../etc/passwd", True),
    (lambda: "/etc/passwd", True),
    (lambda: "C:\\x", True),
    (lambda: "a\nb", True),
    (lambda: "'", True),
    (lambda: "' OR '1'='1", True),
    (lambda: "'; DROP TABLE session; --", True),
    (lambda: "%", True),
    (lambda: "?1", True),
    (lambda: "\x1b[31m", True),
    (lambda: "a\0b", False),
    (lambda: "\0", False),
    (lambda: "\ud800", False),
    (lambda: "a\udc00", False),
    (lambda: None, False),
    (lambda: 7, False),
    (lambda: True, False),
    (lambda: 1.5, False),
    (lambda: b"bytes", False),
    (tuple, False),
    (lambda: ["a"], False),
    (object, False),
    (Hostile, False),
    (lambda: OwnText("own"), False),
    (lambda: Colour.RED, False),
    (lambda: HostileText("hostile"), False),
)
