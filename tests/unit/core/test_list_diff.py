"""The plan of which rows change is correct for any two lists and small for common changes."""

from __future__ import annotations

import attrs
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.core.list_diff import (
    Plan,
    Run,
    begins,
    common,
    overlap,
    plan,
    recognise,
    shared_runs,
)

lists = st.lists(st.integers(0, 3), max_size=12)


def apply(old: list[int], new: list[int]) -> list[int]:
    steps = plan(old, new)
    kept = old[steps.drop_front : steps.drop_front + steps.keep]
    for position in steps.replace:
        kept[position] = new[position]
    return kept + new[steps.keep :]


@given(lists, lists)
def test_the_plan_turns_any_list_into_any_other(old: list[int], new: list[int]) -> None:
    assert apply(old, new) == new


@given(lists, lists)
def test_overlap_is_the_longest_end_of_one_that_begins_the_other(
    old: list[int], new: list[int]
) -> None:
    longest = max(m for m in range(min(len(old), len(new)) + 1) if old[len(old) - m :] == new[:m])
    assert overlap(old, new) == longest


@given(st.lists(st.integers(), unique=True, max_size=20), st.integers(0, 20), st.integers(0, 5))
def test_a_buffer_that_dropped_its_oldest_keeps_the_rest(
    values: list[int], dropped: int, grown: int
) -> None:
    old = [("value", value) for value in values]
    added = [("new", n) for n in range(grown)]
    new = [*old[dropped:], *added]
    steps = plan(old, new)
    if len(old) > dropped:
        assert (steps.drop_front, steps.replace) == (dropped, ())
        assert len(new) - steps.keep == grown


def test_a_changed_last_value_and_a_dropped_first_one_touch_one_row_each() -> None:
    steps = plan(["a", "b", "c", "d"], ["b", "c", "D", "e"])
    assert (steps.drop_front, steps.keep, steps.replace) == (1, 3, (2,))


def test_a_long_list_of_equal_values_is_compared_in_linear_time() -> None:
    # The plain way takes 10^10 comparisons here and would not come back.
    assert overlap(["x"] * 100_000, ["x"] * 99_999 + ["y"]) == 99_999


# -- Values that are compared by identity first ---------------------------------------------------


@attrs.frozen
class Value:
    """Compares like a model: equal by content, without order."""

    number: int


Values = tuple[Value, ...]
values = st.lists(st.integers(0, 3).map(Value), max_size=12).map(tuple)


def rebuilt(old: Values) -> Values:
    """Equal values, none of them the same object."""
    return tuple(Value(value.number) for value in old)


@given(values, values)
def test_a_list_begins_with_another_exactly_when_it_starts_so(old: Values, new: Values) -> None:
    assert begins(new, old) is (new[: len(old)] == old)
    assert begins(rebuilt(old) + new, old)
    assert begins(old + new, old)


@given(values, values, values)
def test_common_is_the_longest_front_that_two_lists_share(
    front: Values, old: Values, new: Values
) -> None:
    first, second = front + old, rebuilt(front) + new
    shared = common(first, second)
    assert shared >= len(front)
    assert first[:shared] == second[:shared]
    assert first[: shared + 1] != second[: shared + 1] or shared == min(len(first), len(second))


def taken_on(old: Values, new: Values) -> Values:
    """Return the new list as the rows have it: replaced and added values are the new objects."""
    steps = recognise(old, new)
    kept = list(old[steps.drop_front : steps.drop_front + steps.keep])
    assert len(kept) == steps.keep
    for position in steps.replace:
        assert kept[position] != new[position], "no row is rewritten with what it holds"
        kept[position] = new[position]
    return (*kept, *new[steps.keep :])


@given(values, values)
def test_what_is_recognised_turns_any_values_into_any_others(old: Values, new: Values) -> None:
    assert taken_on(old, new) == new


@given(values, st.lists(st.tuples(st.integers(0, 11), st.booleans()), max_size=12))
def test_any_mixture_of_kept_and_rebuilt_values_is_recognised_rightly(
    old: Values, picks: list[tuple[int, bool]]
) -> None:
    if old:
        mixed = [(old[place % len(old)], same) for place, same in picks]
        new = tuple(value if same else Value(value.number) for value, same in mixed)
        assert taken_on(old, new) == new


@given(values, st.integers(0, 12), values, st.data())
def test_a_buffer_of_objects_that_dropped_its_oldest_keeps_the_rest_untouched(
    old: Values, dropped: int, added: Values, data: st.DataObject
) -> None:
    """Whether what stayed is the same objects, equal ones, or some of each."""
    stayed = old[dropped:]
    kind = data.draw(st.sampled_from(("same", "rebuilt", "mixed")))
    if kind == "rebuilt":
        stayed = rebuilt(stayed)
    elif kind == "mixed":
        same = st.lists(st.booleans(), min_size=len(stayed), max_size=len(stayed))
        picks = zip(stayed, data.draw(same), strict=True)
        stayed = tuple(value if pick else Value(value.number) for value, pick in picks)
    steps = recognise(old, stayed + added)
    assert steps.keep - len(steps.replace) >= len(stayed)


def test_a_buffer_of_different_values_drops_just_its_oldest() -> None:
    old = tuple(map(Value, range(200)))
    added = tuple(map(Value, range(200, 203)))
    for stayed in (old[3:], rebuilt(old[3:])):
        assert recognise(old, stayed + added) == Plan(3, 197, ())


def test_one_changed_value_in_a_long_list_is_the_only_one_replaced() -> None:
    old = tuple(map(Value, range(200)))
    for same in (old, rebuilt(old)):
        new = (*same[:120], Value(-1), *same[121:], Value(200))
        assert recognise(old, new) == Plan(0, 200, (120,))


@given(lists, lists, st.integers(0, 12))
def test_runs_are_what_two_lists_share_in_the_order_of_the_new_one(
    old: list[int], new: list[int], start: int
) -> None:
    runs = shared_runs(old, new, start)
    covered: list[int] = []
    for run in runs:
        assert run.count > 0
        assert new[run.new : run.new + run.count] == old[run.old : run.old + run.count]
        covered += range(run.new, run.new + run.count)
    assert covered == [i for i in range(start, len(new)) if new[i] in old]


def test_a_list_without_its_front_and_one_with_a_changed_value_are_one_run_and_two() -> None:
    old = [*range(100)]
    assert shared_runs(old, [*range(1, 101)], 0) == [Run(0, 1, 99)]
    assert shared_runs(old, [*range(50), -1, *range(51, 100)], 50) == [Run(51, 51, 49)]
    assert shared_runs([7] * 5, [7] * 4, 0) == [Run(0, 0, 4)]
