"""The function that writes one model, made as source text; `Codec.source("encode")` shows it.

As `decoder`: straight on for a valid value, `key` and `done` for the path of an error. What is
always written comes in one dict display, the rest is set after it; the fields are in the order in
which upstream declares them either way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from a3s_store.wire.kinds import EnumOf, Many, wrong
from a3s_store.wire.lines import indent, located, unless
from a3s_store.wire.model_kinds import One, Tagged
from a3s_store.wire.text import exact
from a3s_store.wire.values import EMPTY, FrozenDict, NotJsonError

if TYPE_CHECKING:
    from collections.abc import Callable

    from a3s_store.wire.kinds import Kind
    from a3s_store.wire.model_kinds import ModelCodec, Wired


def encode_function(codec: ModelCodec, without: frozenset[str]) -> Callable[[Any], dict[str, Any]]:
    """The compiled `encode` of a model, less these attributes. It raises NotJsonError."""
    names: dict[str, Any] = {
        "EMPTY": EMPTY,
        "FrozenDict": FrozenDict,
        "NotJsonError": NotJsonError,
        "wrong": wrong,
        "located": located,
        "add_extra": lambda tree, extra: _add_extra(tree, extra, codec.known),
    }
    for i, field in enumerate(codec.fields):
        item = field.kind.item if isinstance(field.kind, Many) else field.kind
        names[f"e{i}"] = item.encode
        names[f"default{i}"] = field.default
        if isinstance(item, EnumOf | One):
            names[f"cls{i}"] = item.cls
        if isinstance(item, One):
            names[f"write{i}"] = _at_first_use(item.codec, names, f"write{i}")
        elif isinstance(item, Tagged):
            table: dict[type, Any] = {}
            for cls, member in item.classes.items():
                table[cls] = _at_first_use(member, table, cls)
            names[f"write{i}"] = table.get
    text = source(codec, without)
    exec(compile(text, f"<encode of {codec.cls.__name__}>", "exec"), names)
    made: Callable[[Any], dict[str, Any]] = names["encode"]
    return made


def _at_first_use(codec: ModelCodec, place: dict[Any, Any], name: Any) -> Callable[[Any], Any]:
    """Stands in `place` for the `encode` of another model until that is needed."""

    def first(value: Any) -> Any:
        place[name] = codec.compiled_encode()
        return place[name](value)

    return first


def _add_extra(tree: dict[str, Any], extra: Any, known: frozenset[str]) -> None:
    if type(extra) is not FrozenDict:
        raise wrong("an object", extra).at("extra")
    for key in extra:
        if key in known:
            raise NotJsonError("extra repeats a key of the model's own").at(key)
    tree.update(exact(extra))


def source(codec: ModelCodec, without: frozenset[str] = frozenset()) -> str:
    """The text of a model's `encode`, less these attributes."""
    fields = [(i, f) for i, f in enumerate(codec.fields) if f.attribute not in without]
    split = next((n for n, (_, f) in enumerate(fields) if f.write == "omit"), len(fields))
    display = [f"{field.key!r}: v{i}" for i, field in fields[:split]]
    if codec.rule.tag:
        display.insert(0, f"'type': {codec.rule.tag!r}")
    body: list[str] = []
    for i, field in fields[:split]:
        body += _value(i, field)
    body += [f"o = {{{', '.join(display)}}}"]
    for i, field in fields[split:]:
        put = f"o[{field.key!r}] = v{i}"
        if field.write != "omit":
            body += [*_value(i, field), put]
        elif field.optional:
            body += [*_value(i, field, [put])]
        else:
            body += [f"v{i} = x.{field.attribute}", f"if v{i} != default{i}:"]
            body += indent([*_written(i, field), put])
    return "\n".join(
        [
            "def encode(x):",
            "    key = done = None",
            "    try:",
            *indent(body, 2),
            "        if x.extra is not EMPTY:",
            "            add_extra(o, x.extra)",
            "    except NotJsonError as error:",
            "        raise located(error, key, done) from None",
            "    return o",
        ]
    )


def _value(i: int, field: Wired, then: list[str] | None = None) -> list[str]:
    """Bring `v{i}` from the attribute to what orjson takes; `then` is for what is not None."""
    get = [f"v{i} = x.{field.attribute}"]
    written = [*_written(i, field), *(then or [])]
    if field.optional:
        return [*get, f"if v{i} is not None:", *indent(written)]
    return [*get, *written]


def _written(i: int, field: Wired) -> list[str]:
    v, kind = f"v{i}", field.kind
    if not isinstance(kind, Many):
        lines = [f"key = {field.key!r}", *_item(kind, v, i), "key = None"]
        return unless(kind.written_fast, v, lines)
    item = kind.item
    lines = [
        f"key = {field.key!r}",
        f"if type({v}) is not tuple:",
        f"    raise wrong({kind.name!r}, {v})",
        "done = []",
        f"for w in {v}:",
        *indent(unless(item.written_fast, "w", _item(item, "w", i))),
        "    done.append(w)",
        f"{v} = done",
        "key = done = None",
    ]
    return unless(kind.written_fast, v, lines)


def _item(kind: Kind, v: str, i: int) -> list[str]:
    if isinstance(kind, EnumOf):
        return [f"{v} = {v}._value_ if type({v}) is cls{i} else e{i}({v})"]
    if isinstance(kind, One):
        return [f"{v} = write{i}({v}) if type({v}) is cls{i} else e{i}({v})"]
    if isinstance(kind, Tagged):
        return [
            f"write = write{i}(type({v}))",
            f"{v} = e{i}({v}) if write is None else write({v})",
        ]
    return [f"{v} = e{i}({v})"]
