"""Checks of values that enter a live session: limits, and that a value can be saved.

One value that cannot be saved, a text with a lone surrogate say, would keep the whole session from
being saved from then on. So it is refused where it enters, where its caller is told.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Generic, TypeVar, cast, overload

from a3s_store.errors import EncodeError, SessionConfigError
from a3s_store.models import SessionData
from a3s_store.wire import compact, encode

T = TypeVar("T")
# Any field of a session is checked as that of this one.
_SESSION: Final = SessionData(id="session", created_at=0, updated_at=0)


def check_writable(*values: Any) -> None:
    """Raise EncodeError unless each of these values of a model can be saved."""
    for value in values:
        compact(encode(value))


def check_items(model: type[Any], items: Iterable[Any]) -> None:
    """Raise EncodeError unless each item is a value of this model that can be saved."""
    for item in items:
        if type(item) is not model:
            found = type(item).__name__
            raise EncodeError(f"expected a {model.__name__}, found {found}", model=model.__name__)
        compact(encode(item))


def check_limit(limit: int | None, name: str) -> int | None:
    """The limit, if it can be one. Raises SessionConfigError, which names it."""
    if limit is not None and (type(limit) is not int or limit < 0):
        raise SessionConfigError(
            f"{name} must be None or an integer from 0 on", field=name, hint="None is no limit"
        )
    return limit


def check_setting(**fields: Any) -> None:
    """Raise EncodeError, which names the field, unless these settings of a session can be saved.

    They are fields of `SessionConfig`.
    """
    check_writable(_SESSION.config.evolve(**fields))


def check_fields(**fields: Any) -> None:
    """Raise EncodeError, which names the field, unless a session with these values can be saved.

    A cost must be finite and 0 or more; beyond that the rules are those of `SessionData`.
    """
    check_writable(_SESSION.evolve(**fields))
    cost = fields.get("total_cost", 0.0)
    if not (math.isfinite(cost) and cost >= 0):
        raise EncodeError(f"{cost} is no cost", model="SessionData", path="total_cost")


class Checked(Generic[T]):
    """An attribute that refuses, as it is set, a value that could not be saved in its field.

    `field` is that of `SessionData`, empty for the one of its name. Raises EncodeError; the
    attribute keeps the value it had.
    """

    def __init__(self, field: str = "") -> None:
        self._field = field

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name
        self._field = self._field or name

    @overload
    def __get__(self, instance: None, owner: type) -> Checked[T]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object | None, owner: type) -> Checked[T] | T:
        return self if instance is None else cast("T", instance.__dict__[self._name])

    def __set__(self, instance: object, value: T) -> None:
        check_fields(**{self._field: value})
        instance.__dict__[self._name] = value


class CheckedSetting(Checked[T]):
    """As `Checked`, for what is stored as a field of the session's configuration."""

    def __set__(self, instance: object, value: T) -> None:
        check_setting(**{self._name: value})
        instance.__dict__[self._name] = value


class CheckedItems(Generic[T]):
    """An attribute, a tuple of models of one class, that refuses an item that could not be saved.

    Only items that were not in it before, as the same objects, are looked at. A list becomes a
    tuple. Raises EncodeError; the attribute keeps the value it had.
    """

    def __init__(self, model: type[T]) -> None:
        self._model = model

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> CheckedItems[T]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> tuple[T, ...]: ...

    def __get__(self, instance: object | None, owner: type) -> CheckedItems[T] | tuple[T, ...]:
        return self if instance is None else cast("tuple[T, ...]", instance.__dict__[self._name])

    def __set__(self, instance: object, value: Sequence[T]) -> None:
        before = instance.__dict__.get(self._name, ())
        instance.__dict__[self._name] = check_added(self._model, self._name, before, value)


def check_added(
    model: type[T], name: str, before: tuple[T, ...], after: Sequence[T]
) -> tuple[T, ...]:
    """Return `after` as a tuple, and raise EncodeError for an item of it that could not be saved.

    Items of `before`, which were checked, are not looked at again. `name` is the attribute's.
    """
    if not isinstance(after, tuple | list):
        what = f"expected a tuple, found {type(after).__name__}"
        raise EncodeError(what, model="SessionData", path=name)
    items = tuple(after)
    for at, item in _added(before, items):
        try:
            check_items(model, (item,))
        except EncodeError as error:
            raise error.inside("SessionData", f"{name}[{at}]") from None
    return items


def _added(before: tuple[T, ...], after: tuple[T, ...]) -> Iterator[tuple[int, T]]:
    """The items of `after` that are not in `before`, with their positions."""
    length = len(before)
    if after[:length] == before:
        yield from enumerate(after[length:], length)
        return
    known = set(map(id, before))
    yield from ((at, item) for at, item in enumerate(after) if id(item) not in known)
