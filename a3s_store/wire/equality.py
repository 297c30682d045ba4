"""The `__eq__` of models: two values are equal exactly when they are written alike.

The order of keys in opaque values does not count. Python's own == takes True for 1 and for 1.0, and
-0.0 for 0.0, so a changed value could pass for the stored one. A model's `__eq__` is therefore made
from the kinds of its fields: Python's == where that is exact (texts, enum members, other models),
`Kind.same` in addition where it is not. `tools/codecs/equality.py` writes it, and it is loaded at
the first comparison. Hashes are those of attrs, since equal values only have to have equal hashes.

Frozen opaque values by themselves compare as the dicts and lists they are: only inside a model are
`{"n": 1}` and `{"n": 1.0}` different.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from a3s_store.wire.generated import generated

if TYPE_CHECKING:
    from a3s_store.wire.model_kinds import ModelCodec


def add_equality(codec: ModelCodec) -> None:
    """Give a model an `__eq__` that is replaced by the generated one when it is first called."""

    def __eq__(self: Any, other: object) -> Any:  # noqa: N807 - becomes the method
        made = generated("equality", codec.cls)
        setattr(codec.cls, "__eq__", made)  # noqa: B010 - an assignment is no method to mypy
        return made(self, other)

    setattr(codec.cls, "__eq__", __eq__)  # noqa: B010


def alike(x: Any, y: Any) -> bool:
    """Return whether two values that are equal in Python also agree in type and sign, deeply."""
    kind = type(x)
    if kind is not type(y):
        # Subclasses of a text are written as that text.
        return isinstance(x, str)
    if kind is float:
        return x != 0.0 or math.copysign(1.0, x) == math.copysign(1.0, y)
    if isinstance(x, dict):
        for key, item in x.items():
            other = y[key]
            if item is not other and type(item) is not str and not alike(item, other):
                return False
    elif isinstance(x, list | tuple):
        return all(map(alike, x, y))
    return True
