"""Reading JSON lines of other tools: any size of file, one line in memory, no line that stops it.

A line that is no JSON object is a problem of that line alone. Values that no store can keep are
replaced, and such lines are counted: bytes that are not UTF-8, and halves of surrogate pairs,
become U+FFFD; NaN and infinite numbers become null.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import orjson

from a3s_store.importers.source_files import open_source

NOT_JSON: Final = "line that is no JSON"
NO_OBJECT: Final = "line that is no object"
TOO_LONG: Final = "line longer than the limit"
INCOMPLETE: Final = "incomplete last line"
REPLACED: Final = "line with text that is not Unicode"

_SURROGATES: Final = dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
# Deeper values cannot be stored; an envelope around them needs some levels, too.
_DEEPEST: Final = 100


class Line(NamedTuple):
    """One line at its place; `value` is its object, None where there is a `problem`."""

    offset: int
    length: int
    value: dict[str, Any] | None
    problem: str | None = None


def read_lines(path: Path, most: int) -> Iterator[Line]:
    """Yield the lines of a file that are not empty.

    A line of more than `most` bytes is passed over with its problem. Raises OSError.
    """
    with open_source(path) as file:
        offset = 0
        while raw := file.readline(most + 1):
            length = len(raw)
            if length > most and not raw.endswith(b"\n"):
                length += _pass_over(file)
                yield Line(offset, length, None, TOO_LONG)
            elif raw.strip():
                value, problem = parse_line(raw)
                if value is None and not raw.endswith(b"\n"):
                    problem = INCOMPLETE
                yield Line(offset, length, value, problem)
            offset += length


def _pass_over(file: IO[bytes]) -> int:
    passed = 0
    while raw := file.readline(1 << 20):
        passed += len(raw)
        if raw.endswith(b"\n"):
            break
    return passed


def parse_line(raw: bytes) -> tuple[dict[str, Any] | None, str | None]:
    """Return the object of a line, and its problem; an object with a problem was changed."""
    value, problem = parse_json(raw)
    if value is not None and not isinstance(value, dict):
        return None, NO_OBJECT
    return value, problem


def parse_json(raw: bytes) -> tuple[Any, str | None]:
    """Return the value of a JSON text that can be stored, and its problem; None: it has none."""
    try:
        value, problem = orjson.loads(raw), None
    except orjson.JSONDecodeError:
        value, problem = _replaced(raw)
    if problem != NOT_JSON and is_too_deep(value):
        return None, NOT_JSON
    return value, problem


def _replaced(raw: bytes) -> tuple[Any, str | None]:
    """Parse a text that orjson refuses: long integers, halves of pairs, bytes that are not UTF-8.

    Anything else is no JSON. A byte order mark is left out.
    """
    text = raw.decode("utf-8", "replace").removeprefix("\ufeff")
    try:
        value = json.loads(text, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None, NOT_JSON
    return without_surrogates(value), REPLACED


def without_surrogates(value: Any) -> Any:
    """Return a value of JSON without halves of surrogate pairs and infinite numbers."""
    if isinstance(value, str):
        return value.translate(_SURROGATES)
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(one) for key, one in value.items()}
    if isinstance(value, list):
        return [without_surrogates(one) for one in value]
    return value if not isinstance(value, float) or value - value == 0 else None


def is_too_deep(value: Any) -> bool:
    """Return whether a value has more levels than can be stored; level by level, no recursion."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


class LineReader:
    """Reads lines of one file again at their places."""

    def __init__(self, path: Path) -> None:
        self._file = open_source(path)

    def value(self, offset: int, length: int) -> dict[str, Any]:
        """Return the object at a place; empty where the file has changed since."""
        self._file.seek(offset)
        found, _ = parse_line(self._file.read(length))
        return found or {}

    def text(self, offset: int, length: int) -> str:
        """Return the line at a place as text."""
        self._file.seek(offset)
        return self._file.read(length).decode("utf-8", "replace").rstrip("\n")

    def __enter__(self) -> LineReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
