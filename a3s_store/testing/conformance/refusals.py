"""Values that must not be written: EncodeError, and the stored values stay."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Any, Final

from a3s_store.core.protocol import SessionStore
from a3s_store.errors import EncodeError
from a3s_store.models import (
    ContextUsage,
    LoopCheckpoint,
    Message,
    SessionConfig,
    SessionData,
    TextBlock,
    TokenUsage,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
)
from a3s_store.testing import samples
from a3s_store.testing.conformance.expect import (
    contents,
    keeps,
    kept,
    raises,
    save_collection,
    save_run,
    unchanged,
)
from a3s_store.testing.conformance.suite import required_by
from a3s_store.testing.samples import session
from a3s_store.wire import codec_for

_GROUP = "refusals"
_SURROGATE: Final = "half \ud83d of a pair"

# Functions, because some of these values raise when they are built.
_SESSIONS: Final[dict[str, Callable[[], Any]]] = {
    "None": lambda: None,
    "a dict": lambda: {"id": "s"},
    "another model": lambda: Message.user("x"),
    "a snapshot": lambda: samples.small_snapshot("s", "x"),
    "bool for int": lambda: session("s", created_at=True),
    "float for int": lambda: session("s", updated_at=1.0),
    "str for int": lambda: session("s", updated_at="1"),
    "int for bool": lambda: session("s", thinking_enabled=1),
    "int for str": lambda: session("s", model_name=1),
    "bytes for str": lambda: session("s", model_name=b"m"),
    "None for a list": lambda: session("s", tool_names=None),
    "None for a model": lambda: session("s", total_usage=None),
    "str for a list": lambda: session("s", tool_names="bash"),
    "dict for a model": lambda: session("s", config={"name": "x"}),
    "an unknown state": lambda: session("s", state="Sleeping"),
    "above i64": lambda: session("s", updated_at=2**63),
    "below i64": lambda: session("s", created_at=-(2**63) - 1),
    "above u64": lambda: session("s", thinking_budget=2**64),
    "below 0": lambda: session("s", total_usage=TokenUsage(total_tokens=-1)),
    "above u32": lambda: session("s", config=SessionConfig(max_context_length=2**32)),
    "NaN": lambda: session("s", total_cost=math.nan),
    "infinity": lambda: session("s", total_cost=-math.inf),
    "bool for float": lambda: session("s", total_cost=True),
    "beyond f32": lambda: session("s", context_usage=ContextUsage(percent=1e39)),
    "no time": lambda: session("s", cost_records=(samples.cost_record(timestamp="yesterday"),)),
    "NaN inside JSON": lambda: session("s", extra={"x": [math.nan]}),
    "a set inside JSON": lambda: session("s", extra={"x": {1}}),
    "a key that is no str": lambda: session("s", extra={1: "x"}),
    "too many levels": lambda: session("s", extra={"x": _nested(200)}),
    "a surrogate in a text": lambda: session("s", (_SURROGATE,)),
    "a surrogate in a late message": lambda: session("s", (*"abcdefgh", _SURROGATE)),
    "a surrogate in a name": lambda: session("s", config=SessionConfig(name=_SURROGATE)),
    "a surrogate in a list": lambda: session("s", tool_names=("a", _SURROGATE)),
    "a surrogate in a key": lambda: session("s", extra={_SURROGATE: 1}),
    "a surrogate in tool input": lambda: _blocks(
        ToolUseBlock(id="c", name="n", input={"a": [_SURROGATE]})
    ),
    "unknown key that is known": lambda: session("s", extra={"messages": []}),
    "extra that is no object": lambda: session("s", extra=[1]),
    "a message that is none": lambda: session("s").evolve(messages=("hello",)),  # type: ignore[arg-type]
    "a block that is none": lambda: _blocks("hello"),
    "a known block kept whole": lambda: _blocks(UnknownBlock(type="text", body={"text": "x"})),
    "an unknown block with a type": lambda: _blocks(UnknownBlock(type="x", body={"type": "y"})),
    "a wrong tool result": lambda: _blocks(ToolResultBlock(tool_use_id="c", content=(1,))),  # type: ignore[arg-type]
    "messages that can be read once": lambda: session("s").evolve(messages=iter(())),  # type: ignore[arg-type]
}


def _blocks(block: Any) -> SessionData:
    return session("s").evolve(
        messages=(Message(role="user", content=(TextBlock(text="a"), block)),)
    )


def _nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def _collections() -> dict[str, tuple[str, Callable[[], Any]]]:
    """Return, for each collection, values that are no list and lists with a bad last item."""
    cases: dict[str, tuple[str, Callable[[], Any]]] = {}
    for name in samples.MAKERS:
        for label, build in _bad_collections(name).items():
            cases[f"{name}: {label}"] = (name, build)
    return cases


def _bad_collections(collection: str) -> dict[str, Callable[[], Any]]:
    make: Callable[[], Any] = samples.MAKERS[collection]
    other: Callable[[], Any] = samples.MAKERS[
        "trace_events" if collection == "artifacts" else "artifacts"
    ]
    known = {codec_for(type(make())).fields[0].key: "x"}
    return {
        "None": lambda: None,
        "a str": lambda: "text",
        "a dict": dict,
        "a number": lambda: 3,
        "a single value": make,
        "an iterator": lambda: iter((make(),)),
        "another collection's value": lambda: (make(), other()),
        "a dict as item": lambda: (make(), {}),
        "None as item": lambda: [make(), None],
        "a surrogate in a key": lambda: (make(), make().evolve(extra={_SURROGATE: 1})),
        "a known key in extra": lambda: (make(), make().evolve(extra=known)),
    }


_ITEMS: Final[dict[str, Callable[[], Any]]] = {
    "artifacts: above u64": lambda: samples.artifact(original_bytes=2**64),
    "artifacts: surrogate": lambda: samples.artifact(content=_SURROGATE),
    "artifacts: bool for int": lambda: samples.artifact(shown_bytes=True),
    "trace_events: above i32": lambda: samples.trace_event(exit_code=2**31),
    "trace_events: unknown kind": lambda: samples.trace_event(kind="new"),
    "trace_events: infinity": lambda: samples.trace_event(details=[math.inf]),
    "run_records: unknown status": lambda: samples.run_record(status="new"),
    "run_records: surrogate": lambda: samples.run_record(prompt=_SURROGATE),
    "run_records: a wrong event": lambda: samples.run_record().evolve(events=(Message.user("x"),)),  # type: ignore[arg-type]
    "verification_reports: a wrong check": lambda: samples.verification_report(checks=({},)),
    "subagent_tasks: int for bool": lambda: samples.subagent_task(success=1),
    "subagent_tasks: below 0": lambda: samples.subagent_task(started_ms=-1),
}

_CHECKPOINTS: Final[dict[str, tuple[str, Callable[[], Any]]]] = {
    "loop: None": ("loop_checkpoint", lambda: None),
    "loop: a workflow's": ("loop_checkpoint", lambda: samples.workflow_checkpoint("s")),
    "loop: bool version": ("loop_checkpoint", lambda: _loop(schema_version=True)),
    "loop: negative version": ("loop_checkpoint", lambda: _loop(schema_version=-1)),
    "loop: surrogate": ("loop_checkpoint", lambda: _loop(messages=samples.talk(_SURROGATE))),
    "loop: surrogate in session_id": ("loop_checkpoint", lambda: _loop(session_id=_SURROGATE)),
    "loop: session_id that is none": ("loop_checkpoint", lambda: _loop(session_id=1)),
    "loop: a report that is none": (
        "loop_checkpoint",
        lambda: _loop(verification_reports=(samples.artifact(),)),
    ),
    "workflow: a dict": ("workflow_checkpoint", dict),
    "workflow: above u64": (
        "workflow_checkpoint",
        lambda: samples.workflow_checkpoint("s", checkpoint_ms=2**64),
    ),
    "workflow: a step that is none": (
        "workflow_checkpoint",
        lambda: samples.workflow_checkpoint("s", steps=(None,)),
    ),
}


def _loop(**changes: Any) -> LoopCheckpoint:
    return samples.loop_checkpoint("s", **{"session_id": "s", **changes})


async def _refused(store: SessionStore, act: Callable[[], Awaitable[Any]], what: str) -> None:
    await store.save_snapshot(kept(store, samples.rich_snapshot("s")))
    await save_run(store, _loop())
    if keeps(store, "checkpoints"):
        await store.save_workflow_checkpoint("s", samples.workflow_checkpoint("s"))
    before = await contents(store, "s")
    await raises(EncodeError, what, act)
    unchanged(before, await contents(store, "s"), "after the refusal")


@required_by(_GROUP, cases=tuple(_SESSIONS.items()))
async def a_bad_session_is_refused(store: SessionStore, build: Callable[[], Any]) -> None:
    """An invalid session raises EncodeError, and the stored session stays."""

    async def act() -> None:
        await store.save(build())

    await _refused(store, act, "save")


@required_by(_GROUP, cases=tuple((label, (label, build)) for label, build in _ITEMS.items()))
async def a_bad_value_is_refused(store: SessionStore, case: tuple[str, Callable[[], Any]]) -> None:
    """One invalid value in a list raises EncodeError, and the stored collection stays."""
    collection, build = case[0].partition(":")[0], case[1]

    async def act() -> None:
        await save_collection(
            store, collection, "s", (*samples.items(collection, "x", "y"), build())
        )

    await _refused(store, act, f"save_{collection}")


@required_by(_GROUP, cases=tuple(_collections().items()))
async def a_bad_collection_is_refused(
    store: SessionStore, case: tuple[str, Callable[[], Any]]
) -> None:
    """An invalid list raises EncodeError, and the stored collection stays."""
    collection, build = case

    async def act() -> None:
        await save_collection(store, collection, "s", build())

    await _refused(store, act, f"save_{collection}")


@required_by(_GROUP, cases=tuple(_CHECKPOINTS.items()))
async def a_bad_checkpoint_is_refused(
    store: SessionStore, case: tuple[str, Callable[[], Any]]
) -> None:
    """An invalid checkpoint raises EncodeError, and the stored checkpoint stays."""
    kind, build = case

    async def act() -> None:
        await getattr(store, f"save_{kind}")("s", build())

    await _refused(store, act, f"save_{kind}")


@required_by(_GROUP)
async def an_error_says_where_and_never_what(store: SessionStore) -> None:
    """EncodeError has the path of the invalid value, and no text of the conversation."""
    secret = "the secret of the conversation"
    bad = session("s", (secret, secret + _SURROGATE))
    error = await raises(EncodeError, "save", store.save, bad)
    assert isinstance(error, EncodeError)
    if error.path != "messages[1].content[0].text" or secret in str(error):
        raise AssertionError(f"the path is {error.path!r} in the error {str(error)!a}")
