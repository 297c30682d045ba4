"""The trace of a live session: how an event is made, and how many are kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store.errors import EncodeError, SessionConfigError
from a3s_store.models import TraceEvent, TraceEventKind
from a3s_store.runtime.state.trace import TraceSink, program_execution, tool_execution
from a3s_store.testing.strategies import json_values


def tool(number: int = 0, metadata: Any = None) -> TraceEvent:
    return tool_execution(
        "read",
        success=True,
        exit_code=0,
        duration_ms=number,
        output_bytes=12,
        metadata=metadata,
    )


def program(metadata: Any) -> TraceEvent:
    return program_execution(
        "program",
        success=False,
        exit_code=1,
        duration_ms=3,
        output_bytes=42,
        metadata=metadata,
    )


@given(st.none() | st.integers(0, 4), st.lists(st.integers(0, 99)), st.lists(st.integers(0, 99)))
def test_the_newest_events_are_kept_live_ones_and_restored_ones(
    limit: int | None, stored: list[int], live: list[int]
) -> None:
    """11.2: the cap, `replace_events` under it, cap 0."""
    sink = TraceSink(limit)
    sink.record(tool(1000))
    restored, recorded = [tool(n) for n in stored], [tool(n) for n in live]
    sink.replace_events(restored)
    for event in recorded:
        sink.record(event)
    both = [*restored, *recorded]
    wanted = both if limit is None else both[max(0, len(both) - limit) :]
    found = sink.events()
    assert [id(event) for event in found] == [id(event) for event in wanted]
    assert len(sink) == len(wanted)
    assert sink.events() is found


def test_a_sink_keeps_8192_events_unless_told_otherwise() -> None:
    """11.1, the newest defaults."""
    sink = TraceSink()
    event = tool()
    for _ in range(8193):
        sink.record(event)
    assert len(sink.events()) == 8192


@pytest.mark.parametrize("bad", [-1, 1.5, True, "9"])
def test_a_limit_that_is_none_is_refused(bad: Any) -> None:
    """11.2."""
    with pytest.raises(SessionConfigError):
        TraceSink(bad)


def test_a_tool_execution_names_its_keys_and_every_artifact_once_and_sorted() -> None:
    """11.2: schema, sorted top-level keys, URIs collected at every depth."""
    metadata = {
        "zeta": [{"artifact_uri": "a3s://b"}, {"deeper": {"artifact_uri": "a3s://a"}}],
        "artifact": {"artifact_uri": "a3s://b", "artifact_uris": "not this"},
        "artifact_uri": "a3s://c",
        "number": {"artifact_uri": 5},
    }
    assert tool(7, metadata) == TraceEvent(
        schema="a3s.trace_event.v1",
        kind=TraceEventKind.TOOL_EXECUTION,
        name="read",
        success=True,
        exit_code=0,
        duration_ms=7,
        output_bytes=12,
        metadata_keys=("artifact", "artifact_uri", "number", "zeta"),
        artifact_uris=("a3s://a", "a3s://b", "a3s://c"),
    )


@pytest.mark.parametrize("metadata", [None, {}, [], "text", 5, ["artifact_uri"]])
def test_without_an_object_there_are_no_keys_and_no_artifacts(metadata: Any) -> None:
    """11.2."""
    assert (tool(0, metadata).metadata_keys, tool(0, metadata).artifact_uris) == ((), ())


def test_artifacts_are_found_in_a_list_as_well() -> None:
    """11.2."""
    assert tool(0, [{"artifact_uri": "a3s://a"}]).artifact_uris == ("a3s://a",)


def test_a_duration_beyond_64_bits_is_the_longest_there_is() -> None:
    """11.2."""
    assert tool(2**70).duration_ms == 2**64 - 1


def test_a_program_execution_sums_up_its_trace_without_its_steps() -> None:
    """11.2: details."""
    trace = {
        "program_name": "repo_map",
        "success": True,
        "step_count": 7,
        "failed_steps": 0,
        "steps": [{"output": "long", "artifact_uri": "a3s://step"}],
    }
    event = program({"trace": trace})
    assert (event.kind, event.success, event.exit_code) == (
        TraceEventKind.PROGRAM_EXECUTION,
        False,
        1,
    )
    assert event.details == {
        "program_name": "repo_map",
        "success": True,
        "step_count": 7,
        "failed_steps": 0,
    }
    assert event.metadata_keys == ("trace",)
    assert event.artifact_uris == ("a3s://step",)


@given(json_values())
def test_what_a_summary_lacks_is_null_and_no_trace_is_no_details(value: Any) -> None:
    """11.2: details."""
    details = program({"trace": value}).details
    known = value if isinstance(value, dict) else {}
    keys = ("program_name", "success", "step_count", "failed_steps")
    assert details == {key: known.get(key) for key in keys}
    assert program({"other": value}).details is None
    assert program(None).details is None


def test_metadata_that_is_no_json_is_refused() -> None:
    """11.2."""
    with pytest.raises(EncodeError):
        tool(0, {"a": object()})
