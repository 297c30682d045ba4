"""What a save writes follows from header, cache and batch alone, and adds up to the digest."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from a3s_store.core.batch import Batch
from a3s_store.core.collections import (
    ARTIFACTS,
    COLLECTIONS,
    RUN_RECORDS,
    SESSION_ROWS,
    Collection,
)
from a3s_store.core.conversation import CachedConversation, Head
from a3s_store.core.digests import EMPTY_CHAIN, ListDigest, chain, message_digest
from a3s_store.core.parts import snapshot_digest_of_parts as digest_of_parts
from a3s_store.core.save_plan import SavePlan, lists_to_look_up, plan_save
from a3s_store.core.session_cache import NO_ENTRY, CacheEntry
from a3s_store.core.session_header import SessionHeader
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.testing import samples, strategies
from a3s_store.wire import encode

UNSAVED = SessionHeader(1, 0, None, None, {}, 1)


@attrs.frozen
class Saved:
    """A session after a planned save: its header and cache entry."""

    header: SessionHeader
    entry: CacheEntry
    plan: SavePlan


def conversation_of(snapshot: SessionSnapshot) -> CachedConversation:
    messages = snapshot.session.messages
    hashes = chain([message_digest(encode(message)) for message in messages])
    return CachedConversation(
        messages, Head(1, len(messages)), hashes[-1] if hashes else EMPTY_CHAIN
    )


def saved(snapshot: SessionSnapshot, header: SessionHeader, entry: CacheEntry) -> Saved:
    """Plan a save of the whole snapshot, as if its messages were placed on branch 1."""
    batch = Batch(
        op="save_snapshot",
        session_id="s",
        session=snapshot.session,
        collections=snapshot.collections(),
        retained_artifact_uris=snapshot.retained_artifact_uris,
    )
    plan = plan_save(batch, header, entry)
    line = conversation_of(snapshot)
    parts = plan.parts(ListDigest(line.head.length, line.chain_hash))
    after = attrs.evolve(
        header,
        generation=header.generation + 1,
        head=line.head,
        parts=parts,
        digest=digest_of_parts(parts),
    )
    return Saved(after, plan.cache_entry(after.generation, parts, line), plan)


def snapshots() -> st.SearchStrategy[SessionSnapshot]:
    return strategies.session_snapshot("s", size=2)


@settings(max_examples=30)
@given(snapshots(), snapshots(), st.booleans())
def test_the_parts_of_a_plan_have_the_digest_of_the_snapshot(
    first: SessionSnapshot, second: SessionSnapshot, cached: bool
) -> None:
    before = saved(first, UNSAVED, NO_ENTRY)
    assert before.header.digest == first.digest()
    after = saved(second, before.header, before.entry if cached else NO_ENTRY)
    assert after.header.digest == second.digest()


@settings(max_examples=30)
@given(snapshots(), st.booleans())
def test_saving_what_is_stored_writes_nothing(snapshot: SessionSnapshot, cached: bool) -> None:
    before = saved(snapshot, UNSAVED, NO_ENTRY)
    plan = saved(snapshot, before.header, before.entry if cached else NO_ENTRY).plan
    assert plan.session is not None
    assert plan.config is not None
    assert (plan.session.tree, plan.config.tree, plan.writes_uris) == (None, None, False)
    assert [name for name, (_, one) in plan.lists.items() if one.writes] == []


def test_every_list_of_a_session_and_every_collection_is_planned() -> None:
    plan = saved(samples.rich_snapshot("s"), UNSAVED, NO_ENTRY).plan
    names = [*SESSION_ROWS.lists, *(collection.name for collection in COLLECTIONS)]
    assert [name for name, (_, one) in plan.lists.items() if one.writes] == names


def test_a_batch_without_a_session_leaves_its_parts_alone() -> None:
    before = saved(samples.rich_snapshot("s"), UNSAVED, NO_ENTRY)
    batch = Batch(op="save_run_records", session_id="s", collections={RUN_RECORDS: None})
    plan = plan_save(batch, before.header, before.entry)

    parts = plan.parts(None)
    assert parts == {
        name: part for name, part in before.header.parts.items() if name != "run_records"
    }
    entry = plan.cache_entry(2, parts, None)
    assert "run_records" not in entry.collections
    assert entry.session is before.entry.session


def test_row_digests_are_looked_up_once_and_only_for_changed_lists_that_need_them() -> None:
    snapshot = samples.rich_snapshot("s")
    before = saved(snapshot, UNSAVED, NO_ENTRY)
    fresh = before.entry._replace(row_digests={})  # as after a load
    assert snapshot.run_records is not None
    changed: dict[Collection, tuple[Any, ...] | None] = {
        **snapshot.collections(),
        RUN_RECORDS: (*snapshot.run_records, samples.run_record("new")),
        ARTIFACTS: (samples.artifact("new"),),
    }
    batch = Batch(op="save_snapshot", session_id="s", collections=changed)
    assert [name for name, _ in lists_to_look_up(batch, before.header, fresh)] == ["run_records"]
    assert [*lists_to_look_up(batch, before.header, before.entry)] == []


def test_a_save_of_a_list_whose_rows_are_not_known_does_not_make_them_known() -> None:
    snapshot = samples.rich_snapshot("s")
    before = saved(snapshot, UNSAVED, NO_ENTRY)
    loaded = before.entry._replace(row_digests={})
    unchanged = saved(snapshot, before.header, loaded)
    assert unchanged.entry.rows("run_records", unchanged.header.parts) is None


def test_row_digests_of_another_list_than_the_stored_one_are_not_used() -> None:
    before = saved(samples.rich_snapshot("s"), UNSAVED, NO_ENTRY)
    other = {**before.header.parts, "run_records": ListDigest(1, b"x" * 32)}
    assert before.entry.rows("run_records", before.header.parts) is not None
    assert before.entry.rows("run_records", other) is None
