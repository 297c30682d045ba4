"""Bad input is a typed error that says where, and the store's bytes stay as they were."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a3s_store import FileSessionStore, MemorySessionStore, SessionSnapshot, SqliteSessionStore
from a3s_store.errors import (
    EncodeError,
    InvalidIdError,
    InvalidSnapshotError,
    StoreError,
)
from a3s_store.models import (
    ContextUsage,
    LlmCostRecord,
    Message,
    ToolUseBlock,
    UnknownBlock,
)
from tests.support import all_rows, artifact, checkpoint, session, trace, with_store

U64 = 2**64


def cost(**fields: Any) -> LlmCostRecord:
    given_: dict[str, Any] = {
        "model": "m",
        "provider": "p",
        "prompt_tokens": 1,
        "completion_tokens": 1,
        "total_tokens": 2,
        "timestamp": "2026-05-18T08:00:00Z",
    }
    return LlmCostRecord(**(given_ | fields))


def message(block: Any) -> Message:
    return Message(role="user", content=(block,))


Save = Callable[[Any], Awaitable[Any]]

# The name of the case, the call, the error, and the path to the fault in the value.
BAD: list[tuple[str, Save, type[StoreError], str]] = [
    ("text for a number", lambda s: s.save(session(created_at="1")), EncodeError, "created_at"),
    ("a bool for a number", lambda s: s.save(session(created_at=True)), EncodeError, "created_at"),
    ("a float for a number", lambda s: s.save(session(updated_at=1.0)), EncodeError, "updated_at"),
    (
        "a number for a bool",
        lambda s: s.save(session(thinking_enabled=1)),
        EncodeError,
        "thinking_",
    ),
    ("a number for a text", lambda s: s.save(session(model_name=7)), EncodeError, "model_name"),
    ("a text for a list", lambda s: s.save(session(tool_names="bash")), EncodeError, "tool_names"),
    ("a dict for a model", lambda s: s.save(session(config={})), EncodeError, "config"),
    ("an unknown state", lambda s: s.save(session(state="active")), EncodeError, "state"),
    (
        "None where it may not be",
        lambda s: s.save(session(total_cost=None)),
        EncodeError,
        "total_c",
    ),
    ("not a number", lambda s: s.save(session(total_cost=float("nan"))), EncodeError, "total_cost"),
    ("infinity", lambda s: s.save(session(total_cost=float("inf"))), EncodeError, "total_cost"),
    (
        "beyond an f32",
        lambda s: s.save(session(context_usage=ContextUsage(percent=1e39))),
        EncodeError,
        "context_usage.percent",
    ),
    ("beyond u64", lambda s: s.save(session(thinking_budget=U64)), EncodeError, "thinking_budget"),
    ("below u64", lambda s: s.save(session(thinking_budget=-1)), EncodeError, "thinking_budget"),
    ("beyond i64", lambda s: s.save(session(created_at=2**63)), EncodeError, "created_at"),
    (
        "a time without an offset",
        lambda s: s.save(session(cost_records=[cost(timestamp="2026-05-18T08:00:00")])),
        EncodeError,
        "cost_records[0].timestamp",
    ),
    (
        "a lone surrogate",
        lambda s: s.save(session(messages=[Message.user("ok"), Message.user("\ud800")])),
        EncodeError,
        "messages[1].content[0].text",
    ),
    (
        "a dict for a block",
        lambda s: s.save(session(messages=(message({"type": "text"}),))),
        EncodeError,
        "messages[0].content[0]",
    ),
    (
        "an unknown block under a known name",
        lambda s: s.save(session(messages=(message(UnknownBlock(type="text", body={})),))),
        EncodeError,
        "messages[0].content[0].type",
    ),
    (
        "an extra key the model has",
        lambda s: s.save(session(extra={"todos": []})),
        EncodeError,
        "todos",
    ),
    (
        "a wrong item in a collection",
        lambda s: s.save_trace_events("fix-login", [trace(1), "trace"]),
        EncodeError,
        "trace_events[1]",
    ),
    (
        "a wrong number in a collection",
        lambda s: s.save_artifacts("fix-login", [artifact(1).evolve(shown_bytes=-1)]),
        EncodeError,
        "artifacts[0].shown_bytes",
    ),
    ("a generator", lambda s: s.save_run_records("x", iter(())), EncodeError, ""),
    ("an empty id", lambda s: s.save(session("")), InvalidIdError, ""),
    ("an id of a megabyte", lambda s: s.save(session("x" * 2**20)), InvalidIdError, ""),
    ("a NUL in an id", lambda s: s.save(session("a\0b")), InvalidIdError, ""),
    ("a surrogate in an id", lambda s: s.save(session("a\udc00")), InvalidIdError, ""),
    ("a number for an id", lambda s: s.load(7), InvalidIdError, ""),
    ("bytes for an id", lambda s: s.delete(b"x"), InvalidIdError, ""),
    ("a dict for a session", lambda s: s.save({}), EncodeError, ""),
    ("a session for a snapshot", lambda s: s.save_snapshot(session()), InvalidSnapshotError, ""),
    (
        "a newer snapshot",
        lambda s: s.save_snapshot(SessionSnapshot(session=session(), schema_version=2)),
        InvalidSnapshotError,
        "",
    ),
    (
        "a checkpoint of another run",
        lambda s: s.save_loop_checkpoint("run-2", checkpoint(())),
        InvalidSnapshotError,
        "",
    ),
    (
        "a newer checkpoint",
        lambda s: s.save_loop_checkpoint("run-1", checkpoint(()).evolve(schema_version=2)),
        InvalidSnapshotError,
        "",
    ),
    (
        "a digest that is none",
        lambda s: s.save_snapshot_cas(SessionSnapshot(session=session()), "sha256:" + "A" * 64),
        InvalidSnapshotError,
        "",
    ),
]


@pytest.mark.parametrize(("what", "save", "error", "place"), BAD, ids=[row[0] for row in BAD])
def test_bad_input_is_refused_and_nothing_is_written(
    tmp_path: Path, what: str, save: Save, error: type[StoreError], place: str
) -> None:
    path = tmp_path / "agent.a3s"
    with_store(path, lambda store: store.save(session()))
    before = path.read_bytes()

    async def attempt(store: SqliteSessionStore) -> None:
        with pytest.raises(error) as caught:
            await save(store)
        assert place in getattr(caught.value, "path", "")
        assert caught.value.op or error is InvalidIdError or error is InvalidSnapshotError
        assert "words" not in str(caught.value)
        assert await store.load("fix-login") == session()

    rows = all_rows(path)
    with_store(path, attempt)
    assert all_rows(path) == rows
    assert path.read_bytes() == before


@pytest.mark.parametrize(("what", "save", "error", "place"), BAD, ids=[row[0] for row in BAD])
def test_the_file_store_refuses_the_same_and_changes_no_file(
    tmp_path: Path, what: str, save: Save, error: type[StoreError], place: str
) -> None:
    def files() -> dict[str, bytes]:
        return {
            str(p.relative_to(tmp_path)): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()
        }

    async def main() -> None:
        async with FileSessionStore.open(tmp_path / "sessions") as store:
            await store.save(session())
            before = files()
            with pytest.raises(error) as caught:
                await save(store)
            assert place in getattr(caught.value, "path", "")
            assert files() == before

    asyncio.run(main())


NESTED: Any = "deep"
for _ in range(200):
    NESTED = [NESTED]

NOT_JSON = [
    (float("nan"), ""),
    ({"a": [1, float("inf")]}, "a[1]"),
    ({"a": {1: 2}}, "a"),
    ({"a": {"b": object()}}, "a.b"),
    ({"a": "\ud800"}, "a"),
    ({"\ud800": 1}, ""),
    ({"a": b"bytes"}, "a"),
    (NESTED, "[0]"),
]


@pytest.mark.parametrize(("value", "place"), NOT_JSON, ids=[str(i) for i in range(len(NOT_JSON))])
def test_values_that_json_does_not_have_are_refused_by_models(value: Any, place: str) -> None:
    with pytest.raises(EncodeError) as caught:
        ToolUseBlock(id="c1", name="bash", input=value)
    assert caught.value.path.startswith(place)


@given(st.data())
def test_no_wrong_type_in_any_field_of_a_session_gets_in(data: st.DataObject) -> None:
    """Any value in any field is refused by the field's name, or is a valid value of it."""
    name = data.draw(st.sampled_from([f for f in session().__attrs_attrs__ if f.name != "id"])).name
    value = data.draw(
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(),
            st.text(st.characters(), max_size=3),
            st.just(b"x"),
            st.just(object),
            st.lists(st.integers(), min_size=1, max_size=2),
            st.just((message(7),)),
        )
    )

    async def main() -> None:
        async with MemorySessionStore() as store:
            refused: EncodeError | None = None
            try:
                await store.save(session(**{name: value}))
            except EncodeError as error:
                refused = error
            loaded = await store.load("fix-login")
            if refused is None:
                assert getattr(loaded, name) == getattr(session(**{name: value}), name)
            else:
                assert name in refused.path or refused.model == "value"
                assert loaded is None

    asyncio.run(main())
