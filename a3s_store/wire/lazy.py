"""A field that is decoded when it is first read.

Values of a model with `@model(lazy="content")` may be made with the JSON text of that field, by
`undecoded`. The field's slot is empty then: reading it calls `__getattr__`, which decodes the text
and fills the slot, so that later readings cost what they cost elsewhere. Such a value is one object
for the garbage collector, a decoded one several. The class has `__getattr__ = decoded` and slots
for the text and its decoder, `_text` and `_decoder`. `parts` has what encoding and `==` need of it.

Invariants: 1. a value behaves like a decoded one: `==`, `hash`, `repr`, pickles, `evolve` and
patterns read the attribute; 2. the slot is filled before the text is removed, so that a thread that
finds no text finds the field; 3. text that cannot be decoded stays, and every reading raises.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any, TypeAlias, TypeVar

M = TypeVar("M")
# Returns the lazy field of a value that has this text.
Decoder: TypeAlias = Callable[[Any, bytes], Any]


def decoded(self: Any, name: str) -> Any:
    """Return an attribute that was not found, if it is the lazy field: the `__getattr__` of models.

    Raises:
        AttributeError: there is no such attribute.
        StoreError: the text is damaged.
    """
    cls = type(self)
    if name != cls.__a3s_codec__.rule.lazy:
        return object.__getattribute__(self, name)  # for its error
    slot = getattr(cls, name)
    text = self._text
    if text is None:
        return slot.__get__(self)  # another thread has decoded it meanwhile
    value = self._decoder(self, text)
    slot.__set__(self, value)
    object.__setattr__(self, "_text", None)
    return value


def undecoded(
    cls: type[M], texts: Sequence[bytes], decoder: Decoder, **columns: Iterable[Any]
) -> list[M]:
    """Return values of a model whose lazy field has these texts, with `columns` for the others.

    Column by column, since a loop over the values in Python takes longer.
    """
    made = [*map(object.__new__, repeat(cls, len(texts)))]
    for name, items in {"_decoder": repeat(decoder), "_text": texts, **columns}.items():
        deque(map(getattr(cls, name).__set__, made, items), 0)
    return made
