"""The content of files: encoding and decoding, and reading the id at the beginning of a file.

Reading is strict, and errors have the path of the file. Writing produces upstream's bytes.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs

from a3s_store.backends.jsonfiles.atomic_write import read, read_start
from a3s_store.core.collections import Collection
from a3s_store.errors import DecodeError, EncodeError
from a3s_store.models import ArtifactStore
from a3s_store.wire import decode, decode_many, encode, parse, pretty

M = TypeVar("M")
# The object around the artifacts in their file: the retained URIs, and unknown keys.
NO_MANIFEST: Final = ArtifactStore(artifacts=())


class ForeignFileError(DecodeError):
    """The file is valid JSON without the id of a stored value."""


@attrs.frozen
class CollectionFile:
    """A collection from its file; `manifest` is the object around the values of a wrapped one."""

    values: tuple[Any, ...]
    manifest: ArtifactStore = NO_MANIFEST


def tree_text(tree: Any, *, model: str = "", place: str = "") -> bytes:
    """Return the bytes of the file of a session or checkpoint, given its JSON tree.

    Raises:
        EncodeError: the tree cannot be encoded.
    """
    try:
        return pretty(tree)
    except EncodeError as error:
        error.model, error.path = model, place + error.path
        raise


def refuse_unreadable(text: bytes | None, most: int) -> None:
    """Refuse the content of a file with more than `most` bytes, since it could not be read.

    None is accepted: the file will be removed.

    Raises:
        EncodeError: it has more bytes.
    """
    if text is not None and len(text) > most:
        raise EncodeError(
            f"a file of {len(text)} bytes, and {most} is the limit",
            hint="Permit more with `Limits(file_bytes=...)`, or use SqliteSessionStore",
        )


def collection_text(
    collection: Collection, trees: list[dict[str, Any]], manifest: ArtifactStore
) -> bytes:
    """Return the bytes of the file of a collection, given the JSON trees of its values.

    Raises:
        EncodeError: a tree cannot be encoded.
    """
    if collection.wrapped is None:
        return tree_text(trees, place=collection.name)
    return tree_text({**encode(manifest), collection.wrapped: trees})


def read_value(cls: type[M], data: bytes, path: Path) -> M:
    """Return the session or checkpoint in the content of a file.

    Raises:
        DecodeError: the content is damaged.
    """
    with in_file(path):
        return decode(cls, parse(data, model=cls.__name__))


def read_collection(collection: Collection, data: bytes, path: Path) -> CollectionFile:
    """Return the collection in the content of a file.

    Raises:
        DecodeError: the content is damaged.
    """
    with in_file(path):
        tree = parse(data, model=collection.name)
        if collection.wrapped is not None:
            manifest = decode(ArtifactStore, tree)
            values: tuple[Any, ...] = getattr(manifest, collection.wrapped)
            return CollectionFile(values, manifest.evolve(artifacts=()))
        try:
            return CollectionFile(decode_many(collection.model, tree))
        except DecodeError as error:
            error.model, error.path = "", collection.name + error.path
            raise


@contextlib.contextmanager
def in_file(path: Path) -> Iterator[None]:
    """Add the path of the file to a DecodeError."""
    try:
        yield
    except DecodeError as error:
        raise error.locate("", str(path)) from None


# A file begins with its ids, and only its beginning is read for them: a hundred sessions of a
# megabyte each are listed in milliseconds, and parsing them would take seconds.
_ENOUGH: Final = 8192
_MEMBER: Final = re.compile(
    rb'[{,]\s*"(\w+)"\s*:\s*(-?\d+|"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt])*+")\s*(?=[,}])'
)


def identity(path: Path, key: str, most: int) -> str | None:
    """Return the text under `key` in the object in a file; None when there is no file.

    Raises:
        ForeignFileError: the file is valid JSON without such an object.
        DecodeError: it is damaged; or it has more than `most` bytes and `key` is not near its
            beginning.
    """
    start = read_start(path, _ENOUGH)
    if start is None:
        return None
    found = _leading_members(start).get(key)
    if isinstance(found, str):
        return found
    data = start if len(start) < _ENOUGH else read(path, most)
    return None if data is None else _parsed_identity(data, path, key)


def _leading_members(data: bytes) -> dict[str, Any]:
    """Return the texts and integers at the beginning of an object that are surely complete."""
    members: dict[str, Any] = {}
    place = len(data) - len(data.lstrip())
    while match := _MEMBER.match(data, place):
        try:
            members.setdefault(match[1].decode(), json.loads(match[2].decode("utf-8")))
        except ValueError:
            break
        place = match.end()
    return members


def _parsed_identity(data: bytes, path: Path, key: str) -> str:
    with in_file(path):
        tree = parse(data)
        found = tree.get(key) if isinstance(tree, dict) else None
        if not isinstance(found, str):
            raise ForeignFileError(f"an object with a text under {key} was expected")
        return found


def claim_text(session_id: str) -> bytes:
    """Return the bytes of a claim: the id as a JSON string."""
    return pretty(session_id)


def read_claim(data: bytes, path: Path) -> str:
    """Return the id in the content of a claim.

    Raises:
        DecodeError: it is damaged.
    """
    with in_file(path):
        claimed = parse(data)
        if not isinstance(claimed, str):
            raise DecodeError("the claim is not a JSON string")
        return claimed
