"""Declaring models: the decorator, and the rules of wire-format section 1.2 on each field.

A model is a class under `@model()`: frozen attrs, slots, keyword-only. Annotations declare the
values of a field (`U64`, `F32`, `Value`, an enum, another model, `tuple[X, ...]`, `X | None`);
`field(...)` declares the rest:

    read    "req"  the key must be present (the default)
            "opt"  absent or null is None (the default for every `X | None`)
            "def"  absent is the default, or `absent=` where the two differ; null is an error
    write   "always", "null" (None is written), "omit" (left out when None, empty or default)
    key     the JSON key, if it is not the attribute's name; `also` is one more key that is read
            (not called alias: type checkers take that word for the constructor's argument)

`camel=True` on the model writes every key in camelCase.
"""

from __future__ import annotations

import typing
from typing import Any, Final, Literal, TypeVar, dataclass_transform

import attrs

from a3s_store.errors import UnknownFieldError
from a3s_store.wire.annotations import Value, kind_of
from a3s_store.wire.codec import Codec
from a3s_store.wire.declared import UNSET, FieldRule, ModelRule
from a3s_store.wire.equality import add_equality
from a3s_store.wire.kinds import Kind
from a3s_store.wire.model_kinds import Wired
from a3s_store.wire.values import EMPTY

_RULE = "a3s_wire"
T = TypeVar("T", bound=type)
M = TypeVar("M", bound="Model")


def field(
    *,
    default: Any = attrs.NOTHING,
    key: str | None = None,
    also: str | None = None,
    read: Literal["req", "opt", "def"] | None = None,
    write: Literal["always", "null", "omit"] = "always",
    absent: Any = UNSET,
    repr: bool = True,  # noqa: A002 - the word attrs uses
) -> Any:
    """Declare a field's default and the rules its annotation cannot express."""
    rule = FieldRule(key=key, alias=also, read=read, write=write, absent=absent)
    return attrs.field(default=default, repr=repr, metadata={_RULE: rule})


DROPPED: Final = FieldRule()


def dropped_field(*, default: None = None) -> Any:
    """Declare an attribute that the constructor accepts and that is always None, for a secret."""
    return attrs.field(
        default=default, repr=False, eq=False, converter=_drop, metadata={_RULE: DROPPED}
    )


def _drop(_: object) -> None:
    return None


@dataclass_transform(
    kw_only_default=True, frozen_default=True, field_specifiers=(field, dropped_field)
)
def model(
    *,
    tag: str | None = None,
    camel: bool = False,
    text_form: str | None = None,
    dropped: tuple[str, ...] = (),
    opaque: bool = False,
    lazy: str | None = None,
) -> typing.Callable[[T], T]:
    """Make a class a model, with a codec and an exact `__eq__`.

    `tag` is its `type` in a tagged union. `text_form` names a field: a bare string is read as a
    model with that field. `dropped` are keys that are read and not kept. `opaque` marks the class
    for members of a union that this release does not know. `lazy` names the field that may be
    decoded when it is first read, see `wire.lazy`.
    """
    rule = ModelRule(
        tag=tag,
        camel=camel,
        text_form=text_form,
        dropped=dropped,
        opaque=opaque,
        lazy=lazy,
    )

    def wrap(cls: T) -> T:
        kinds = _kinds(cls)
        make = attrs.frozen(
            # The hash of attrs, but not its `__eq__`, for which True equals 1: see `equality`.
            eq=False,
            unsafe_hash=True,
            repr=False,  # that of `Model`: one made for each class takes a tenth of the import
            kw_only=True,
            field_transformer=lambda _, fields: [
                _with_converter(f, *kinds[f.name]) for f in fields
            ],
        )
        made = make(cls)
        # attrs has Any for every field that converts its argument.
        made.__init__.__annotations__ |= {f.name: f.type for f in attrs.fields(made)}  # type: ignore[misc]
        codec: Codec[Any] = Codec(made, rule, _wired(made, rule, kinds))
        made.__a3s_codec__ = codec  # type: ignore[attr-defined]
        add_equality(codec)
        return made

    return wrap


def _kinds(cls: type) -> dict[str, tuple[Kind, bool]]:
    """Return the kind of each attribute, and whether it may be None."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return {name: kind_of(hint) for name, hint in hints.items()}


def _with_converter(
    attribute: attrs.Attribute[Any], kind: Kind, optional: bool
) -> attrs.Attribute[Any]:
    """Give a field the converter of its kind, so that a list may be passed for a tuple."""
    if attribute.converter is not None or type(kind).convert is Kind.convert:
        return attribute
    convert = kind.convert
    return attribute.evolve(converter=attrs.converters.optional(convert) if optional else convert)


def _wired(cls: type, rule: ModelRule, kinds: dict[str, tuple[Kind, bool]]) -> tuple[Wired, ...]:
    """Return the fields of a model for the codec, in the order in which they are written."""
    wired: list[Wired] = []
    for attribute in attrs.fields(cls):
        said: FieldRule | None = attribute.metadata.get(_RULE)
        if attribute.name == "extra" or said is DROPPED:
            continue
        said = said or FieldRule()
        kind, optional = kinds[attribute.name]
        default = attribute.default
        wired.append(
            Wired(
                attribute=attribute.name,
                key=said.key or (_camel(attribute.name) if rule.camel else attribute.name),
                alias=said.alias,
                kind=kind,
                read=said.read or ("opt" if optional else "req"),
                write=said.write,
                absent=default if said.absent is UNSET else said.absent,
                default=default,
            )
        )
    return tuple(wired)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(map(str.capitalize, rest))


@model()
class Model:
    """The base of all models. `extra` has the unknown keys; they are written after its own."""

    extra: Value = field(default=EMPTY, repr=False)

    if typing.TYPE_CHECKING:
        __attrs_attrs__: typing.ClassVar[tuple[attrs.Attribute[Any], ...]]

    def __repr__(self) -> str:
        from a3s_store.wire.shown import shown  # here, since few programs need it

        return shown(self)

    if not typing.TYPE_CHECKING:  # each model declares its own, which names its fields

        def evolve(self, **changes: Any) -> typing.Self:
            """Return a copy with these fields changed.

            Type checkers know the fields of each model and the types of their values. At run time a
            value of a wrong type is refused when it is saved.

            Raises:
                UnknownFieldError: the model has no field of a name; the hint names similar fields.
            """
            return evolved(self, changes)


def evolved(model: M, changes: typing.Mapping[str, Any]) -> M:
    """Return a copy of a model of any class with these fields changed, like its `evolve`.

    Raises:
        UnknownFieldError: the model has no field of a name; the hint names similar fields.
    """
    copied: Any = model
    try:
        changed: M = attrs.evolve(copied, **changes)
    except TypeError:
        if (refusal := _unknown_fields(type(model), changes)) is None:
            raise
    else:
        return changed
    raise refusal


def _unknown_fields(model: type, given: typing.Iterable[str]) -> UnknownFieldError | None:
    known = [field.alias or field.name for field in attrs.fields(model)]
    unknown = tuple(name for name in given if name not in known)
    if not unknown:
        return None
    import difflib  # here, since few programs need it

    named = ", ".join(map(repr, unknown))
    close = dict.fromkeys(
        near for name in unknown for near in difflib.get_close_matches(name, known)
    )
    hint = f"Is it {' or '.join(map(repr, close))}" if close else f"It has {', '.join(known)}"
    what = f"{model.__name__} has no field {named}"
    return UnknownFieldError(what, fields=unknown, op="evolve", hint=hint)
