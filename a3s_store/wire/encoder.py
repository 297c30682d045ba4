"""The function that encodes one model, made as source text; `Codec.source("encode")` returns it.

As in `decoder`, the text runs straight on for a valid value, and `key` and `done` are set for the
path of an error only. Keys that are always written are one dict display, the others are set after
it; either way the keys are in the order in which upstream declares them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from a3s_store.wire.codegen import at_first_use, block, compiled, unless
from a3s_store.wire.kinds import EnumOf, Kind, Many, wrong
from a3s_store.wire.model_kinds import One, Tagged
from a3s_store.wire.text import exact
from a3s_store.wire.values import EMPTY, FrozenDict, NotJsonError, located

if TYPE_CHECKING:
    from a3s_store.wire.model_kinds import ModelCodec, Wired


def encode_function(codec: ModelCodec, without: frozenset[str]) -> Callable[[Any], dict[str, Any]]:
    """Return the compiled `encode` of a model, less these attributes. It raises NotJsonError."""
    made = _Encoder(codec, without)
    title = " without ".join([f"encode of {codec.cls.__name__}", *sorted(without)])
    function: Callable[[Any], dict[str, Any]] = compiled("encode", made.text, made.names, title)
    return function


def source(codec: ModelCodec) -> str:
    """Return the text of a model's `encode`."""
    return _Encoder(codec, frozenset()).text


class _Encoder:
    """The text of one model's `encode`, and the values of the names in it.

    The field of index i has the variable `v{i}` and the names that end in i.
    """

    def __init__(self, codec: ModelCodec, without: frozenset[str]) -> None:
        self.codec = codec
        self.names: dict[str, Any] = {
            "EMPTY": EMPTY,
            "FrozenDict": FrozenDict,
            "NotJsonError": NotJsonError,
            "wrong": wrong,
            "located": located,
            "add_extra": lambda tree, extra: _add_extra(tree, extra, codec.known),
        }
        fields = [(i, f) for i, f in enumerate(codec.fields) if f.attribute not in without]
        self.text = "\n".join(block("def encode(x):", *self._body(fields)))

    def _body(self, fields: list[tuple[int, Wired]]) -> list[str]:
        split = next((n for n, (_, f) in enumerate(fields) if f.write == "omit"), len(fields))
        display = [f"{field.key!r}: v{i}" for i, field in fields[:split]]
        if self.codec.rule.tag:
            display.insert(0, f"'type': {self.codec.rule.tag!r}")
        lines: list[str] = []
        for i, field in fields[:split]:
            lines += self._value(i, field)
        lines += [f"o = {{{', '.join(display)}}}"]
        for i, field in fields[split:]:
            put = f"o[{field.key!r}] = v{i}"
            if field.write != "omit":
                lines += [*self._value(i, field), put]
            elif field.optional:
                lines += self._value(i, field, put)
            else:
                self.names[f"default{i}"] = field.default
                written = self._written(i, field)
                lines += [f"v{i} = x.{field.attribute}"]
                lines += block(f"if v{i} != default{i}:", *written, put)
        lines += block("if x.extra is not EMPTY:", "add_extra(o, x.extra)")
        return [
            "key = done = None",
            *block("try:", *lines),
            *block("except NotJsonError as error:", "raise located(error, key, done) from None"),
            "return o",
        ]

    def _value(self, i: int, field: Wired, *then: str) -> list[str]:
        """Return the lines from the attribute to `v{i}` as orjson takes it; `then` unless None."""
        get = f"v{i} = x.{field.attribute}"
        written = [*self._written(i, field), *then]
        return [get, *(block(f"if v{i} is not None:", *written) if field.optional else written)]

    def _written(self, i: int, field: Wired) -> list[str]:
        v, kind = f"v{i}", field.kind
        key = f"key = {field.key!r}"
        if not isinstance(kind, Many):
            lines = [key, *self._item(kind, v, i), "key = None"]
            return unless(kind.written_fast, v, lines)
        step = unless(kind.item.written_fast, "w", self._item(kind.item, "w", i))
        lines = [
            key,
            *block(f"if type({v}) is not tuple:", f"raise wrong({kind.name!r}, {v})"),
            "done = []",
            *block(f"for w in {v}:", *step, "done.append(w)"),
            f"{v} = done",
            "key = done = None",
        ]
        return unless(kind.written_fast, v, lines)

    def _item(self, kind: Kind, v: str, i: int) -> list[str]:
        self.names[f"e{i}"] = kind.encode
        if isinstance(kind, Tagged):
            table: dict[type, Any] = {}
            for cls, member in kind.classes.items():
                at_first_use(table, cls, member.compiled_encode)
            self.names[f"write{i}"] = table.get
            return [
                f"write = write{i}(type({v}))",
                f"{v} = e{i}({v}) if write is None else write({v})",
            ]
        if isinstance(kind, EnumOf):
            direct = f"{v}._value_"
        elif isinstance(kind, One):
            at_first_use(self.names, f"write{i}", kind.codec.compiled_encode)
            direct = f"write{i}({v})"
        else:
            return [f"{v} = e{i}({v})"]
        self.names[f"cls{i}"] = kind.cls
        return [f"{v} = {direct} if type({v}) is cls{i} else e{i}({v})"]


def _add_extra(tree: dict[str, Any], extra: Any, known: frozenset[str]) -> None:
    if type(extra) is not FrozenDict:
        raise wrong("an object", extra).at("extra")
    for key in extra:
        if key in known:
            raise NotJsonError("extra repeats a key of the model's own").at(key)
    tree.update(exact(extra))
