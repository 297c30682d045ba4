"""The function that encodes one model, as source text.

As in `decoders`, the text runs straight on for a valid value, and `key` and `done` are set for the
path of an error only. Keys that are always written are one dict display, the others are set after
it; either way the keys are in the order in which upstream declares them.
"""

from __future__ import annotations

from a3s_store.wire.generated import snake
from a3s_store.wire.kinds import EnumOf, Kind, Many
from a3s_store.wire.model_kinds import ModelCodec, One, Tagged, Wired
from tools.codecs.lines import block, only_if, unless


def binder(codec: ModelCodec) -> list[str]:
    """Return the lines of the function that returns the `encode` of a model's codec."""
    return _Encoder(codec).lines


class _Encoder:
    """The lines of one model's `encode`, and of the names in it.

    The field `role` has the variable `v_role` and the names that end in `_role`.
    """

    def __init__(self, codec: ModelCodec) -> None:
        self.codec = codec
        self._names: dict[str, str] = {}
        name = codec.cls.__name__
        body = self._body()
        fields = ["fields: Any = fields_of(codec)"] if self._names else []
        self.lines = block(
            f"def {snake(name)}(codec: ModelCodec) -> Callable[[Any], dict[str, Any]]:",
            f'"""Return the function that encodes a {name}."""',
            *fields,
            *(f"{name} = {value}" for name, value in self._names.items()),
            "",
            *block("def encode(x: Any) -> dict[str, Any]:", *body),
            "",
            "return encode",
        )

    def _body(self) -> list[str]:
        fields = self.codec.fields
        split = next((n for n, f in enumerate(fields) if f.write == "omit"), len(fields))
        display = [f"{field.key!r}: v_{field.attribute}" for field in fields[:split]]
        if self.codec.rule.tag:
            display.insert(0, f"'type': {self.codec.rule.tag!r}")
        lines: list[str] = []
        for field in fields[:split]:
            lines += self._value(field)
        lines += [f"o: dict[str, Any] = {{{', '.join(display)}}}"]
        for field in fields[split:]:
            a = field.attribute
            put = f"o[{field.key!r}] = v_{a}"
            if field.write != "omit":
                lines += [*self._value(field), put]
            elif field.optional:
                lines += self._value(field, put)
            else:
                self._names[f"default_{a}"] = f"fields['{a}'].default"
                written = self._written(field)
                lines += [f"v_{a} = x.{a}"]
                lines += block(f"if v_{a} != default_{a}:", *written, put)
        lines += block("if x.extra is not EMPTY:", "add_extra(o, x.extra, codec)")
        return [
            "key: str | None = None",
            "done: Any = None",
            *block("try:", *lines),
            *block("except NotJsonError as error:", "raise located(error, key, done) from None"),
            "return o",
        ]

    def _value(self, field: Wired, *then: str) -> list[str]:
        """Return the lines from an attribute to a value for orjson; `then` unless it is None."""
        v = f"v_{field.attribute}"
        written = [*self._written(field), *then]
        if field.attribute == self.codec.rule.lazy:
            decoded = [f"{v} = x.{field.attribute}", *written]
            tree = f"{v} = tree_of(x, {field.attribute!r})"
            return [tree, *block(f"if {v} is None:", *decoded)]
        return [
            f"{v} = x.{field.attribute}",
            *(only_if(f"{v} is not None", written) if field.optional else written),
        ]

    def _written(self, field: Wired) -> list[str]:
        a, kind = field.attribute, field.kind
        v, key = f"v_{a}", f"key = {field.key!r}"
        found = f"fields['{a}'].kind"
        if not isinstance(kind, Many):
            lines = [key, *self._item(kind, found, v, a), "key = None"]
            return unless(kind.written_fast, v, lines)
        item = self._item(kind.item, f"{found}.item", "w", a)
        step = unless(kind.item.written_fast, "w", item)
        lines = [
            key,
            *block(f"if type({v}) is not tuple:", f"raise wrong({kind.name!r}, {v})"),
            "done = []",
            *block(f"for w in {v}:", *step, "done.append(w)"),
            f"{v} = done",
            "key = done = None",
        ]
        return unless(kind.written_fast, v, lines)

    def _item(self, kind: Kind, found: str, v: str, a: str) -> list[str]:
        self._names[f"encode_{a}"] = f"{found}.encode"
        if isinstance(kind, Tagged):
            self._names[f"writers_{a}"] = f"writers_of({found})"
            return [
                f"write = writers_{a}.get(type({v}))",
                f"{v} = encode_{a}({v}) if write is None else write({v})",
            ]
        if isinstance(kind, EnumOf):
            direct = f"{v}._value_"
        elif isinstance(kind, One):
            self._names[f"codec_{a}"] = f"{found}.codec"
            direct = f"codec_{a}.encode({v})"
        else:
            return [f"{v} = encode_{a}({v})"]
        self._names[f"cls_{a}"] = f"{found}.cls"
        return [f"{v} = {direct} if type({v}) is cls_{a} else encode_{a}({v})"]
