"""Digests are the same in every release, and are updated without reading the list again."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.core.digests import EMPTY_CHAIN, EMPTY_LIST, ListDigest, chain
from a3s_store.core.snapshot import SessionSnapshot
from a3s_store.models import (
    LlmCostRecord,
    Message,
    SessionConfig,
    SessionData,
    SubagentProgressEntry,
    SubagentStatus,
    SubagentTaskSnapshot,
    Task,
    TaskStatus,
    VerificationCheck,
    VerificationReport,
    VerificationStatus,
)
from tests import support

# Stored digests, and those that callers keep in order to compare, were made by these rules.
# A literal that has to be changed here means that each existing file fails its verification.
BARE = SessionSnapshot(session=SessionData(id="s", created_at=1, updated_at=2))
FULL = SessionSnapshot(
    session=SessionData(
        id="ünï/s",
        config=SessionConfig(name="fix the login", workspace="/w"),
        messages=(Message.user("why?"), Message.assistant("since")),
        cost_records=(
            LlmCostRecord(
                model="m",
                provider="p",
                prompt_tokens=1,
                completion_tokens=2,
                total_tokens=3,
                cost_usd=0.5,
                timestamp="2026-01-02T03:04:05Z",
            ),
        ),
        tasks=(Task(id="t1", content="look", status=TaskStatus.PENDING),),
        created_at=1_779_100_000,
        updated_at=1_779_100_001,
    ),
    artifacts=(support.artifact(1), support.artifact(2, size=40_000)),
    retained_artifact_uris=("a3s://tool-output/bash/0000000000000001",),
    trace_events=(support.trace(1), support.trace(2)),
    run_records=(support.run(1, events=3),),
    verification_reports=(
        VerificationReport(
            subject="tests",
            status=VerificationStatus.PASSED,
            checks=(
                VerificationCheck(
                    id="c", kind="test", description="d", status=VerificationStatus.PASSED
                ),
            ),
        ),
    ),
    subagent_tasks=(
        SubagentTaskSnapshot(
            task_id="t",
            parent_session_id="ünï/s",
            child_session_id="c",
            agent="a",
            description="d",
            status=SubagentStatus.RUNNING,
            started_ms=1,
            updated_ms=2,
            progress=(SubagentProgressEntry(timestamp_ms=1, status="begun", metadata={"k": [1]}),),
        ),
    ),
)
EMPTY_LISTS = BARE.evolve(
    artifacts=(), trace_events=(), run_records=(), verification_reports=(), subagent_tasks=()
)


@pytest.mark.parametrize(
    ("snapshot", "digest"),
    [
        (BARE, "sha256:392a67fc2a76d0b88937b04d37a09a8df6bb7d5195a6c495c06574235075244f"),
        (EMPTY_LISTS, "sha256:97e0f5f257468408319b6d0ee0fe9d37bad4844b1e96d78f8b3580dff94669b0"),
        (FULL, "sha256:a6303f86a3e05b1609a8c79f0cd39d5ca95fbd85ea7a00a5d0f7dcbd7ad05197"),
    ],
    ids=["no collection", "empty collections", "every collection"],
)
def test_the_digest_of_a_fixed_snapshot_is_the_one_every_release_gave(
    snapshot: SessionSnapshot, digest: str
) -> None:
    assert snapshot.digest() == digest


def test_chain_hashes_and_list_digests_are_the_ones_every_release_gave() -> None:
    hashes = [hashlib.sha256(bytes([n])).digest() for n in range(3)]
    assert EMPTY_CHAIN.hex() == 64 * "0"
    assert (
        chain(hashes)[-1].hex()
        == "66a8cbab3a6f64fc0f640053453153d41cce637c59fbe9f7e0bafadb36fb1d3c"
    )
    assert (
        EMPTY_LIST.appended(hashes).digest.hex()
        == "5b22cf8e46d6d4f488cb0c983a4852840d021983d969e8fa61873ae4ee07e461"
    )


# Any 32 bytes, also those above the prime, which no list may tell from smaller ones by accident.
HASHES = st.one_of(
    st.binary(min_size=32, max_size=32), st.sampled_from((bytes(32), b"\xff" * 32, b"\x01" * 32))
)
LISTS = st.lists(HASHES, max_size=12)


def list_digest(hashes: list[bytes]) -> ListDigest:
    """By definition: the sum of h(i) * B^(n-1-i), one value at a time."""
    found = EMPTY_LIST
    for item in hashes:
        found = found.appended([item])
    return found


@given(LISTS, LISTS)
def test_appending_at_once_is_appending_one_by_one(front: list[bytes], back: list[bytes]) -> None:
    assert list_digest(front).appended(back) == list_digest([*front, *back])
    assert EMPTY_LIST.appended(front).appended(back) == EMPTY_LIST.appended([*front, *back])


@given(LISTS, LISTS)
def test_without_its_first_values_a_list_is_the_rest(front: list[bytes], back: list[bytes]) -> None:
    assert list_digest([*front, *back]).without_first(front) == list_digest(back)


@given(LISTS, LISTS)
def test_without_its_last_values_a_list_is_the_rest(front: list[bytes], back: list[bytes]) -> None:
    assert list_digest([*front, *back]).without_last(back) == list_digest(front)


@given(LISTS, HASHES, HASHES, LISTS)
def test_a_replaced_value_stands_where_the_old_one_stood(
    front: list[bytes], old: bytes, new: bytes, back: list[bytes]
) -> None:
    before = list_digest([*front, old, *back])
    assert before.replaced(len(front), old, new) == list_digest([*front, new, *back])


@given(LISTS)
def test_a_list_without_its_values_is_nothing(hashes: list[bytes]) -> None:
    assert list_digest(hashes).without_first(hashes) == EMPTY_LIST
    assert list_digest(hashes).without_last(hashes) == EMPTY_LIST


@given(st.data(), LISTS, LISTS)
def test_any_plan_leads_to_what_the_new_list_would_have_given(
    data: st.DataObject, old: list[bytes], added: list[bytes]
) -> None:
    """Items dropped at both ends, replaced and added, as a save changes a collection."""
    start = data.draw(st.integers(0, len(old)), "drop_front")
    end = data.draw(st.integers(start, len(old)), "end of what is kept")
    kept = old[start:end]
    found = list_digest(old).without_first(old[:start]).without_last(old[end:])
    for position in data.draw(st.sets(st.sampled_from(range(len(kept)))) if kept else st.just(())):
        new = data.draw(HASHES, "new value")
        found = found.replaced(position, kept[position], new)
        kept[position] = new
    assert found.appended(added) == list_digest([*kept, *added])


@given(st.lists(HASHES, min_size=1, max_size=12), st.integers(0, 11), HASHES)
def test_another_value_anywhere_is_another_list_digest(
    hashes: list[bytes], position: int, other: bytes
) -> None:
    position %= len(hashes)
    changed = [*hashes[:position], other, *hashes[position + 1 :]]
    prime = 2**255 - 19
    alike = (int.from_bytes(other, "big") - int.from_bytes(hashes[position], "big")) % prime == 0
    assert (list_digest(changed) == list_digest(hashes)) is alike
