"""The `__eq__` of one model, as source text: equal is what is written alike.

Python's == where that is exact (texts, enum members, other models), `Kind.same` in addition where
it is not. `x` and `y` are the two values of one field.
"""

from __future__ import annotations

from a3s_store.wire.generated import snake
from a3s_store.wire.model_kinds import ModelCodec
from tools.codecs.lines import block


def function(codec: ModelCodec) -> list[str]:
    """Return the lines of a model's `__eq__`."""
    parts = [_same(f.attribute, f.kind.same, codec.rule.lazy) for f in codec.fields]
    parts.append(_same("extra", "alike(x, y)"))
    name = codec.cls.__name__
    return block(
        f"def {snake(name)}(self: Any, other: Any) -> Any:",
        f'"""Return whether two values are equal, the first a {name}."""',
        *block("if self is other:", "return True"),
        *block("if self.__class__ is not other.__class__:", "return NotImplemented"),
        *block("return (", parts[0], *(f"and {part}" for part in parts[1:])),
        ")",
    )


def _same(attribute: str, rule: str, lazy: str | None = None) -> str:
    if attribute == lazy:
        same_text = f"have_same_text(self, other, {attribute!r})"
        return f"({same_text} or {_same(attribute, rule)})"
    if not rule:
        return f"self.{attribute} == other.{attribute}"
    # Identity first, since most fields are the same object; Python's == rejects most of the rest.
    return f"((x := self.{attribute}) is (y := other.{attribute}) or (x == y and {rule}))"
