"""Opaque JSON: which values are accepted, and that they are frozen."""

from __future__ import annotations

import collections
import copy
import datetime
import decimal
import enum
import json
import pickle
import types
from typing import Any

import pytest

from a3s_store.errors import EncodeError
from a3s_store.wire import EMPTY, FrozenDict, FrozenList, compact, freeze, parse
from a3s_store.wire.text import exact
from a3s_store.wire.values import MAX_DEPTH, height

NOT_JSON: list[tuple[Any, str, str]] = [
    (float("nan"), "", "nan is not a JSON number"),
    ({"a": [1, float("inf")]}, "a[1]", "inf is not a JSON number"),
    ([{"b": {"c": -float("inf")}}], "[0].b.c", "-inf is not a JSON number"),
    ({"a": "x\ud800"}, "a", "a lone surrogate at character 1"),
    ({"a": {"\udfff": 1}}, "a", "a lone surrogate at character 0"),
    ({"a": {1: 2}}, "a", "a key is of type int, not str"),
    ({None: 1}, "", "a key is of type NoneType, not str"),
    ({"a": (1, b"x")}, "a[1]", "bytes is not a JSON type"),
    ([{1, 2}], "[0]", "set is not a JSON type"),
    ({"a": object()}, "a", "object is not a JSON type"),
    ([decimal.Decimal(1)], "[0]", "Decimal is not a JSON type"),
    ([datetime.date(2026, 1, 1)], "[0]", "date is not a JSON type"),
    ([1j], "[0]", "complex is not a JSON type"),
]


@pytest.mark.parametrize(("value", "path", "what"), NOT_JSON)
def test_what_json_cannot_hold_is_refused_with_its_path(value: Any, path: str, what: str) -> None:
    with pytest.raises(EncodeError) as caught:
        freeze(value)
    assert caught.value.path == path
    assert caught.value.what == what


class Colour(enum.StrEnum):
    RED = "red"


class Number(enum.IntEnum):
    ONE = 1


def test_containers_and_subclasses_become_the_plain_form() -> None:
    frozen = freeze({"a": (1, Colour.RED, Number.ONE), "b": types.MappingProxyType({"c": None})})
    assert frozen == {"a": [1, "red", 1], "b": {"c": None}}
    assert type(frozen["a"]) is FrozenList
    assert [type(item) for item in frozen["a"]] == [int, str, int]
    assert type(frozen["b"]) is FrozenDict
    assert type(freeze(collections.OrderedDict(a=1))) is FrozenDict


def test_a_change_to_the_original_does_not_reach_the_frozen_copy() -> None:
    inner = [1]
    original = {"a": inner}
    frozen = freeze(original)
    inner.append(2)
    original["b"] = [3]
    assert frozen == {"a": [1]}


def test_a_frozen_value_is_answered_as_it_is() -> None:
    frozen = freeze({"a": [1]})
    assert freeze(frozen) is frozen
    assert freeze({"b": frozen})["b"] is frozen


@pytest.mark.parametrize("levels", [MAX_DEPTH, MAX_DEPTH + 1])
def test_119_levels_are_the_most(levels: int) -> None:
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    if levels > MAX_DEPTH:
        with pytest.raises(EncodeError, match="nested more than 119 levels deep"):
            freeze(value)
    else:
        assert height(freeze(value)) == MAX_DEPTH


def test_levels_are_counted_through_parts_frozen_before() -> None:
    part: Any = {}
    for _ in range(MAX_DEPTH - 1):
        part = {"a": part}
    frozen = freeze(part)
    with pytest.raises(EncodeError) as caught:
        freeze({"outer": frozen})
    assert caught.value.path == "outer"


def test_a_value_that_contains_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(EncodeError, match="nested more than"):
        freeze(value)


def _delete(value: Any, key: Any) -> None:
    del value[key]


def _assign(value: Any, key: Any) -> None:
    value[key] = 2


def _merge(value: Any) -> None:
    value |= {"b": 1}


def _extend(value: Any) -> None:
    value += [1]


def _repeat(value: Any) -> None:
    value *= 2


DICT_CHANGES: dict[str, Any] = {
    "__setitem__": lambda d: _assign(d, "a"),
    "__delitem__": lambda d: _delete(d, "a"),
    "__ior__": _merge,
    "clear": lambda d: d.clear(),
    "pop": lambda d: d.pop("a"),
    "popitem": lambda d: d.popitem(),
    "setdefault": lambda d: d.setdefault("b", 1),
    "update": lambda d: d.update(b=1),
}

LIST_CHANGES: dict[str, Any] = {
    "__setitem__": lambda x: _assign(x, slice(0, 1)),
    "__delitem__": lambda x: _delete(x, 0),
    "__iadd__": _extend,
    "__imul__": _repeat,
    "append": lambda x: x.append(1),
    "clear": lambda x: x.clear(),
    "extend": lambda x: x.extend([1]),
    "insert": lambda x: x.insert(0, 1),
    "pop": lambda x: x.pop(),
    "remove": lambda x: x.remove(3),
    "reverse": lambda x: x.reverse(),
    "sort": lambda x: x.sort(),
}


@pytest.mark.parametrize("method", DICT_CHANGES)
def test_no_method_changes_a_frozen_object(method: str) -> None:
    frozen = freeze({"a": 1})
    with pytest.raises(TypeError, match="frozen"):
        DICT_CHANGES[method](frozen)
    assert frozen == {"a": 1}


@pytest.mark.parametrize("method", LIST_CHANGES)
def test_no_method_changes_a_frozen_array(method: str) -> None:
    frozen = freeze([3, 1])
    with pytest.raises(TypeError, match="frozen"):
        LIST_CHANGES[method](frozen)
    assert frozen == [3, 1]


@pytest.mark.parametrize(
    ("cls", "changes"), [(dict, DICT_CHANGES), (list, LIST_CHANGES)], ids=["dict", "list"]
)
def test_every_changing_method_there_is_has_been_thought_of(
    cls: type[Any], changes: dict[str, Any]
) -> None:
    """A later Python may add one; this fails until it is refused as well, or named harmless."""
    harmless = {"copy", "count", "fromkeys", "get", "index", "items", "keys", "values"}
    public = {name for name in vars(cls) if not name.startswith("_")}
    operators = {name for name in vars(cls) if name.startswith("__i")} - {"__init__", "__iter__"}
    assert public | operators | {"__setitem__", "__delitem__"} == set(changes) | (harmless & public)


def test_copies_of_a_frozen_value_are_itself_and_dict_makes_a_free_one() -> None:
    frozen = freeze({"a": [1]})
    assert copy.copy(frozen) is frozen
    assert copy.deepcopy(frozen) is frozen
    assert copy.deepcopy(frozen["a"]) is frozen["a"]
    free = dict(frozen)
    free["b"] = 1
    assert frozen == {"a": [1]}


@pytest.mark.parametrize("value", [{"a": [1, {"b": 1e16}]}, [10**30], [], {}])
def test_a_pickled_value_comes_back_frozen_and_is_written_alike(value: Any) -> None:
    frozen = freeze(value)
    back = pickle.loads(pickle.dumps(frozen))
    assert type(back) is type(frozen)
    assert back == frozen
    assert compact(exact(back)) == compact(exact(frozen))
    assert freeze(back) is back


def test_a_frozen_value_is_a_dict_or_list_to_everybody_else() -> None:
    frozen = freeze({"a": [1, 2.5, None, True, "x"], "b": {}})
    assert json.dumps(frozen) == '{"a": [1, 2.5, null, true, "x"], "b": {}}'
    assert repr(frozen) == "{'a': [1, 2.5, None, True, 'x'], 'b': {}}"
    assert frozen["a"][0:2] == [1, 2.5]
    assert isinstance(frozen, dict)
    assert isinstance(frozen["a"], list)


def test_equal_values_hash_alike_whatever_the_order_of_keys() -> None:
    one, other = freeze({"a": 1, "b": [2]}), freeze({"b": [2], "a": 1})
    assert one == other
    assert hash(one) == hash(other)
    assert list(one) == ["a", "b"]
    assert list(other) == ["b", "a"]


def test_the_empty_object_is_empty() -> None:
    assert EMPTY == {}
    assert compact(exact(EMPTY)) == b"{}"


@pytest.mark.parametrize("sign", [1, -1])
def test_an_integer_longer_than_python_converts_is_refused_where_it_stands(sign: int) -> None:
    """A process that permits more digits could write such a text, and others could not read it."""
    longest = sign * (10**4_300 - 1)
    frozen = freeze({"n": [longest]})
    assert parse(compact(exact(frozen))) == {"n": [longest]}
    with pytest.raises(EncodeError) as caught:
        freeze({"n": [1, longest + sign]})
    assert caught.value.path == "n[1]"
    assert "4300 digits" in str(caught.value)
