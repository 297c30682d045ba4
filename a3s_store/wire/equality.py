"""Two values of a model are equal exactly when they would be written alike, keys in any order.

Python's own == takes True for 1 and for 1.0, and -0.0 for 0.0; a changed value would pass for the
one that was saved. So a model's `__eq__` is made from the kinds of its fields: Python's == where
that is exact (texts, enum members, other models), and what `Kind.same` says where it is not. It is
compiled at the first comparison; hashes stay attrs' own, since they only have to agree.

Frozen opaque values by themselves compare as the dicts and lists they are: only inside a model are
`{"n": 1}` and `{"n": 1.0}` different.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from a3s_store.wire.model_kinds import ModelCodec


def add_equality(codec: ModelCodec) -> None:
    """Give a model its `__eq__`, which at its first call puts the compiled one in its own place."""

    def __eq__(self: Any, other: object) -> Any:  # noqa: N807 - becomes the method
        names: dict[str, Any] = {"alike": alike}
        exec(compile(source(codec), f"<equality of {codec.cls.__name__}>", "exec"), names)
        made = names["__eq__"]
        setattr(codec.cls, "__eq__", made)  # noqa: B010 - an assignment is no method to mypy
        return made(self, other)

    setattr(codec.cls, "__eq__", __eq__)  # noqa: B010


def source(codec: ModelCodec) -> str:
    """The text of a model's `__eq__`. `x` and `y` are the two values of one field."""
    parts = [_same(field.attribute, field.kind.same) for field in codec.fields]
    parts.append(_same("extra", "alike(x, y)"))
    return "\n".join(
        [
            "def __eq__(self, other):",
            "    if self is other:",
            "        return True",
            "    if self.__class__ is not other.__class__:",
            "        return NotImplemented",
            "    return (",
            *(f"        {'and ' if index else ''}{part}" for index, part in enumerate(parts)),
            "    )",
        ]
    )


def _same(attribute: str, rule: str) -> str:
    if not rule:
        return f"self.{attribute} == other.{attribute}"
    # The same object is the same value; of two, Python's == is the quick way to a no.
    return f"((x := self.{attribute}) is (y := other.{attribute}) or x == y and {rule})"


def alike(x: Any, y: Any) -> bool:
    """Whether two parts that are equal to Python are so by type and sign, too, at every depth."""
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
