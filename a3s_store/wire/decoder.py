"""The function that reads one model, made as source text; `Codec.source("decode")` shows it.

As text, because a closure per field takes three times as long, and decoding is what a load spends
its time on. The text runs straight on for a valid object; what pays, each measured on messages:

* a key that must be there is fetched by `o[key]`: that it is missing is a KeyError, caught at no
  cost to those that have it. `key` and `done` are set for the path of an error only;
* a value is built as a `Draft`: a class with the model's own slots, and not frozen. Setting slots
  and then the class takes a fifth of the time of attrs' `__init__`, which sets each by
  `object.__setattr__` and converts what has its final type already;
* a member of a small union is built where it is met, if it looks as `encode` writes it; every
  other form, and every error, is left to the member's own `decode`;
* other models' functions are compiled when they are first called, and called directly then on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from a3s_store.wire.kinds import MISSING, EnumOf, Kind, Many, OpaqueValue, TextOrMany, wrong
from a3s_store.wire.lines import holds, indent, located, unless
from a3s_store.wire.model_kinds import One, Tagged
from a3s_store.wire.values import (
    EMPTY,
    MAX_DEPTH,
    FrozenDict,
    NotJsonError,
    freeze_flat,
    freeze_part,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from a3s_store.wire.model_kinds import ModelCodec, Wired

# A union of more members is looked up in a table: a chain of tests would be long, and the text too.
SMALL_UNION = 6


def decode_function(codec: ModelCodec) -> Callable[[Any], Any]:
    """The compiled `decode` of a model. It raises NotJsonError."""
    names: dict[str, Any] = {
        "cls": codec.cls,
        "Draft": draft(codec.cls),
        "MISSING": MISSING,
        "EMPTY": EMPTY,
        "NotJsonError": NotJsonError,
        "wrong": wrong,
        "located": located,
        "rest": lambda tree: _rest(tree, codec.known),
        "freeze_flat": freeze_flat,
    }
    for index, field in enumerate(codec.fields):
        if field.read == "def":
            # As the constructor would take it in: an f32 is rounded.
            names[f"absent{index}"] = field.kind.convert(field.absent)
        item = field.kind.item if isinstance(field.kind, Many) else field.kind
        names[f"d{index}"] = item.decode
        if isinstance(item, One):
            names[f"d{index}"] = _at_first_use(item.codec, names, f"d{index}")
        elif isinstance(item, EnumOf):
            names[f"member{index}"] = item.members.get
        elif isinstance(item, Tagged):
            table: dict[str, Any] = {}
            for tag, member in item.members.items():
                table[tag] = _at_first_use(member, table, tag)
                if len(item.members) <= SMALL_UNION:
                    names[member.cls.__name__] = member.cls
                    names[f"Draft{member.cls.__name__}"] = draft(member.cls)
            names[f"member{index}"] = table.get
    exec(compile(source(codec), f"<decode of {codec.cls.__name__}>", "exec"), names)
    made: Callable[[Any], Any] = names["decode"]
    return made


def draft(cls: type) -> type:
    """A class with the slots of `cls`, in the same places, whose instances can be changed.

    Because the places are the same, Python lets an instance go from this class to the other.
    """
    body = {
        "__slots__": cls.__dict__["__slots__"],
        "__init__": object.__init__,
        "__setattr__": object.__setattr__,
        "__delattr__": object.__delattr__,
    }
    return type(f"{cls.__name__}Draft", cls.__bases__, body)


def _at_first_use(codec: ModelCodec, place: dict[str, Any], name: str) -> Callable[[Any], Any]:
    """Stands in `place` for the `decode` of another model until that is needed."""

    def first(tree: Any) -> Any:
        place[name] = codec.compiled_decode()
        return place[name](tree)

    return first


def _rest(tree: dict[str, Any], known: frozenset[str]) -> FrozenDict:
    unknown = {key: item for key, item in tree.items() if key not in known}
    frozen: FrozenDict = freeze_part(unknown, MAX_DEPTH)[0]
    return frozen


def source(codec: ModelCodec) -> str:
    """The text of a model's `decode`, after those of the unions in it."""
    fields = list(enumerate(codec.fields))
    lines: list[str] = []
    for i, field in fields:
        lines += _union(i, field.kind.item if isinstance(field.kind, Many) else field.kind)
    lines += ["def decode(o):"]
    if codec.rule.text_form:
        lines += ["    if type(o) is str:", f"        return cls({codec.rule.text_form}=o)"]
    lines += ["    if type(o) is not dict:", "        raise wrong('an object', o)"]
    lines += ["    key = done = None", "    try:"]
    for i, field in fields:
        if field.read == "req":
            lines += indent([*_fetch(i, field), *_read(i, field)], 2)
    lines += indent(_optional(codec, [(i, f) for i, f in fields if f.read != "req"]), 2)
    return "\n".join(
        [
            *lines,
            "    except (NotJsonError, KeyError) as error:",
            "        raise located(error, key, done) from None",
            "    x = Draft()",
            *(f"    x.{field.attribute} = v{i}" for i, field in fields),
            *(f"    x.{attribute} = None" for attribute in codec.never_kept),
            "    x.extra = extra",
            "    x.__class__ = cls",
            "    return x",
        ]
    )


def _fetch(i: int, field: Wired) -> list[str]:
    if not field.alias:
        return [f"v{i} = o[{field.key!r}]"]
    missing = f"raise NotJsonError('is missing').at({field.key!r})"
    return [*_fetch_either(i, field), f"if v{i} is MISSING:", f"    {missing}"]


def _fetch_either(i: int, field: Wired) -> list[str]:
    return [
        f"v{i} = o.get({field.key!r}, MISSING)",
        f"w = o.get({field.alias!r}, MISSING)",
        "if w is not MISSING:",
        f"    if v{i} is not MISSING:",
        f"        what = 'stands beside its other name {field.key}'",
        f"        raise NotJsonError(what).at({field.alias!r})",
        f"    v{i} = w",
    ]


def _optional(codec: ModelCodec, fields: list[tuple[int, Wired]]) -> list[str]:
    """What need not be there, unknown keys included. `n` counts the keys that are accounted for."""
    absent = [(i, "None" if field.read == "opt" else f"absent{i}") for i, field in fields]
    n = len(codec.fields) - len(fields)
    all_there, and_tag = f"len(o) == {n}", ""
    if codec.rule.tag:
        all_there, and_tag = f"len(o) == {n + 1} and 'type' in o", " + ('type' in o)"
    lines = [
        f"if {all_there}:",
        *(f"    v{i} = {value}" for i, value in absent),
        "    extra = EMPTY",
        "else:",
        f"    n = {n}{and_tag}",
    ]
    for (i, field), (_, value) in zip(fields, absent, strict=True):
        read = _read(i, field)
        if field.read == "opt":
            read = [f"if v{i} is not None:", *indent(read)]
        if field.alias:
            fetch = [*_fetch_either(i, field), f"if v{i} is not MISSING:"]
        else:
            fetch = [f"if {field.key!r} in o:", f"    v{i} = o[{field.key!r}]"]
        read = [*fetch, "    n += 1", *indent(read), "else:", f"    v{i} = {value}"]
        lines += indent(read)
    return [*lines, "    extra = EMPTY if len(o) == n else rest(o)"]


def _read(i: int, field: Wired) -> list[str]:
    """Bring `v{i}` from parsed JSON to its value."""
    v, kind = f"v{i}", field.kind
    if not isinstance(kind, Many):
        return unless(kind.fast, v, [f"key = {field.key!r}", *_item(kind, v, i), "key = None"])
    item = kind.item
    each = [
        "done = []",
        f"for w in {v}:",
        *indent(unless(item.fast, "w", _item(item, "w", i))),
        "    done.append(w)",
        f"{v} = tuple(done)",
    ]
    if isinstance(item, Tagged):
        # Most messages are one block, for which a list and a loop are long ways round.
        one = ["done = ()", f"{v} = (union{i}({v}[0]),)"]
        each = [f"if len({v}) == 1:", *indent(one), "else:", *indent(each)]
    lines = [
        f"key = {field.key!r}",
        f"if type({v}) is not list:",
        f"    raise wrong({kind.name!r}, {v})",
        *each,
        "key = done = None",
    ]
    return unless(kind.fast, v, lines) if isinstance(kind, TextOrMany) else lines


def _item(kind: Kind, v: str, i: int) -> list[str]:
    if isinstance(kind, EnumOf):
        return [
            f"m = member{i}({v}) if type({v}) is str else None",
            f"{v} = d{i}({v}) if m is None else m",
        ]
    if isinstance(kind, Tagged):
        return [f"{v} = union{i}({v})"]
    return [f"{v} = d{i}({v})"]


def _union(i: int, kind: Kind) -> list[str]:
    """The function that reads one member of a union; its errors are those of `Tagged.decode`."""
    if not isinstance(kind, Tagged):
        return []
    lines = [f"def union{i}(o):", "    if type(o) is dict:", "        tag = o['type']"]
    if len(kind.members) <= SMALL_UNION:
        for tag, codec in kind.members.items():
            lines += indent(_as_written(tag, codec), 2)
    return [
        *lines,
        f"        read = member{i}(tag) if type(tag) is str else None",
        "        if read is not None:",
        "            return read(o)",
        f"    return d{i}(o)",
    ]


def _as_written(tag: str, codec: ModelCodec) -> list[str]:
    """Build a member that has exactly the keys which are always written, all of simple kinds."""
    fields = [field for field in codec.fields if field.write != "omit"]
    tests = [_simple(f"v{n}", field) for n, field in enumerate(fields)]
    if len(fields) < len(codec.fields) or not all(tests):
        return []
    name = codec.cls.__name__
    return [
        f"if tag == {tag!r} and len(o) == {len(fields) + 1}:",
        *(f"    v{n} = o[{field.key!r}]" for n, field in enumerate(fields)),
        f"    if {' and '.join(tests)}:",
        f"        x = Draft{name}()",
        *(f"        x.{field.attribute} = v{n}" for n, field in enumerate(fields)),
        "        x.extra = EMPTY",
        f"        x.__class__ = {name}",
        "        return x",
    ]


def _simple(v: str, field: Wired) -> str:
    """The test whether `v` stays as it is; empty when there is no such test."""
    if isinstance(field.kind, OpaqueValue):
        return f"({v} := freeze_flat({v})) is not None"
    if field.kind.fast == Kind.NEVER or field.alias:
        return ""
    null = f"{v} is None or " if field.optional else ""
    return f"({null}{holds(field.kind.fast, v)})"
