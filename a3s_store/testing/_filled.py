"""Make a value of any model with every field set, from its wire rules."""

from __future__ import annotations

from enum import Enum
from typing import Any, TypeVar

from a3s_store.wire import Model, Wired, codec_for, freeze, kinds, model_kinds

M = TypeVar("M", bound=Model)


def filled(cls: type[M], name: str) -> M:
    """Return a value with every field set and an unknown key; the texts have `name` in them.

    Lists have two items, the first of them twice.

    Raises: TypeError when the class is no model.
    """
    given = {field.attribute: _value(field, name) for field in codec_for(cls).fields}
    return cls(**given, extra=freeze({"later": {"name": name}}))


def _value(field: Wired, name: str) -> Any:
    return _of_kind(field.kind, f"{field.attribute} {name}")


def _of_kind(kind: kinds.Kind, text: str) -> Any:
    match kind:
        case kinds.Bool():
            return True
        case kinds.Int():
            return max(kind.limits.low, 7)
        case kinds.Float64():
            return 0.5
        case kinds.EnumOf():
            return _first(kind.cls)
        case kinds.OpaqueValue():
            return freeze({"of": text, "list": [1, None, 0.5]})
        case kinds.Time():
            return "2026-05-18T10:00:00Z"
        case model_kinds.One():
            return filled(kind.cls, text)
        case model_kinds.Tagged():
            return filled(next(iter(kind.members.values())).cls, text)
        case kinds.Many():
            items = [_of_kind(kind.item, f"{text} {number}") for number in (1, 2)]
            return (*items, items[0])
        case kinds.EnumSet():
            return frozenset({_of_kind(kind.item, text)})
        case kinds.EnumMap():
            return {_of_kind(kind.key, text): _of_kind(kind.item, text)}
    if type(kind) is kinds.Kind:
        return text
    raise TypeError(f"no value is known for {type(kind).__name__}")


def _first(cls: type[Enum]) -> Enum:
    return next(iter(cls))
