"""Compiles a model's rules, once per class, into one function that reads it and one that writes it.

The functions are made as source text: a closure per field was tried and takes three times as long,
and decoding is what a load spends its time on. What they do is in `_decode_source` and
`_encode_source`; `Codec.source()` shows the text for any model.

Invariants: 1. decode accepts parsed JSON only, coerces nothing and raises NotJsonError with a path;
2. encode answers dicts, lists, scalars and orjson fragments, in declaration order;
3. decode(parse(compact(encode(x)))) == x;
4. keys it does not know are in `extra`, and come back after the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import attrs

from a3s_store.errors import DecodeError, EncodeError
from a3s_store.wire.kinds import MISSING, Kind, Many, One, codec_of, wrong
from a3s_store.wire.text import exact
from a3s_store.wire.values import EMPTY, MAX_DEPTH, FrozenDict, NotJsonError, freeze_part

if TYPE_CHECKING:
    from collections.abc import Callable

M = TypeVar("M")

# Stands for "nothing was said"; attrs.NOTHING cannot, since attrs reads it as "no default".
UNSET: Any = object()
Read = Literal["req", "opt", "def"]
Write = Literal["always", "null", "omit"]


@attrs.frozen(kw_only=True)
class FieldRule:
    """What `field(...)` said of a field; None where the annotation decides."""

    key: str | None = None
    alias: str | None = None
    read: Read | None = None
    write: Write = "always"
    absent: Any = UNSET


@attrs.frozen(kw_only=True)
class ModelRule:
    """What `@model(...)` said of a class."""

    tag: str | None = None
    camel: bool = False
    text_form: str | None = None
    dropped: tuple[str, ...] = ()
    opaque: bool = False


@attrs.frozen(kw_only=True)
class Wired:
    """One field with everything the codec, the row mapping and the strategies need to know."""

    attribute: str
    key: str
    alias: str | None
    kind: Kind
    read: Read
    write: Write
    absent: Any
    default: Any

    @property
    def optional(self) -> bool:
        return self.read == "opt"


class Codec(Generic[M]):
    """Reads and writes one model. Compiled at the first use of either direction."""

    def __init__(self, cls: type[M], rule: ModelRule, fields: tuple[Wired, ...]) -> None:
        self.cls = cls
        self.rule = rule
        self.fields = fields
        known = {field.key for field in fields} | {field.alias for field in fields if field.alias}
        self.known = frozenset(known | set(rule.dropped) | ({"type"} if rule.tag else set()))
        # The value of a parsed JSON object, and what orjson takes to write one. Raise NotJsonError.
        self.decode: Callable[[Any], M] = self._first_decode
        self.encode: Callable[[M], dict[str, Any]] = self._first_encode
        if rule.opaque:
            self.decode, self.encode = self._decode_opaque, self._encode_opaque

    def _first_decode(self, tree: Any) -> M:
        self.decode = self._compile("decode")
        return self.decode(tree)

    def _first_encode(self, value: M) -> dict[str, Any]:
        self.encode = self._compile("encode")
        return self.encode(value)

    def _decode_opaque(self, tree: Any) -> M:
        if type(tree) is not dict:
            raise wrong("an object", tree)
        tag = tree.get("type", MISSING)
        if type(tag) is not str:
            raise wrong("a string", tag).at("type")
        body = {key: item for key, item in tree.items() if key != "type"}
        return self.cls(type=tag, body=freeze_part(body, MAX_DEPTH)[0])  # type: ignore[call-arg]

    def _encode_opaque(self, value: Any) -> dict[str, Any]:
        if type(value.type) is not str:
            raise wrong("a string", value.type).at("type")
        if type(value.body) is not FrozenDict or "type" in value.body:
            raise NotJsonError("the body is an object without the key type").at("body")
        if value.extra != EMPTY:
            raise NotJsonError("a member kept whole has its keys in the body").at("extra")
        return {"type": value.type, **exact(value.body)}

    def source(self, name: Literal["decode", "encode"]) -> str:
        """The text of the compiled function, for those who want to see it."""
        return "\n".join(_decode_source(self) if name == "decode" else _encode_source(self))

    def _compile(self, name: Literal["decode", "encode"]) -> Any:
        names: dict[str, Any] = {
            "cls": self.cls,
            "M": MISSING,
            "EMPTY": EMPTY,
            "NotJsonError": NotJsonError,
            "wrong": wrong,
            "rest": self._rest,
            "add_extra": self._add_extra,
        }
        for index, field in enumerate(self.fields):
            names[f"d{index}"] = field.kind.decode
            names[f"e{index}"] = field.kind.encode
            names[f"absent{index}"] = field.absent
            names[f"default{index}"] = field.default
        exec(compile(self.source(name), f"<codec of {self.cls.__name__}>", "exec"), names)
        return names[name]

    def _rest(self, tree: dict[str, Any]) -> FrozenDict:
        unknown = {key: item for key, item in tree.items() if key not in self.known}
        frozen: FrozenDict = freeze_part(unknown, MAX_DEPTH)[0]
        return frozen

    def _add_extra(self, tree: dict[str, Any], extra: Any) -> None:
        if type(extra) is not FrozenDict:
            raise wrong("an object", extra).at("extra")
        for key in extra:
            if key in self.known:
                raise NotJsonError("extra repeats a key of the model's own").at(key)
        tree.update(exact(extra))


def _decode_source(codec: Codec[Any]) -> list[str]:
    lines = ["def decode(o):"]
    if codec.rule.text_form:
        lines += ["    if type(o) is str:", f"        return cls({codec.rule.text_form}=o)"]
    lines += [
        "    if type(o) is not dict:",
        "        raise wrong('an object', o)",
        "    get = o.get",
        f"    n = {sum(f.read == 'req' for f in codec.fields) + bool(codec.rule.tag)}",
        "    k = ''",
        "    try:",
    ]
    for index, field in enumerate(codec.fields):
        lines += ["        " + line for line in _decode_field(index, field)]
    lines += [
        "        k = None",
        "        x = EMPTY if len(o) == n else rest(o)",
        "    except NotJsonError as error:",
        "        raise (error.at(k) if k else error) from None",
    ]
    given = ", ".join(f"{f.attribute}=v{i}" for i, f in enumerate(codec.fields))
    return [*lines, f"    return cls({given}{', ' if given else ''}extra=x)"]


def _decode_field(index: int, field: Wired) -> list[str]:
    get = [f"v = get({field.key!r}, M)"]
    if field.alias:
        get += [
            f"w = get({field.alias!r}, M)",
            "if w is not M:",
            "    if v is not M:",
            "        k = None",
            f"        what = 'stands beside its other name {field.key}'",
            f"        raise NotJsonError(what).at({field.alias!r})",
            "    v = w",
        ]
    check = [
        f"if not ({field.kind.fast}):",
        f"    k = {field.key!r}",
        f"    v = d{index}(v)",
    ]
    if field.read == "req":
        body = check
    elif field.read == "opt":
        body = ["if v is M:", "    v = None", "else:", "    n += 1", "    if v is not None:"]
        body += ["        " + line for line in check]
    else:
        body = ["if v is M:", f"    v = absent{index}", "else:", "    n += 1"]
        body += ["    " + line for line in check]
    return [*get, *body, f"v{index} = v"]


def _encode_source(codec: Codec[Any]) -> list[str]:
    lines = [
        "def encode(x):",
        f"    d = {{'type': {codec.rule.tag!r}}}" if codec.rule.tag else "    d = {}",
        "    k = ''",
        "    try:",
    ]
    for index, field in enumerate(codec.fields):
        lines += ["        " + line for line in _encode_field(index, field)]
    return [
        *lines,
        "        k = None",
        "        if x.extra is not EMPTY:",
        "            add_extra(d, x.extra)",
        "    except NotJsonError as error:",
        "        raise (error.at(k) if k else error) from None",
        "    return d",
    ]


def _encode_field(index: int, field: Wired) -> list[str]:
    put = [
        f"if not ({field.kind.fast}):",
        f"    k = {field.key!r}",
        f"    v = e{index}(v)",
        f"d[{field.key!r}] = v",
    ]
    get = f"v = x.{field.attribute}"
    if field.write == "omit":
        test = "v is not None" if field.optional else f"v != default{index}"
        return [get, f"if {test}:", *("    " + line for line in put)]
    if field.optional:
        return [
            get,
            "if v is None:",
            f"    d[{field.key!r}] = None",
            "else:",
            *("    " + line for line in put),
        ]
    return [get, *put]


def codec_for(cls: type[M]) -> Codec[M]:
    """The codec of a model. Raises TypeError when the class is none."""
    return codec_of(cls)


def encode(value: Any) -> dict[str, Any]:
    """The JSON object of a model, as dicts and lists for `compact`, `pretty` or `canonical`.

    Raises:
        EncodeError: the value breaks one of its rules; `path` says where.
    """
    cls = type(value)
    try:
        tree: dict[str, Any] = codec_for(cls).encode(value)
    except NotJsonError as error:
        raise EncodeError(error.what, model=cls.__name__, path=error.place) from None
    return tree


def decode(cls: type[M], tree: Any) -> M:
    """The value of a parsed JSON object.

    Raises:
        DecodeError: the object is not one of this model; `path` says where.
    """
    try:
        return codec_for(cls).decode(tree)
    except NotJsonError as error:
        raise DecodeError(error.what, model=cls.__name__, path=error.place) from None


def decode_many(cls: type[M], tree: Any) -> tuple[M, ...]:
    """The values of a parsed JSON array of one model. Raises DecodeError like `decode`."""
    try:
        found: tuple[M, ...] = Many(One(cls)).decode(tree)
    except NotJsonError as error:
        raise DecodeError(error.what, model=cls.__name__, path=error.place) from None
    return found
