"""The codec of a model, and encoding and decoding of values.

A codec has one function that decodes the model and one that encodes it. `python -m tools.generate`
writes both from the model's rules (`tools/codecs/`); they are loaded at their first use.

Invariants: 1. decode accepts parsed JSON only, coerces nothing and raises NotJsonError with a path;
2. encode returns dicts, lists, scalars and orjson fragments, in declaration order;
3. decode(parse(compact(encode(x)))) == x;
4. unknown keys are in `extra`, and are written after the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import attrs

from a3s_store.errors import DecodeError, EncodeError
from a3s_store.wire import partial
from a3s_store.wire.declared import ModelRule
from a3s_store.wire.generated import generated
from a3s_store.wire.kinds import MISSING, wrong
from a3s_store.wire.model_kinds import Wired, codec_of
from a3s_store.wire.text import exact
from a3s_store.wire.values import EMPTY, MAX_DEPTH, FrozenDict, NotJsonError, freeze_part, located

if TYPE_CHECKING:
    from collections.abc import Callable

M = TypeVar("M")


class Codec(Generic[M]):
    """Decodes and encodes one model; the function of each direction is loaded at its first use."""

    def __init__(self, cls: type[M], rule: ModelRule, fields: tuple[Wired, ...]) -> None:
        self.cls = cls
        self.rule = rule
        self.fields = fields
        known = {field.key for field in fields} | {field.alias for field in fields if field.alias}
        kept = {"extra"} | {field.attribute for field in fields}
        self.never_kept = tuple(
            a.name for a in attrs.fields(cast("Any", cls)) if a.name not in kept
        )
        self.known = frozenset(known | set(rule.dropped) | ({"type"} if rule.tag else set()))
        self._partial: dict[frozenset[str], Callable[[M], dict[str, Any]]] = {}
        # From a parsed JSON object to a value, and from a value to a JSON object for orjson.
        self.decode: Callable[[Any], M] = self._first_decode
        self.encode: Callable[[M], dict[str, Any]] = self._first_encode
        if rule.opaque:
            self.decode, self.encode = self._decode_opaque, self._encode_opaque

    def _first_decode(self, tree: Any) -> M:
        return self.decode_function()(tree)

    def decode_function(self) -> Callable[[Any], M]:
        """Return the function behind `decode`, loaded; calling it saves one step."""
        if self.decode == self._first_decode:
            self.decode = generated("decoders", self.cls)(self)
        return self.decode

    def _first_encode(self, value: M) -> dict[str, Any]:
        return self.encode_function()(value)

    def encode_function(self) -> Callable[[M], dict[str, Any]]:
        """Return the function behind `encode`, loaded; calling it saves one step."""
        if self.encode == self._first_encode:
            self.encode = generated("encoders", self.cls)(self)
        return self.encode

    def encode_without(self, value: M, attributes: frozenset[str]) -> dict[str, Any]:
        """Encode like `encode`, but skip these attributes without checking them.

        Raises:
            TypeError: the model has no such attribute, or is opaque.
            NotJsonError: as `encode` does.
        """
        write = self._partial.get(attributes)
        if write is None:
            unknown = attributes - {field.attribute for field in self.fields}
            if unknown or self.rule.opaque:
                names = ", ".join(sorted(unknown)) or "anything"
                raise TypeError(f"{self.cls.__name__} cannot be encoded without {names}")
            write = self._partial[attributes] = partial.encoder(self, attributes)
        return write(value)

    def _decode_opaque(self, tree: Any) -> M:
        if type(tree) is not dict:
            raise wrong("an object", tree)
        tag = tree.get("type", MISSING)
        if type(tag) is not str:
            raise wrong("a string", tag).at("type")
        body = {key: item for key, item in tree.items() if key != "type"}
        return self.cls(type=tag, body=freeze_part(body, MAX_DEPTH)[0])  # type: ignore[call-arg]

    def _encode_opaque(self, value: Any) -> dict[str, Any]:
        if type(value.type) is not str:
            raise wrong("a string", value.type).at("type")
        if type(value.body) is not FrozenDict or "type" in value.body:
            raise NotJsonError("expected an object without the key type").at("body")
        if value.extra != EMPTY:
            raise NotJsonError("an opaque member has all its keys in the body").at("extra")
        return {"type": value.type, **exact(value.body)}


def codec_for(cls: type[M]) -> Codec[M]:
    """Return the codec of a model.

    Raises:
        TypeError: the class is not a model.
    """
    return cast("Codec[M]", codec_of(cls))


def encode(value: Any) -> dict[str, Any]:
    """Return the JSON object of a value, as dicts and lists for `compact`, `pretty`, `canonical`.

    Raises:
        EncodeError: the value breaks a rule of its model; `path` is the place in the value.
    """
    cls = type(value)
    try:
        tree: dict[str, Any] = codec_of(cls).encode(value)
    except NotJsonError as error:
        raise EncodeError(error.what, model=cls.__name__, path=error.place) from None
    return tree


def encode_without(value: Any, attributes: frozenset[str]) -> dict[str, Any]:
    """Encode like `encode`, but skip these attributes without checking them.

    Raises:
        EncodeError: as `encode` does, for the rest of the value.
        TypeError: the model has no such attribute, or is opaque.
    """
    cls = type(value)
    try:
        tree: dict[str, Any] = codec_for(cls).encode_without(value, attributes)
    except NotJsonError as error:
        raise EncodeError(error.what, model=cls.__name__, path=error.place) from None
    return tree


def decode(cls: type[M], tree: Any) -> M:
    """Return the value of a parsed JSON object.

    Raises:
        DecodeError: the object breaks a rule of the model; `path` is the place in it.
    """
    try:
        value: M = codec_of(cls).decode(tree)
    except NotJsonError as error:
        raise DecodeError(error.what, model=cls.__name__, path=error.place) from None
    return value


def decode_many(cls: type[M], tree: Any) -> tuple[M, ...]:
    """Return the values of a parsed JSON array of one model.

    Raises:
        DecodeError: as `decode` does, or the tree is no array.
    """
    read = codec_of(cls).decode_function()
    done: list[M] = []
    if type(tree) is not list:
        raise DecodeError(wrong("an array", tree).what, model=cls.__name__)
    try:
        for item in tree:
            done.append(read(item))
    except NotJsonError as error:
        place = located(error, None, done).place
        raise DecodeError(error.what, model=cls.__name__, path=place) from None
    return tuple(done)
