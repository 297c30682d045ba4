"""Which rows stay: the plan is right for any two lists, and small for the common ones."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from a3s_store.sqlite.diff import overlap, plan

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
