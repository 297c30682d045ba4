"""The strategies reach the corners they exist for, and stay within what a store can keep."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from a3s_store import models
from a3s_store.core.collections import check_id
from a3s_store.core.snapshot import check_snapshot
from a3s_store.testing import strategies as s

# Finding one is enough; making it small would take most of the time.
SEARCH = settings(max_examples=5000, database=None, phases=[Phase.generate])

CORNERS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], bool]]] = {
    "u64 max": (s.model(models.TokenUsage), lambda usage: usage.total_tokens == 2**64 - 1),
    "2^63": (s.artifacts(), lambda artifact: artifact.original_bytes == 2**63),
    "i64 min": (s.session_data(size=1), lambda session: session.created_at == -(2**63)),
    "minus zero": (
        s.session_data(size=1),
        lambda session: session.total_cost == 0 and math.copysign(1, session.total_cost) < 0,
    ),
    "f32 subnormal": (
        s.model(models.ContextUsage),
        lambda usage: 0 < abs(usage.percent) < 1.1754943e-38,
    ),
    "f32 max": (s.model(models.ContextUsage), lambda usage: usage.percent > 3.4028234e38),
    "astral text": (s.messages(), lambda message: any(ord(c) > 0xFFFF for c in message.role)),
    "NUL in a text": (s.artifacts(), lambda artifact: "\0" in artifact.content),
    "line separator": (s.artifacts(), lambda artifact: "\u2028" in artifact.content),
    "unknown block": (
        s.messages(),
        lambda message: any(isinstance(block, models.UnknownBlock) for block in message.content),
    ),
    "unknown event": (s.agent_events(), lambda event: isinstance(event, models.UnknownEvent)),
    "unknown keys": (s.trace_events(), lambda event: len(event.extra) > 1),
    "equal messages": (
        s.session_data(),
        lambda session: len(session.messages) > len(set(session.messages)),
    ),
    "integer beyond 64 bits": (s.json_values(), lambda value: has_huge_integer(value)),
    "empty collection": (s.session_snapshot(), lambda snapshot: snapshot.run_records == ()),
    "collection never saved": (s.session_snapshot(), lambda snapshot: snapshot.run_records is None),
    "retained artifacts": (s.session_snapshot(), lambda one: one.retained_artifact_uris != ()),
}


def has_huge_integer(value: Any) -> bool:
    """Anywhere in it: as a whole value it is so rare that a search now and then found none."""
    if isinstance(value, dict | list):
        return any(map(has_huge_integer, value.values() if isinstance(value, dict) else value))
    return type(value) is int and value > 2**64


@pytest.mark.parametrize("corner", CORNERS)
def test_the_corner_is_reached(corner: str) -> None:
    strategy, wanted = CORNERS[corner]
    find(strategy, wanted, settings=SEARCH)


def test_opaque_values_are_up_to_twenty_levels_deep() -> None:
    def depth(value: Any) -> int:
        if isinstance(value, dict | list):
            parts = value.values() if isinstance(value, dict) else value
            return 1 + max(map(depth, parts), default=0)
        return 0

    deep = find(s.json_values(), lambda value: depth(value) >= 20, settings=SEARCH)
    assert depth(deep) == 20


@given(s.session_ids() | s.session_ids(colliding=True))
def test_every_id_can_be_kept(text: str) -> None:
    assert check_id(text) == text
    assert len(text.encode()) <= 200


def test_colliding_ids_include_normal_forms_of_one_name() -> None:
    strategy = s.session_ids(colliding=True)
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    assert unicodedata.normalize("NFC", decomposed) == composed
    for name in (composed, decomposed):
        assert find(strategy, name.__eq__, settings=SEARCH) == name


@given(s.session_snapshot())
def test_every_snapshot_can_be_kept(snapshot: Any) -> None:
    check_snapshot(snapshot)
    assert snapshot.digest().startswith("sha256:")


@given(s.session_snapshot("a/b"), s.sessions("a/b"))
def test_an_id_asked_for_is_the_id_given(snapshot: Any, session: Any) -> None:
    assert snapshot.session.id == session.id == "a/b"


@given(s.loop_checkpoints("r"), s.workflow_checkpoints("w"))
def test_checkpoints_are_of_versions_0_and_1(loop: Any, workflow: Any) -> None:
    assert (loop.run_id, workflow.workflow_id) == ("r", "w")
    assert {loop.schema_version, workflow.schema_version} <= {0, 1}


def test_a_class_that_is_no_model_has_no_strategy() -> None:
    with pytest.raises(TypeError, match="int is not a model"):
        s.model(int)
