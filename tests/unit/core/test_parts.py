"""The packed digests of parts are a mapping, and give the digest that stored snapshots have."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.core.collections import COLLECTIONS, SESSION_ROWS
from a3s_store.core.corruption import CorruptRowError
from a3s_store.core.digests import URIS, ListDigest
from a3s_store.core.parts import Parts

NAMES = ["messages", "session", "config", URIS, *SESSION_ROWS.lists]
NAMES += [collection.name for collection in COLLECTIONS]
ALWAYS = set(NAMES) - {one.name for one in COLLECTIONS if one.since > 1}
DIGESTS = st.builds(ListDigest, st.integers(0, 2**40), st.binary(min_size=32, max_size=32))
PARTS = st.dictionaries(st.sampled_from([*NAMES, "findings", "other"]), DIGESTS)


def by_rule(parts: dict[str, ListDigest]) -> str:
    """The digest of a snapshot as docs/data-on-disk.md has it."""
    whole = b"a3s_store.session-snapshot.v1\0"
    for name in sorted({*ALWAYS, *parts}):
        whole += name.encode() + b"\0"
        part = parts.get(name)
        whole += b"\0" if part is None else b"\1" + part.count.to_bytes(8, "big") + part.digest
    return "sha256:" + hashlib.sha256(whole).hexdigest()


@given(PARTS, PARTS, st.sets(st.sampled_from(NAMES)))
def test_changed_parts_are_those_of_a_changed_dictionary(
    first: dict[str, ListDigest], changes: dict[str, ListDigest], removed: set[str]
) -> None:
    before = Parts.of(first)
    after = before.changed(changes, removed)
    expected = {key: part for key, part in {**first, **changes}.items() if key not in removed}
    assert after == expected
    assert after == Parts.of(expected)
    assert {*after.differing(before)} == {
        key for key, part in expected.items() if first.get(key) != part
    }
    assert {*before.lacking(after)} == first.keys() - expected.keys()
    assert before == first, "it is left as it was"
    assert before.digest() == by_rule(first)
    assert after.digest() == by_rule(expected)
    assert (after == before) == (expected == first)


@pytest.mark.parametrize("part", [ListDigest(1, bytes(31)), ListDigest(-1, bytes(32))])
def test_a_digest_that_no_part_has_is_damage(part: ListDigest) -> None:
    with pytest.raises(CorruptRowError) as caught:
        Parts.of({"messages": part})
    assert caught.value.part == "messages"
