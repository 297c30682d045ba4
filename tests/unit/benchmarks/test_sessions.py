"""The sessions are the same each time, grow by their turns, and are about as large as said."""

from __future__ import annotations

import itertools
import statistics

from a3s_store.core.snapshot import check_snapshot
from a3s_store.wire import compact, decode, encode, parse
from benchmarks.sessions import Growing, messages_json, only_messages, payload


def test_a_seed_always_gives_the_same_session() -> None:
    assert Growing("s", 3).grow_to(40) == Growing("s", 3).grow_to(40)
    assert Growing("s", 3).grow_to(40) != Growing("s", 4).grow_to(40)


def test_a_turn_adds_to_every_list_and_keeps_the_objects_before() -> None:
    growing = Growing("s", 3)
    before = growing.grow_to(30)
    after = growing.step()
    assert len(before.session.messages) == 30
    assert 2 <= len(after.session.messages) - 30 <= 4
    assert all(
        a is b for a, b in zip(before.session.messages, after.session.messages, strict=False)
    )
    for name, more in (("trace_events", 3), ("run_records", 1), ("artifacts", 1)):
        assert len(getattr(after, name)) == len(getattr(before, name)) + more
    assert len(after.run_records[-1].events) == 10  # type: ignore[index]
    assert after.session.cost_records[:-1] == before.session.cost_records


def test_a_session_can_be_saved_and_read_back() -> None:
    whole = Growing("s", 3).grow_to(30)
    check_snapshot(whole)
    assert decode(type(whole), parse(compact(encode(whole)))) == whole


def test_turns_are_as_large_as_the_readme_says() -> None:
    growing = Growing("s", 3)
    states = [growing.grow_to(400)] + [growing.step() for _ in range(100)]
    steps = list(itertools.pairwise(states))
    full = statistics.median(len(payload(*step)) for step in steps)
    bare = statistics.median(
        len(payload(only_messages(before), only_messages(after))) for before, after in steps
    )
    assert 12_000 < full < 20_000
    assert 2_500 < bare < 6_000
    assert 700 < len(messages_json(states[-1])) / len(states[-1].session.messages) < 1300


def test_messages_alone_have_no_collections() -> None:
    bare = only_messages(Growing("s", 3).grow_to(10))
    assert bare.artifacts is None
    assert bare.session.cost_records == ()
    assert len(bare.session.messages) == 10
