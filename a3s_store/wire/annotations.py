"""The annotations that models use, and the kind that each of them declares."""

from __future__ import annotations

import enum
import importlib
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias, Union

from a3s_store.wire.kinds import (
    Bool,
    EnumMap,
    EnumOf,
    EnumSet,
    Float32,
    Float64,
    Int,
    IntRange,
    Kind,
    Many,
    OpaqueValue,
    TextOrMany,
    Time,
)
from a3s_store.wire.model_kinds import LaterTagged, One, Tagged, codec_of
from a3s_store.wire.values import Json


class Mark(NamedTuple):
    """Names the JSON form in an annotation with a Python type of several JSON forms."""

    name: Literal["f32", "value", "timestamp"]


class Later(NamedTuple):
    """Names a union by its module, which is imported when a member is first needed."""

    module: str
    name: str

    def members(self) -> tuple[Mapping[str, type], type | None]:
        """Return the members of the union by their tags, and the class for unknown ones."""
        union = getattr(importlib.import_module(self.module), self.name)
        return _members(typing.get_args(union))


def later(module: str, name: str) -> Any:
    """Return the annotation of a union of another module that is not imported for it."""
    return Annotated[Any, Later(module, name)]


U32: TypeAlias = Annotated[int, IntRange(0, 2**32 - 1)]
I32: TypeAlias = Annotated[int, IntRange(-(2**31), 2**31 - 1)]
U64: TypeAlias = Annotated[int, IntRange(0, 2**64 - 1)]
I64: TypeAlias = Annotated[int, IntRange(-(2**63), 2**63 - 1)]
USize: TypeAlias = U64
F32: TypeAlias = Annotated[float, Mark("f32")]
Value: TypeAlias = Annotated[Json, Mark("value")]
Timestamp: TypeAlias = Annotated[str, Mark("timestamp")]


def kind_of(annotation: Any) -> tuple[Kind, bool]:
    """Return the kind of an annotation, and whether None is permitted.

    Raises:
        TypeError: the annotation has no JSON form.
    """
    if typing.get_origin(annotation) in (Union, types.UnionType):
        parts = typing.get_args(annotation)
        rest = [part for part in parts if part is not type(None)]
        return _union(rest), len(rest) < len(parts)
    return _single(annotation), False


def _single(annotation: Any) -> Kind:
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return _marked(annotation.__metadata__[0])
    if origin is tuple:
        return Many(kind_of(typing.get_args(annotation)[0])[0])
    if origin is frozenset:
        return EnumSet(EnumOf(typing.get_args(annotation)[0]))
    if origin is Mapping:
        key, item = typing.get_args(annotation)
        return EnumMap(EnumOf(key), _single(item))
    if annotation is str:
        return Kind()
    if annotation is bool:
        return Bool()
    if annotation is float:
        return Float64()
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return EnumOf(annotation)
    if isinstance(annotation, type):
        return One(annotation)
    raise TypeError(f"{annotation!r} has no JSON form")


def _marked(mark: IntRange | Mark | Later) -> Kind:
    if isinstance(mark, IntRange):
        return Int(mark)
    if isinstance(mark, Later):
        return LaterTagged(mark.members)
    return {"f32": Float32, "value": OpaqueValue, "timestamp": Time}[mark.name]()


def _union(parts: list[Any]) -> Kind:
    if len(parts) == 1:
        return _single(parts[0])
    if str in parts:
        (array,) = (part for part in parts if part is not str)
        return TextOrMany(kind_of(typing.get_args(array)[0])[0])
    return Tagged(*_members(parts))


def _members(parts: Iterable[Any]) -> tuple[dict[str, type], type | None]:
    rules = {cls: codec_of(cls).rule for cls in parts}
    members = {rule.tag: cls for cls, rule in rules.items() if rule.tag is not None}
    return members, next((cls for cls, rule in rules.items() if rule.opaque), None)
