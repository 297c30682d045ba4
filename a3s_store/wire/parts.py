"""The functions and values that the generated functions of models use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a3s_store.wire.equality import alike
from a3s_store.wire.kinds import MISSING, wrong
from a3s_store.wire.model_kinds import ModelCodec, Tagged, Wired
from a3s_store.wire.text import exact, parse_own
from a3s_store.wire.values import (
    EMPTY,
    MAX_DEPTH,
    FrozenDict,
    NotJsonError,
    freeze_flat,
    freeze_part,
    located,
)

__all__ = [
    "EMPTY",
    "MISSING",
    "FrozenDict",
    "ModelCodec",
    "NotJsonError",
    "absent",
    "add_extra",
    "alike",
    "draft_of",
    "fields_of",
    "freeze_flat",
    "have_same_text",
    "located",
    "readers_of",
    "tree_of",
    "unknown",
    "writers_of",
    "wrong",
]


def draft_of(cls: type) -> Any:
    """Return a class with the slots of `cls`, in the same places, that is not frozen.

    Because the places are the same, Python allows an instance's class to be changed to `cls`.
    """
    body = {
        "__slots__": cls.__dict__["__slots__"],
        "__init__": object.__init__,
        "__setattr__": object.__setattr__,
        "__delattr__": object.__delattr__,
    }
    return type(f"{cls.__name__}Draft", cls.__bases__, body)


def fields_of(codec: ModelCodec) -> dict[str, Wired]:
    """Return the fields of a model by their attributes."""
    return {field.attribute: field for field in codec.fields}


def readers_of(kind: Tagged) -> dict[str, Callable[[Any], Any]]:
    """Return the decoders of the members of a union by their tags."""
    return {tag: codec.decode_function() for tag, codec in kind.members.items()}


def writers_of(kind: Tagged) -> dict[type, Callable[[Any], dict[str, Any]]]:
    """Return the encoders of the members of a union by their classes."""
    return {cls: codec.encode_function() for cls, codec in kind.classes.items()}


def absent(field: Wired) -> Any:
    """Return the value of a field whose key is missing, as the constructor would convert it."""
    return field.kind.convert(field.absent)


def unknown(tree: dict[str, Any], codec: ModelCodec) -> FrozenDict:
    """Return the keys of a JSON object that the model does not know, frozen."""
    rest = {key: item for key, item in tree.items() if key not in codec.known}
    frozen: FrozenDict = freeze_part(rest, MAX_DEPTH)[0]
    return frozen


def add_extra(tree: dict[str, Any], extra: Any, codec: ModelCodec) -> None:
    """Add unknown keys to a JSON object.

    Raises:
        NotJsonError: they are no frozen object, or one is a key of the model's own.
    """
    if type(extra) is not FrozenDict:
        raise wrong("an object", extra).at("extra")
    for key in extra:
        if key in codec.known:
            raise NotJsonError("extra repeats a key of the model's own").at(key)
    tree.update(exact(extra))


# -- Fields that are decoded when they are first read: see `lazy` --------------------------------


def text_of(value: Any, attribute: str) -> bytes | None:
    """Return the text of a lazy field, None where it is decoded."""
    try:
        getattr(type(value), attribute).__get__(value)
    except AttributeError:
        text: bytes | None = value._text
        return text
    return None


def have_same_text(one: Any, other: Any, attribute: str) -> bool:
    """Return whether a lazy field is undecoded in both values, with the same text."""
    text = text_of(one, attribute)
    return text is not None and text == text_of(other, attribute)


def tree_of(value: Any, attribute: str) -> list[Any] | None:
    """Return the JSON array of a lazy field as `encode` does; None where it has to be decoded."""
    text = text_of(value, attribute)
    # Behind a leading blank are numbers that the parser does not give back as they are written.
    if text is None or text[:1] == b" ":
        return None
    try:
        tree = parse_own(text)
    except ValueError:
        return None  # decoding it raises the error that names its place
    return tree if type(tree) is list else None
