"""The function that decodes one model, as source text.

Decoding is most of the time of a load. The text runs straight on for a valid object; each of the
following was measured on messages:

* a required key is read by `o[key]`: a missing key is a KeyError, and catching that costs nothing
  when the key is present. `key` and `done` are set for the path of an error only;
* a value is built as a draft: a class with the model's own slots that is not frozen. Setting
  slots and then the class takes a fifth of the time of attrs' `__init__`, which sets each slot by
  `object.__setattr__` and converts values that have their final type already;
* a member of a small union is built in place if it has the form that `encode` writes; every other
  form, and every error, is left to the member's own `decode`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from a3s_store.wire.generated import snake
from a3s_store.wire.kinds import EnumOf, Kind, Many, OpaqueValue, TextOrMany
from a3s_store.wire.model_kinds import ModelCodec, One, Tagged, Wired
from tools.codecs.lines import block, holds, only_if, unless

# Members of larger unions are looked up in a table: a chain of tests would be long, the text too.
SMALL_UNION: Final = 6


def binder(codec: ModelCodec) -> list[str]:
    """Return the lines of the function that returns the `decode` of a model's codec."""
    return _Decoder(codec).lines


class _Decoder:
    """The lines of one model's `decode`, and of the names in it.

    The field `role` has the variable `v_role` and the names that end in `_role`.
    """

    def __init__(self, codec: ModelCodec) -> None:
        self.codec = codec
        self._names: dict[str, str] = {}
        self._unions: list[str] = []
        name = codec.cls.__name__
        body = self._body()
        fields = ["fields: Any = fields_of(codec)"] if self._names else []
        self.lines = block(
            f"def {snake(name)}(codec: ModelCodec) -> Callable[[Any], Any]:",
            f'"""Return the function that decodes a {name}."""',
            "cls: Any = codec.cls",
            "draft = draft_of(cls)",
            *fields,
            *(f"{name} = {value}" for name, value in self._names.items()),
            "",
            *self._unions,
            *block("def decode(o: Any) -> Any:", *body),
            "",
            "return decode",
        )

    def _body(self) -> list[str]:
        codec, fields = self.codec, self.codec.fields
        lines: list[str] = []
        for field in fields:
            if field.read == "req":
                lines += [*_fetch(field), *self._read(field)]
        lines += self._optional([field for field in fields if field.read != "req"])
        values = {field.attribute: f"v_{field.attribute}" for field in fields}
        values |= dict.fromkeys(codec.never_kept, "None")
        text_form = codec.rule.text_form
        as_text = f"return cls({text_form}=o)"
        return [
            *(block("if type(o) is str:", as_text) if text_form else []),
            *block("if type(o) is not dict:", "raise wrong('an object', o)"),
            *_PLACE,
            *block("try:", *lines),
            *block(
                "except (NotJsonError, KeyError) as error:",
                "raise located(error, key, done) from None",
            ),
            *_built("draft", "cls", {**values, "extra": "extra"}),
        ]

    def _optional(self, fields: list[Wired]) -> list[str]:
        """Return the lines for keys that may be missing or unknown; `n` counts the known ones."""
        required = len(self.codec.fields) - len(fields)
        none_there, n = f"len(o) == {required}", f"n = {required}"
        if self.codec.rule.tag:
            none_there, n = (
                f"len(o) == {required + 1} and 'type' in o",
                f"n = {required} + ('type' in o)",
            )
        defaults: list[str] = []
        lines: list[str] = []
        for field in fields:
            a = field.attribute
            v, absent = f"v_{a}", f"v_{a} = None"
            read = self._read(field)
            if field.read == "opt":
                read = only_if(f"{v} is not None", read)
            else:
                # Converted as the constructor does it: an f32 is rounded.
                self._names[f"absent_{a}"] = f"absent(fields['{a}'])"
                absent = f"{v} = absent_{a}"
            if field.alias:
                lines += _fetch_either(field)
                lines += block(f"if {v} is not MISSING:", "n += 1", *read)
            else:
                fetch = f"{v} = o[{field.key!r}]"
                lines += block(f"if {field.key!r} in o:", fetch, "n += 1", *read)
            lines += block("else:", absent)
            defaults.append(absent)
        return [
            *block(f"if {none_there}:", *defaults, "extra = EMPTY"),
            *block("else:", n, *lines, "extra = EMPTY if len(o) == n else unknown(o, codec)"),
        ]

    def _read(self, field: Wired) -> list[str]:
        """Return the lines that turn `v_role` from parsed JSON into the value."""
        a, kind = field.attribute, field.kind
        v, key = f"v_{a}", f"key = {field.key!r}"
        found = f"fields['{a}'].kind"
        if not isinstance(kind, Many):
            return unless(kind.fast, v, [key, *self._item(kind, found, v, a), "key = None"])
        item = kind.item
        step = unless(item.fast, "w", self._item(item, f"{found}.item", "w", a))
        each = [
            "done = []",
            *block(f"for w in {v}:", *step, "done.append(w)"),
            f"{v} = tuple(done)",
        ]
        if isinstance(item, Tagged):
            # Most messages are one block: a list and a loop would be slower.
            one = ["done = ()", f"{v} = (union_{a}({v}[0]),)"]
            each = [*block(f"if len({v}) == 1:", *one), *block("else:", *each)]
        check = block(f"if type({v}) is not list:", f"raise wrong({kind.name!r}, {v})")
        lines = [key, *check, *each, "key = done = None"]
        return unless(kind.fast, v, lines) if isinstance(kind, TextOrMany) else lines

    def _item(self, kind: Kind, found: str, v: str, a: str) -> list[str]:
        if isinstance(kind, One):
            self._names[f"codec_{a}"] = f"{found}.codec"
            return [f"{v} = codec_{a}.decode({v})"]
        self._names[f"decode_{a}"] = f"{found}.decode"
        if isinstance(kind, EnumOf):
            self._names[f"member_{a}"] = f"{found}.members.get"
            return [
                f"m = member_{a}({v}) if type({v}) is str else None",
                f"{v} = decode_{a}({v}) if m is None else m",
            ]
        if isinstance(kind, Tagged):
            self._unions += [*self._union(a, found, kind), ""]
            return [f"{v} = union_{a}({v})"]
        return [f"{v} = decode_{a}({v})"]

    def _union(self, a: str, found: str, kind: Tagged) -> list[str]:
        """Return the function that reads a member of a union; its errors: see `Tagged.decode`."""
        self._names[f"readers_{a}"] = f"readers_of({found})"
        direct: list[str] = []
        for tag, codec in kind.members.items():
            if len(kind.members) <= SMALL_UNION:
                direct += self._as_written(found, tag, codec)
        return block(
            f"def union_{a}(o: Any) -> Any:",
            *block(
                "if type(o) is dict:",
                "tag = o['type']",
                *direct,
                f"read = readers_{a}.get(tag) if type(tag) is str else None",
                *block("if read is not None:", "return read(o)"),
            ),
            f"return decode_{a}(o)",
        )

    def _as_written(self, found: str, tag: str, codec: ModelCodec) -> list[str]:
        """Build a member with exactly the keys that are always written, all of simple kinds."""
        fields = [field for field in codec.fields if field.write != "omit"]
        tests = [_simple(f"v_{field.attribute}", field) for field in fields]
        if len(fields) < len(codec.fields) or not all(tests):
            return []
        name = snake(codec.cls.__name__)
        self._names[f"cls_{name}"] = f"{found}.members[{tag!r}].cls"
        self._names[f"draft_{name}"] = f"draft_of(cls_{name})"
        values = {field.attribute: f"v_{field.attribute}" for field in fields}
        return block(
            f"if tag == {tag!r} and len(o) == {len(fields) + 1}:",
            *(f"v_{field.attribute} = o[{field.key!r}]" for field in fields),
            *block(
                f"if {' and '.join(tests)}:",
                *_built(f"draft_{name}", f"cls_{name}", {**values, "extra": "EMPTY"}),
            ),
        )


# Set for the path of an error: the key, and the items before it in its array.
_PLACE: Final = ["key: str | None = None", "done: Any = None"]


def _built(draft: str, cls: str, values: Mapping[str, str]) -> list[str]:
    """Return the lines that make an instance of these attributes."""
    slots = [f"x.{attribute} = {value}" for attribute, value in values.items()]
    return [f"x = {draft}()", *slots, f"x.__class__ = {cls}", "return x"]


def _fetch(field: Wired) -> list[str]:
    v = f"v_{field.attribute}"
    if not field.alias:
        return [f"{v} = o[{field.key!r}]"]
    missing = f"raise NotJsonError('is missing').at({field.key!r})"
    return [*_fetch_either(field), *block(f"if {v} is MISSING:", missing)]


def _fetch_either(field: Wired) -> list[str]:
    v = f"v_{field.attribute}"
    both = [
        f"what = 'is another name of {field.key}, which is there too'",
        f"raise NotJsonError(what).at({field.alias!r})",
    ]
    return [
        f"{v} = o.get({field.key!r}, MISSING)",
        f"w = o.get({field.alias!r}, MISSING)",
        *block("if w is not MISSING:", *block(f"if {v} is not MISSING:", *both), f"{v} = w"),
    ]


def _simple(v: str, field: Wired) -> str:
    """Return the test under which `v` stays as it is; empty when there is no such test."""
    if isinstance(field.kind, OpaqueValue):
        return f"({v} := freeze_flat({v})) is not None"
    if field.kind.fast == Kind.NEVER or field.alias:
        return ""
    null = f"{v} is None or " if field.optional else ""
    return f"({null}{holds(field.kind.fast, v)})"
