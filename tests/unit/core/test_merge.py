"""Three-way merges of values, counters, lists, sets and keyed values: the laws of each."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from a3s_store.core.merging.lists import (
    MOST,
    added_to,
    merge_cost,
    merge_keyed,
    merge_log,
    merge_set,
    merge_total,
    merge_value,
    same,
)
from a3s_store.testing.strategies import json_values

LISTS = st.lists(st.integers(0, 3), max_size=6).map(tuple)
IDS = st.sampled_from("abcd")
SETS = st.lists(IDS, unique=True).map(tuple)
KEYED = st.dictionaries(IDS, st.integers(0, 2))
COSTS = st.floats(allow_nan=False, allow_infinity=False)
COUNTS = st.integers(0, MOST)


# -- Values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "expected", "told"),
    [
        ("b", "b", "b", "b", []),
        ("b", "b", "t", "t", []),
        ("b", "o", "b", "o", []),
        ("b", "x", "x", "x", []),
        ("b", "o", "t", "o", ["title"]),
        (1, True, 1, True, []),
        (0.0, -0.0, 0.0, -0.0, []),
    ],
)
def test_a_value_is_of_whoever_changed_it(
    base: Any, ours: Any, theirs: Any, expected: Any, told: list[str]
) -> None:
    overwritten: list[str] = []
    assert same(merge_value(base, ours, theirs, overwritten, "title"), expected)
    assert overwritten == told


@given(json_values(), json_values())
def test_values_are_the_same_when_they_are_written_alike(one: Any, other: Any) -> None:
    assert same(one, one)
    if same(one, other):
        assert one == other
        assert same(other, one)


# -- Counters and sums -----------------------------------------------------------------------------


@given(COUNTS, COUNTS, COUNTS)
def test_a_counter_has_what_both_counted(base: int, ours: int, theirs: int) -> None:
    assert merge_total(base, base, theirs) == theirs
    found = merge_total(base, ours, theirs)
    assert 0 <= found <= MOST
    if ours < base:
        assert found == ours
    elif theirs + ours - base <= MOST:
        assert found - theirs == ours - base


def test_what_two_counted_is_counted_once_each() -> None:
    assert merge_total(5, 8, 6) == 9


@given(COSTS, COSTS, COSTS, st.lists(COSTS, max_size=3))
@example(sys.float_info.max, sys.float_info.max, sys.float_info.max, [sys.float_info.max])
@example(-sys.float_info.max, -1e308, -sys.float_info.max / 2, [])
def test_a_sum_is_finite_and_theirs_or_ours_where_only_one_changed(
    base: float, ours: float, theirs: float, added: list[float]
) -> None:
    assert same(merge_cost(base, base, theirs, added), theirs)
    assert same(merge_cost(base, ours, base, added), ours)
    assert math.isfinite(merge_cost(base, ours, theirs, added))


@given(st.lists(st.floats(0, 100), max_size=4), st.lists(st.floats(0, 100), max_size=4))
def test_costs_of_both_are_summed_without_error(mine: list[float], added: list[float]) -> None:
    base = 0.1
    ours, theirs = base, base
    for cost in mine:
        ours += cost
    for cost in added:
        theirs += cost
    found = merge_cost(base, ours, theirs, mine)
    if ours != base and theirs != base:
        assert found == math.fsum((theirs, *mine))


def test_a_sum_that_the_host_set_back_stands() -> None:
    assert merge_cost(5.0, 1.0, 7.0, ()) == 1.0
    assert merge_total(5, 1, 7) == 1


# -- Lists that grow at their end ------------------------------------------------------------------


@given(LISTS, LISTS, LISTS)
def test_a_log_is_of_the_side_that_changed_it(
    base: Sequence[int], ours: Sequence[int], theirs: Sequence[int]
) -> None:
    assert merge_log(base, base, theirs) == theirs
    assert merge_log(base, ours, base) == ours


@given(LISTS, LISTS, LISTS, st.integers(0, 6), st.integers(0, 6))
def test_a_log_keeps_what_both_added_and_loses_what_either_trimmed(
    base: Sequence[int], mine: Sequence[int], added: Sequence[int], cut: int, trimmed: int
) -> None:
    old = tuple(f"{number}: {item}" for number, item in enumerate(base))  # all different
    cut, trimmed = min(cut, len(old)), min(trimmed, len(old))
    new = tuple(f"ours {item}" for item in mine)
    theirs = tuple(f"theirs {item}" for item in added)
    found = merge_log(old, old[cut:] + new, old[trimmed:] + theirs)
    assert found == old[max(cut, trimmed) :] + theirs + new


@given(LISTS, LISTS, st.integers(0, 6))
def test_a_log_of_equal_values_loses_nothing_that_was_added(
    base: Sequence[int], added: Sequence[int], cut: int
) -> None:
    theirs = (*base, 9, 9)
    new = tuple(10 + item for item in added)
    found = merge_log(base, (*base[cut:], *new), theirs)
    assert found[len(found) - len(new) :] == new
    assert found.count(9) == 2


def test_a_log_that_was_replaced_is_all_new() -> None:
    assert merge_log("ab", "xy", "abc") == ("c", "x", "y")
    assert merge_log("ab", "abc", "xy") == ("x", "y", "c")
    assert added_to("ab", "xy") == "xy"


# -- Values with an identity -----------------------------------------------------------------------


def larger(_: str, __: int | None, ours: int, theirs: int) -> Mapping[str, int]:
    return {_: max(ours, theirs)}


@given(KEYED, KEYED, KEYED)
def test_keyed_values(base: dict[str, int], ours: dict[str, int], theirs: dict[str, int]) -> None:
    found = merge_keyed(base, ours, theirs, larger)
    # In order, too.
    assert [*merge_keyed(base, base, theirs, larger).items()] == [*theirs.items()]
    assert [*merge_keyed(base, ours, base, larger).items()] == [*ours.items()]
    for side, other in ((ours, theirs), (theirs, ours)):
        for key in side:
            if base.get(key) != side[key]:
                assert key in found
        for key in base:
            if key not in side and other.get(key) == base[key]:
                assert key not in found


def test_only_a_value_that_both_changed_is_asked_about() -> None:
    asked = []

    def both(key: str, base: int | None, ours: int, theirs: int) -> Mapping[str, int]:
        asked.append((key, base, ours, theirs))
        return {key: theirs, f"{key}'": ours}

    base = {"a": 0, "b": 0, "c": 0}
    ours = {"a": 1, "b": 1, "d": 1}
    theirs = {"a": 2, "b": 0, "c": 0, "d": 2}
    found = merge_keyed(base, ours, theirs, both)
    assert asked == [("a", 0, 1, 2), ("d", None, 1, 2)]
    assert [*found.items()] == [("a", 2), ("a'", 1), ("b", 1), ("d", 2), ("d'", 1)]


def test_none_is_a_value_like_any_other() -> None:
    def never(key: str, base: Any, ours: Any, theirs: Any) -> Mapping[str, Any]:
        raise AssertionError(key)

    assert merge_keyed({}, {"k": None}, {"x": 1}, never) == {"x": 1, "k": None}
    assert merge_keyed({"k": None}, {"k": None, "y": 2}, {}, never) == {"y": 2}


def test_a_value_that_only_looks_equal_is_a_change() -> None:
    found = merge_keyed({"k": 1}, {"k": True}, {"k": 1, "x": 1}, larger)
    assert same(found["k"], True)


# -- Ordered sets ----------------------------------------------------------------------------------


@given(SETS, SETS, SETS)
def test_a_set_has_what_either_added_and_not_what_either_removed(
    base: Sequence[str], ours: Sequence[str], theirs: Sequence[str]
) -> None:
    found = merge_set(base, ours, theirs)
    assert merge_set(base, base, theirs) == theirs
    assert merge_set(base, ours, base) == ours
    assert {*found} == {*merge_set(base, theirs, ours)}
    assert len(found) == len({*found})
    for key in {*base, *ours, *theirs}:
        added = key not in base and (key in ours or key in theirs)
        kept = key in base and key in ours and key in theirs
        assert (key in found) == (added or kept)


def test_a_list_of_rules_that_repeats_one_is_left_as_it_is() -> None:
    assert merge_set("ab", "ab", "aab") == ("a", "a", "b")
