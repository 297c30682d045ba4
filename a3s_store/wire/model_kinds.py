"""Kinds of fields that hold other models; the fields of a model; the interface of its codec."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from a3s_store.wire.declared import ModelRule, Read, Write
from a3s_store.wire.kinds import MISSING, Kind, wrong
from a3s_store.wire.values import NotJsonError


class Wired(NamedTuple):
    """One field of a model, with its rules for the codec, the columns and test strategies."""

    attribute: str
    key: str
    alias: str | None
    kind: Kind
    read: Read
    write: Write
    absent: Any
    default: Any

    @property
    def optional(self) -> bool:
        """Whether null is read as None."""
        return self.read == "opt"


class ModelCodec(Protocol):
    """The interface of `codec.Codec`, for the modules that `codec` imports."""

    @property
    def cls(self) -> type[Any]:
        """The model."""

    @property
    def rule(self) -> ModelRule:
        """The arguments of `@model(...)`."""

    @property
    def decode(self) -> Callable[[Any], Any]:
        """The function from a parsed JSON object to a value. It raises NotJsonError."""

    @property
    def encode(self) -> Callable[[Any], dict[str, Any]]:
        """The function from a value to a JSON object for orjson. It raises NotJsonError."""

    def decode_function(self) -> Callable[[Any], Any]:
        """Return the function behind `decode`, loaded."""

    def encode_function(self) -> Callable[[Any], dict[str, Any]]:
        """Return the function behind `encode`, loaded."""

    @property
    def fields(self) -> tuple[Wired, ...]:
        """The fields, in the order of their declaration."""

    @property
    def known(self) -> frozenset[str]:
        """The JSON keys that do not go into `extra`."""

    @property
    def never_kept(self) -> tuple[str, ...]:
        """The attributes that are always None (see `dropped_field`)."""


def codec_of(cls: type) -> ModelCodec:
    """Return the codec that `@model` made for exactly this class.

    Raises:
        TypeError: the class is not a model.
    """
    found: ModelCodec | None = getattr(cls, "__a3s_codec__", None)
    if found is None or found.cls is not cls:
        raise TypeError(f"{cls.__name__} is not a model")
    return found


class One(Kind):
    """Another model."""

    fast = Kind.NEVER

    def __init__(self, cls: type) -> None:
        self.cls = cls
        self.codec = codec_of(cls)
        self.name = "an object"

    def decode(self, value: Any) -> Any:
        return self.codec.decode(value)

    def encode(self, value: Any) -> Any:
        if type(value) is not self.cls:
            raise wrong(f"a {self.cls.__name__}", value)
        return self.codec.encode(value)


class Tagged(Kind):
    """One of several models, distinguished by the key `type`; unknown ones are kept opaque."""

    fast = Kind.NEVER

    def __init__(self, members: Mapping[str, type], unknown: type | None) -> None:
        self.members = {tag: codec_of(cls) for tag, cls in members.items()}
        self.classes = {cls: codec_of(cls) for cls in members.values()}
        self.unknown = codec_of(unknown) if unknown else None
        self.name = "an object"

    def decode(self, value: Any) -> Any:
        if type(value) is not dict:
            raise wrong(self.name, value)
        tag = value.get("type", MISSING)
        if type(tag) is not str:
            raise wrong("a string", tag).at("type")
        codec = self.members.get(tag)
        if codec is not None:
            return codec.decode(value)
        if self.unknown is None:
            raise NotJsonError("a type that this release does not know").at("type")
        return self.unknown.decode(value)

    def encode(self, value: Any) -> Any:
        codec = self.classes.get(type(value))
        if codec is not None:
            return codec.encode(value)
        if self.unknown is None or type(value) is not self.unknown.cls:
            raise wrong("a " + " or ".join(cls.__name__ for cls in self.classes), value)
        tree = self.unknown.encode(value)
        if value.type in self.members:
            raise NotJsonError("an unknown type must not have the name of a known one").at("type")
        return tree


class LaterTagged(Tagged):
    """A union whose members are imported when one is first needed (`annotations.later`)."""

    def __init__(self, find: Callable[[], tuple[Mapping[str, type], type | None]]) -> None:
        self.name = "an object"
        self._find = find

    def __getattr__(self, name: str) -> Any:
        if name not in ("members", "classes", "unknown"):
            raise AttributeError(name)
        super().__init__(*self._find())
        return getattr(self, name)
