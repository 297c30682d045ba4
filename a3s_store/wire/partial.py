"""Encoding a model without some of its attributes.

One function serves every set of attributes, since few sets are used: it goes through the fields,
where the generated `encode` of a whole value runs straight on.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from a3s_store.wire.kinds import Int, Kind
from a3s_store.wire.model_kinds import ModelCodec, Wired
from a3s_store.wire.parts import add_extra
from a3s_store.wire.values import EMPTY, NotJsonError

# A default that no value of a field equals.
_NEVER: Any = object()


def encoder(codec: ModelCodec, without: frozenset[str]) -> Callable[[Any], dict[str, Any]]:
    """Return a function that encodes a model less these attributes. It raises NotJsonError."""
    fields = [field for field in codec.fields if field.attribute not in without]
    steps = [_step(field) for field in fields]
    read = attrgetter(*(field.attribute for field in fields), "extra", "extra")
    head = {} if codec.rule.tag is None else {"type": codec.rule.tag}

    def encode(value: Any) -> dict[str, Any]:
        tree: dict[str, Any] = head.copy()
        items = read(value)
        for item, (key, left_out, null, plain, low, high, step) in zip(items, steps, strict=False):
            if item is None:
                if left_out is None:
                    continue
                if null:
                    tree[key] = None
                    continue
            elif left_out is not None and left_out is not _NEVER and item == left_out:
                continue
            if type(item) is plain and (low is None or low <= item <= high):
                tree[key] = item
                continue
            try:
                tree[key] = step(item)
            except NotJsonError as error:
                raise error.at(key) from None
        extra = items[-1]
        if extra is not EMPTY:
            add_extra(tree, extra, codec)
        return tree

    return encode


def _step(field: Wired) -> tuple[Any, ...]:
    """Return what the loop needs of a field: key, value left out, and values written as they are.

    A value of the type `plain`, an integer within `low` and `high`, is written as it is.
    """
    kind = field.kind
    left_out = (None if field.optional else field.default) if field.write == "omit" else _NEVER
    plain = str if type(kind) is Kind else int if isinstance(kind, Int) else None
    low, high = (kind.limits.low, kind.limits.high) if isinstance(kind, Int) else (None, None)
    return field.key, left_out, field.optional, plain, low, high, kind.encode
