"""What stands for a list is kept up to date without reading it: always as if made from scratch."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from a3s_store.snapshot import NOTHING, Extent

# Any 32 bytes, also those above the prime, which no list may tell from smaller ones by accident.
HASHES = st.one_of(
    st.binary(min_size=32, max_size=32), st.sampled_from((bytes(32), b"\xff" * 32, b"\x01" * 32))
)
LISTS = st.lists(HASHES, max_size=12)


def extent(hashes: list[bytes]) -> Extent:
    """By definition: the sum of h(i) * B^(n-1-i), one value at a time."""
    found = NOTHING
    for item in hashes:
        found = found.appended([item])
    return found


@given(LISTS, LISTS)
def test_appending_at_once_is_appending_one_by_one(front: list[bytes], back: list[bytes]) -> None:
    assert extent(front).appended(back) == extent([*front, *back])
    assert NOTHING.appended(front).appended(back) == NOTHING.appended([*front, *back])


@given(LISTS, LISTS)
def test_without_its_first_values_a_list_is_the_rest(front: list[bytes], back: list[bytes]) -> None:
    assert extent([*front, *back]).without_first(front) == extent(back)


@given(LISTS, LISTS)
def test_without_its_last_values_a_list_is_the_rest(front: list[bytes], back: list[bytes]) -> None:
    assert extent([*front, *back]).without_last(back) == extent(front)


@given(LISTS, HASHES, HASHES, LISTS)
def test_a_replaced_value_stands_where_the_old_one_stood(
    front: list[bytes], old: bytes, new: bytes, back: list[bytes]
) -> None:
    before = extent([*front, old, *back])
    assert before.replaced(len(front), old, new) == extent([*front, new, *back])


@given(LISTS)
def test_a_list_without_its_values_is_nothing(hashes: list[bytes]) -> None:
    assert extent(hashes).without_first(hashes) == NOTHING
    assert extent(hashes).without_last(hashes) == NOTHING


@given(st.data(), LISTS, LISTS)
def test_any_plan_leads_to_what_the_new_list_would_have_given(
    data: st.DataObject, old: list[bytes], added: list[bytes]
) -> None:
    """Dropped at both ends, some replaced, some added: the way a save changes a shelf."""
    start = data.draw(st.integers(0, len(old)), "drop_front")
    end = data.draw(st.integers(start, len(old)), "end of what is kept")
    kept = old[start:end]
    found = extent(old).without_first(old[:start]).without_last(old[end:])
    for position in data.draw(st.sets(st.sampled_from(range(len(kept)))) if kept else st.just(())):
        new = data.draw(HASHES, "new value")
        found = found.replaced(position, kept[position], new)
        kept[position] = new
    assert found.appended(added) == extent([*kept, *added])


@given(st.lists(HASHES, min_size=1, max_size=12), st.integers(0, 11), HASHES)
def test_another_value_anywhere_is_another_extent(
    hashes: list[bytes], position: int, other: bytes
) -> None:
    position %= len(hashes)
    changed = [*hashes[:position], other, *hashes[position + 1 :]]
    prime = 2**255 - 19
    alike = (int.from_bytes(other, "big") - int.from_bytes(hashes[position], "big")) % prime == 0
    assert (extent(changed) == extent(hashes)) is alike
