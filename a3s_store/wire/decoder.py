"""The function that decodes one model, made as source text; `Codec.source("decode")` returns it.

Decoding is most of the time of a load. The text runs straight on for a valid object; each of the
following was measured on messages:

* a required key is read by `o[key]`: a missing key is a KeyError, and catching that costs nothing
  when the key is present. `key` and `done` are set for the path of an error only;
* a value is built as a `Draft`: a class with the model's own slots that is not frozen. Setting
  slots and then the class takes a fifth of the time of attrs' `__init__`, which sets each slot by
  `object.__setattr__` and converts values that have their final type already;
* a member of a small union is built in place if it has the form that `encode` writes; every other
  form, and every error, is left to the member's own `decode`;
* functions of other models are compiled when they are first called, and called directly from then
  on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from a3s_store.wire.codegen import at_first_use, block, compiled, holds, unless
from a3s_store.wire.kinds import MISSING, EnumOf, Kind, Many, OpaqueValue, TextOrMany, wrong
from a3s_store.wire.model_kinds import One, Tagged
from a3s_store.wire.values import (
    EMPTY,
    MAX_DEPTH,
    FrozenDict,
    NotJsonError,
    freeze_flat,
    freeze_part,
    located,
)

if TYPE_CHECKING:
    from a3s_store.wire.model_kinds import ModelCodec, Wired

# Members of larger unions are looked up in a table: a chain of tests would be long, the text too.
SMALL_UNION = 6


def decode_function(codec: ModelCodec) -> Callable[[Any], Any]:
    """Return the compiled `decode` of a model. The function raises NotJsonError."""
    made = _Decoder(codec)
    function: Callable[[Any], Any] = compiled(
        "decode", made.text, made.names, f"decode of {codec.cls.__name__}"
    )
    return function


def source(codec: ModelCodec) -> str:
    """Return the text of a model's `decode`, after the functions for the unions in it."""
    return _Decoder(codec).text


def draft(cls: type) -> type:
    """Return a class with the slots of `cls`, in the same places, that is not frozen.

    Because the places are the same, Python allows an instance's class to be changed to `cls`.
    """
    body = {
        "__slots__": cls.__dict__["__slots__"],
        "__init__": object.__init__,
        "__setattr__": object.__setattr__,
        "__delattr__": object.__delattr__,
    }
    return type(f"{cls.__name__}Draft", cls.__bases__, body)


class _Decoder:
    """The text of one model's `decode`, and the values of the names in it.

    The field of index i has the variable `v{i}` and the names that end in i.
    """

    def __init__(self, codec: ModelCodec) -> None:
        self.codec = codec
        self.names: dict[str, Any] = {
            "cls": codec.cls,
            "Draft": draft(codec.cls),
            "MISSING": MISSING,
            "EMPTY": EMPTY,
            "NotJsonError": NotJsonError,
            "wrong": wrong,
            "located": located,
            "rest": lambda tree: _unknown_keys(tree, codec.known),
            "freeze_flat": freeze_flat,
        }
        self._unions: list[str] = []
        body = self._body()
        self.text = "\n".join([*self._unions, *block("def decode(o):", *body)])

    def _body(self) -> list[str]:
        codec, fields = self.codec, list(enumerate(self.codec.fields))
        lines: list[str] = []
        for i, field in fields:
            if field.read == "req":
                lines += [*_fetch(i, field), *self._read(i, field)]
        lines += self._optional([(i, field) for i, field in fields if field.read != "req"])
        values = {field.attribute: f"v{i}" for i, field in fields}
        values |= dict.fromkeys(codec.never_kept, "None")
        text_form = codec.rule.text_form
        as_text = f"return cls({text_form}=o)"
        return [
            *(block("if type(o) is str:", as_text) if text_form else []),
            *block("if type(o) is not dict:", "raise wrong('an object', o)"),
            "key = done = None",
            *block("try:", *lines),
            *block(
                "except (NotJsonError, KeyError) as error:",
                "raise located(error, key, done) from None",
            ),
            *_built("Draft", "cls", {**values, "extra": "extra"}),
        ]

    def _optional(self, fields: list[tuple[int, Wired]]) -> list[str]:
        """Return the lines for keys that may be missing or unknown; `n` counts the known ones."""
        required = len(self.codec.fields) - len(fields)
        none_there, n = f"len(o) == {required}", f"n = {required}"
        if self.codec.rule.tag:
            none_there, n = f"len(o) == {required + 1} and 'type' in o", f"{n} + ('type' in o)"
        defaults: list[str] = []
        lines: list[str] = []
        for i, field in fields:
            absent = f"v{i} = None"
            read = self._read(i, field)
            if field.read == "opt":
                read = block(f"if v{i} is not None:", *read)
            else:
                # Converted as the constructor does it: an f32 is rounded.
                self.names[f"absent{i}"] = field.kind.convert(field.absent)
                absent = f"v{i} = absent{i}"
            if field.alias:
                lines += _fetch_either(i, field)
                lines += block(f"if v{i} is not MISSING:", "n += 1", *read)
            else:
                fetch = f"v{i} = o[{field.key!r}]"
                lines += block(f"if {field.key!r} in o:", fetch, "n += 1", *read)
            lines += block("else:", absent)
            defaults.append(absent)
        return [
            *block(f"if {none_there}:", *defaults, "extra = EMPTY"),
            *block("else:", n, *lines, "extra = EMPTY if len(o) == n else rest(o)"),
        ]

    def _read(self, i: int, field: Wired) -> list[str]:
        """Return the lines that turn `v{i}` from parsed JSON into the value."""
        v, kind = f"v{i}", field.kind
        key = f"key = {field.key!r}"
        if not isinstance(kind, Many):
            return unless(kind.fast, v, [key, *self._item(kind, v, i), "key = None"])
        item = kind.item
        step = unless(item.fast, "w", self._item(item, "w", i))
        each = [
            "done = []",
            *block(f"for w in {v}:", *step, "done.append(w)"),
            f"{v} = tuple(done)",
        ]
        if isinstance(item, Tagged):
            # Most messages are one block: a list and a loop would be slower.
            one = ["done = ()", f"{v} = (union{i}({v}[0]),)"]
            each = [*block(f"if len({v}) == 1:", *one), *block("else:", *each)]
        check = block(f"if type({v}) is not list:", f"raise wrong({kind.name!r}, {v})")
        lines = [key, *check, *each, "key = done = None"]
        return unless(kind.fast, v, lines) if isinstance(kind, TextOrMany) else lines

    def _item(self, kind: Kind, v: str, i: int) -> list[str]:
        self.names[f"d{i}"] = kind.decode
        if isinstance(kind, One):
            at_first_use(self.names, f"d{i}", kind.codec.compiled_decode)
        elif isinstance(kind, EnumOf):
            self.names[f"member{i}"] = kind.members.get
            return [
                f"m = member{i}({v}) if type({v}) is str else None",
                f"{v} = d{i}({v}) if m is None else m",
            ]
        elif isinstance(kind, Tagged):
            self._unions += self._union(i, kind)
            return [f"{v} = union{i}({v})"]
        return [f"{v} = d{i}({v})"]

    def _union(self, i: int, kind: Tagged) -> list[str]:
        """Return the function that reads a member of a union; its errors: see `Tagged.decode`."""
        table: dict[str, Any] = {}
        self.names[f"member{i}"] = table.get
        direct: list[str] = []
        for tag, codec in kind.members.items():
            at_first_use(table, tag, codec.compiled_decode)
            if len(kind.members) <= SMALL_UNION:
                direct += self._as_written(tag, codec)
        return block(
            f"def union{i}(o):",
            *block(
                "if type(o) is dict:",
                "tag = o['type']",
                *direct,
                f"read = member{i}(tag) if type(tag) is str else None",
                *block("if read is not None:", "return read(o)"),
            ),
            f"return d{i}(o)",
        )

    def _as_written(self, tag: str, codec: ModelCodec) -> list[str]:
        """Build a member with exactly the keys that are always written, all of simple kinds."""
        fields = [field for field in codec.fields if field.write != "omit"]
        tests = [_simple(f"v{n}", field) for n, field in enumerate(fields)]
        if len(fields) < len(codec.fields) or not all(tests):
            return []
        name = codec.cls.__name__
        self.names |= {name: codec.cls, f"Draft{name}": draft(codec.cls)}
        values = {field.attribute: f"v{n}" for n, field in enumerate(fields)}
        return block(
            f"if tag == {tag!r} and len(o) == {len(fields) + 1}:",
            *(f"v{n} = o[{field.key!r}]" for n, field in enumerate(fields)),
            *block(
                f"if {' and '.join(tests)}:",
                *_built(f"Draft{name}", name, {**values, "extra": "EMPTY"}),
            ),
        )


def _unknown_keys(tree: dict[str, Any], known: frozenset[str]) -> FrozenDict:
    unknown = {key: item for key, item in tree.items() if key not in known}
    frozen: FrozenDict = freeze_part(unknown, MAX_DEPTH)[0]
    return frozen


def _built(draft_name: str, cls: str, values: Mapping[str, str]) -> list[str]:
    """Return the lines that make an instance of these attributes."""
    slots = [f"x.{attribute} = {value}" for attribute, value in values.items()]
    return [f"x = {draft_name}()", *slots, f"x.__class__ = {cls}", "return x"]


def _fetch(i: int, field: Wired) -> list[str]:
    if not field.alias:
        return [f"v{i} = o[{field.key!r}]"]
    missing = f"raise NotJsonError('is missing').at({field.key!r})"
    return [*_fetch_either(i, field), *block(f"if v{i} is MISSING:", missing)]


def _fetch_either(i: int, field: Wired) -> list[str]:
    both = [
        f"what = 'is another name of {field.key}, which is there too'",
        f"raise NotJsonError(what).at({field.alias!r})",
    ]
    return [
        f"v{i} = o.get({field.key!r}, MISSING)",
        f"w = o.get({field.alias!r}, MISSING)",
        *block("if w is not MISSING:", *block(f"if v{i} is not MISSING:", *both), f"v{i} = w"),
    ]


def _simple(v: str, field: Wired) -> str:
    """Return the test under which `v` stays as it is; empty when there is no such test."""
    if isinstance(field.kind, OpaqueValue):
        return f"({v} := freeze_flat({v})) is not None"
    if field.kind.fast == Kind.NEVER or field.alias:
        return ""
    null = f"{v} is None or " if field.optional else ""
    return f"({null}{holds(field.kind.fast, v)})"
