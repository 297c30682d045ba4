"""The changes of one save, the result of a load, and their JSON objects.

`encode_batch` encodes a whole batch, for backends that write whole files. Backends with rows encode
only the values that changed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Collection as Names
from typing import TYPE_CHECKING, Any, Final

import attrs

from a3s_store._deprecated import old_attributes
from a3s_store.core.collections import CHECKPOINTS, CONFIG_PARTS, SESSION_ROWS, Collection
from a3s_store.errors import EncodeError
from a3s_store.wire import Limits, canonical, check_size, encode

if TYPE_CHECKING:
    from a3s_store.models import SessionData

# The source of a name that no person gave.
MADE: Final = "made"


@old_attributes
@attrs.frozen(kw_only=True)
class Batch:
    """Changes to one session and its collections that are saved together or not at all.

    `session` None leaves the session as it is. `collections` has those that change; None removes
    one. `retained_artifact_uris` None leaves them as they are. `expected_digest` and
    `expected_generation` are conditions, None without one. `save_id` and `name_source` as in
    `SessionChanges`; None in saves that are not a live session's, which keep the stored source.
    """

    op: str
    session_id: str
    session: SessionData | None = None
    collections: Mapping[Collection, tuple[Any, ...] | None] = attrs.field(factory=dict)
    retained_artifact_uris: tuple[str, ...] | None = None
    expected_digest: str | None = None
    expected_generation: int | None = None
    save_id: bytes | None = None
    name_source: str | None = None


@old_attributes
@attrs.frozen(kw_only=True)
class LoadResult:
    """The result of a load: the session, if it was asked for, and the collections asked for.

    `session` and values of `collections` are None where they are not stored.
    """

    session: SessionData | None
    collections: Mapping[Collection, tuple[Any, ...] | None]
    retained_artifact_uris: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Trees:
    """A batch as JSON objects, ready for `wire.compact`, `wire.pretty` and digests."""

    session: dict[str, Any] | None
    collections: Mapping[Collection, list[dict[str, Any]] | None]


def encode_batch(batch: Batch) -> Trees:
    """Return the JSON objects of everything in a batch.

    Raises:
        EncodeError: a value breaks its rules; `path` begins with the name of the collection.
    """
    return Trees(
        session=None if batch.session is None else encode(batch.session),
        collections={
            collection: None if values is None else encode_collection(collection, values)
            for collection, values in batch.collections.items()
        },
    )


def encode_collection(collection: Collection, values: tuple[Any, ...]) -> list[dict[str, Any]]:
    """Return the JSON objects of the values of a collection. Raises EncodeError."""
    return [_encode_item(collection, index, value) for index, value in enumerate(values)]


def _encode_item(collection: Collection, index: int, value: Any) -> dict[str, Any]:
    place = f"{collection.name}[{index}]"
    if type(value) is not collection.model:
        what = f"expected a {collection.model.__name__}, found {type(value).__name__}"
        raise EncodeError(what, path=place)
    try:
        return encode(value)
    except EncodeError as error:
        raise error.inside("", place) from None


def refuse_unwritable(batch: Batch) -> None:
    """Encode everything in a batch and discard it, so that an error names the value's path.

    Raises:
        EncodeError: a value breaks its rules, or cannot be written as JSON.
    """
    for model, place, part in _parts(encode_batch(batch)):
        _try_to_write(part, model, place)
    _try_to_write(list(batch.retained_artifact_uris or ()), "", "retained_artifact_uris")


def refuse_unwritable_value(value: Any) -> None:
    """As `refuse_unwritable`, for one checkpoint."""
    for place, part in _apart(encode(value), _lists_of(type(value))):
        _try_to_write(part, type(value).__name__, place)


def refuse_too_large(trees: Trees, limits: Limits) -> None:
    """Refuse a batch with a value larger than the limits permit; nothing is encoded.

    Raises:
        EncodeError: a value is too large; it names the value's path.
    """
    for model, place, part in _parts(trees):
        _refuse_too_large(part, limits, model, place)


def refuse_too_large_value(value: Any, tree: dict[str, Any], limits: Limits) -> None:
    """As `refuse_too_large`, for one checkpoint and the JSON object of it."""
    for place, part in _apart(tree, _lists_of(type(value))):
        _refuse_too_large(part, limits, type(value).__name__, place)


def _refuse_too_large(part: Any, limits: Limits, model: str, place: str) -> None:
    try:
        check_size(part, limits)
    except EncodeError as error:
        raise error.inside(model, place) from None


def _parts(trees: Trees) -> Iterator[tuple[str, str, Any]]:
    """Each value by itself, as the stores with rows write it, with its model and place."""
    if trees.session is not None:
        config = {key: trees.session[key] for key in CONFIG_PARTS if key in trees.session}
        yield "SessionData", "", config
        rest = {key: item for key, item in trees.session.items() if key not in config}
        for place, part in _apart(rest, ("messages", *SESSION_ROWS.lists)):
            yield "SessionData", place, part
    for collection, items in trees.collections.items():
        for index, tree in enumerate(items or ()):
            for place, part in _apart(tree, collection.rows.lists):
                dot = "." if place else ""
                yield "", f"{collection.name}[{index}]{dot}{place}", part


def _apart(tree: dict[str, Any], lists: Names[str]) -> Iterator[tuple[str, Any]]:
    """An object without its lists, and each value of these."""
    yield "", {key: item for key, item in tree.items() if key not in lists}
    for name in lists:
        for index, item in enumerate(tree.get(name) or ()):
            yield f"{name}[{index}]", item


def _lists_of(model: type) -> tuple[str, ...]:
    """The lists in a checkpoint whose values are values by themselves."""
    return next(("messages", *kind.rows.lists) for kind in CHECKPOINTS if kind.model is model)


def _try_to_write(tree: Any, model: str, place: str) -> None:
    try:
        canonical(tree)
    except EncodeError as error:
        raise error.inside(model, place) from None


@contextlib.contextmanager
def fault_named(name: Callable[[], None]) -> Iterator[None]:
    """After an EncodeError in the block, call `name`, which raises one with the value's path."""
    try:
        yield
    except (EncodeError, UnicodeEncodeError):
        name()
        raise
