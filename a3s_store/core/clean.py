"""Make any text or JSON value writable: UTF-8 can hold the result."""

from __future__ import annotations

import re
from typing import Any, Final

from a3s_store.errors import EncodeError

MARK: Final = "\N{REPLACEMENT CHARACTER}"
_PAIR: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_LONE: Final = re.compile("[\ud800-\udfff]")


def clean_text(text: str, mark: str = MARK) -> str:
    """Return the text with every surrogate pair as its character and every lone one as `mark`.

    A text that can be written comes back as the same object, and nothing else is changed: NUL,
    control characters and the form of accents stay. Cleaning a text twice changes nothing more.

    Raises:
        ValueError: `mark` itself holds a surrogate.
    """
    if text.isascii() or not _LONE.search(text):
        return text
    if _LONE.search(mark):
        raise ValueError("the mark is no Unicode text")
    return _LONE.sub(mark, _PAIR.sub(_character, text))


def clean_json(value: Any, mark: str = MARK) -> Any:
    """Return a JSON value with every text in it, keys too, as `clean_text` returns it.

    Parts that need no change are the same objects, and a value without any comes back as it is.

    Raises:
        EncodeError: two keys of one object become equal; `path` says where.
    """
    if isinstance(value, str):
        return clean_text(value, mark)
    if isinstance(value, dict):
        return _clean_object(value, mark)
    if isinstance(value, list | tuple):
        items = []
        for index, item in enumerate(value):
            try:
                items.append(clean_json(item, mark))
            except EncodeError as error:
                raise error.inside("value", f"[{index}]") from None
        return value if all(a is b for a, b in zip(items, value, strict=True)) else items
    return value


def _clean_object(value: dict[Any, Any], mark: str) -> Any:
    cleaned: dict[Any, Any] = {}
    changed = False
    for key, item in value.items():
        name = clean_json(key, mark)
        if name in cleaned:
            raise EncodeError("two keys are equal once they are cleaned", model="value", path=name)
        try:
            cleaned[name] = clean_json(item, mark)
        except EncodeError as error:
            raise error.inside("value", str(name)) from None
        changed = changed or name is not key or cleaned[name] is not item
    return cleaned if changed else value


def _character(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16", "surrogatepass").decode("utf-16")
