"""A session and its descendants, with any parents: circles, absent ones, itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from a3s_store.core.session_tree import below

IDS = st.sampled_from("abcdefgh")


def leads_to(one: str, root: str, parents: dict[str, str | None]) -> bool:
    """Follow the parents of one session until its root, a circle or the end."""
    seen: set[str] = set()
    at: str | None = one
    while at is not None and at not in seen:
        if at == root:
            return True
        seen.add(at)
        at = parents.get(at)
    return False


@given(root=IDS, parents=st.dictionaries(IDS, st.none() | IDS))
def test_all_whose_parents_lead_there_are_below_and_each_is_named_once(
    root: str, parents: dict[str, str | None]
) -> None:
    found = below(root, parents)
    assert sorted(found) == sorted({root, *(i for i in parents if leads_to(i, root, parents))})


@given(root=IDS, parents=st.dictionaries(IDS, st.none() | IDS))
def test_a_parent_comes_behind_its_children_unless_they_lead_in_a_circle(
    root: str, parents: dict[str, str | None]
) -> None:
    found = below(root, {**parents, root: None})
    assert found[-1] == root
    for place, one in enumerate(found[:-1]):
        assert parents[one] in found[place + 1 :]


def test_ten_thousand_generations_are_followed() -> None:
    parents = {str(n): str(n - 1) for n in range(1, 10_000)}
    assert below("0", parents) == [str(n) for n in reversed(range(10_000))]
