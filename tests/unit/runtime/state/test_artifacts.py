"""The artifacts of a live session: limits, pins, and restoring without losing any."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from a3s_store.errors import SessionConfigError, SessionError
from a3s_store.models import ToolArtifact
from a3s_store.runtime.state.artifacts import ArtifactCollection

URIS = st.sampled_from(["a3s://a", "a3s://b", "a3s://c", "a3s://d", "a3s://e"])
CONTENTS = st.sampled_from(["", "x", "xyz", "größer", "x" * 20])
LIMITS = st.none() | st.integers(0, 24)


def artifact(uri: str, content: str = "text") -> ToolArtifact:
    return ToolArtifact(
        artifact_id=f"id of {uri}",
        artifact_uri=uri,
        tool_name="bash",
        content=content,
        original_bytes=999,
        shown_bytes=1,
    )


def uris(collection: ArtifactCollection) -> list[str]:
    return [one.artifact_uri for one in collection.artifacts()]


class ArtifactMachine(RuleBasedStateMachine):
    """A1, A2, A3, A4: always what a list, evicted naively from its front, would hold."""

    @initialize(count=LIMITS, size=LIMITS)
    def begin(self, count: int | None, size: int | None) -> None:
        self.count, self.size = count, size
        self.live = ArtifactCollection(max_artifacts=count, max_bytes=size)
        self.model: list[ToolArtifact] = []
        self.pinned: set[str] = set()

    def evict(self) -> None:
        def over() -> bool:
            size = sum(len(one.content.encode()) for one in self.model)
            too_many = self.count is not None and len(self.model) > self.count
            return too_many or (self.size is not None and size > self.size)

        while over() and (free := [o for o in self.model if o.artifact_uri not in self.pinned]):
            self.model.remove(free[0])

    @rule(uri=URIS, content=CONTENTS)
    def put(self, uri: str, content: str) -> None:
        self.live.put(artifact(uri, content))
        self.model = [one for one in self.model if one.artifact_uri != uri]
        self.model.append(artifact(uri, content))
        self.evict()

    @rule(uri=URIS, content=CONTENTS)
    def put_content_addressed(self, uri: str, content: str) -> None:
        new = artifact(uri, content)
        there = next((one for one in self.model if one.artifact_uri == uri), None)
        if there is not None and there != new:
            with pytest.raises(SessionError):
                self.live.put_content_addressed(new)
            return
        assert self.live.put_content_addressed(new) == (there is None)
        if there is None:
            self.model.append(new)
            self.evict()

    @rule(more=st.sets(URIS | st.just("")), exactly=st.booleans())
    def pin(self, more: set[str], exactly: bool) -> None:
        if exactly:
            self.live.set_retained_uris(more)
            self.pinned = more - {""}
        else:
            self.live.pin_uris(more)
            self.pinned |= more - {""}

    @rule()
    def collect(self) -> None:
        kept = [one for one in self.model if one.artifact_uri in self.pinned]
        assert self.live.gc_unreferenced() == len(self.model) - len(kept)
        self.model = kept

    @invariant()
    def it_is_the_model(self) -> None:
        found = self.live.artifacts()
        assert list(found) == self.model
        assert self.live.artifacts() is found
        assert self.live.retained_uris() == tuple(sorted(self.pinned))
        assert len(self.live) == len(self.model)
        assert self.live.total_bytes == sum(len(one.content.encode()) for one in self.model)
        for one in found:
            assert self.live.get(one.artifact_uri) is one


TestArtifactMachine = ArtifactMachine.TestCase


def test_limits_are_256_artifacts_and_16_mib_by_default() -> None:
    """A1."""
    collection = ArtifactCollection()
    assert (collection.max_artifacts, collection.max_bytes) == (256, 16 * 1024 * 1024)
    for number in range(257):
        collection.put(artifact(f"a3s://{number}"))
    assert len(collection) == 256
    assert collection.get("a3s://0") is None
    collection.put(artifact("a3s://large", "x" * (16 * 1024 * 1024 - 10)))
    assert uris(collection) == ["a3s://255", "a3s://256", "a3s://large"]


@pytest.mark.parametrize("name", ["max_artifacts", "max_bytes"])
def test_a_limit_that_is_none_is_refused_by_name(name: str) -> None:
    """A1."""
    bad: Any = {name: -1}
    with pytest.raises(SessionConfigError) as caught:
        ArtifactCollection(**bad)
    assert caught.value.field == name


def test_what_is_put_again_is_the_newest() -> None:
    """A2."""
    collection = ArtifactCollection(max_artifacts=2)
    for uri in ("a", "b", "a", "c"):
        collection.put(artifact(uri))
    assert uris(collection) == ["a", "c"]


def test_one_that_is_too_large_goes_itself_after_all_that_is_not_pinned() -> None:
    """A2."""
    collection = ArtifactCollection(max_bytes=10)
    for uri in ("free", "pinned"):
        collection.put(artifact(uri))
    collection.pin_uris(["pinned"])
    collection.put(artifact("large", "x" * 11))
    assert uris(collection) == ["pinned"]


def test_a_pin_holds_before_there_is_anything_to_hold() -> None:
    """A2, A4."""
    collection = ArtifactCollection(max_artifacts=1)
    collection.pin_uris(["later"])
    collection.put(artifact("later"))
    collection.put(artifact("other"))
    assert uris(collection) == ["later"]


def test_a_uri_of_other_content_is_refused_with_upstreams_words() -> None:
    """A3."""
    collection = ArtifactCollection()
    assert collection.put_content_addressed(artifact("u", "one"))
    assert not collection.put_content_addressed(artifact("u", "one"))
    with pytest.raises(SessionError) as caught:
        collection.put_content_addressed(artifact("u", "other"))
    assert caught.value.what == "artifact URI 'u' is already bound to different content"
    found = collection.get("u")
    assert found is not None
    assert found.content == "one"


def test_an_unpinned_artifact_goes_only_when_something_comes() -> None:
    """A4."""
    collection = ArtifactCollection(max_artifacts=1)
    collection.pin_uris(["a", "b"])
    collection.put(artifact("a"))
    collection.put(artifact("b"))
    collection.set_retained_uris([])
    assert uris(collection) == ["a", "b"]
    collection.put(artifact("c"))
    assert uris(collection) == ["c"]


@given(
    st.lists(st.builds(artifact, URIS, CONTENTS)),
    st.sets(URIS),
    st.none() | st.integers(0, 5),
    st.none() | st.integers(0, 40),
)
def test_a_stored_set_comes_back_whole_whatever_the_limits(
    stored: list[ToolArtifact], pinned: set[str], count: int | None, size: int | None
) -> None:
    """A5, P18."""
    made = ArtifactCollection.for_saved(stored, pinned, max_artifacts=count, max_bytes=size)
    last = {one.artifact_uri: one for one in stored}
    assert {one.artifact_uri: one for one in made.artifacts()} == last
    assert made.retained_uris() == tuple(sorted(pinned))
    needed = sum(len(one.content.encode()) for one in last.values())
    assert made.max_artifacts == max(256 if count is None else count, len(last))
    assert made.max_bytes == max(16 * 1024 * 1024 if size is None else size, needed)


def test_257_stored_artifacts_come_back_and_the_next_one_evicts() -> None:
    """A5, P18."""
    stored = [artifact(f"a3s://{number}") for number in range(257)]
    made = ArtifactCollection.for_saved(stored)
    assert list(made.artifacts()) == stored
    for one in stored:
        made.put(one)
    assert list(made.artifacts()) == stored, "to restore them once more is no change"
    made.put(artifact("a3s://more"))
    assert len(made) == 257
    assert made.get("a3s://0") is None
