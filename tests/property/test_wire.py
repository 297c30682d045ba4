"""Every model, as a value, as bytes and back.

Whatever must be the same is compared as bytes too: the exactness of equality is itself under test.
"""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store import models
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.testing.strategies import json_values, model
from a3s_store.wire import (
    Model,
    canonical,
    codec_for,
    compact,
    decode,
    encode,
    freeze,
    own_text,
    parse,
    parse_own,
    pretty,
)

CLASSES = [
    *(
        cls
        for name in models.__all__
        if isinstance(cls := getattr(models, name), type) and issubclass(cls, Model)
    ),
    SessionSnapshot,
]
# Nearly a hundred models make up for it.
fewer = settings(max_examples=settings().max_examples // 5)
every_model = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)


def reversed_keys(tree: Any) -> Any:
    """The same JSON with the keys of every object in the opposite order."""
    if isinstance(tree, dict):
        return {key: reversed_keys(tree[key]) for key in reversed(tree)}
    return list(map(reversed_keys, tree)) if isinstance(tree, list) else tree


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal and written alike."""
    return type(one) is type(other) and one == other and written(one) == written(other)


def written(value: Any) -> bytes:
    return compact(encode(value))


def test_every_model_is_found() -> None:
    assert len(CLASSES) > 90
    assert {models.SessionData, models.UnknownEvent, models.RateLimited} < set(CLASSES)


@every_model
@given(data=st.data())
def test_what_is_written_is_read_as_the_same_value(cls: type[Any], data: st.DataObject) -> None:
    value = data.draw(model(cls))
    tree = encode(value)
    assert same(value, decode(cls, parse(pretty(tree))))
    assert same(value, decode(cls, parse(compact(tree))))
    assert same(value, decode(cls, parse(compact(tree).decode())))
    assert same(value, decode(cls, parse_own(own_text(tree))))


@every_model
@fewer
@given(data=st.data())
def test_the_order_of_keys_changes_neither_the_value_nor_its_canonical_bytes(
    cls: type[Any], data: st.DataObject
) -> None:
    value = data.draw(model(cls))
    turned = decode(cls, reversed_keys(parse(compact(encode(value)))))
    assert turned == value
    assert hash(turned) == hash(value)
    assert canonical(encode(turned)) == canonical(encode(value))


@every_model
@fewer
@given(data=st.data())
def test_own_keys_come_in_declared_order_and_unknown_ones_after_them(
    cls: type[Any], data: st.DataObject
) -> None:
    value = data.draw(model(cls))
    codec = codec_for(cls)
    unknown = list(value.body if codec.rule.opaque else value.extra)
    tag = ["type"] if codec.rule.tag or codec.rule.opaque else []
    own = [] if codec.rule.opaque else [field.key for field in codec.fields]
    found = list(encode(value))
    assert found[len(found) - len(unknown) :] == unknown
    head = found[: len(found) - len(unknown)]
    assert head == tag + [key for key in own if key in head]


@every_model
@fewer
@given(data=st.data())
def test_copies_and_pickles_are_the_same_value(cls: type[Any], data: st.DataObject) -> None:
    value = data.draw(model(cls))
    assert same(value, copy.copy(value))
    assert same(value, copy.deepcopy(value))
    assert same(value, value.evolve())
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        back = pickle.loads(pickle.dumps(value, protocol))
        assert same(value, back)
        assert hash(back) == hash(value)


@given(json_values(max_leaves=12))
def test_opaque_json_keeps_its_bytes(value: Any) -> None:
    event = models.SubagentProgressEntry(timestamp_ms=0, status="", metadata=value)
    tree = encode(event)
    assert event.metadata == value
    assert same(event, decode(type(event), parse(compact(tree))))
    assert same(event, decode(type(event), parse_own(own_text(tree))))
    assert freeze(event.metadata) is event.metadata


@given(json_values(max_leaves=12))
def test_values_are_equal_only_when_they_are_written_alike(value: Any) -> None:
    """Python's own comparison would call a changed number unchanged, and it would not be saved."""
    kinds = [
        models.SubagentProgressEntry(timestamp_ms=0, status="", metadata=[value, one])
        for one in (True, 1, 1.0)
    ]
    assert len(set(kinds)) == 3
    assert len({canonical(encode(one)) for one in kinds}) == 3
