"""Checks of values that enter a live session: limits, and that a value can be saved.

One value that cannot be saved, a text with a lone surrogate say, would keep the whole session from
being saved from then on. So it is refused where it enters, where its caller is told.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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


def check_items(model: type[Any], items: Sequence[Any]) -> None:
    """Raise EncodeError unless each item is a value of this model that can be saved."""
    for item in items:
        if not isinstance(item, model):
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

    Raises EncodeError; the attribute keeps the value it had.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Checked[T]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object | None, owner: type) -> Checked[T] | T:
        return self if instance is None else cast("T", instance.__dict__[self._name])

    def __set__(self, instance: object, value: T) -> None:
        check_fields(**{self._name: value})
        instance.__dict__[self._name] = value
