"""Replacing surrogates in texts, JSON values and models, so that UTF-8 can hold them."""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import attrs

from a3s_store.errors import EncodeError, InvalidArgumentError
from a3s_store.wire import Model, evolved, freeze
from a3s_store.wire.values import MAX_DEPTH, FrozenDict, FrozenList

T = TypeVar("T")
MARK: Final = "\N{REPLACEMENT CHARACTER}"
_PAIR: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_LONE: Final = re.compile("[\ud800-\udfff]")


def clean_text(text: str, mark: str = MARK) -> str:
    """Return the text with surrogate pairs as characters and each lone surrogate as `mark`.

    A text without surrogates is returned itself. Nothing else changes: NUL, control characters and
    the form of accents stay. Cleaning a text twice changes nothing more.

    Raises:
        InvalidArgumentError: `mark` itself has a surrogate.
    """
    if text.isascii() or not _LONE.search(text):
        return text
    if _LONE.search(mark):
        raise InvalidArgumentError(
            "the mark has a surrogate, which cannot be written", argument="mark", op="clean_text"
        )
    return _LONE.sub(mark, _PAIR.sub(_character, text))


def clean_json(value: Any, mark: str = MARK) -> Any:
    """Return a JSON value in which every text and key is cleaned by `clean_text`.

    Unchanged parts are the same objects; so is an unchanged value.

    Raises:
        EncodeError: two keys of one object become equal, or the value has more levels than can be
            written; `path` is the place in the value.
    """
    return Cleaner(mark).json(value)


class Cleaner:
    """Cleans texts, JSON values and models, and counts the texts that it changed in `count`."""

    def __init__(self, mark: str = MARK) -> None:
        self.count = 0
        self._mark = mark

    def text(self, text: str) -> str:
        """See `clean_text`."""
        cleaned = clean_text(text, self._mark)
        self.count += cleaned is not text
        return cleaned

    def json(self, value: Any, depth: int = MAX_DEPTH) -> Any:
        """See `clean_json`."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, FrozenDict | FrozenList):
            return value  # cleaned when it was made
        is_object = isinstance(value, Mapping)
        if not is_object and not isinstance(value, list | tuple):
            return value
        if not depth:
            raise EncodeError(f"nested more than {MAX_DEPTH} levels deep", model="value")
        return self._object(value, depth) if is_object else self._array(value, depth)

    def _array(self, value: Sequence[Any], depth: int) -> Any:
        items = []
        for index, item in enumerate(value):
            try:
                items.append(self.json(item, depth - 1))
            except EncodeError as error:
                raise error.inside("value", f"[{index}]") from None
        return value if all(map(operator.is_, items, value)) else items

    def _object(self, value: Mapping[Any, Any], depth: int) -> Any:
        cleaned: dict[Any, Any] = {}
        changed = False
        for key, item in value.items():
            name = self.text(key) if isinstance(key, str) else key
            if name in cleaned:
                what = "two keys become equal when they are cleaned"
                raise EncodeError(what, model="value", path=name)
            try:
                cleaned[name] = self.json(item, depth - 1)
            except EncodeError as error:
                raise error.inside("value", str(name)) from None
            changed = changed or name is not key or cleaned[name] is not item
        return cleaned if changed else value

    def frozen_json(self, value: Any) -> Any:
        """Return the result of `json`, frozen as a model keeps it.

        Raises:
            EncodeError: as `json` does, or the value is no JSON.
        """
        return freeze(self.json(value))

    def model(self, value: T) -> T:
        """Return a model or a tuple of models with every text cleaned; itself if nothing changes.

        Opaque JSON is left as it is, since it was checked when it was made. So is a value of
        another type.
        """
        cleaned: T = self._part(value)
        return cleaned

    def _part(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if type(value) is tuple:
            items = tuple(map(self._part, value))
            return value if all(map(operator.is_, items, value)) else items
        if not isinstance(value, Model):
            return value
        changes: dict[str, Any] = {}
        cls: Any = type(value)
        for name in _attributes(cls):
            before = getattr(value, name)
            after = self._part(before)
            if after is not before:
                changes[name] = after
        return evolved(value, changes) if changes else value


@functools.cache
def _attributes(cls: Any) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(cls) if field.init)


def _character(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16", "surrogatepass").decode("utf-16")
