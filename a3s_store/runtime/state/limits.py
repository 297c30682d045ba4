"""Checks of values that enter a live session: ids, limits, and that a value can be saved.

One value that cannot be saved, a text with a lone surrogate say, would keep the whole session from
being saved from then on. So it is refused where it enters, and its caller gets the error.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Generic, TypeVar, cast, overload

from a3s_store.core.collections import check_id
from a3s_store.errors import EncodeError, InvalidIdError, SessionConfigError
from a3s_store.models import SessionData
from a3s_store.wire import compact, encode

T = TypeVar("T")
# Fields are checked as fields of this session.
_SESSION: Final = SessionData(id="session", created_at=0, updated_at=0)
_SAFE_ID: Final = re.compile(r"[A-Za-z0-9_.~-]+", re.ASCII)


def check_session_id(session_id: Any) -> str:
    """Return the id if a live session may have it: ASCII letters, digits, `-`, `_`, `.` and `~`.

    Stores take any text. Here an id must be a file name on every system, so it has no leading dot
    and no `..`. Upstream: `validate_path_segment` (L1), which refuses the `~` in ids of forks.

    Raises:
        InvalidIdError
    """
    if session_id == "":
        raise InvalidIdError("Session ID must not be empty", op="create a session")
    check_id(session_id)
    unsafe = session_id.startswith((".", "~")) or ".." in session_id
    if unsafe or not _SAFE_ID.fullmatch(session_id):
        shown = session_id.replace("\\", "\\\\").replace('"', '\\"')
        raise InvalidIdError(
            f'Session ID contains unsafe characters: "{shown if shown.isprintable() else "..."}"',
            op="create a session",
            hint="Use letters, digits, '-', '_' and '.', and no leading or double dot",
        )
    return str(session_id)


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
    """Return a limit that is None or 0 and above. Raises SessionConfigError, which names it."""
    if limit is not None and (type(limit) is not int or limit < 0):
        raise SessionConfigError(
            f"{name} must be None or an integer from 0 on", field=name, hint="None is no limit"
        )
    return limit


def raised(limit: int | None, needed: int) -> int | None:
    """Return a limit raised to `needed`; None, no limit, stays."""
    return None if limit is None else max(limit, needed)


def check_setting(**fields: Any) -> None:
    """Raise EncodeError, naming the field, unless these fields of `SessionConfig` can be saved."""
    check_writable(_SESSION.config.evolve(**fields))


def check_fields(**fields: Any) -> None:
    """Raise EncodeError, naming the field, unless these fields of `SessionData` can be saved.

    A cost must be finite and not negative.
    """
    check_writable(_SESSION.evolve(**fields))
    cost = fields.get("total_cost", 0.0)
    if not (math.isfinite(cost) and cost >= 0):
        raise EncodeError(f"{cost} is no cost", model="SessionData", path="total_cost")


class Checked(Generic[T]):
    """An attribute that checks a value when it is set: it must be fit for a field of `SessionData`.

    The field has the attribute's name unless one is given. An invalid value raises EncodeError, and
    the attribute keeps its old value.
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
    """A `Checked` attribute that is stored as a field of the session's configuration."""

    def __set__(self, instance: object, value: T) -> None:
        check_setting(**{self._name: value})
        instance.__dict__[self._name] = value


class CheckedItems(Checked[tuple[T, ...]], Generic[T]):
    """A `Checked` tuple of models of one class; a list that is set becomes a tuple.

    Only items that were not in it before, as the same objects, are checked.
    """

    def __init__(self, model: type[T]) -> None:
        super().__init__()
        self._model = model

    def __set__(self, instance: object, value: Sequence[T]) -> None:
        before = instance.__dict__.get(self._name, ())
        instance.__dict__[self._name] = check_added(self._model, self._name, before, value)


def check_added(
    model: type[T], name: str, before: tuple[T, ...], after: Sequence[T]
) -> tuple[T, ...]:
    """Return `after` as a tuple. Raises EncodeError for an item that could not be saved.

    Items of `before`, which were checked, are not checked again. `name` is the attribute's.
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
    """Yield the items of `after` that are not in `before`, with their positions."""
    length = len(before)
    if after[:length] == before:
        yield from enumerate(after[length:], length)
        return
    known = set(map(id, before))
    yield from ((at, item) for at, item in enumerate(after) if id(item) not in known)
