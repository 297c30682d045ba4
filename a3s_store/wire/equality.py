"""The `__eq__` of models: two values are equal exactly when they are written alike.

The order of keys in opaque values does not count. Python's own == takes True for 1 and for 1.0, and
-0.0 for 0.0, so a changed value could pass for the stored one. A model's `__eq__` is therefore made
from the kinds of its fields: Python's == where that is exact (texts, enum members, other models),
`Kind.same` in addition where it is not. It is compiled at the first comparison. Hashes are those of
attrs, since equal values only have to have equal hashes.

Frozen opaque values by themselves compare as the dicts and lists they are: only inside a model are
`{"n": 1}` and `{"n": 1.0}` different.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from a3s_store.wire.codegen import block, compiled

if TYPE_CHECKING:
    from a3s_store.wire.model_kinds import ModelCodec


def add_equality(codec: ModelCodec) -> None:
    """Give a model an `__eq__` that replaces itself by the compiled one when it is first called."""

    def __eq__(self: Any, other: object) -> Any:  # noqa: N807 - becomes the method
        title = f"equality of {codec.cls.__name__}"
        made = compiled("__eq__", source(codec), {"alike": alike}, title)
        setattr(codec.cls, "__eq__", made)  # noqa: B010 - an assignment is no method to mypy
        return made(self, other)

    setattr(codec.cls, "__eq__", __eq__)  # noqa: B010


def source(codec: ModelCodec) -> str:
    """Return the text of a model's `__eq__`; `x` and `y` are the two values of one field."""
    parts = [_same(field.attribute, field.kind.same) for field in codec.fields]
    parts.append(_same("extra", "alike(x, y)"))
    return "\n".join(
        block(
            "def __eq__(self, other):",
            *block("if self is other:", "return True"),
            *block("if self.__class__ is not other.__class__:", "return NotImplemented"),
            *block("return (", parts[0], *(f"and {part}" for part in parts[1:])),
            ")",
        )
    )


def _same(attribute: str, rule: str) -> str:
    if not rule:
        return f"self.{attribute} == other.{attribute}"
    # Identity first, since most fields are the same object; Python's == rejects most of the rest.
    return f"((x := self.{attribute}) is (y := other.{attribute}) or x == y and {rule})"


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
