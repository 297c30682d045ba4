"""Opaque JSON (tool input, metadata, unknown keys): immutable values, and the check of their form.

A dict that was changed in place after a save would look unchanged to every comparison by identity,
and would silently not be saved again. So values are frozen, deeply, when they enter a model.
`FrozenDict` is a dict and `FrozenList` a list, so that reading, comparing and json.dumps work; only
changing them raises TypeError. Tuples in place of lists were tried: `block.input["paths"] == ["a"]`
is then False, which surprises callers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

from a3s_store.errors import EncodeError
from a3s_store.printable import one_line
from a3s_store.wire.limits import MAX_DIGITS
from a3s_store.wire.numbers import is_plain

# Any JSON value. A recursive type was tried: it demands an isinstance at every step into a tool's
# input, two for `block.input["paths"][0]`.
Json: TypeAlias = Any

# Upstream reads 127 levels. The deepest opaque value begins at the eighth (an extra key of a
# planned step in an event of a run), so a value of 119 levels is readable in every place.
MAX_DEPTH = 119

# Integers outside this range are not machine integers, but they are written exactly, too.
I64_MIN, U64_MAX = -(2**63), 2**64 - 1

_TOO_LONG = 10**MAX_DIGITS


def _refuse(self: object, *_: object, **__: object) -> NoReturn:
    raise TypeError("this JSON value is frozen: copy it with dict(...) or list(...) to change it")


class FrozenDict(dict[str, Any]):
    """A JSON object that cannot be changed. `plain`: orjson writes it as upstream does."""

    __slots__ = ("plain",)
    plain: bool

    __setitem__ = __delitem__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse
    __ior__ = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __repr__(self) -> str:
        return dict.__repr__(self)

    def __copy__(self) -> FrozenDict:
        return self

    def __deepcopy__(self, memo: object) -> FrozenDict:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return frozen_dict, (dict(self), self.plain)


class FrozenList(list[Any]):
    """A JSON array that cannot be changed. `plain` as for FrozenDict."""

    __slots__ = ("plain",)
    plain: bool

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = remove = reverse = sort = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self))

    def __repr__(self) -> str:
        return list.__repr__(self)

    def __copy__(self) -> FrozenList:
        return self

    def __deepcopy__(self, memo: object) -> FrozenList:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return frozen_list, (list(self), self.plain)


def frozen_dict(items: dict[str, Any], plain: bool) -> FrozenDict:
    """Return the frozen object of items that are frozen already."""
    frozen = FrozenDict(items)
    frozen.plain = plain
    return frozen


def frozen_list(items: list[Any], plain: bool) -> FrozenList:
    """Return the frozen array of items that are frozen already."""
    frozen = FrozenList(items)
    frozen.plain = plain
    return frozen


EMPTY = frozen_dict({}, True)


class NotJsonError(Exception):
    """A value that breaks a rule: the reason and the path. Used inside this package only."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what
        self.path: list[str] = []

    def at(self, step: str) -> NotJsonError:
        """Add the enclosing key or `[index]` to the path; return the error itself."""
        self.path.append(step)
        return self

    @property
    def place(self) -> str:
        """The path as text, outermost step first, such as `content[0].input`."""
        text = ""
        for step in reversed(self.path):
            if step.startswith("[") and step[1:-1].isdecimal():
                text += step
            else:
                text += "." + step_of(step) if text else step_of(step)
        return text


def located(
    error: NotJsonError | KeyError, key: str | None, done: Sequence[Any] | None
) -> NotJsonError:
    """Return the error with the steps to its place added: a key, and the index in that array.

    `done` has the items that came before in the array; None means that there is no array. A
    KeyError means that a required key is missing.
    """
    if isinstance(error, KeyError):
        error = NotJsonError("is missing").at(error.args[0])
    if done is not None:
        error.at(f"[{len(done)}]")
    return error.at(key) if key else error


# As long as the longest name of a field.
_WHOLE_STEP = 28
_STEP = 12


def step_of(key: str) -> str:
    """Return a key as errors show it: on one line, and only the beginning of a long key.

    Keys come from outside, and a long key may be a credential.
    """
    return one_line(key if len(key) <= _WHOLE_STEP else key[:_STEP] + "…")


def freeze(value: Any) -> Any:
    """Return an immutable copy of a JSON value; a frozen value is returned itself.

    Raises:
        EncodeError: JSON cannot hold it: NaN, infinity, a lone surrogate, a key that is not a str,
            another type, more than `MAX_DEPTH` levels, an integer of more than `MAX_DIGITS` digits.
            `path` is the place in the value.
    """
    kind = type(value)
    if kind is FrozenDict or kind is FrozenList:
        return value
    try:
        return freeze_part(value, MAX_DEPTH)[0]
    except NotJsonError as error:
        raise EncodeError(error.what, model="value", path=error.place) from None


def thaw(value: Any) -> Any:
    """Return a JSON value as plain dicts and lists, which may be changed; the value stays as it is.

    Dicts and lists at every level are copied; all other values are returned themselves.
    """
    if isinstance(value, dict):
        return {key: thaw(part) for key, part in value.items()}
    return [thaw(part) for part in value] if isinstance(value, list) else value


def freeze_part(value: Any, depth: int) -> tuple[Any, bool]:
    """Return a value frozen, and whether orjson writes it as upstream does.

    Raises:
        NotJsonError: it is no JSON, or has more levels than `depth`.
    """
    kind = type(value)
    if kind is str:
        return _check_text(value), True
    if kind is bool or value is None:
        return value, True
    if kind is int:
        plain = I64_MIN <= value <= U64_MAX
        if not plain and not -_TOO_LONG < value < _TOO_LONG:
            raise NotJsonError(f"an integer of more than {MAX_DIGITS} digits")
        return value, plain
    if kind is float:
        if not math.isfinite(value):
            raise NotJsonError(f"{value} is not a JSON number")
        return value, is_plain(value)
    if kind is FrozenDict or kind is FrozenList:
        if depth < MAX_DEPTH and height(value) > depth:
            raise NotJsonError(f"nested more than {MAX_DEPTH} levels deep")
        return value, value.plain
    if isinstance(value, Mapping):
        return _freeze_mapping(value, depth)
    if isinstance(value, list | tuple):
        return _freeze_sequence(value, depth)
    return _freeze_subclass(value), True


def freeze_flat(value: Any) -> FrozenDict | None:
    """Return a parsed object of texts, integers, bools and nulls, frozen; None for other values.

    The inputs of most tools are such objects, and this takes a third of the time of `freeze_part`.
    Texts are not checked: parsed JSON has no lone surrogate.
    """
    if type(value) is not dict:
        return None
    for key, item in value.items():
        kind = type(item)
        if kind is int:
            if not I64_MIN <= item <= U64_MAX:
                return None
        elif kind is not str and kind is not bool and item is not None:
            return None
        if type(key) is not str:
            return None
    frozen = FrozenDict(value)
    frozen.plain = True
    return frozen


def _freeze_mapping(value: Mapping[Any, Any], depth: int) -> tuple[FrozenDict, bool]:
    if depth == 0:
        raise NotJsonError(f"nested more than {MAX_DEPTH} levels deep")
    items: dict[str, Any] = {}
    plain = True
    for key, item in value.items():
        if type(key) is not str:
            raise NotJsonError(f"a key is of type {type(key).__name__}, not str")
        _check_text(key)
        try:
            items[key], item_plain = freeze_part(item, depth - 1)
        except NotJsonError as error:
            raise error.at(key) from None
        plain = plain and item_plain
    return frozen_dict(items, plain), plain


def _freeze_sequence(value: Sequence[Any], depth: int) -> tuple[FrozenList, bool]:
    if depth == 0:
        raise NotJsonError(f"nested more than {MAX_DEPTH} levels deep")
    items: list[Any] = []
    plain = True
    for index, item in enumerate(value):
        try:
            frozen, item_plain = freeze_part(item, depth - 1)
        except NotJsonError as error:
            raise error.at(f"[{index}]") from None
        items.append(frozen)
        plain = plain and item_plain
    return frozen_list(items, plain), plain


def _freeze_subclass(value: Any) -> Any:
    """Return the plain value of a subclass of str or int, such as a StrEnum; refuse the rest."""
    if isinstance(value, str):
        return _check_text(str.__str__(value))
    if isinstance(value, int) and I64_MIN <= value <= U64_MAX:
        return int(value)
    raise NotJsonError(f"{type(value).__name__} is not a JSON type")


def _check_text(text: str) -> str:
    # isascii() reads a flag and is true of nearly every key; encoding is slower.
    if not text.isascii():
        check_surrogates(text)
    return text


def check_surrogates(text: str) -> None:
    """Refuse a text with half of a surrogate pair, which UTF-8 cannot hold.

    Raises:
        NotJsonError: the text has a lone surrogate.
    """
    try:
        text.encode("utf-8")
        return
    except UnicodeEncodeError as error:
        start = error.start
    # Out here, since that error holds the whole text.
    raise NotJsonError(f"a lone surrogate at character {start}")


class UnknownVariant(str):
    """The text of an enumeration's value that this release does not know.

    Only reading makes one; a plain str that is no member's value is refused when it is written.
    """

    __slots__ = ()

    @property
    def value(self) -> str:
        """The text as a plain str, like the value of an enum member."""
        return str.__str__(self)

    def __repr__(self) -> str:
        return f"UnknownVariant({str.__repr__(self)})"


def height(value: Any) -> int:
    """Return the levels of objects and arrays in a value: 0 for a scalar, 1 for `{}`."""
    if isinstance(value, dict):
        return 1 + max(map(height, value.values()), default=0)
    if isinstance(value, list | tuple):
        return 1 + max(map(height, value), default=0)
    return 0
