"""Reading the elements of a large JSON array, one at a time."""

from __future__ import annotations

import codecs
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from a3s_store.importers.json_lines import (
    INCOMPLETE,
    NOT_JSON,
    TOO_LONG,
    is_too_deep,
    without_surrogates,
)
from a3s_store.importers.source_files import open_source

_CHUNK: Final = 1 << 20
_BETWEEN: Final = re.compile(r"[\s,]*")
_SUSPECT: Final = re.compile(r"\\u[dD][89a-fA-F]|[eE]\+?\d{3}|\d{300}")
_DECODER: Final = json.JSONDecoder(parse_constant=lambda _: None)


class Element(NamedTuple):
    """An element of the array with the digest of its text; None where there is a `problem`."""

    value: Any
    digest: str
    problem: str | None = None


def elements(path: Path, most: int) -> Iterator[Element]:
    """Yield the elements of an array, or the one value of a file that is no array.

    An element that is damaged, incomplete, or of more than about `most` characters (and 2 MiB)
    ends the iteration with its problem. Raises OSError.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with open_source(path) as file:
        text = decoder.decode(file.read(_CHUNK)).removeprefix("\ufeff").lstrip()
        at = 1 if text.startswith("[") else 0
        while True:
            at = _BETWEEN.match(text, at).end()  # type: ignore[union-attr] # matches always
            if text[at : at + 1] == "]":
                return
            try:
                value, end = _DECODER.raw_decode(text, at)
            except ValueError:
                # Probably more of it follows. Twice as much is read each time, so that all tries
                # together cost no more than a few times the last one.
                raw = file.read(max(_CHUNK, len(text) - at))
                text, at = text[at:] + decoder.decode(raw, final=not raw), 0
                if raw and len(text) <= max(most, 2 * _CHUNK):
                    continue
                if text.strip():
                    yield Element(None, "", TOO_LONG if raw else INCOMPLETE)
                return
            except RecursionError:
                yield Element(None, "", NOT_JSON)
                return
            yield _element(value, text[at:end])
            at = end


def _element(value: Any, text: str) -> Element:
    if _SUSPECT.search(text):
        value = without_surrogates(value)
    if is_too_deep(value):
        return Element(None, "", NOT_JSON)
    return Element(value, hashlib.sha256(text.encode("utf-8", "replace")).hexdigest())
